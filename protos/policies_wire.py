"""Reports, proposals and rehearsals of policies between `policies.engine.lifecycle` and the wire, strict both ways. Nothing here
verifies a signature: signed documents pass through as bytes.
"""

from collections.abc import Collection, Mapping

from policies.engine.bundle import FILE_NAME, MAX_FILES, Role
from policies.engine.envelope import KEY_ID, Signature
from policies.engine.errors import Code
from policies.engine.lifecycle import FlipCount, NodeState, PolicyReport, Proposal, RehearsalCounts
from policies.engine.vocabulary import Outcome
from protos.strictness import at_most, digest, member, numbered, octets, refusal, text
from protos.v1 import policies_pb2 as pb

MAX_ENVELOPE = 12 * 1024 * 1024
MAX_REHEARSED = 3 * 1024 * 1024
"""Bytes of files in one rehearsal: a request is at most 4 MiB."""
MAX_DIFFERENCE = 512 * 1024
MAX_FLIPS = 1024
MAX_COUNT = 2**53
_STATES = numbered(NodeState, "POLICY_STATE_", dict(pb.PolicyState.items()))
_CODES = frozenset(code.value for code in Code)
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)


def report_to_message(report: PolicyReport) -> pb.ReportPolicyRequest:
    """A node's report, as it travels."""
    return pb.ReportPolicyRequest(
        version=report.version,
        digest=report.digest,
        policy_digest=report.policy_digest,
        state=pb.PolicyState.Value(f"POLICY_STATE_{report.state.name}"),
        overlay_digest=report.overlay_digest,
        fault=report.fault,
        pending_version=report.pending_version,
        root_version=report.root_version,
        stop_number=report.stop_number,
        stops=report.stops,
    )


def report_from_message(message: pb.ReportPolicyRequest) -> PolicyReport:
    """A node's report from outside. Raises MESSAGE_TRUNCATED."""
    if message.fault and message.fault not in _CODES:
        raise refusal("fault", "it is not a code of the catalogue")
    return PolicyReport(
        state=member(_STATES, message.state, "state"),
        version=_number(message.version, "version"),
        digest=digest(message.digest, "digest", empty=True),
        policy_digest=digest(message.policy_digest, "policy_digest", empty=True),
        overlay_digest=digest(message.overlay_digest, "overlay_digest", empty=True),
        fault=message.fault,
        pending_version=_number(message.pending_version, "pending_version"),
        root_version=_number(message.root_version, "root_version"),
        stop_number=_number(message.stop_number, "stop_number"),
        stops=_number(message.stops, "stops"),
    )


def proposal_to_message(proposal: Proposal) -> pb.Proposal:
    """A proposal, as it travels; a difference too long for it is cut, and says so."""
    shown = proposal.difference
    if len(shown) > MAX_DIFFERENCE:
        shown = shown[: MAX_DIFFERENCE - 80] + "\n… cut here: see the whole of it at the index\n"
    message = pb.Proposal(
        digest=proposal.digest,
        bundle=proposal.bundle,
        title=proposal.title,
        difference=shown,
        countersigned=proposal.countersigned,
    )
    if proposal.rehearsal is not None:
        message.rehearsal.CopyFrom(rehearsal_to_message(proposal.rehearsal))
    return message


def proposal_from_message(message: pb.Proposal) -> Proposal:
    """A proposal from outside, its envelope not opened. Raises MESSAGE_TRUNCATED."""
    if len(message.difference) > MAX_DIFFERENCE or "\x1b" in message.difference:
        raise refusal("difference", "it is too long or holds control characters")
    return Proposal(
        digest=digest(message.digest, "digest"),
        bundle=envelope_bytes(message.bundle, "bundle"),
        title=text(message.title, "title", most=200),
        difference=message.difference,
        countersigned=message.countersigned,
        rehearsal=rehearsal_from_message(message.rehearsal) if message.HasField("rehearsal") else None,
    )


