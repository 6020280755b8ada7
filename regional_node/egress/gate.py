"""The gate: the only door out of a region and the only place that constructs `Released`. Whatever fails, nothing leaves.

The road is always the same: (1) decide  (2) transform  (3) record  (4) release. The index's verdict is advice; this one is law,
taken under the region's own policies for whoever asks now and for the organisation that runs the index, through whose hands every
answer goes: both must be permitted. A denial is recorded too, without a payload, and raised as `Denied`. For rules that count, the
persons of a request are reserved when it is decided, and taken back when it is not released.

Who is denied a person learns nothing of the person, not even that there is one: the denial told is the one that a person of whom
nothing is known would get. Why this person's fields stayed stands in the ledger, which does not leave.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policies.engine.counting import Witnessed
from policies.engine.crossing import (
    EntryBatch,
    LeafRef,
    PersonView,
    Plan,
    Released,
    Share,
    person_digest,
    plan_digest,
)
from policies.engine.decision import Decision
from policies.engine.denial import Denied
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, decide
from policies.engine.record import DecisionRecord, canonical_bytes, impersonal_inputs
from policies.engine.request import TransferRequest
from policies.engine.signing import Ticket, verify_ticket
from policies.engine.vocabulary import Form, Kind, Outcome, Purpose, Shape
from regional_node.crm.fields import FieldSpec
from regional_node.crm.records import Record
from regional_node.egress.alternatives import SharesRoad
from regional_node.egress.answering import Answering, Asking
from regional_node.egress.asked import categories_asked, columns_of, known_fields, known_purpose
from regional_node.egress.discharge import Circumstances, left_over, named, remarks
from regional_node.egress.disclosure import NoiseTerms, noise_terms
from regional_node.egress.given import PoliciesInForce, Randomness, Subject
from regional_node.egress.importers import Importer, ImporterRegister
from regional_node.egress.payload import batch_bytes, person_bytes, seal_of, share_bytes
from regional_node.egress.requests import NodeIdentity, for_entries, for_person
from regional_node.egress.verdicts import Verdict, joined, refusal
from regional_node.egress.views import field_views, forms_read
from regional_node.usecases.accounts import PrivacyAccount, SpentTickets
from regional_node.usecases.counters import NOT_KNOWN, SOMEBODY, Affected, Counting, Reservation
from regional_node.usecases.ledger import Ledger
from regional_node.usecases.questions import check_plan
from regional_node.usecases.readings import Readings

_KEYS_ALONE = Purpose.FEDERATION_INDEX.value  # the pull of keys; an answer or a record needs a purpose of its own


class Gate:
    """See the module. `people` finds a person by pseudonym, `pseudonym_key` gives an importer's key for pseudonymised fields.

    `index` gives the organisation that runs the index, as the node learnt it on joining.
    """

    def __init__(
        self,
        *,
        node: NodeIdentity,
        policies: PoliciesInForce,
        importers: ImporterRegister,
        index: Callable[[], str],
        ticket_key: Callable[[], Ed25519PublicKey],
        tickets: SpentTickets,
        ledger: Ledger,
        account: PrivacyAccount,
        counting: Counting,
        readings: Readings,
        people: Callable[[bytes], Subject | None],
        pseudonym_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
        randomness: Randomness,
    ) -> None:
        self._node = node
        self._policies = policies
        self._importers = importers
        self._index = index
        self._ticket_key = ticket_key
        self._tickets = tickets
        self._ledger = ledger
        self._counting = counting
        self._readings = readings
        self._people = people
        self._pseudonym_key = pseudonym_key
        self._clock = clock
        self._randomness = randomness
        self._answering = Answering(region=node.region, readings=readings, account=account, below=randomness.below)

    def release_share(self, plan: Plan, ticket: bytes) -> Released[Share]:
        """The region's noised part of an answer. Raises Denied, TICKET_REFUSED, QUESTION_UNSUPPORTED, BUDGET_EXHAUSTED, ..."""
        at = self._clock()
        digest = plan_digest(plan)
        asker = self._ticket(ticket, digest, at)
        table = check_plan(plan, self._readings.domains())
        draft = self._draft(Kind.RELEASE, Shape.AGGREGATE, asker.importer, at, asker=asker, plan=digest)
        # (1) decide
        columns = columns_of(plan)
        road = SharesRoad(node=self._exporter, table=table, columns=tuple(columns), purpose=asker.purpose, at=_day(at))
        verdict = self._decided(draft, road.request, counts=self._counting.outlook(NOT_KNOWN, at=at), told=road.told)
        decision, draft = verdict.decision, verdict.draft
        terms = self._noise_terms(decision, draft)
        # (2) transform: disclosure control is what makes an aggregate of personal data
        asking = Asking(
            importer=asker.importer, purpose=asker.purpose, analyst=asker.analyst, policy_digest=decision.policy_digest, terms=terms
        )
        try:
            share = self._answering.answer(plan, table, asking, at=at)
        except DomicileError as error:
            if error.code is Code.BUDGET_EXHAUSTED:
                self._record_denial(draft, replace(decision, outcome=Outcome.DENY, reasons=("budget_exhausted",)))
            raise
        # (3) record: an answer given again states its cost too, since a crash may have kept the first leaf from being written;
        # the cost stands in one leaf only, that of who asks
        others = tuple(replace(other, reading_epoch=share.reading_epoch, recorded=share.recorded) for other in verdict.others)
        draft = replace(draft, reading_epoch=share.reading_epoch, rho=share.rho, recorded=share.recorded)
        leaf = self._recorded((*others, draft), share_bytes(share))
        # (4) release
        return Released(share, decision, leaf)

    def release_person(self, pseudonym: bytes, fields: Sequence[str], ticket: bytes) -> Released[PersonView]:
        """The asked fields of one person, each in the form the policies let it leave in. Raises Denied, RECORD_NOT_FOUND, ..."""
        at = self._clock()
        asker = self._ticket(ticket, person_digest(pseudonym, fields), at)
        specs = known_fields(fields)
        draft = self._draft(Kind.TRANSFER, Shape.RECORD, asker.importer, at, asker=asker)
        # (1) decide, first as for a person of whom nothing is known: all that a denial may tell
        policies, receivers = self._admitted(draft)

        def judged(record: Record | None, asked: Sequence[FieldSpec], counts: Reservation, mark: str = "") -> Verdict:
            def wanted(importer: Importer) -> TransferRequest:
                return for_person(self._exporter, importer, record, asked, asker.purpose, at=_day(at))

            return self._judged(replace(draft, subject=mark), policies, receivers, wanted, counts)

        unseen = judged(None, specs, self._counting.outlook(SOMEBODY, at=at))
        record, mark = self._sought(pseudonym)
        if record is None:
            self._deny_unseen(unseen, unseen)
        with self._counting.reserve(Affected(pseudonyms=(pseudonym,)), at=at, holder=self._randomness.nonce()) as counts:
            verdict = judged(record, specs, counts, mark)
            if verdict.denial:
                self._deny_unseen(verdict, unseen)
            decision = verdict.decision
            # (2) transform
            forms = forms_read(specs, decision, lambda asked: judged(record, asked, counts))
            shown = field_views(record, specs, decision, forms=forms, pseudonym_key=lambda: self._pseudonym_key(asker.importer))
            view = PersonView(region=self._node.region, pseudonym=pseudonym, fields=shown)
            # (3) record
            left = tuple((field.name, field.form) for field in view.fields)
            drafts = tuple(replace(each, fields=left) for each in (*verdict.others, verdict.draft))
            leaf = self._recorded(drafts, person_bytes(view))
            counts.commit()
        # (4) release
        return Released(view, decision, leaf)

    def release_entries(self, batch: EntryBatch, importer: str) -> Released[EntryBatch]:
        """A sealed batch of pseudonymous keys for the organisation that runs the index. Raises Denied."""
        at = self._clock()
        draft = self._draft(Kind.TRANSFER, Shape.PSEUDONYM, importer, at, purpose=Purpose.FEDERATION_INDEX.value)
        # (1) decide
        affected = Affected(pseudonyms=tuple(entry.pseudonym for entry in batch.entries))
        with self._counting.reserve(affected, at=at, holder=self._randomness.nonce()) as counts:
            verdict = self._decided(draft, lambda known: for_entries(self._exporter, known, len(batch.entries)), counts=counts)
            # (2) transform: keys are random and shuffled already, so they leave as they are
            # (3) record
            leaf = self._recorded((*verdict.others, verdict.draft), batch_bytes(batch))
            counts.commit()
        # (4) release
        return Released(batch, verdict.decision, leaf)

    # (0) who asks

    def _ticket(self, signed: bytes, digest: str, at: datetime) -> Ticket:
        """The verified ticket, its nonce spent for good before anything else happens."""
        ticket = verify_ticket(signed, self._ticket_key(), at=at, region=self._node.region, request_digest=digest)
        if not self._tickets.spend(ticket.nonce, expires_at=ticket.expires_at, at=at):
            raise DomicileError(
                "the ticket was used before", where="ticket", remedy="ask again with a fresh ticket", code=Code.TICKET_REFUSED
            )
        return ticket

    # (1) decide

    def _decided(
        self,
        draft: DecisionRecord,
        wanted: Callable[[Importer], TransferRequest],
        *,
        counts: Reservation,
        told: Callable[[Decision, Policies, Importer], Decision] = lambda decision, _policies, _importer: decision,
    ) -> Verdict:
        """A permit for all who receive, its obligations carried out. Anything else is recorded and raised as Denied.

        `told` may add to a denial what would have allowed it.
        """
        policies, receivers = self._admitted(draft)
        verdict = self._judged(draft, policies, receivers, wanted, counts)
        if verdict.denial:
            denied = next(each for each in receivers if each.id == verdict.draft.importer)
            self._deny(verdict.draft, told(verdict.decision, policies, denied), verdict.denial)
        return verdict

    @property
    def _exporter(self) -> NodeIdentity:
        """The node with what its region states of itself in the register."""
        try:
            return self._node.stating(self._importers.exporter().facts)
        except DomicileError:  # nobody is registered then, so nothing leaves
            return self._node

    def _admitted(self, draft: DecisionRecord) -> tuple[Policies, tuple[Importer, ...]]:
        """The policies in force and who receives, registered for the purpose, or a denial: what can be told before any subject."""
        policies = self._policies()
        if policies is None:
            fault = self._policies.fault
            code = fault.code if fault is not None else Code.POLICY_MISSING
            remedy = "ask the region's operator to run `regional-node policy status`"  # its own words stay: they may name a path
            what = "the region has no valid policy, so nothing leaves"
            self._deny(draft, refusal("no_policy"), what, code=code, remedy=remedy)
        receivers = dict.fromkeys((draft.importer, self._index()))  # once, when who runs the index asks
        return policies, tuple(self._registered(replace(draft, importer=each), policies) for each in receivers)

    def _judged(
        self,
        draft: DecisionRecord,
        policies: Policies,
        receivers: Sequence[Importer],
        wanted: Callable[[Importer], TransferRequest],
        counts: Reservation,
    ) -> Verdict:
        """What the policies say of all who receive, as one verdict. Nothing is recorded or raised yet."""
        found = [self._weighed(replace(draft, importer=each.id), policies, each, wanted(each), counts) for each in receivers]
        return joined(found, policies.registry)

    def _weighed(
        self, draft: DecisionRecord, policies: Policies, importer: Importer, request: TransferRequest, counts: Reservation
    ) -> Verdict:
        """What the policies say of one importer, and whether the node can do what they oblige it to."""
        draft = replace(
            draft,
            importer_jurisdiction=importer.jurisdiction,
            categories=categories_asked(request),
            policy_digest=policies.digest,
            fields=tuple((asked.name, Form.WITHHOLD) for asked in request.fields),
        )
        counters = Witnessed(counts.under(policies.registry))
        try:
            decision = decide(policies, request, at=_day(draft.at), counters=counters)
        except Exception:  # a fault of the evaluator denies like any other
            decision = replace(refusal("indeterminate_input"), policy_digest=policies.digest)
        draft = replace(
            draft,
            inputs=impersonal_inputs(request, counters.said),
            outcome=decision.outcome,
            reasons=decision.reasons,
            rules=tuple(dict.fromkeys(rule.policy for rule in decision.rules)),
            obligations=tuple(dict.fromkeys(obligation.name for obligation in decision.obligations)),
        )
        if not decision.outcome.permits:
            return Verdict(decision=decision, draft=draft, denial="the region's policies do not let this leave" + remarks(importer))
        undone = left_over(decision, Circumstances(importer=importer, shape=draft.shape, at=_day(draft.at)))
        if undone:
            denied = replace(decision, outcome=Outcome.DENY, reasons=("obligation_not_dischargeable",), try_instead=undone)
            what = "the region cannot carry out what its policies oblige it to: " + ", ".join(
                named(each, importer) for each in undone
            )
            return Verdict(decision=denied, draft=draft, denial=what)
        return Verdict(decision=decision, draft=draft)

    def _sought(self, pseudonym: bytes) -> tuple[Record | None, str]:
        """The record behind a pseudonym and its mark for the ledger; a person erased this very moment is nobody already."""
        subject = self._people(pseudonym)
        try:
            return (subject.record, subject.mark()) if subject is not None else (None, "")
        except DomicileError as error:
            if error.code is Code.RECORD_NOT_FOUND:
                return None, ""
            raise

    def _deny_unseen(self, verdict: Verdict, unseen: Verdict) -> NoReturn:
        """Record the verdict and tell the one that would be told of anybody, and of nobody."""
        if unseen.denial:
            self._deny(verdict.draft, unseen.decision, unseen.denial, kept=verdict.decision)
        absent = replace(refusal("record_not_found"), policy_digest=unseen.decision.policy_digest)
        what = "nobody who may be read stands behind this pseudonym"
        self._deny(verdict.draft, absent, what, code=Code.RECORD_NOT_FOUND, kept=verdict.decision if verdict.denial else absent)

    def _registered(self, draft: DecisionRecord, policies: Policies) -> Importer:
        try:
            importer = self._importers.find(draft.importer, policies.registry, on=_day(draft.at))
        except DomicileError:  # what the register says of itself and of others is not for who asks
            denied = replace(refusal("importer_unknown"), policy_digest=policies.digest)
            remedy = "have the region register this organisation with its jurisdiction and purposes"
            what = f"`{draft.importer}` is not registered as an importer"
            self._deny(draft, denied, what, code=Code.IMPORTER_UNKNOWN, remedy=remedy)
        opened = tuple(each for each in importer.purposes if draft.shape is Shape.PSEUDONYM or each != _KEYS_ALONE)
        if draft.purpose not in opened:
            reason = "purpose_not_registered" if draft.purpose not in importer.purposes else "purpose_not_for_answers"
            why = "is not registered" if draft.purpose not in importer.purposes else "opens the pull of keys alone"
            denied = replace(refusal(reason), policy_digest=policies.digest, try_instead=opened)
            self._deny(draft, denied, f"the purpose `{draft.purpose}` {why} for the importer `{importer.id}`")
        return importer

    def _noise_terms(self, decision: Decision, draft: DecisionRecord) -> NoiseTerms:
        obligation = decision.obligation("noise")
        denied = replace(decision, outcome=Outcome.DENY, reasons=("noise_missing",))
        if obligation is None:
            self._deny(draft, denied, "no policy says how much noise an aggregate needs, so none leaves")
        try:
            return noise_terms(obligation)
        except DomicileError as error:
            self._deny(draft, denied, error.what, remedy=error.remedy)

    def _deny(
        self,
        draft: DecisionRecord,
        decision: Decision,
        what: str,
        *,
        code: Code = Code.TRANSFER_DENIED,
        remedy: str = "",
        kept: Decision | None = None,
    ) -> NoReturn:
        """Record a denial and raise it. `kept` is what is recorded where that is not what is told."""
        self._record_denial(draft, kept or decision)
        if not remedy and decision.try_instead:
            remedy = "it would need " + " or ".join(f"`{each}`" for each in decision.try_instead)
        raise Denied(what, decision=decision, where=self._node.region, remedy=remedy, code=code)

    def _record_denial(self, draft: DecisionRecord, decision: Decision) -> None:
        """The leaf of a denial, without a payload. A ledger that fails raises its own fault: still nothing leaves."""
        record = replace(draft, outcome=decision.outcome, reasons=decision.reasons, policy_digest=decision.policy_digest)
        self._ledger.append(canonical_bytes(record), at=draft.at)

    # (3) record

    def _draft(
        self,
        kind: Kind,
        shape: Shape,
        importer: str,
        at: datetime,
        *,
        asker: Ticket | None = None,
        plan: str = "",
        purpose: str = "",
    ) -> DecisionRecord:
        return DecisionRecord(
            kind=kind,
            at=at,
            exporter_region=self._node.region,
            exporter_jurisdiction=self._node.jurisdiction,
            importer=importer,
            importer_jurisdiction="",
            analyst=asker.analyst if asker else "",
            role=asker.role if asker else "",
            purpose=known_purpose(asker.purpose if asker else purpose),
            shape=shape,
            outcome=Outcome.DENY,
            plan_digest=plan,
            nonce=asker.nonce if asker else self._randomness.nonce(),
        )

    def _recorded(self, drafts: Sequence[DecisionRecord], payload: bytes) -> LeafRef:
        """The durable leaves of what is about to leave, one for each who receives it. Raises, and then nothing leaves."""
        seal = seal_of(payload)
        whole = [replace(draft, payload_digest=seal.digest, payload_length=seal.length) for draft in drafts]
        *_, last = [self._ledger.append(canonical_bytes(draft), at=draft.at) for draft in whole]
        return last


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
