"""Which obligations this node can carry out, and whether it has. An obligation that is not in the table is not carried out.

Nothing here decides a transfer: the gate turns a permit into a denial when an obligation is left over.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from policies.engine.decision import Decision, Obligation
from policies.engine.vocabulary import Shape
from regional_node.egress.importers import Importer
from regional_node.egress.stated import DUTY_FACTS

_DAYS = re.compile(r"P([0-9]{1,5})D\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an obligation is weighed against."""

    importer: Importer
    shape: Shape
    at: date


def left_over(decision: Decision, circumstances: Circumstances) -> tuple[str, ...]:
    """The obligations of a permit that the node cannot carry out here, by name."""
    return tuple(o.name for o in decision.obligations if not _carried_out(o, circumstances))


def _carried_out(obligation: Obligation, circumstances: Circumstances) -> bool:
    check = _TABLE.get(obligation.name)
    return check is not None and check(obligation, circumstances)


def _by_the_record(_obligation: Obligation, _circumstances: Circumstances) -> bool:
    """The ledger's record of the release is what is owed; the gate writes it before anything leaves."""
    return True


def _by_noise(_obligation: Obligation, circumstances: Circumstances) -> bool:
    return circumstances.shape is Shape.AGGREGATE


def _list_checked(obligation: Obligation, circumstances: Circumstances) -> bool:
    """The importer's listing was looked up no longer ago than `max_age`, by the date the register states."""
    age = obligation.arguments.get("max_age", "P1D")
    days = _DAYS.match(age) if isinstance(age, str) else None
    checked = _checked_on(circumstances.importer.mechanisms)
    if days is None or checked is None:
        return False
    return timedelta(0) <= circumstances.at - checked <= timedelta(days=int(days[1]))


def _checked_on(mechanisms: tuple[Mapping[str, object], ...]) -> date | None:
    for claim in mechanisms:
        stated = claim.get("checked_on") if claim.get("id") == "dpf" else None
        if isinstance(stated, str):
            try:
                return date.fromisoformat(stated)
            except ValueError:
                return None
    return None


def named(duty: str) -> str:
    """A duty as a denial names it: with the fact of the register that states it, where people carry it out."""
    fact = DUTY_FACTS.get(duty)
    return f"`{duty}`" if fact is None else f"`{duty}` (the register states it of the importer as `{fact}: true`)"


def _by_the_register(obligation: Obligation, circumstances: Circumstances) -> bool:
    """What people must have done outside this program: it counts when the register states it of the importer, as `true`."""
    return circumstances.importer.facts.get(DUTY_FACTS[obligation.name]) is True


_TABLE: dict[str, Callable[[Obligation, Circumstances], bool]] = {
    "record_ropa": _by_the_record,
    "document_derogation": _by_the_record,
    "renew_tia_soon": _by_the_record,
    "noise": _by_noise,
    "suppress_cell": _by_noise,  # every answered cell is noised and withheld under `min_cell`
    "verify_dpf_list": _list_checked,
    **dict.fromkeys(DUTY_FACTS, _by_the_register),
}
