"""How obligations of several policies become one each: the strictest arguments win. Nothing here carries out an obligation."""

import re
from collections.abc import Iterable
from fractions import Fraction

from policies.engine.decision import Obligation
from policies.engine.registry import ObligationSpec, Strictest
from policies.engine.request import Fact

_FRACTION = re.compile(r"[0-9]{1,12}(/[1-9][0-9]{0,11})?\Z")
_DAYS = re.compile(r"P([0-9]{1,5})D\Z")


def measure(value: Fact, how: Strictest) -> Fraction | str | bool | None:
    """An argument as something that can be compared, or None when it cannot be read."""
    if how is Strictest.SAME:
        return value if isinstance(value, str | bool) else Fraction(value) if isinstance(value, int) else None
    if how is Strictest.SHORTEST:
        days = _DAYS.match(value) if isinstance(value, str) else None
        return Fraction(days[1]) if days else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value) if value >= 0 else None
    return Fraction(value) if isinstance(value, str) and _FRACTION.match(value) else None


def merge(first: Obligation, second: Obligation, spec: ObligationSpec) -> Obligation | None:
    """One obligation that satisfies both, or None when their arguments contradict each other."""
    arguments: dict[str, Fact] = dict(first.arguments)
    for key, value in second.arguments.items():
        if key not in arguments:
            arguments[key] = value
            continue
        chosen = _stricter(arguments[key], value, spec.arguments[key])
        if chosen is None:
            return None
        arguments[key] = chosen
    return Obligation(name=first.name, arguments=arguments, rule=first.rule)


def _stricter(one: Fact, other: Fact, how: Strictest) -> Fact:
    a, b = measure(one, how), measure(other, how)
    if how is Strictest.SAME:
        return one if a is not None and a == b else None
    if not isinstance(a, Fraction) or not isinstance(b, Fraction):
        return None
    if how is Strictest.GREATEST:
        return one if a >= b else other
    return one if a <= b else other


def names(obligations: Iterable[Obligation]) -> tuple[str, ...]:
    """Their names, in order."""
    return tuple(o.name for o in obligations)
