"""What two bundles decide differently, as values with their renderings. Nothing here searches for it or takes a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from policies.engine.decision import Decision
from policies.engine.registry import Registry
from policies.engine.request import Fact, TransferRequest
from policies.engine.vocabulary import Form, Kind


class Direction(StrEnum):
    """Which way a class of requests goes. Grammar: an adverb and a participle, or a comparative."""

    ALLOWED = "newly_allowed"
    DENIED = "newly_denied"
    LOOSER = "looser"  # still permitted: a field leaves in a freer form, or less is owed
    STRICTER = "stricter"  # still permitted: a field leaves in a stricter form, or more is owed
    OTHERWISE = "otherwise"  # another outcome or other reasons, and nothing leaves that did not


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What makes the difference: a policy or mechanism by its name and law, and where a policy stands in either bundle."""

    what: str
    name: str
    law: str
    old: str | None = None
    new: str | None = None

    def __str__(self) -> str:
        """The cause and where it stands."""
        where = " -> ".join(dict.fromkeys(place for place in (self.old, self.new) if place))
        lacking = " (new)" if self.old is None and self.new else " (gone)" if self.new is None and self.old else ""
        return f"{self.what} {self.name}{lacking}" + (f" at {where}" if where else f" of {self.law}" if self.law else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One class of requests, with a witness that the decider has confirmed on both sides.

    `since` and `until` (exclusive) bound the days around `at` on which the witness shows it; None where they lie beyond every date
    in the bundles, or where one day alone was asked for. `forms` are the categories that leave in another form than before.
    """

    direction: Direction
    kind: Kind
    laws: tuple[str, ...]
    causes: tuple[Cause, ...]
    request: TransferRequest
    at: date
    old: Decision
    new: Decision
    since: date | None = None
    until: date | None = None
    forms: Mapping[str, tuple[Form, Form]] = field(default_factory=dict)

    @property
    def widens(self) -> bool:
        """Whether more leaves than before."""
        return self.direction in {Direction.ALLOWED, Direction.LOOSER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeclared:
    """A fact that is declared otherwise than before, and the laws whose rules rest on it. What a counter counts has no witness."""

    path: str
    what: tuple[str, ...]
    laws: tuple[str, ...]

    def __str__(self) -> str:
        """The fact, what of it changed, and who reads it."""
        return f"{self.path} ({', '.join(self.what)}), read under {', '.join(self.laws)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Every class found. `reworded` are texts that changed without a verdict; `bounded` says where the search stopped early."""

    old_digest: str
    new_digest: str
    changes: tuple[Change, ...]
    reworded: tuple[str, ...]
    bounded: tuple[str, ...]
    registry: Registry = field(repr=False)
    redeclared: tuple[Redeclared, ...] = ()

    def __bool__(self) -> bool:
        """Whether any request is decided differently, or may be where the search was bounded."""
        return bool(self.changes or self.bounded or self.redeclared)

    def of(self, direction: Direction) -> tuple[Change, ...]:
        """The classes that go one way."""
        return tuple(change for change in self.changes if change.direction is direction)

    def widens(self, code: str) -> tuple[Change | Redeclared, ...]:
        """What the privacy officer of a region or jurisdiction must countersign: where a law that attaches there widens."""
        law = self.registry.law_of(code)
        own = self.registry.chain(law) if law is not None else (code,)
        overlays = [j.code for j in self.registry.jurisdictions.values() if j.overlay]
        found: list[Change | Redeclared] = [*(change for change in self.changes if change.widens), *self.redeclared]
        return tuple(each for each in found if set(each.laws) & {*own, *overlays})

    @property
    def widened_laws(self) -> tuple[str, ...]:
        """The laws under which more leaves than before, or may leave, since a fact that they read is declared otherwise."""
        found = {law for change in self.changes if change.widens for law in change.laws}
        return tuple(sorted(found.union(*(each.laws for each in self.redeclared))))

    def as_json(self) -> dict[str, Any]:
        """The whole as `transfer-policy diff --json` prints it."""
        return {
            "old": self.old_digest,
            "new": self.new_digest,
            "changes": [_change_json(change) for change in self.changes],
            "widened_laws": list(self.widened_laws),
            "redeclared": [{"fact": r.path, "what": list(r.what), "laws": list(r.laws)} for r in self.redeclared],
            "reworded": list(self.reworded),
            "bounded": list(self.bounded),
        }

    def as_text(self) -> str:
        """The whole as a person reads it."""
        lines: list[str] = []
        for change in self.changes:
            lines += _change_lines(change)
        if not self.changes:
            lines.append("no difference found" if self.bounded or self.redeclared else "no difference")
        lines += [f"declared otherwise: {each}" for each in self.redeclared]
        lines += [f"reworded, decided as before: {text}" for text in self.reworded]
        lines += [f"not searched to the end: {text}" for text in self.bounded]
        if self.widened_laws:
            lines.append(f"to be countersigned where these laws attach: {', '.join(self.widened_laws)}")
        return "\n".join(lines)


def request_json(request: TransferRequest) -> dict[str, Fact]:
    """A request in the shape of a case, so that it can be kept as one."""
    body: dict[str, Any] = {"kind": request.kind.value, **request.facts}
    if request.mechanisms:
        body["mechanisms"] = [dict(claim) for claim in request.mechanisms]
    if request.fields:
        body["fields"] = {asked.name: asked.category for asked in request.fields}
    if request.laws:
        body["laws"] = list(request.laws)
    return body


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "direction": change.direction.value,
        "kind": change.kind.value,
        "laws": list(change.laws),
        "causes": [
            {"what": c.what, "name": c.name, "law": c.law, "old": c.old, "new": c.new} for c in change.causes
        ],
        "widens": change.widens,
        "witness": {"at": change.at.isoformat(), "request": request_json(change.request)},
        "since": change.since.isoformat() if change.since else None,
        "until": change.until.isoformat() if change.until else None,
        "old": _decision_json(change.old),
        "new": _decision_json(change.new),
        "forms": {name: {"old": old.value, "new": new.value} for name, (old, new) in change.forms.items()},
    }  # fmt: skip


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome.value,
        "reasons": list(decision.reasons),
        "rules": [rule.policy for rule in decision.rules],
        "obligations": [{"name": o.name, "arguments": dict(o.arguments)} for o in decision.obligations],
    }


def _change_lines(change: Change) -> list[str]:
    title = change.direction.value.replace("_", " ")
    lines = [f"{title}: {change.kind.value} under {', '.join(change.laws) or 'every law'}"]
    lines += [f"  because of {cause}" for cause in change.causes]
    lines.append(f"  before: {_brief(change.old)}")
    lines.append(f"  after:  {_brief(change.new)}")
    lines += [f"  {name}: {old.value} -> {new.value}" for name, (old, new) in change.forms.items()]
    if change.since or change.until:
        lines.append(f"  on days from {change.since or 'the first'} until {change.until or 'further notice'}")
    lines.append(f"  for instance, on {change.at.isoformat()}: {_plain(request_json(change.request))}")
    return lines


def _brief(decision: Decision) -> str:
    owed = f"; owed: {', '.join(o.name for o in decision.obligations)}" if decision.obligations else ""
    rules = f" by {', '.join(rule.policy for rule in decision.rules)}" if decision.rules else ""
    return f"{decision.outcome.value} ({', '.join(decision.reasons)}){rules}{owed}"


def _plain(value: Any) -> str:
    """A value on one line, as in a case file."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(inner) for inner in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
