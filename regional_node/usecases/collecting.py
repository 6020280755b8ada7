"""May this region keep this field at all? Asked of the policies in force for every field of a record that is written.

A region that keeps its own people transfers nothing: where no valid policy stands, or no law that attaches speaks of keeping, the
data are kept. Where a law speaks, it must permit; what it prohibits, withholds or cannot decide is refused, field by field, with
the rule. The advice `discouraged` marks a field that is kept with a warning. Nothing here writes a record.

A decision depends on the policies, the day, the categories of the filled fields, and the facts that the rules really read; it
is taken once for each such combination.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from policies.engine.decision import Decision, RuleRef
from policies.engine.evaluator import Policies, attached, decide
from policies.engine.memo import Memo
from policies.engine.request import Fact, FieldAsked, TransferRequest
from policies.engine.vocabulary import DataCategory, Form, Kind, Shape
from regional_node.crm.fields import FIELDS, RecordType
from regional_node.crm.records import Record
from regional_node.crm.validation import FaultCode, FieldFault, Ground

DISCOURAGED = "discouraged"
_MOST = 20_000
_GIVEN: dict[str, Fact] = {"status": "given", "explicit": True, "specific": True, "separate": True}
_NONE: dict[str, Fact] = {"status": "none"}
_CUSTOMERS = {"customer", "evangelist", "churned"}
_BITS = {category.value: 1 << number for number, category in enumerate(DataCategory)}
_CATEGORY = {kind: {spec.name: spec.category.value for spec in specs} for kind, specs in FIELDS.items()}
_FIELD_BITS = {kind: {name: _BITS[category] for name, category in held.items()} for kind, held in _CATEGORY.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """The region that collects: `party` are its facts as exporter and importer in one, `more` what it states of its own records."""

    jurisdiction: str
    party: Mapping[str, Fact]
    more: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the policies say of the fields of one record."""

    refused: tuple[FieldFault, ...] = ()
    discouraged: tuple[FieldFault, ...] = ()


_NOTHING = Findings()


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of one category."""

    code: FaultCode
    ground: Ground
    remedy: str


class _Known(NamedTuple):
    """The subject's facts that a rule may read."""

    natural_person: bool
    region: str
    type: str | None
    age: int | None


_Facts: TypeAlias = tuple[bool, str, str | None, int | None]


class Collecting:
    """Calling `now` gives the rules of this moment; take them once for a record, or for a batch of them."""

    def __init__(self, *, policies: Callable[[], Policies | None], collector: Callable[[], Collector]) -> None:
        self._policies = policies
        self._collector = collector
        self._rules: Rules | None = None

    def now(self, on: date) -> "Rules":
        """The rules in force on a day."""
        policies, collector = self._policies(), self._collector()
        if self._rules is None or not self._rules.of(policies, collector, on):
            self._rules = Rules(policies, collector, on)
        return self._rules


