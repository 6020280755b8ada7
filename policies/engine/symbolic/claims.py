"""The standing of mechanisms as formulas: adequacy by itself, claims by their evidence. It gives no reasons and assumes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from policies.engine.calendars import Calendar, Duration, after, before
from policies.engine.facts import CLAIM, FactSpec, FactType
from policies.engine.mechanisms import NO_CLAIM
from policies.engine.registry import Mechanism
from policies.engine.symbolic.conditions import Value, condition, value_of
from policies.engine.symbolic.library import FALSE, TRUE, Expr, every, negated, some, z3
from policies.engine.symbolic.space import Declared, Raw, Space

Values: TypeAlias = Mapping[str, Value]
WITHOUT = "none"
"""What is claimed by who states evidence without a mechanism."""
REFERENCE = "file 1"
"""The text that stands for every reference, which bears a digit, as `OTHER` stands for every text that bears none."""
_OCCASIONAL = ("once", "occasional")


def claim_flag(name: str) -> str:
    """The name of the flag that a mechanism is claimed."""
    return f"claims.{name}"


def evidence_path(name: str, key: str) -> str:
    """Where the evidence of a claim stands in a space."""
    return f"claims.{name}.{key}"


def evidence_keys(mechanism: Mechanism, read: tuple[str, ...]) -> tuple[str, ...]:
    """Everything that is looked for in a claim of it; `read` are the facts of claims that scopes read."""
    filing = (mechanism.filing.after, mechanism.filing.filed) if mechanism.filing else ()
    return tuple(dict.fromkeys((*mechanism.needs, *mechanism.max_age, *mechanism.renew_after, *filing, *read)))


def evidence_declared(specs: list[FactSpec]) -> Declared:
    """What evidence may be: yes or no, a date, any text; and what the facts of claims declare it to be."""
    declared = Declared(types={FactType.BOOLEAN, FactType.DATE, FactType.TEXT, *(spec.type for spec in specs)})
    declared.says([REFERENCE])
    for spec in specs:
        declared.says(spec.one_of)
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """When each mechanism holds, by its id, which of them were filed late or are stale, and whether anything is claimed."""

    valid: Mapping[str, Expr]
    late: Mapping[str, Expr]
    stale: Mapping[str, Expr]
    claimed: Expr

    def states(self) -> dict[str, Expr]:
        """The state in one word."""
        holds = some(list(self.valid.values()))
        return {
            "valid": holds,
            "claimed": every([self.claimed, negated(holds)]),
            "none": negated(some([self.claimed, holds])),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingModel:
    """The mechanisms of one law over one space."""

    space: Space
    mechanisms: tuple[Mechanism, ...]
    calendar: Calendar
    values: Values
    specs: Mapping[str, FactSpec]

    def standing(self) -> Standing:
        """Every mechanism of the law."""
        valid: dict[str, Expr] = {}
        late: dict[str, Expr] = {}
        stale: dict[str, Expr] = {}
        for name in dict.fromkeys(m.id for m in self.mechanisms):
            own = [m for m in self.mechanisms if m.id == name]
            by_itself = some([self._by_itself(m) for m in own if m.importer is not None])
            chosen = self._chosen(name, own) if name not in NO_CLAIM else []
            claim_holds = [every([negated(by_itself), holds]) for _, holds in chosen]
            valid[name] = some([by_itself, *claim_holds])
            pairs = list(zip((m for m, _ in chosen), claim_holds, strict=True))
            late[name] = some([every([holds, self._late(m)]) for m, holds in pairs if m.filing is not None])
            stale[name] = some([every([holds, self._stale(m)]) for m, holds in pairs if m.renew_after])
        claimed = some([self.space.flag(claim_flag(name)) for name in self.space.claims if name not in NO_CLAIM])
        return Standing(valid=valid, late=late, stale=stale, claimed=claimed)

    def _by_itself(self, mechanism: Mechanism) -> Expr:
        """Adequacy needs no claim, so what a scope reads from one is not known."""
        scope = TRUE if mechanism.scope is None else condition(mechanism.scope, self._value(None)).holds
        return every([self._imports(str(mechanism.importer)), self._in_force(mechanism), scope])

    def _imports(self, importer: str) -> Expr:
        return self.space.raws["importer.region"].texts.get(importer, FALSE)

    def _chosen(self, name: str, own: list[Mechanism]) -> list[tuple[Mechanism, Expr]]:
        """Which entry a claim stands on: of the importer's own where it has any, else of those for all, the first that holds."""
        importers = list(dict.fromkeys(m.importer for m in own if m.importer is not None))
        elsewhere = negated(some([self._imports(importer) for importer in importers]))
        groups = [([m for m in own if m.importer == importer], self._imports(importer)) for importer in importers]
        groups.append(([m for m in own if m.importer is None], elsewhere))
        found: list[tuple[Mechanism, Expr]] = []
        for entries, here in groups:
            earlier: list[Expr] = []
            for entry in entries:
                holds = self._entry(entry)
                found.append((entry, every([self.space.flag(claim_flag(name)), here, holds, *map(negated, earlier)])))
                earlier.append(holds)
        return found

    def _entry(self, mechanism: Mechanism) -> Expr:
        parts = [self._in_force(mechanism)]
        if mechanism.occasional_only:
            often = self.values["frequency"]
            parts.append(every([often.known, some([often.texts.get(word, FALSE) for word in _OCCASIONAL])]))
        if mechanism.scope is not None:
            parts.append(condition(mechanism.scope, self._value(mechanism.id)).holds)
        parts += [self._proves(self._evidence(mechanism, need), need) for need in mechanism.needs]
        parts += [negated(self._older(self._evidence(mechanism, key), age)) for key, age in mechanism.max_age.items()]
        if mechanism.filing is not None:
            parts.append(self._filed(mechanism)[0])
        return every(parts)

    def _in_force(self, mechanism: Mechanism) -> Expr:
        day = self.space.day
        return z3.And(day >= mechanism.start.toordinal(), day < mechanism.end.toordinal())

    def _value(self, claim: str | None) -> "_Lookup":
        return _Lookup(self, claim)

    def _evidence(self, mechanism: Mechanism, key: str) -> Raw:
        return self.space.raws[evidence_path(mechanism.id, key)]

    def _proves(self, raw: Raw, key: str) -> Expr:
        spec = self.specs.get(f"{CLAIM}{key}")
        return proven(raw, None if spec is None else spec.type, self.space.day)

    def _older(self, raw: Raw, age: Duration) -> Expr:
        """What bears no date cannot show that it is young enough."""
        calendar = self.calendar

        def since(day: int) -> int:
            return before(date.fromordinal(day), age, calendar).toordinal()

        limit = self.space.on_day(f"before {age} {calendar}", since)
        return negated(every([raw.tag(FactType.DATE), raw.numbers[FactType.DATE] >= limit]))

    def _stale(self, mechanism: Mechanism) -> Expr:
        return some([self._older(self._evidence(mechanism, key), age) for key, age in mechanism.renew_after.items()])

    def _late(self, mechanism: Mechanism) -> Expr:
        return self._filed(mechanism)[1]

    def _filed(self, mechanism: Mechanism) -> tuple[Expr, Expr]:
        """Whether a filing stands or is not yet due, and whether it came late."""
        filing, calendar = mechanism.filing, self.calendar
        if filing is None:
            return TRUE, FALSE
        begun, filed = self._evidence(mechanism, filing.after), self._evidence(mechanism, filing.filed)
        started = begun.numbers[FactType.DATE]

        def due_of(day: int) -> int:
            return after(date.fromordinal(day), filing.within, calendar).toordinal()

        due = self.space.on_date(f"due {started} {filing.within} {calendar}", started, due_of)
        day = self.space.day
        has_begun = every([begun.tag(FactType.DATE), started <= day])
        yes = every([filed.tag(FactType.BOOLEAN), filed.true])
        dated = every([filed.tag(FactType.DATE), filed.numbers[FactType.DATE] <= day])
        stands = every([has_begun, some([yes, dated, day <= due])])
        return stands, every([has_begun, negated(yes), dated, filed.numbers[FactType.DATE] > due])


def proven(raw: Raw, kind: FactType | None, day: Expr) -> Expr:
    """Yes, or a day not still to come; a number or a reference where one is declared."""
    parts = [every([raw.tag(FactType.BOOLEAN), raw.true])]
    if kind is FactType.INTEGER:
        return some([*parts, every([raw.tag(FactType.INTEGER), raw.numbers[FactType.INTEGER] > 0])])
    parts.append(every([raw.tag(FactType.DATE), raw.numbers[FactType.DATE] <= day]))
    if kind is FactType.TEXT:
        parts += [flag for word, flag in raw.texts.items() if any(letter.isdigit() for letter in word)]
    return some(parts)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """The facts of a scope: those stated, and those of the claim at hand."""

    model: StandingModel
    claim: str | None

    def __call__(self, path: str) -> Value:
        if not path.startswith(CLAIM):
            return self.model.values[path]
        spec = self.model.specs[path]
        if self.claim is None:
            return Value(type=spec.type, known=FALSE, number=z3.IntVal(0), texts={}, members={})
        return value_of(self.model.space.raws[evidence_path(self.claim, path.removeprefix(CLAIM))], spec)
