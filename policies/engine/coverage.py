"""Rule coverage: which policies, and which parts of their conditions, the cases have seen hold and not hold. It judges no case."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from policies.engine.cases import Case
from policies.engine.evaluator import Policies
from policies.engine.hearing import Heard, Listener
from policies.engine.strict_yaml import Place
from policies.engine.terms import Term, Test, tests_of
from policies.engine.wording import condition


@dataclass(slots=True, kw_only=True)
class Point:
    """A policy as a whole (`part` is empty) or one part of its condition, and what the cases have seen of it."""

    policy: str
    law: str
    place: Place
    part: str
    held: bool = False
    failed: bool = False

    @property
    def unseen(self) -> str:
        """What no case has shown: `true`, `false`, both, or nothing."""
        return " and ".join(word for word, seen in (("true", self.held), ("false", self.failed)) if not seen)

    def as_json(self) -> dict[str, Any]:
        """The point as `transfer-policy test --coverage --json` prints it."""
        place = self.place
        return {
            "policy": self.policy,
            "law": self.law,
            "file": place.file,
            "line": place.line,
            "column": place.column,
            "part": self.part,
            "true": self.held,
            "false": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """All points in the order of the files. Each counts twice: seen true and seen false."""

    points: tuple[Point, ...]

    @property
    def percent(self) -> float:
        """How much was seen, in percent with one decimal, rounded down: 100 only when nothing is missing."""
        seen = sum(point.held + point.failed for point in self.points)
        return seen * 1000 // (2 * len(self.points)) / 10 if self.points else 100.0

    @property
    def uncovered(self) -> tuple[Point, ...]:
        """The points of which one side or both were never seen."""
        return tuple(point for point in self.points if point.unseen)

    def of_law(self, law: str) -> "Coverage":
        """The points of one law."""
        return Coverage(tuple(point for point in self.points if point.law == law))

    def as_json(self) -> dict[str, Any]:
        """`percent` in all and by law, and what was not seen."""
        laws = sorted({point.law for point in self.points})
        return {
            "percent": self.percent,
            "laws": {law: self.of_law(law).percent for law in laws},
            "points": len(self.points),
            "uncovered": [point.as_json() for point in self.uncovered],
        }

    def __str__(self) -> str:
        """One line per law, one per policy or part that was not seen both ways, and the sum."""
        lines = [
            f"{p.place.file}:{p.place.line}:{p.place.column}: {p.policy}: {p.part or 'the whole policy'} never {p.unseen}"
            for p in self.uncovered
        ]
        laws = sorted({point.law for point in self.points})
        lines.extend(f"{law}: {self.of_law(law).percent:.1f} % of conditions seen both true and false" for law in laws)
        return "\n".join([*lines, f"coverage {self.percent:.1f} % of {len(self.points)} policies and conditions"])


def measure(policies: Policies, cases: Iterable[Case]) -> Coverage:
    """Decide every case and watch which conditions come out true and false. A condition that cannot be told counts for neither."""
    points: dict[int, Point] = {}
    for policy in policies.documents.policies:
        file, _, line = policy.ref.place.rpartition(":")
        points[id(policy.when)] = Point(policy=policy.name, law=policy.law, place=Place(file, int(line), 1), part="")
        for part in _parts(policy.when):
            where, words = tests_of(part)[0].place, condition(part, policies.registry)
            points[id(part)] = Point(policy=policy.name, law=policy.law, place=where, part=words)
    listener = Listener(policies)
    for case in cases:
        _, heard = listener.decide(case.request, at=case.at)
        for found in heard:
            _note(found, points)
    return Coverage(tuple(points.values()))


def _note(found: Heard, points: dict[int, Point]) -> None:
    for part in (found.rule.term, *_parts(found.rule.term)):
        verdict = found.of(part)
        point = points[id(part)]
        point.held |= verdict is True
        point.failed |= verdict is False


def _parts(term: Term) -> list[Term]:
    """Every group and test inside a condition, outermost first."""
    if isinstance(term, Test):
        return []
    return [found for part in term.terms for found in (part, *_parts(part))]
