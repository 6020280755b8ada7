"""Errors as they cross the wire: a status, a public sentence and the binary trailer `domicile-problem-bin`, both ways.

What an error says of this side stays here: where, what and remedy travel only for errors about the caller's own request.
"""

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from policies.engine.denial import Denied
from policies.engine.errors import CATALOGUE, Code, DomicileError
from protos.decision_wire import decision_from_message, decision_to_message
from protos.v1 import decision_pb2 as pb

TRAILER = "domicile-problem-bin"
MAX_TRAILER = 48 * 1024
MAX_SENTENCE = 1024

STATUS: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

TOLD_TO_THE_CALLER = frozenset(
    {
        Code.INPUT_INVALID,
        Code.INPUT_UNKNOWN,
        Code.INPUT_TOO_LARGE,
        Code.METHOD_UNKNOWN,
        Code.ROLE_MISSING,
        Code.TRANSFER_DENIED,
        Code.POLICY_MISSING,
        Code.BUNDLE_ALTERED,
        Code.BUNDLE_KEY_UNKNOWN,
        Code.BUNDLE_KEY_REVOKED,
        Code.IMPORTER_UNKNOWN,
        Code.TICKET_REFUSED,
        Code.QUESTION_INVALID,
        Code.QUESTION_UNSUPPORTED,
        Code.BUDGET_EXHAUSTED,
        Code.EPOCH_UNKNOWN,
        Code.PEER_REFUSED,
        Code.INVITE_REFUSED,
        Code.MESSAGE_TRUNCATED,
        Code.RATE_LIMITED,
    }
)
"""Errors about what the caller sent or is. Of any other only the code and the public sentence leave: a path, an address or a
record of this side is none of the caller's business."""


def problem_of(error: DomicileError) -> pb.Problem:
    """An error as a message, no larger than a trailer may be."""
    if error.code not in TOLD_TO_THE_CALLER:
        # a denial is written for whoever is denied: its remedy names nothing of this side
        remedy = error.remedy[:MAX_SENTENCE] if isinstance(error, Denied) else ""
        return pb.Problem(code=error.code, what=error.row.public, remedy=remedy)
    problem = pb.Problem(
        code=error.code,
        where=error.where[:MAX_SENTENCE],
        what=error.what[:MAX_SENTENCE],
        remedy=error.remedy[:MAX_SENTENCE],
    )
    if isinstance(error, Denied):
        problem.decision.CopyFrom(decision_to_message(error.decision))
        if problem.ByteSize() > MAX_TRAILER:
            del problem.decision.rules[8:]
            del problem.decision.obligations[:]
        if problem.ByteSize() > MAX_TRAILER:
            problem.ClearField("decision")
    return problem


def status_of(error: DomicileError) -> grpc.StatusCode:
    """The gRPC status of an error, by the catalogue."""
    return STATUS[error.row.grpc]


def trailer_of(error: DomicileError) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata of an error."""
    return ((TRAILER, problem_of(error).SerializeToString()),)


def error_of(failure: aio.AioRpcError, *, where: str) -> DomicileError:
    """The error a failed call stands for. `where` names the peer. What the peer says is shown as its own words, bounded."""
    content = dict(failure.trailing_metadata() or ()).get(TRAILER)
    if isinstance(content, bytes):
        told = _told(content, where)
        if told is not None:
            return told
    return _untold(failure, where)


def _told(content: bytes, where: str) -> DomicileError | None:
    try:
        problem = pb.Problem.FromString(content)
        code = Code(problem.code)
        parts = [_printable(part) for part in (problem.what, problem.where, problem.remedy)]
        decision = decision_from_message(problem.decision) if problem.HasField("decision") else None
    except (DecodeError, ValueError, DomicileError):
        return None
    what, place, remedy = parts
    place = f"{where}: {place}" if place else where
    what = what or CATALOGUE[code].public
    if decision is not None:
        return Denied(what, decision=decision, where=place, remedy=remedy, code=code)
    return DomicileError(what, where=place, remedy=remedy, code=code)


def _printable(value: str) -> str:
    return "".join(each if each.isprintable() else " " for each in value[:MAX_SENTENCE])


def _untold(failure: aio.AioRpcError, where: str) -> DomicileError:
    match failure.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DomicileError("it did not answer in time", where=where, remedy="try again later", code=Code.DEADLINE_EXCEEDED)
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
            return _unreachable(failure.details() or "", where)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return DomicileError("a message is too large", where=where, remedy="ask for less at once", code=Code.INPUT_TOO_LARGE)
        case grpc.StatusCode.UNIMPLEMENTED:
            remedy = "upgrade the older side"
            return DomicileError("it does not know this method", where=where, remedy=remedy, code=Code.METHOD_UNKNOWN)
        case _:
            return DomicileError("it failed", where=where, remedy="look into its log", code=Code.INTERNAL)


def _unreachable(details: str, where: str) -> DomicileError:
    lowered = details.lower()
    if "not yet valid" in lowered or "has expired" in lowered:
        what, remedy = "its certificate is not valid at this time", "renew it, and check the clock on both machines"
        return DomicileError(what, where=where, remedy=remedy, code=Code.PEER_REFUSED)
    if "certificate_verify_failed" in lowered or "hostname verification" in lowered or "peer verification" in lowered:
        what, remedy = "its certificate is not the one expected", "check the address, or have the node announce itself again"
        return DomicileError(what, where=where, remedy=remedy, code=Code.PEER_REFUSED)
    remedy = "check that it runs, the address, and that this side's certificate is valid and not revoked"
    return DomicileError("it cannot be reached", where=where, remedy=remedy, code=Code.PEER_UNREACHABLE)
