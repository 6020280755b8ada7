"""Facts that the engine computes: from the request, the registry and the date, per law. It never fills in a fact.

Each is total: it gives a value, or None where what it rests on is not stated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from policies.engine.calendars import place_calendar
from policies.engine.conditions import below
from policies.engine.facts import CATEGORIES, CLAIM, UNREADABLE, look_up
from policies.engine.mechanisms import Standing, proves
from policies.engine.registry import Jurisdiction, Registry, ReleaseDefaults
from policies.engine.request import Fact, TransferRequest

_WITHOUT = "none"
Amount: TypeAlias = int | Fraction
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(slots=True, kw_only=True)
class Setting:
    """What a derived fact may look at."""

    request: TransferRequest
    registry: Registry
    jurisdiction: Jurisdiction
    day: int
    standing: Standing
    categories: Any


def categories_of(request: TransferRequest) -> Any:
    """The stated categories together with those of the fields asked, None when neither says, UNREADABLE for an unknown one."""
    stated = look_up(request.facts, ("data", "categories"))
    asked = [field.category for field in request.fields]
    if stated is None and not asked:
        return None
    if stated is not None and not isinstance(stated, list | tuple):
        return UNREADABLE
    together = [*(stated or ()), *asked]
    for category in together:
        if not isinstance(category, str) or category not in CATEGORIES:
            return UNREADABLE
    return together


def _special(setting: Setting) -> bool | None:
    if setting.categories is None or setting.categories is UNREADABLE:
        return None
    return not _below(setting.jurisdiction.special).isdisjoint(setting.categories)


@cache
def _below(special: tuple[str, ...]) -> frozenset[str]:
    return below(special, CATEGORIES)


def _child(setting: Setting) -> bool | None:
    age = look_up(setting.request.facts, ("subject", "age"))
    limit = setting.jurisdiction.child_age
    if limit is None:
        return False
    if type(age) is not int:
        return None
    state = look_up(setting.request.facts, ("subject", "region"))
    by_state = setting.jurisdiction.child_age_by_state
    return age < by_state.get(state.rpartition("-")[2] if isinstance(state, str) else "", limit)


def _onward(setting: Setting) -> bool:
    return look_up(setting.request.facts, ("exporter", "origin_region")) is not None


def _cell(setting: Setting) -> str:
    return "none" if look_up(setting.request.facts, ("data", "cell_count")) is None else "stated"


def _dominated(setting: Setting) -> bool | None:
    stated = look_up(setting.request.facts, ("data", "contributions"))
    if stated is None:
        return False
    amounts = _amounts(stated)
    return None if amounts is None else dominated(amounts, setting.registry.release)


def _amounts(stated: Fact) -> list[Amount] | None:
    if not isinstance(stated, list | tuple):
        return None
    whole: list[Amount] = [item for item in stated if type(item) is int and item >= 0]
    if len(whole) == len(stated):  # by far the most, and whole numbers are ten times as fast
        return sorted(whole, reverse=True)
    try:
        amounts: list[Amount] = [Fraction(str(item)) for item in stated if not isinstance(item, bool)]
    except (ValueError, ZeroDivisionError):
        return None
    return sorted(amounts, reverse=True) if len(amounts) == len(stated) and all(a >= 0 for a in amounts) else None


def dominated(amounts: Sequence[Amount], release: ReleaseDefaults) -> bool:
    """Whether a cell, its contributions largest first, breaks the (n, k) rule or the p % rule."""
    total = sum(amounts)
    if not total:
        return False
    if sum(amounts[: release.dominance_n]) * 100 > release.dominance_k * total:
        return True
    remainder = total - sum(amounts[:2])
    return remainder * 100 < release.p_percent * amounts[0]


def _differencing(setting: Setting) -> bool | None:
    earlier = look_up(setting.request.facts, ("data", "previous_answer"))
    if earlier is None:
        return False
    count = look_up(setting.request.facts, ("data", "cell_count"))
    if not isinstance(earlier, Mapping) or type(count) is not int:
        return None
    before, overlap = earlier.get("cell_count"), earlier.get("overlap")
    if type(before) is not int or type(overlap) is not int:
        return None
    least = setting.registry.release.difference
    return any(0 < difference < least for difference in (before - overlap, count - overlap))


def _holiday(setting: Setting) -> bool | None:
    """Whether the day is a public holiday where the person is; not known where nobody knows the holidays of the place."""
    place = look_up(setting.request.facts, ("subject", "region"))
    calendar = place_calendar(place) if isinstance(place, str) else None
    if calendar is None:
        calendar = setting.jurisdiction.calendar
    return None if calendar.country is None else calendar.holiday(date.fromordinal(setting.day))


def _stated(setting: Setting) -> tuple[str, ...]:
    """What is evidenced without a mechanism: laws that ask for safeguards of a transfer and not for a ground of it (28 CFR 202)."""
    facts = setting.registry.facts
    found: dict[str, None] = {}
    for claim in setting.request.mechanisms:
        if claim.get("id") == _WITHOUT:
            for key, value in claim.items():
                spec = facts.get(f"{CLAIM}{key}")
                if key != "id" and proves(value, None if spec is None else spec.type, setting.day):
                    found[key] = None
    return tuple(found)


def _weekday(setting: Setting) -> str:
    return _WEEKDAYS[date.fromordinal(setting.day).weekday()]


DERIVED: dict[str, Callable[[Setting], Any]] = {
    "kind": lambda setting: setting.request.kind.value,
    "data.categories": lambda setting: setting.categories,
    "data.by_field": lambda setting: bool(setting.request.fields),
    "law.special": _special,
    "law.child": _child,
    "transfer.onward": _onward,
    "mechanisms.valid": lambda setting: setting.standing.valid,
    "mechanisms.state": lambda setting: setting.standing.state,
    "release.cell": _cell,
    "release.dominated": _dominated,
    "release.differencing": _differencing,
    "mechanisms.late": lambda setting: setting.standing.late,
    "mechanisms.stale": lambda setting: setting.standing.stale,
    "claims.stated": _stated,
    "contact.weekday": _weekday,
    "contact.holiday": _holiday,
}