class Rules:
    """The collection rules of one bundle on one day. Threads may share it."""

    def __init__(self, policies: Policies | None, collector: Collector, on: date) -> None:
        self._policies = policies
        self._collector = collector
        self._on = on
        self._reads = _paths_read(policies)
        self._cache: dict[tuple[int, bool, str, str | None, int | None], Mapping[str, _Said]] = {}
        self._places: dict[str, str] = {}
        self._altered: dict[tuple[str, ...], Policies] = {}
        self._facts = {record_type: self._facts_of(record_type) for record_type in RecordType}

    def of(self, policies: Policies | None, collector: Collector, on: date) -> bool:
        """Whether these are the rules of that moment."""
        return policies is self._policies and on == self._on and collector == self._collector

    def findings(
        self, record_type: RecordType, filled: Iterable[str], values: Mapping[str, object], custom: Iterable[str] = ()
    ) -> Findings:
        """What is said of the filled fields, in the light of all `values` of the record; `custom` names further sealed texts."""
        if self._policies is None:
            return _NOTHING
        bits, mask = _FIELD_BITS[record_type], 0
        for name in filled:
            mask |= bits[name]
        for name in custom:
            mask |= _custom_bit(record_type, name)
        key = (mask, *self._facts[record_type](values))
        said = self._cache.get(key)
        if said is None:
            if len(self._cache) >= _MOST:
                self._cache.clear()
            said = self._cache[key] = self._judged(mask, _Known(*key[1:]))
        if not said:
            return _NOTHING
        held = {name: _CATEGORY[record_type][name] for name in filled}
        return _told(held | {name: _custom_category(record_type, name) for name in custom}, said)

    def refused(
        self, record_type: RecordType, values: Mapping[str, object], custom: Iterable[str], former: Record | None = None
    ) -> tuple[FieldFault, ...]:
        """What may not be kept of a record as it is about to be written: of all its filled fields, those of before included.

        A further text that was refused in `former` already refuses no change: none could take it out.
        """
        found = self._whole(record_type, values, custom).refused
        if former is None or not any(fault.field in former.custom for fault in found):
            return found
        before = {fault.field for fault in self._whole(record_type, former.values, former.custom).refused} & {*former.custom}
        return tuple(fault for fault in found if fault.field not in before)

    def _whole(self, record_type: RecordType, values: Mapping[str, object], custom: Iterable[str]) -> Findings:
        return self.findings(record_type, [name for name, value in values.items() if value is not None], values, custom)

    def _facts_of(self, record_type: RecordType) -> Callable[[Mapping[str, object]], _Facts]:
        """What gives the subject's facts, those only that some rule reads: each further one would make the same decision anew."""
        person, home = record_type is RecordType.PEOPLE, self._collector.jurisdiction
        natural = record_type is not RecordType.COMPANIES
        places, types = "subject.region" in self._reads, person and "subject.type" in self._reads
        ages = person and not self._reads.isdisjoint({"subject.age", "law.child"})
        if not (places or types or ages):
            none = (natural, home, None, None)
            return lambda _values: none

        def facts(values: Mapping[str, object]) -> _Facts:
            return (
                natural,
                self._place(_plain(values.get("country"))) if places else home,
                _type(_plain(values.get("lifecycle_stage"))) if types else None,
                _age(_plain(values.get("date_of_birth")), self._on) if ages else None,
            )

        return facts

    def _place(self, country: object) -> str:
        """The person's country where it lies under the region's own law, else the region's jurisdiction."""
        home = self._collector.jurisdiction
        if not isinstance(country, str) or self._policies is None:
            return home
        if country not in self._places:
            law = self._policies.registry.law_of
            self._places[country] = country if law(country) is not None and law(country) == law(home) else home
        return self._places[country]

    def _judged(self, mask: int, known: _Known) -> dict[str, _Said]:
        """What is said of each category: of all together, and where that is not simply yes, of each by itself."""
        categories = [category for category, bit in _BITS.items() if mask & bit]
        whole = self._weighed(categories, known)
        if not whole or len(categories) == 1:
            return whole
        alone: dict[str, _Said] = {}
        for category in categories:
            alone |= self._weighed([category], known)
        if _refuses(alone) or not _refuses(whole):
            return alone or whole
        # none is refused by itself: refused are those without which the others may be kept, else all
        curing = [one for one in categories if not _refuses(self._weighed([each for each in categories if each != one], known))]
        return alone | {category: whole[category] for category in (curing or categories) if category in whole}

    def _decided(self, categories: list[str], known: _Known, consent: Mapping[str, Fact] = _NONE) -> tuple[Decision, bool]:
        """The decision, and whether a law of the region speaks of keeping at all: those that are silent do not deny it."""
        assert self._policies is not None  # noqa: S101 - asked with policies only
        request = self._request(categories, known, consent)
        laws = attached(self._policies, request)
        spoken = {law for law in laws if (law, Kind.STORAGE) in self._policies.sections}
        silent = tuple(law for law in laws if law not in spoken)
        return decide(self._without(self._policies, silent), request, at=self._on), not spoken <= set(self._policies.overlays)

    def _without(self, policies: Policies, silent: tuple[str, ...]) -> Policies:
        """The policies with the silent laws as overlays. They remember apart: what they decide is not what the bundle decides."""
        if not silent:
            return policies
        found = self._altered.get(silent)
        if found is None:
            memo = Memo()
            memo.laws = policies.memo.laws  # the same laws attach; an overlay alone would pass for no law at all
            found = self._altered[silent] = replace(policies, overlays=(*policies.overlays, *silent), memo=memo)
        return found

    def _request(self, categories: list[str], known: _Known, consent: Mapping[str, Fact]) -> TransferRequest:
        here: dict[str, Fact] = {**self._collector.party, "region": self._collector.jurisdiction}
        subject: dict[str, Fact] = {"natural_person": known.natural_person, "region": known.region}
        if known.type is not None:
            subject["type"] = known.type
        if known.age is not None:
            subject["age"] = known.age
        facts: dict[str, Fact] = {
            **self._collector.more,
            "exporter": here,
            "importer": here,
            "subject": subject,
            "data": {"categories": [*categories], "shape": Shape.RECORD.value, "persons": 1},
            "consent": {**consent},
            "stage": "collection",
            "first_store_region": self._collector.jurisdiction,
        }
        return TransferRequest(
            kind=Kind.STORAGE, facts=facts, fields=tuple(FieldAsked(name=category, category=category) for category in categories)
        )

    @staticmethod
    def _keeps(categories: list[str], decided: tuple[Decision, bool]) -> bool:
        """Whether all of them may be kept as they are."""
        decision, spoken = decided
        if not spoken and not decision.rules and not decision.faults and not any(f.rules for f in decision.fields):
            return True
        forms = {each.category: each.form for each in decision.fields}
        return decision.outcome.permits and all(forms.get(category) is Form.CLEAR for category in categories)

    def _weighed(self, categories: list[str], known: _Known) -> dict[str, _Said]:
        decided = self._decided(categories, known)
        decision, _ = decided
        if self._keeps(categories, decided):
            advice = decision.obligation(DISCOURAGED)
            if advice is None:
                return {}
            said = _Said(FaultCode.DISCOURAGED, _ground(advice.rule, decision), "keep it only where it is needed")
            return dict.fromkeys(categories, said)
        with_consent = self._keeps(categories, self._decided(categories, known, _GIVEN))
        found = {}
        for category in categories:
            one = decision.field(category)
            if decision.outcome.permits and one is not None and one.form is Form.CLEAR:
                continue
            rules = (one.rules if one is not None else ()) or decision.rules
            found[category] = _refusal(decision, rules[0] if rules else None, with_consent=with_consent)
        return found


