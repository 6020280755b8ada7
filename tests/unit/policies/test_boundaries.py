"""Every dated mechanism of the registry on its boundary days, and every dated policy; the clock of a contact in its own zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import policies as shipped
from policies.engine.conditions import Slots
from policies.engine.contacting import moment
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import load_policies
from policies.engine.facts import FactType
from policies.engine.mechanisms import Mechanisms, compile_mechanisms
from policies.engine.registry import Mechanism
from policies.engine.registry_parser import shipped_registry

REGISTRY = shipped_registry()
POLICIES = load_policies(Path(shipped.__file__).parent)
DAY = timedelta(days=1)
STARTING = [m for m in REGISTRY.mechanisms if m.start > date.min]
ENDING = [m for m in REGISTRY.mechanisms if m.end < date.max]


def named(mechanism: Mechanism) -> str:
    return f"{mechanism.law}-{mechanism.id}-{mechanism.importer or ''}-{mechanism.start}"


def alone(mechanism: Mechanism) -> tuple[Mechanisms, list[Any]]:
    """The law's mechanisms with this entry alone and no scope: its dates are what is left to judge."""
    bare = replace(mechanism, scope=None, occasional_only=False)
    slots = Slots(dict(REGISTRY.facts))
    compiled = compile_mechanisms(replace(REGISTRY, mechanisms=(bare,)), mechanism.law, slots)
    return compiled, [None] * len(slots.numbers)


def proof(mechanism: Mechanism, on: date) -> dict[str, Any]:
    """A claim with all its evidence, of that day."""
    claim: dict[str, Any] = {"id": mechanism.id}
    for need in (*mechanism.needs, *mechanism.max_age, *mechanism.renew_after):
        spec = REGISTRY.facts.get(f"claim.{need}")
        claim[need] = 2 if spec is not None and spec.type is FactType.INTEGER else on.isoformat()
    if mechanism.filing is not None:
        claim |= {mechanism.filing.after: on.isoformat(), mechanism.filing.filed: on.isoformat()}
    return claim


def valid(mechanism: Mechanism, on: date) -> tuple[bool, tuple[str, ...]]:
    compiled, values = alone(mechanism)
    standing = compiled.standing([proof(mechanism, on)], mechanism.importer or "XX", values, on.toordinal())
    return mechanism.id in standing.valid, standing.reasons


@pytest.mark.parametrize("mechanism", STARTING, ids=named)
def test_a_mechanism_holds_from_its_first_day_and_not_the_day_before(mechanism: Mechanism) -> None:
    assert valid(mechanism, mechanism.start) == (True, ())
    if mechanism.end > mechanism.start + DAY:
        assert valid(mechanism, mechanism.start + DAY) == (True, ())
    assert valid(mechanism, mechanism.start - DAY) == (False, ("mechanism_not_yet_valid",))


@pytest.mark.parametrize("mechanism", ENDING, ids=named)
def test_a_mechanism_holds_on_the_day_before_its_end_and_never_on_it(mechanism: Mechanism) -> None:
    assert valid(mechanism, mechanism.end - DAY) == (True, ())
    assert valid(mechanism, mechanism.end) == (False, ("mechanism_invalid_on_date",))
    assert valid(mechanism, mechanism.end + DAY) == (False, ("mechanism_invalid_on_date",))


def test_the_ended_ones_are_known_with_their_ends() -> None:
    ends: dict[tuple[str, str], date] = {}
    for m in ENDING:
        ends[m.law, m.id] = max(m.end, ends.get((m.law, m.id), date.min))
    assert ends["EU", "safe_harbour"] == date(2015, 10, 6)
    assert ends["EU", "privacy_shield"] == date(2020, 7, 16)
    assert ends["EU", "scc_eu_2010"] == date(2022, 12, 27)


@pytest.mark.parametrize("key", POLICIES.sections, ids=lambda key: f"{key[0]}-{key[1].value}")
def test_a_dated_policy_is_in_force_from_its_first_day_to_the_day_before_its_end(key: Any) -> None:
    section = POLICIES.sections[key]
    for part in ("objections", "reviews", "permits", "duties"):
        for rule in getattr(section, part):
            edges = {rule.start - 1: False, rule.start: True, rule.end - 1: True, rule.end: False}
            for day, there in edges.items():
                if date.min.toordinal() <= day < date.max.toordinal():
                    assert (rule in getattr(section.on(day), part).every) is there


@pytest.mark.parametrize(
    ("zone", "day", "clock"),
    [
        ("Europe/Paris", date(2026, 11, 20), "00:30"),
        ("UTC", date(2026, 11, 19), "23:30"),
        ("America/New_York", date(2026, 11, 19), "18:30"),
        ("Asia/Seoul", date(2026, 11, 20), "08:30"),
        ("Pacific/Kiritimati", date(2026, 11, 20), "13:30"),
        ("Asia/Kolkata", date(2026, 11, 20), "05:00"),
    ],
)
def test_one_instant_is_another_day_and_clock_elsewhere(zone: str, day: date, clock: str) -> None:
    found = moment(datetime(2026, 11, 19, 23, 30, tzinfo=UTC), zone)
    assert (found.at, found.local_time) == (day, clock)


def test_the_clock_follows_summer_time() -> None:
    before = moment(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Europe/Berlin")
    after = moment(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Europe/Berlin")
    assert (before.local_time, after.local_time) == ("01:59", "03:00")


@pytest.mark.parametrize(
    ("instant", "zone"),
    [
        (datetime(2026, 11, 19, 23, 30), "UTC"),  # noqa: DTZ001 - this is what is refused
        (datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "Mars/Olympus"),
        (datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "../etc/passwd"),
        (datetime(2026, 11, 19, 23, 30, tzinfo=UTC), ""),
    ],
)
def test_a_moment_that_cannot_be_told_is_refused(instant: datetime, zone: str) -> None:
    with pytest.raises(DomicileError) as refused:
        moment(instant, zone)
    assert refused.value.code is Code.INPUT_INVALID