def countersignature_to_message(bundle_digest: str, signature: Signature) -> pb.CountersignRequest:
    """A privacy officer's signature, as it travels."""
    return pb.CountersignRequest(digest=bundle_digest, signature=pb.PolicySignature(key=signature.key, value=signature.value))


def countersignature_from_message(message: pb.CountersignRequest) -> tuple[str, Signature]:
    """The bundle's digest and the signature, from outside, not verified. Raises MESSAGE_TRUNCATED."""
    if not KEY_ID.match(message.signature.key):
        raise refusal("signature.key", "it is not a key id")
    value = octets(message.signature.value, "signature.value", length=64)
    signature = Signature(key=message.signature.key, role=Role.PRIVACY_OFFICER.value, value=value)
    return digest(message.digest, "digest"), signature


def draft_to_message(files: Mapping[str, str], policy_digest: str) -> pb.RehearseRequest:
    """A draft to rehearse, as it travels: its policies and registry, the cases left at home. Raises MESSAGE_TRUNCATED."""
    sent = {name: body for name, body in files.items() if not name.endswith(".cases.yaml")}
    message = pb.RehearseRequest(
        files=[pb.PolicyFile(name=name, text=body) for name, body in sorted(sent.items())], policy_digest=policy_digest
    )
    draft_from_message(message)
    return message


def draft_from_message(message: pb.RehearseRequest) -> tuple[dict[str, str], str]:
    """The files of a draft and the digest of their documents, from outside; not parsed. Raises MESSAGE_TRUNCATED."""
    files = {each.name: each.text for each in at_most(message.files, "files", most=MAX_FILES)}
    if len(files) != len(message.files) or not files:
        raise refusal("files", "there is none, or one twice")
    if not all(FILE_NAME.match(name) for name in files):
        raise refusal("files.name", "it is not the name of a policy or registry file")
    if sum(len(body.encode()) for body in files.values()) > MAX_REHEARSED:
        raise refusal("files", f"they are larger than {MAX_REHEARSED} bytes together")
    return files, digest(message.policy_digest, "policy_digest")


def rehearsal_to_message(counts: RehearsalCounts) -> pb.Rehearsal:
    """What a rehearsal counted, as it travels."""
    flips = [pb.Flip(before=each.before, after=each.after, rules=each.rules, count=each.count) for each in counts.flips]
    return pb.Rehearsal(policy_digest=counts.policy_digest, decisions=counts.decisions, unreadable=counts.unreadable, flips=flips)


def rehearsal_from_message(message: pb.Rehearsal) -> RehearsalCounts:
    """What a rehearsal counted, from outside. Raises MESSAGE_TRUNCATED."""
    return RehearsalCounts(
        policy_digest=digest(message.policy_digest, "policy_digest"),
        decisions=_number(message.decisions, "decisions"),
        unreadable=_number(message.unreadable, "unreadable"),
        flips=tuple(_flip(each) for each in at_most(message.flips, "flips", most=MAX_FLIPS)),
    )


def envelopes_from(values: Collection[bytes], where: str) -> tuple[bytes, ...]:
    """A page of signed documents, not opened."""
    return tuple(envelope_bytes(each, where) for each in at_most(values, where))


def envelope_bytes(value: bytes, where: str) -> bytes:
    """A signed document of a bearable size, not opened."""
    if not 0 < len(value) <= MAX_ENVELOPE:
        raise refusal(where, "it is empty or too large")
    return value


def _flip(message: pb.Flip) -> FlipCount:
    if message.before not in _OUTCOMES or message.after not in _OUTCOMES:
        raise refusal("flips", "it names an outcome that is not known")
    return FlipCount(
        before=Outcome(message.before),
        after=Outcome(message.after),
        rules=tuple(text(each, "flips.rules", most=200) for each in at_most(message.rules, "flips.rules")),
        count=_number(message.count, "flips.count"),
    )


def _number(value: int, where: str) -> int:
    if value > MAX_COUNT:
        raise refusal(where, "it is too large")
    return value
