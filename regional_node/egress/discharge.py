"""Which obligations this node can carry out, and whether it has. An obligation that is not in the table is not carried out.

Nothing here decides a transfer: the gate turns a permit into a denial when an obligation is left over.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from policies.engine.decision import Decision, Obligation
from policies.engine.lists import CERTIFIED, ListName
from policies.engine.vocabulary import Shape
from regional_node.egress.importers import Importer
from regional_node.egress.listed import REMEDY, Consulted
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
    """Every list of the certified that the importer is named on is no older than `max_age`.

    Where the DPF List is not among them, the date at which it was looked up, as the register states it, is not older either.
    """
    days = _max_age(obligation)
    if days is None:
        return False
    importer, at = circumstances.importer, circumstances.at
    if any(each not in {asked.list for asked in importer.consulted} for each in importer.lists):
        return False
    if not all(each.fresh(at, days) for each in importer.consulted if each.list in CERTIFIED):
        return False
    if ListName.DPF in importer.lists:
        return True
    checked = _checked_on(importer.mechanisms)
    return checked is not None and timedelta(0) <= at - checked <= timedelta(days=days)


def _max_age(obligation: Obligation) -> int | None:
    age = obligation.arguments.get("max_age", "P1D")
    days = _DAYS.match(age) if isinstance(age, str) else None
    return int(days[1]) if days is not None else None


def _checked_on(mechanisms: tuple[Mapping[str, object], ...]) -> date | None:
    for claim in mechanisms:
        stated = claim.get("checked_on") if claim.get("id") == "dpf" else None
        if isinstance(stated, str):
            try:
                return date.fromisoformat(stated)
            except ValueError:
                return None
    return None


def named(duty: str, importer: Importer) -> str:
    """A duty as a denial names it: with the list that is wanting, or the fact of the register that states what people do."""
    if duty == "verify_dpf_list" and importer.consulted:
        old = [_dated(each) for each in importer.consulted if each.list in CERTIFIED]
        return f"`{duty}` ({', '.join(old) or 'it is named on no such list'}; {REMEDY})"
    fact = DUTY_FACTS.get(duty)
    return f"`{duty}`" if fact is None else f"`{duty}` (the register states it of the importer as `{fact}: true`)"


def _dated(asked: Consulted) -> str:
    return f"the list `{asked.list.value}` is of {asked.as_of.isoformat()}" if asked.as_of is not None else asked.remark


def remarks(importer: Importer) -> str:
    """What a denial adds where a list that the importer is named on is missing, old, or speaks against it; empty without."""
    told = [each.remark for each in importer.consulted if each.remark]
    told += [REMEDY] if any(each.wanting for each in importer.consulted) else []
    return f" ({'; '.join(told)})" if told else ""


def _by_the_register(obligation: Obligation, circumstances: Circumstances) -> bool:
    """What people must have done outside this program: it counts when the register states it of the importer, as `true`."""
    return circumstances.importer.facts.get(DUTY_FACTS[obligation.name]) is True


_TABLE: dict[str, Callable[[Obligation, Circumstances], bool]] = {
    "record_ropa": _by_the_record,
    "document_derogation": _by_the_record,
    "document_tiers": _by_the_record,
    "keep_count": _by_the_record,  # the gate counts before anything leaves
    "renew_tia_soon": _by_the_record,
    "noise": _by_noise,
    "suppress_cell": _by_noise,  # every answered cell is noised and withheld under `min_cell`
    "verify_dpf_list": _list_checked,
    **dict.fromkeys(DUTY_FACTS, _by_the_register),
}
