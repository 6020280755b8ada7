"""Case files: what a policy must answer, as data, and their runner. Here alone are satisfied facts written into a request;
the evaluator never assumes one.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from policies.engine.deadline_cases import DeadlineCase, read_deadline
from policies.engine.decision import Decision
from policies.engine.diagnostics import PolicyError
from policies.engine.evaluator import Policies, decide
from policies.engine.obligations import names
from policies.engine.reading import Reading
from policies.engine.registry import Registry
from policies.engine.request import FieldAsked, TransferRequest
from policies.engine.strict_yaml import Mapping as MappingNode
from policies.engine.strict_yaml import Node, Place, parse_documents, plain
from policies.engine.vocabulary import Form, Kind, Outcome

SUFFIX = ".cases.yaml"
_TOP = ("version", "as_of", "vocab", "cases", "extended_cases", "pairs", "deadline_cases")
_ABOUT = frozenset(
    {"id", "title", "kind", "date", "expect", "cite", "basis", "certainty", "doubtful", "note", "src", "base", "set"}
)
_PARTS = frozenset({"mechanism", "mechanisms", "fields", "laws"})
_EXPECT = ("outcome", "reasons", "obligations", "try_instead", "fields", "rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a case must answer: the outcome itself, and among what is returned all of these.

    `arguments` are those of the obligations that were named with some. `rules`, where given, are all the determining policies of
    the file that the cases stand beside, and no more of it.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    try_instead: tuple[str, ...] = ()
    fields: Mapping[str, Form]
    arguments: Mapping[str, Mapping[str, Any]]
    rules: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; `doubtful` marks an open question of law, whose outcome is the product's conservative default."""

    id: str
    title: str
    at: date
    request: TransferRequest
    expected: Expected
    doubtful: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a case; `missing` says what was expected and not returned."""

    case: Case
    decision: Decision
    missing: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether outcome, reasons, obligations, alternatives and forms are as expected."""
        return not self.missing

    def as_json(self) -> dict[str, Any]:
        """The case as `transfer-policy test --json` prints it."""
        return {
            "id": self.case.id,
            "pass": self.passed,
            "expected": self.case.expected.outcome.value,
            "outcome": self.decision.outcome.value,
            "reasons": list(self.decision.reasons),
            "rules": [rule.policy for rule in self.decision.rules],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """The cases of one file; `deadlines` are calendar arithmetic and not decisions."""

    cases: tuple[Case, ...]
    deadlines: tuple[DeadlineCase, ...]


def load_cases(path: Path, registry: Registry) -> CaseFile:
    """Read a case file strictly. Raises PolicyError with every finding."""
    start = Place(path.name, 1, 1)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PolicyError([start.finding("the case file cannot be read", "check the path; save as UTF-8")]) from None
    documents = parse_documents(text, path.name)
    if len(documents) != 1:
        raise PolicyError([start.finding("a case file holds one document", "remove the `---` lines")])
    return _CaseReader(Reading(), registry).file(documents[0])


def run(policies: Policies, cases: Iterable[Case]) -> list[Result]:
    """Ask every case, in order."""
    results: list[Result] = []
    for case in cases:
        decision = decide(policies, case.request, at=case.at)
        results.append(Result(case=case, decision=decision, missing=_missing(case, decision)))
    return results


def _missing(case: Case, decision: Decision) -> tuple[str, ...]:
    expected = case.expected
    lacking: list[str] = []
    if decision.outcome is not expected.outcome:
        lacking.append(f"outcome {expected.outcome.value}")
    pairs = (
        ("reason", expected.reasons, decision.reasons),
        ("obligation", expected.obligations, names(decision.obligations)),
        ("try_instead", expected.try_instead, decision.try_instead),
    )
    lacking.extend(f"{what} {name}" for what, wanted, returned in pairs for name in wanted if name not in returned)
    for name, form in expected.fields.items():
        found = decision.field(name)
        if found is None or found.form is not form:
            lacking.append(f"field {name} {form.value}")
    for name, arguments in expected.arguments.items():
        owed = decision.obligation(name)
        if owed is not None and dict(owed.arguments) != arguments:
            lacking.append(f"obligation {name} with {_said(arguments)}")
    if expected.rules is not None:
        beside = case.place.file.removesuffix(SUFFIX) + ".yaml:" if case.place.file.endswith(SUFFIX) else ""
        determining = {rule.policy for rule in decision.rules if rule.place.startswith(beside)}
        lacking.extend(f"rule {name}" for name in expected.rules if name not in determining)
        lacking.extend(f"no rule {name}" for name in sorted(determining - set(expected.rules)))
    return tuple(lacking)


def _said(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in arguments.items())


def satisfied(facts: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """The facts of a case with those it is silent about written in as satisfied. An explicit null stays unknown."""
    full = copy.deepcopy(dict(facts))
    for spec in registry.facts.values():
        if spec.satisfied is None:
            continue
        node: Any = full
        for key in spec.keys[:-1]:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.setdefault(spec.keys[-1], copy.deepcopy(spec.satisfied))
    return full


@dataclass(slots=True)
class _CaseReader:
    """Reads one case file."""

    reading: Reading
    registry: Registry

    def file(self, node: Node) -> CaseFile:
        top = self.reading.mapping(node, "a case file", known=_TOP, needed=["cases"])
        bodies: dict[str, tuple[dict[str, Any], MappingNode]] = {}
        for key in ("cases", "extended_cases"):
            for item in self.reading.items(top[key].value, "cases") if key in top else ():
                self._keep(item, bodies)
        for item in self.reading.items(top["pairs"].value, "pairs") if "pairs" in top else ():
            self._pair(item, bodies)
        cases = [self._case(name, body, where) for name, (body, where) in bodies.items()]
        listed = self.reading.items(top["deadline_cases"].value, "deadline cases") if "deadline_cases" in top else ()
        deadlines = [read_deadline(self.reading, item, self.registry) for item in listed]
        self.reading.finish()
        return CaseFile(
            cases=tuple(case for case in cases if case is not None),
            deadlines=tuple(case for case in deadlines if case is not None),
        )

    def _keep(self, item: Node, bodies: dict[str, tuple[dict[str, Any], MappingNode]]) -> None:
        entries = self.reading.mapping(item, "a case", needed=["id", "kind", "date", "expect"])
        if not isinstance(item, MappingNode) or "id" not in entries:
            return
        name = self.reading.text(entries["id"].value, "an id")
        if name in bodies:
            self.reading.wrong(entries["id"].place, f"case `{name}` exists already", "give it another id")
        body = plain(item)
        bodies[name] = (body if isinstance(body, dict) else {}, item)

    def _pair(self, item: Node, bodies: dict[str, tuple[dict[str, Any], MappingNode]]) -> None:
        entries = self.reading.mapping(
            item, "a pair", known=("id", "base", "set", "expect", "cite", "title", "note"), needed=["id", "base", "expect"]
        )
        body = plain(item)
        if not isinstance(item, MappingNode) or not isinstance(body, dict) or not {"id", "base", "expect"} <= entries.keys():
            return
        base = bodies.get(str(body["base"]))
        if base is None or str(body["id"]) in bodies:
            self.reading.wrong(
                item.place, f"pair `{body['id']}` has no base `{body['base']}`, or its id is taken", "name a case of this file"
            )
            return
        flipped: dict[str, Any] = copy.deepcopy(base[0])
        changes = body.get("set") or {}
        for path, value in changes.items() if isinstance(changes, dict) else ():
            _set(flipped, str(path).split("."), value)
        flipped.update({key: body[key] for key in ("id", "expect", "cite", "title") if key in body})
        bodies[str(body["id"])] = (flipped, item)

    def _case(self, name: str, body: dict[str, Any], where: MappingNode) -> Case | None:
        expected = self._expected(body.get("expect"), where)
        at = self._date(body.get("date"), where)
        request = request_of(body, self.registry)
        if request is None:
            self.reading.wrong(
                where.place, f"case `{name}` is not a request", "state its kind, and its parts as mappings and lists"
            )
        if expected is None or at is None or request is None:
            return None
        return Case(
            id=name,
            title=str(body.get("title", "")),
            at=at,
            request=request,
            expected=expected,
            doubtful=body.get("doubtful") is True,
            place=where.place,
        )

    def _date(self, value: Any, where: MappingNode) -> date | None:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.reading.wrong(where.place, f"impossible date `{value}`", "write it as YYYY-MM-DD")
            return None

    def _expected(self, value: Any, where: MappingNode) -> Expected | None:
        try:
            unknown = set(value) - set(_EXPECT)
            owed = [item if isinstance(item, dict) else {item: None} for item in value.get("obligations", ())]
            expected = Expected(
                outcome=Outcome(value["outcome"]),
                reasons=tuple(value.get("reasons", ())),
                obligations=tuple(name for item in owed for name in item),
                arguments={name: dict(given) for item in owed for name, given in item.items() if given is not None},
                rules=tuple(value["rules"]) if "rules" in value else None,
                try_instead=tuple(value.get("try_instead", ())),
                fields={name: Form(form) for name, form in value.get("fields", {}).items()},
            )
            return self._no_more(expected, unknown, where)
        except (TypeError, ValueError, KeyError, AttributeError):
            self.reading.wrong(where.place, "`expect` cannot be read", f"give it outcome and, if wanted, {', '.join(_EXPECT[1:])}")
            return None

    def _no_more(self, expected: Expected, unknown: set[str], where: MappingNode) -> Expected:
        if unknown:
            self.reading.wrong(where.place, f"unknown key `{min(unknown)}` in `expect`", f"use {', '.join(_EXPECT)}")
        return expected


def _set(body: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = body.get(key)
        body[key] = inner if isinstance(inner, dict) else {}
        body = body[key]
    body[path[-1]] = value


def request_of(body: Mapping[str, Any], registry: Registry, *, assume: bool = True) -> TransferRequest | None:
    """The request in a case's shape, or None when it is not one. `assume` writes satisfied facts: for cases alone."""
    facts = {key: value for key, value in body.items() if key not in _ABOUT and key not in _PARTS}
    claims = body.get("mechanisms", [body["mechanism"]] if "mechanism" in body else [])
    asked = body.get("fields", [])
    try:
        return TransferRequest(
            kind=Kind(body["kind"]),
            facts=satisfied(facts, registry) if assume else facts,
            mechanisms=tuple(dict(claim) for claim in claims),
            fields=tuple(FieldAsked(name=str(field["name"]), category=str(field["category"])) for field in asked),
            laws=tuple(str(law) for law in body.get("laws", ())),
        )
    except (KeyError, TypeError, ValueError):
        return None
