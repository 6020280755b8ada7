"""The facts that the engine computes, as formulas over what a request states. Nothing here decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from policies.engine.calendars import Calendar, place_calendar
from policies.engine.derived import dominated
from policies.engine.facts import CATEGORIES, CLAIM, FactSpec, FactType
from policies.engine.registry import Jurisdiction, ReleaseDefaults
from policies.engine.symbolic.claims import WITHOUT, Standing, claim_flag, evidence_path, proven
from policies.engine.symbolic.conditions import Value, constant, covers, truth
from policies.engine.symbolic.library import FALSE, TRUE, Expr, every, negated, some, z3
from policies.engine.symbolic.space import OTHER, Raw, Space
from policies.engine.vocabulary import Kind

AMOUNTS = "data.contributions"
EARLIER = "data.previous_answer"
EARLIER_COUNT = f"{EARLIER}.cell_count"
EARLIER_OVERLAP = f"{EARLIER}.overlap"
SAMPLES: tuple[tuple[int, ...], ...] = (
    (),
    (0, 0),
    (100,),
    (50, 50),
    (90, 5, 5),
    (60, 25, 5, 5, 5),
    (60, 26, 5, 5, 4),
    (43, 42, 1, 4, 5, 5),
    (45, 45, 4, 3, 3),
    (40, 40, 5, 5, 5, 5),
    (30, 30, 1, 1, 1),
    (1,) * 30,
    (10,) * 8,
    (99, 1) * 5,
)
"""Contributions to a cell on both sides of what (n, k) and p % can tell apart; a request of the model states one of them."""
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def field_flag(category: str) -> str:
    """The name of the flag that a field of a category is asked for."""
    return f"fields.{category}"


def sample_flag(index: int) -> str:
    """The name of the flag that a request states these contributions."""
    return f"{AMOUNTS}={index}"


def there_flag(path: str) -> str:
    """The name of the flag that a mapping stands at a path."""
    return f"{path}@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What derived facts rest on, for one law and kind."""

    space: Space
    kind: Kind
    jurisdiction: Jurisdiction
    release: ReleaseDefaults
    standing: Standing | None
    facts: Mapping[str, FactSpec]

    def value(self, path: str) -> Value:
        """A derived fact."""
        return COMPUTED[path](self)

    def raw(self, path: str) -> Raw:
        """The variables of a path."""
        return self.space.raws[path]

    @property
    def asked(self) -> dict[str, Expr]:
        """Whether a field of each category is asked for."""
        return {word: self.space.flag(field_flag(word)) for word in (*sorted(CATEGORIES), OTHER)}

    def unreadable_categories(self) -> Expr:
        """Whether categories are stated, or asked for, that are none."""
        return unreadable_categories(self.space)

    def together(self) -> dict[str, Expr]:
        """The categories stated and asked for."""
        stated, asked = self.raw("data.categories"), self.asked
        listed = stated.tag(FactType.CATEGORIES)
        return {word: some([every([listed, stated.members[word]]), asked[word]]) for word in sorted(CATEGORIES)}

    def categories_known(self) -> Expr:
        """Whether there is any category to go by, and each is one."""
        said = some([self.raw("data.categories").stated, *self.asked.values()])
        return every([said, negated(self.unreadable_categories())])


def unreadable_categories(space: Space) -> Expr:
    """Whether categories are stated, or asked for, that are none; what cannot be looked up is not stated."""
    stated = space.raws["data.categories"]
    asked = space.flag(field_flag(OTHER))
    return some([every([stated.stated, negated(stated.tag(FactType.CATEGORIES))]), stated.members[OTHER], asked])


def _categories(at: Derivation) -> Value:
    return Value(type=FactType.CATEGORIES, known=at.categories_known(), texts={}, members=at.together())


def _by_field(at: Derivation) -> Value:
    return truth(TRUE, some(list(at.asked.values())))


def _special(at: Derivation) -> Value:
    special = [flag for word, flag in at.together().items() if any(covers(key, word) for key in at.jurisdiction.special)]
    return truth(at.categories_known(), some(special))


def _child(at: Derivation) -> Value:
    limit = at.jurisdiction.child_age
    if limit is None:
        return truth(TRUE, FALSE)
    age, place = at.raw("subject.age"), at.raw("subject.region")
    years = age.numbers[FactType.INTEGER]
    by_state = at.jurisdiction.child_age_by_state
    own = {word: by_state[word.rpartition("-")[2]] for word in place.texts if word.rpartition("-")[2] in by_state}
    parts = [every([place.text(word), years < below]) for word, below in own.items()]
    parts.append(every([negated(some([place.text(word) for word in own])), years < limit]))
    return truth(age.tag(FactType.INTEGER), some(parts))


