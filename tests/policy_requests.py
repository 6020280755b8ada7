"""Random requests that reach every fact the policies of a kind read: known, unknown, of a wrong type, on the days that matter.

They are drawn from a seeded generator and from the declarations alone; nothing here decides.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from policies.engine.evaluator import Policies
from policies.engine.facts import CATEGORIES, FactType
from policies.engine.request import FieldAsked, TransferRequest
from policies.engine.symbolic.derived import AMOUNTS, EARLIER, SAMPLES
from policies.engine.symbolic.space import LISTS, OTHER, Raw, Space
from policies.engine.vocabulary import Kind

_STATED, _WRONG, _CLAIMED, _PLACED, _AT_HOME = 0.75, 0.004, 0.12, 0.9, 0.7
_WRONG_VALUES = (7, "nonsense", True, [1], {"a": 1}, "2026-02-30", ["user.aura"], "25:00")
_NUMBERS = (0, 1, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 30, 99, 100, 999, 1_000, 10_000, 99_999, 100_000, 1_000_000)
_CATEGORIES = sorted(CATEGORIES)


class Requests:
    """Requests of one kind under one bundle, each with a day."""

    def __init__(self, policies: Policies, kind: Kind, space: Space, seed: int) -> None:
        self._policies, self._kind, self._space, self._random = policies, kind, space, Random(seed)  # noqa: S311 - the same requests each time
        self._laws = sorted({law for law, of in policies.sections if of is kind})
        self._codes = sorted(policies.registry.jurisdictions)
        ends = {day for p in policies.documents.policies for day in (p.start, p.end)}
        ends |= {day for m in policies.registry.mechanisms for day in (m.start, m.end)}
        bounds = sorted(day for day in ends if date.min < day < date.max)
        self._days = [day + timedelta(days=by) for day in bounds for by in (-1, 0, 1)] or [date(2026, 11, 22)]
        self._paths = [raw for path, raw in space.raws.items() if not path.startswith("claims.")]

    def __iter__(self) -> Iterator[tuple[TransferRequest, date]]:
        while True:
            yield self._one()

    def _one(self) -> tuple[TransferRequest, date]:
        random = self._random
        at = (
            random.choice(self._days) if random.random() < 0.7 else date(2026, 11, 22) + timedelta(days=random.randrange(-400, 400))
        )
        facts: dict[str, Any] = {}
        calm = random.random() < 0.6  # most stay on one law, so that permits are reached
        law = random.choice(self._laws)
        stated = random.choice([1.0, 1.0, _STATED]) if calm else _STATED
        for raw in self._paths:
            if random.random() < stated:
                _write(facts, raw.path, self._value(raw, at))
        self._places(facts, law, calm=calm)
        self._aggregates(facts)
        if not calm and random.random() < 0.02:
            _write(
                facts, random.choice(["importer", "subject", "data", "exporter", "importer.dpf"]), "text where a mapping belongs"
            )
        claims = tuple(self._claim(name, at) for name in self._space.claims if random.random() < _CLAIMED)
        if random.random() < 0.05:
            claims += ({"id": random.choice(["none", "not_a_transfer", "no_such_mechanism", None])},)
        fields = tuple(FieldAsked(name=word, category=word) for word in self._categories() if random.random() < 0.5)
        named = () if calm or random.random() < 0.8 else (random.choice([*self._codes, "XX"]),)
        kind = self._kind
        return TransferRequest(
            kind=kind, facts=facts, mechanisms=claims, fields=fields if random.random() < 0.4 else (), laws=named
        ), at

    def _places(self, facts: dict[str, Any], law: str, *, calm: bool) -> None:
        random = self._random
        if not calm:
            return
        _write(facts, "exporter.region", law)
        if self._kind is Kind.STORAGE and random.random() < _AT_HOME:  # what is kept abroad is hardly ever permitted
            _write(facts, "importer.region", law)
        if random.random() < _PLACED:
            facts["exporter"].pop("origin_region", None)
            if isinstance(facts.get("subject"), dict):
                facts["subject"].pop("region", None)

    def _aggregates(self, facts: dict[str, Any]) -> None:
        random = self._random
        if random.random() < 0.3:
            _write(facts, AMOUNTS, list(random.choice(SAMPLES)) if random.random() < 0.95 else "many")
        if random.random() < 0.3:
            near = facts.get("data", {}).get("cell_count")
            base = near if type(near) is int else 20
            earlier = {"cell_count": base + random.randrange(-12, 12), "overlap": base + random.randrange(-12, 12)}
            _write(facts, EARLIER, random.choice([earlier, earlier, earlier, {}, 3, {**earlier, "overlap": "x"}]))

    def _value(self, raw: Raw, at: date) -> Any:
        random = self._random
        if random.random() < _WRONG:
            return random.choice(_WRONG_VALUES)
        kinds = sorted(raw.tags) + ([FactType.TEXT] if raw.texts else [])
        kind = random.choice(kinds)
        if kind is FactType.TEXT:
            words = [word for word in raw.texts if word != OTHER]
            return "something else" if not words or random.random() < 0.01 else random.choice(words)
        if kind in LISTS:
            words = self._categories() if kind is FactType.CATEGORIES else [word for word in raw.members if word != OTHER]
            return [word for word in words if random.random() < 0.6]
        return self._plain(kind, at)

    def _plain(self, kind: FactType, at: date) -> Any:
        random = self._random
        if kind is FactType.BOOLEAN:
            return random.random() < 0.5
        if kind is FactType.DATE:
            return (at + timedelta(days=random.choice([-4000, -800, -366, -365, -90, -11, -10, -1, 0, 1, 30]))).isoformat()
        if kind is FactType.TIME:
            return f"{random.randrange(24):02d}:{random.choice([0, 29, 30, 59]):02d}"
        return random.choice(
            [0, 1, 3, 4, 5, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 30, 99, 100, 999, 10_000, 99_999, 100_000, 1_000_000]
        )

    def _categories(self) -> list[str]:
        return self._random.sample(_CATEGORIES, self._random.choice([1, 1, 2, 3]))

    def _claim(self, name: str, at: date) -> dict[str, Any]:
        random = self._random
        claim: dict[str, Any] = {"id": "no_such_mechanism" if name == OTHER else name}
        for key in self._space.claims[name]:
            if random.random() < 0.85:
                past = self._plain(FactType.DATE, at)
                claim[key] = random.choice([True, True, past, past, "on file", False, "", 0, 2, [], ["x"], {"file": 1}])
        return claim


def _write(facts: dict[str, Any], path: str, value: Any) -> None:
    node: Any = facts
    *above, last = path.split(".")
    for key in above:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            return
    node[last] = value
