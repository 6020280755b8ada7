"""The gate: the only door out of a region and the only place that constructs `Released`. Whatever fails, nothing leaves.

The road is always the same: (1) decide  (2) transform  (3) record  (4) release. The index's verdict is advice; this one is law,
taken under the region's own policies for whoever asks now. A denial is recorded too, without a payload, and raised as `Denied`.

Who is denied a person learns nothing of the person, not even that there is one: the denial told is the one that a person of whom
nothing is known would get. Why this person's fields stayed stands in the ledger, which does not leave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import NoReturn, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policies.engine.crossing import (
    EntryBatch,
    FieldView,
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
from regional_node.crm.fields import FIELDS, FieldSpec, RecordType
from regional_node.crm.records import Record
from regional_node.egress.answering import Answering, Asking
from regional_node.egress.asked import categories_asked, columns_of, known_fields, known_purpose
from regional_node.egress.discharge import Circumstances, left_over
from regional_node.egress.disclosure import NoiseTerms, noise_terms
from regional_node.egress.forms import fields_read, put_into_form
from regional_node.egress.importers import Importer, ImporterRegister
from regional_node.egress.noise import Below
from regional_node.egress.payload import batch_bytes, person_bytes, seal_of, share_bytes
from regional_node.egress.requests import NodeIdentity, for_entries, for_person, for_share
from regional_node.usecases.accounts import PrivacyAccount, SpentTickets
from regional_node.usecases.ledger import Ledger
from regional_node.usecases.questions import check_plan
from regional_node.usecases.readings import Readings


class PoliciesInForce(Protocol):
    """Calling it gives the policies in force, or None; `fault` then says why."""

    fault: DomicileError | None

    def __call__(self) -> Policies | None:
        """The policies in force now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person found by pseudonym. `mark` gives the HMAC (hex, 64 digits) that stands for the person in the ledger.

    Its key is the person's own, so that an erasure, which destroys it, leaves nobody behind the mark.
    """

    record: Record
    mark: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomness:
    """Where the gate takes chance from: `below(n)` uniform in [0, n), `nonce()` at least 8 random bytes in hex."""

    below: Below
    nonce: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """A decision and the record to be. `denial` says why nothing leaves; it is empty for a permit the node can honour."""

    decision: Decision
    draft: DecisionRecord
    denial: str = ""


class Gate:
    """See the module. `people` finds a person by pseudonym, `pseudonym_key` gives an importer's key for pseudonymised fields."""

    def __init__(
        self,
        *,
        node: NodeIdentity,
        policies: PoliciesInForce,
        importers: ImporterRegister,
        ticket_key: Callable[[], Ed25519PublicKey],
        tickets: SpentTickets,
        ledger: Ledger,
        account: PrivacyAccount,
        readings: Readings,
        people: Callable[[bytes], Subject | None],
        pseudonym_key: Callable[[str], bytes],
        clock: Callable[[], datetime],
        randomness: Randomness,
    ) -> None:
        self._node = node
        self._policies = policies
        self._importers = importers
        self._ticket_key = ticket_key
        self._tickets = tickets
        self._ledger = ledger
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
        decision, draft = self._decided(draft, lambda importer: for_share(self._node, importer, table, columns, asker.purpose))
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
        # (3) record: an answer given again states its cost too, since a crash may have kept the first leaf from being written
        draft = replace(draft, reading_epoch=share.reading_epoch, rho=share.rho, recorded=share.recorded)
        leaf = self._recorded(draft, share_bytes(share), at)
        # (4) release
        return Released(share, decision, leaf)

    def release_person(self, pseudonym: bytes, fields: Sequence[str], ticket: bytes) -> Released[PersonView]:
        """The asked fields of one person, each in the form the policies let it leave in. Raises Denied, RECORD_NOT_FOUND, ..."""
        at = self._clock()
        asker = self._ticket(ticket, person_digest(pseudonym, fields), at)
        specs = known_fields(fields)
        draft = self._draft(Kind.TRANSFER, Shape.RECORD, asker.importer, at, asker=asker)
        # (1) decide, first as for a person of whom nothing is known: all that a denial may tell
        policies, importer = self._admitted(draft)

        def judged(record: Record | None, asked: Sequence[FieldSpec], mark: str = "") -> _Verdict:
            request = for_person(self._node, importer, record, asked, asker.purpose, at=_day(at))
            return self._judged(replace(draft, subject=mark), policies, importer, request)

        unseen = judged(None, specs)
        record, mark = self._sought(pseudonym)
        if record is None:
            self._deny_unseen(unseen, unseen)
        verdict = judged(record, specs, mark)
        if verdict.denial:
            self._deny_unseen(verdict, unseen)
        decision, draft = verdict.decision, verdict.draft
        # (2) transform
        forms_read = _forms_read(specs, decision, lambda asked: judged(record, asked))
        view = self._view(pseudonym, record, specs, decision, forms_read=forms_read, importer=asker.importer)
        # (3) record
        forms = tuple((field.name, field.form) for field in view.fields)
        leaf = self._recorded(replace(draft, fields=forms), person_bytes(view), at)
        # (4) release
        return Released(view, decision, leaf)

    def release_entries(self, batch: EntryBatch, importer: str) -> Released[EntryBatch]:
        """A sealed batch of pseudonymous keys for the organisation that runs the index. Raises Denied."""
        at = self._clock()
        draft = self._draft(Kind.TRANSFER, Shape.PSEUDONYM, importer, at, purpose=Purpose.FEDERATION_INDEX.value)
        # (1) decide
        decision, draft = self._decided(draft, lambda known: for_entries(self._node, known, len(batch.entries)))
        # (2) transform: keys are random and shuffled already, so they leave as they are
        # (3) record
        leaf = self._recorded(draft, batch_bytes(batch), at)
        # (4) release
        return Released(batch, decision, leaf)

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

    def _decided(self, draft: DecisionRecord, wanted: Callable[[Importer], TransferRequest]) -> tuple[Decision, DecisionRecord]:
        """A permit whose obligations are carried out, and the record to be. Anything else is recorded and raised as Denied."""
        policies, importer = self._admitted(draft)
        verdict = self._judged(draft, policies, importer, wanted(importer))
        if verdict.denial:
            self._deny(verdict.draft, verdict.decision, verdict.denial)
        return verdict.decision, verdict.draft

    def _admitted(self, draft: DecisionRecord) -> tuple[Policies, Importer]:
        """The policies in force and the importer registered for the purpose, or a denial: what can be told before any subject."""
        policies = self._policies()
        if policies is None:
            fault = self._policies.fault
            code = fault.code if fault is not None else Code.POLICY_MISSING
            self._deny(draft, _refusal("no_policy"), "the region has no valid policy, so nothing leaves", code=code)
        return policies, self._registered(draft, policies)

    def _judged(self, draft: DecisionRecord, policies: Policies, importer: Importer, request: TransferRequest) -> _Verdict:
        """What the policies say, and whether the node can do what they oblige it to. Nothing is recorded or raised yet."""
        draft = replace(
            draft,
            importer_jurisdiction=importer.jurisdiction,
            categories=categories_asked(request),
            inputs=impersonal_inputs(request),
            policy_digest=policies.digest,
            fields=tuple((asked.name, Form.WITHHOLD) for asked in request.fields),
        )
        try:
            decision = decide(policies, request, at=_day(draft.at))
        except Exception:  # a fault of the evaluator denies like any other
            decision = replace(_refusal("indeterminate_input"), policy_digest=policies.digest)
        draft = replace(
            draft,
            outcome=decision.outcome,
            reasons=decision.reasons,
            rules=tuple(dict.fromkeys(rule.policy for rule in decision.rules)),
            obligations=tuple(dict.fromkeys(obligation.name for obligation in decision.obligations)),
        )
        if not decision.outcome.permits:
            return _Verdict(decision=decision, draft=draft, denial="the region's policies do not let this leave")
        undone = left_over(decision, Circumstances(importer=importer, shape=draft.shape, at=_day(draft.at)))
        if undone:
            denied = replace(decision, outcome=Outcome.DENY, reasons=("obligation_not_dischargeable",), try_instead=undone)
            what = "the region cannot carry out what its policies oblige it to: " + ", ".join(f"`{u}`" for u in undone)
            return _Verdict(decision=denied, draft=draft, denial=what)
        return _Verdict(decision=decision, draft=draft)

    def _sought(self, pseudonym: bytes) -> tuple[Record | None, str]:
        """The record behind a pseudonym and its mark for the ledger; a person erased this very moment is nobody already."""
        subject = self._people(pseudonym)
        try:
            return (subject.record, subject.mark()) if subject is not None else (None, "")
        except DomicileError as error:
            if error.code is Code.RECORD_NOT_FOUND:
                return None, ""
            raise

    def _deny_unseen(self, verdict: _Verdict, unseen: _Verdict) -> NoReturn:
        """Record the verdict and tell the one that would be told of anybody, and of nobody."""
        if unseen.denial:
            self._deny(verdict.draft, unseen.decision, unseen.denial, kept=verdict.decision)
        absent = replace(_refusal("record_not_found"), policy_digest=unseen.decision.policy_digest)
        what = "nobody who may be read stands behind this pseudonym"
        self._deny(verdict.draft, absent, what, code=Code.RECORD_NOT_FOUND, kept=verdict.decision if verdict.denial else absent)

    def _registered(self, draft: DecisionRecord, policies: Policies) -> Importer:
        try:
            importer = self._importers.find(draft.importer)
        except DomicileError:  # what the register says of itself and of others is not for who asks
            denied = replace(_refusal("importer_unknown"), policy_digest=policies.digest)
            remedy = "have the region register this organisation with its jurisdiction and purposes"
            what = f"`{draft.importer}` is not registered as an importer"
            self._deny(draft, denied, what, code=Code.IMPORTER_UNKNOWN, remedy=remedy)
        if draft.purpose not in importer.purposes:
            denied = replace(
                _refusal("purpose_not_registered"), policy_digest=policies.digest, try_instead=tuple(importer.purposes)
            )
            self._deny(draft, denied, f"the purpose `{draft.purpose}` is not registered for this importer")
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

    # (2) transform

    def _view(
        self,
        pseudonym: bytes,
        record: Record,
        specs: Sequence[FieldSpec],
        decision: Decision,
        *,
        forms_read: Mapping[str, Form],
        importer: str,
    ) -> PersonView:
        values = {spec.name: record.plain(spec.name) for spec in FIELDS[RecordType.PEOPLE]}
        views = []
        for spec in specs:
            decided = decision.field(spec.name)
            form = decided.form if decided is not None else Form.WITHHOLD  # silence withholds
            reasons = decided.reasons if decided is not None else ("no_permit",)
            held = values[spec.name] not in (None, "")
            value = put_into_form(spec, form, values, forms=forms_read, pseudonym_key=lambda: self._pseudonym_key(importer))
            if value is None and held and form is not Form.WITHHOLD:
                form, reasons = Form.WITHHOLD, (*reasons, "form_not_possible")
            rules = decided.rules if decided is not None else ()
            views.append(
                FieldView(name=spec.name, category=spec.category.value, form=form, value=value, rules=rules, reasons=reasons)
            )
        return PersonView(region=self._node.region, pseudonym=pseudonym, fields=tuple(views))

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

    def _recorded(self, draft: DecisionRecord, payload: bytes, at: datetime) -> LeafRef:
        """The durable leaf of what is about to leave. Raises, and then nothing leaves."""
        seal = seal_of(payload)
        return self._ledger.append(canonical_bytes(replace(draft, payload_digest=seal.digest, payload_length=seal.length)), at=at)


def _refusal(reason: str) -> Decision:
    """A denial of the gate itself, before or beside the policies."""
    return Decision(outcome=Outcome.DENY, reasons=(reason,))


def _forms_read(
    specs: Sequence[FieldSpec], decision: Decision, judged: Callable[[Sequence[FieldSpec]], _Verdict]
) -> dict[str, Form]:
    """In which form the fields may leave that generalisations of others show, each decided as if it were asked for itself."""
    generalised = [spec for spec in specs if (said := decision.field(spec.name)) is not None and said.form is Form.GENERALISE]
    shown = {spec.name: spec for each in generalised for spec in fields_read(each)}
    verdicts = {name: judged([spec]) for name, spec in shown.items()}
    decided = {name: verdict.decision.field(name) for name, verdict in verdicts.items() if not verdict.denial}
    return {name: field.form for name, field in decided.items() if field is not None}


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
