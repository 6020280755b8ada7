"""What each region will probably say to a question: advice from the index's own copy of the policies. The exporter's
verdict is law.

The index knows its own facts and the plan; what a node alone knows (its register of importers, what it can discharge, its
budget) it
does not guess. So a refusal here is likely and a permit is only not refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from global_index.catalogue.regions import Region
from global_index.requests.tickets import Asker
from policies.engine.crossing import AllOf, AnyOf, Comparison, Condition, Membership, Plan
from policies.engine.decision import Decision
from policies.engine.evaluator import Policies, decide
from policies.engine.readings import TABLES
from policies.engine.request import Fact, TransferRequest
from policies.engine.vocabulary import Kind, Purpose, Shape

ADVICE = "advice from the index's own policies; each region decides for itself when it is asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """An organisation that may receive answers, as the index knows it."""

    organisation: str
    jurisdiction: str
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one region will probably decide; None where the index has no policies or does not know the importer."""

    region: str
    decision: Decision | None
    same_policies: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisor:
    """Asks the index's own policies. `policies` is None when none could be read."""

    policies: Policies | None
    importers: Mapping[str, Importer]
    today: Callable[[], date]

    def expect(self, plans: tuple[Plan, ...], *, regions: tuple[Region, ...], who: Asker) -> tuple[Expected, ...]:
        """One expectation a region."""
        return tuple(self._one(plans, region, who) for region in regions)

    def _one(self, plans: tuple[Plan, ...], region: Region, who: Asker) -> Expected:
        importer = self.importers.get(who.importer)
        if self.policies is None or importer is None:
            return Expected(region=region.name, decision=None, same_policies=False)
        request = TransferRequest(kind=Kind.RELEASE, facts=_facts(plans, region, importer, who.purpose))
        decision = decide(self.policies, request, at=self.today())
        return Expected(region=region.name, decision=decision, same_policies=self.policies.digest == region.policy_digest)


def _facts(plans: tuple[Plan, ...], region: Region, importer: Importer, purpose: Purpose) -> dict[str, Fact]:
    categories: list[Fact] = [*sorted({category for plan in plans for category in _categories(plan)})]
    code, _, state = region.jurisdiction.partition("-")
    exporter: dict[str, Fact] = {"region": region.jurisdiction, "organisation": region.name}
    if code == "US" and state:
        exporter["state"] = state
    receiving: dict[str, Fact] = {"region": importer.jurisdiction, "organisation": importer.organisation}
    if importer.state:
        receiving["state"] = importer.state
    return {
        "exporter": exporter,
        "importer": receiving,
        "data": {"shape": Shape.AGGREGATE.value, "categories": categories},
        "purpose": purpose.value,
    }


def _categories(plan: Plan) -> set[str]:
    table = TABLES[plan.table]
    names = {key.column for key in plan.group_by} | {m.column for m in plan.aggregates if m.column} | _named(plan.where)
    return {column.category.value for column in table.columns if column.name in names}


def _named(condition: Condition | None) -> set[str]:
    match condition:
        case Comparison(column=name) | Membership(column=name):
            return {name}
        case AllOf(conditions=members) | AnyOf(conditions=members):
            return set().union(*(_named(member) for member in members))
        case _:
            return set()
