"""What would have let a refused aggregate out: found by asking the same policies again, never guessed. Nothing here releases.

Tried with the real decision: another purpose the importer is registered for, one column fewer, and else the lifting of the rules
that decided (with a permit of that law, where none is left then). Told as `<purpose>`, `without:<column>`, `lift:<policy>` and
`permit:<law>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from policies.engine.decision import Decision
from policies.engine.evaluator import Policies, compile_policies, decide
from policies.engine.readings import ReadingTable
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Purpose
from regional_node.egress.importers import Importer
from regional_node.egress.requests import NodeIdentity, for_share


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesRoad:
    """One question on its way to a decision: what is asked of the policies, and what is told when they refuse."""

    node: NodeIdentity
    table: ReadingTable
    columns: tuple[str, ...]
    purpose: str
    at: date

    def request(self, importer: Importer) -> TransferRequest:
        """May noised aggregates of the columns be released?"""
        return for_share(self.node, importer, self.table, self.columns, self.purpose)

    def told(self, decision: Decision, policies: Policies, importer: Importer) -> Decision:
        """The denial with what would have allowed it; as it is when its own policies say so already."""
        if decision.try_instead or not decision.policy_digest:
            return decision
        others = [each for each in importer.purposes if each not in {self.purpose, Purpose.FEDERATION_INDEX.value}]
        purposes = [each for each in others if self._allowed(policies, importer, purpose=each)]
        fewer = {column: [each for each in self.columns if each != column] for column in self.columns}
        columns = [column for column, rest in fewer.items() if rest and self._allowed(policies, importer, columns=rest)]
        found = [*purposes, *(f"without:{column}" for column in columns)] or self._lifted(decision, policies, importer)
        return replace(decision, try_instead=tuple(found))

    def _allowed(
        self, policies: Policies, importer: Importer, *, columns: Sequence[str] | None = None, purpose: str | None = None
    ) -> bool:
        asked = for_share(self.node, importer, self.table, columns or self.columns, purpose or self.purpose)
        try:
            return decide(policies, asked, at=self.at).outcome.permits
        except Exception:  # a fault of the evaluator allows nothing
            return False

    def _lifted(self, decision: Decision, policies: Policies, importer: Importer) -> list[str]:
        """The rules that decided, and the laws that would lack a permit even without them."""
        names = dict.fromkeys(rule.policy for rule in decision.rules)
        others = tuple(policy for policy in policies.documents.policies if policy.ref.policy not in names)
        lifted = [f"lift:{name}" for name in names]
        if names and self._allowed(compile_policies(replace(policies.documents, policies=others)), importer):
            return lifted
        laws = {rule.law for rule in decision.rules} or {self.node.jurisdiction}
        return [*lifted, *(f"permit:{law}" for law in sorted(laws))]