def _refuses(said: Mapping[str, _Said]) -> bool:
    return any(each.code is not FaultCode.DISCOURAGED for each in said.values())


def _paths_read(policies: Policies | None) -> frozenset[str]:
    """Every fact that some rule on keeping reads."""
    if policies is None:
        return frozenset()
    sections = (section for (_, kind), section in policies.sections.items() if kind is Kind.STORAGE)
    return frozenset(path for section in sections for path in section.slots.numbers)


def _refusal(decision: Decision, rule: RuleRef | None, *, with_consent: bool) -> _Said:
    ground = _ground(rule, decision)
    if with_consent:
        return _Said(FaultCode.NEEDS_CONSENT, ground, "record the person's consent first, or leave the field empty")
    instead = " or ".join(f"`{each}`" for each in decision.try_instead)
    remedy = f"leave the field empty, or provide {instead}" if instead else "leave the field empty"
    return _Said(FaultCode.NOT_TO_BE_KEPT, ground, remedy)


def _ground(rule: RuleRef | None, decision: Decision) -> Ground:
    if rule is None:
        return Ground(reasons=(*decision.reasons,), faults=decision.faults)
    return Ground(law=rule.law, rule=rule.policy, cite=rule.cite, reasons=decision.reasons, faults=decision.faults)


def _told(categories: Mapping[str, str], said: Mapping[str, _Said]) -> Findings:
    found = [
        FieldFault(field=name, code=told.code, remedy=told.remedy, ground=told.ground)
        for name, category in categories.items()
        if (told := said.get(category)) is not None
    ]
    return Findings(
        refused=tuple(fault for fault in found if fault.code is not FaultCode.DISCOURAGED),
        discouraged=tuple(fault for fault in found if fault.code is FaultCode.DISCOURAGED),
    )


@lru_cache(maxsize=4_096)  # names of custom fields come from files
def _custom_bit(record_type: RecordType, name: str) -> int:
    return _BITS[_custom_category(record_type, name)]


def _custom_category(record_type: RecordType, name: str) -> str:
    """What was kept beside a field that could not be read is of its category; any other text may hold anything."""
    held = _CATEGORY[record_type].get(name.removesuffix("_unverified").removesuffix("_written"))
    return held or DataCategory.CONTENT.value


def _plain(value: object) -> object:
    reveal = getattr(value, "reveal", None)
    return reveal() if reveal is not None else value


def _type(stage: object) -> str | None:
    return None if stage is None else "customer" if stage in _CUSTOMERS else "prospect"


def _age(born: object, on: date) -> int | None:
    if not isinstance(born, date):
        return None
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
