"""The days on which a bundle can change its mind, and what the calendar makes of them. It never asks what day it is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from policies.engine.evaluator import Policies
from policies.engine.symbolic.library import Expr, some, z3
from policies.engine.symbolic.space import Space
from policies.engine.vocabulary import Kind

_WEEK = 7
_YEAR = 366
_FAR = 800
_DEFAULT = date(2000, 1, 1).toordinal()


def boundaries(policies: Policies, kind: Kind) -> set[int]:
    """The first days on which a policy of a kind, or a mechanism that such policies ask for, begins or no longer holds."""
    spans = [(p.start, p.end) for p in policies.documents.policies if kind in p.kinds]
    asking = {law for (law, of), section in policies.sections.items() if of is kind and section.mechanisms is not None}
    spans += [(m.start, m.end) for m in policies.registry.mechanisms if m.law in asking]
    return {day.toordinal() for span in spans for day in span if date.min < day < date.max}


def present(bundles: Iterable[Policies]) -> int | None:
    """The latest day on which anyone reviewed a policy: the most recent day that the documents know of."""
    days = [p.review.last.toordinal() for policies in bundles for p in policies.documents.policies if p.review is not None]
    return max(days, default=None)


def candidates(bundles: Sequence[Policies], kind: Kind, space: Space) -> list[int]:
    """One day of every stretch between boundaries; weekdays and holidays on top where something changes, and at present."""
    found = {day for policies in bundles for day in boundaries(policies, kind)}
    today = present(bundles)
    close = {day for policies in bundles for day in boundaries(policies, kind) ^ boundaries(bundles[0], kind)}
    close |= {today} if today is not None else {max(found, default=_DEFAULT)}
    found |= close | {min(found | close) - 1}
    if "weekday" in space.by_day:
        found |= {day + more for day in close for more in range(_WEEK)}
    for name, of in space.by_day.items():
        if name.startswith("holiday"):
            found |= {first for day in close for first in _first(of, day)}
    return sorted(day for day in found if _FAR < day < date.max.toordinal() - _FAR)


def _first(of: Callable[[int], int], day: int) -> list[int]:
    """The first holiday from a day on, within a year."""
    return next(([later] for later in range(day, day + _YEAR) if of(later)), [])


def on_days(space: Space, days: Sequence[int]) -> list[Expr]:
    """That the day is one of these, and what follows from it and from dates that a request states."""
    flags = {day: z3.Bool(f"on {day}") for day in days}
    rules = [some(list(flags.values())), *(flag == (space.day == day) for day, flag in flags.items())]
    for name, of in space.by_day.items():
        by_value: dict[int, list[Expr]] = {}
        for day, flag in flags.items():
            by_value.setdefault(of(day), []).append(flag)
        rules += [z3.Implies(some(when), space.number(name) == value) for value, when in by_value.items()]
    for name, (date_, of) in space.by_date.items():
        stated = space.number(date_)
        begun = sorted({begin for day in days for begin in _around(of, day)})
        rules.append(some([z3.And(stated == begin, space.number(name) == of(begin)) for begin in begun]))
    return rules


def _around(due: Callable[[int], int], day: int) -> tuple[int, int, int]:
    """The day itself, and the last beginning that is overdue on it with the first that is not."""
    low, high = day - _FAR, day
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if due(middle) < day else (low, middle)
    return day, low, high