def _onward(at: Derivation) -> Value:
    return truth(TRUE, at.raw("exporter.origin_region").stated)


def _cell(at: Derivation) -> Value:
    stated = at.raw("data.cell_count").stated
    return constant({"stated": stated, "none": negated(stated)})


def _dominated(at: Derivation) -> Value:
    wrong = at.space.flag(f"{AMOUNTS}!")
    holds = [
        at.space.flag(sample_flag(number))
        for number, sample in enumerate(SAMPLES)
        if dominated(sorted((Fraction(amount) for amount in sample), reverse=True), at.release)
    ]
    return truth(negated(wrong), some(holds))


def _differencing(at: Derivation) -> Value:
    there, hidden = at.space.flag(there_flag(EARLIER)), at.space.flag(f"{EARLIER}~")
    count, before, overlap = (at.raw(path) for path in ("data.cell_count", EARLIER_COUNT, EARLIER_OVERLAP))
    integers = [raw.tag(FactType.INTEGER) for raw in (count, before, overlap)]
    now, then, shared = (raw.numbers[FactType.INTEGER] for raw in (count, before, overlap))
    least = at.release.difference
    close = [every([difference > 0, difference < least]) for difference in (then - shared, now - shared)]
    absent = every([negated(there), negated(hidden)])
    return truth(some([absent, every([there, *integers])]), every([there, some(close)]))


def _weekday(at: Derivation) -> Value:
    day = at.space.on_day("weekday", lambda day: date.fromordinal(day).weekday())
    return constant({name: day == number for number, name in enumerate(_WEEKDAYS)})


def _holiday(at: Derivation) -> Value:
    place = at.raw("subject.region")
    calendars: dict[Calendar, list[Expr]] = {}
    own = at.jurisdiction.calendar
    for word, flag in place.texts.items():
        calendars.setdefault(place_calendar(word) or own, []).append(flag)
    calendars.setdefault(own, []).append(negated(some(list(place.texts.values()))))
    known = [some(flags) for calendar, flags in calendars.items() if calendar.country is not None]
    holds = [
        every([some(flags), _is_holiday(at.space, calendar)])
        for calendar, flags in calendars.items()
        if calendar.country is not None
    ]
    return truth(some(known), some(holds))


def _is_holiday(space: Space, calendar: Calendar) -> Expr:
    def holiday(day: int) -> int:
        return int(calendar.holiday(date.fromordinal(day)))

    return space.on_day(f"holiday {calendar}", holiday) == z3.IntVal(1)


def _state(at: Derivation) -> Value:
    return constant({} if at.standing is None else at.standing.states())


def _ids(pick: Callable[[Standing], dict[str, Expr]]) -> Callable[[Derivation], Value]:
    return lambda at: constant({} if at.standing is None else pick(at.standing), FactType.LIST)


def _stated(at: Derivation) -> Value:
    """What is evidenced without a mechanism."""
    without = at.space.flag(claim_flag(WITHOUT))
    found: dict[str, Expr] = {}
    for key in at.space.claims.get(WITHOUT, ()):
        spec = at.facts.get(f"{CLAIM}{key}")
        raw = at.raw(evidence_path(WITHOUT, key))
        found[key] = every([without, proven(raw, None if spec is None else spec.type, at.space.day)])
    return constant(found, FactType.LIST)


COMPUTED: dict[str, Callable[[Derivation], Value]] = {
    "kind": lambda at: constant({at.kind.value: TRUE}),
    "data.categories": _categories,
    "data.by_field": _by_field,
    "law.special": _special,
    "law.child": _child,
    "transfer.onward": _onward,
    "mechanisms.valid": _ids(lambda standing: dict(standing.valid)),
    "mechanisms.state": _state,
    "mechanisms.late": _ids(lambda standing: dict(standing.late)),
    "mechanisms.stale": _ids(lambda standing: dict(standing.stale)),
    "release.cell": _cell,
    "release.dominated": _dominated,
    "release.differencing": _differencing,
    "claims.stated": _stated,
    "contact.weekday": _weekday,
    "contact.holiday": _holiday,
}
