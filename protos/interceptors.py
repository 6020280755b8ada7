"""What every call passes on both sides: at the server who may call and how faults are told, at the client deadlines and errors.

A fault's own message never leaves: it may name a person. Only unary methods over mutual TLS are known here.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from policies.engine.errors import CATALOGUE, Code, DomicileError
from protos.certificates import Identity, Role
from protos.peer import caller
from protos.status import error_of, status_of, trailer_of

REQUEST_ID = "domicile-request-id"
_REQUEST_ID = re.compile(r"[0-9a-f]{8,64}")

MAY_CALL: Mapping[str, Role] = {
    "/domicile.v1.Federation/Join": Role.INVITE,
    "/domicile.v1.Federation/RenewCertificate": Role.REGION,
    "/domicile.v1.Federation/Announce": Role.REGION,
    "/domicile.v1.Questions/AnswerQuestion": Role.INDEX,
    "/domicile.v1.Entries/PullEntries": Role.INDEX,
    "/domicile.v1.Persons/ReadPerson": Role.INDEX,
    "/domicile.v1.Policies/FetchRoot": Role.REGION,
    "/domicile.v1.Policies/FetchBundles": Role.REGION,
    "/domicile.v1.Policies/FetchStops": Role.REGION,
    "/domicile.v1.Policies/FetchProposals": Role.REGION,
    "/domicile.v1.Policies/Countersign": Role.REGION,
    "/domicile.v1.Policies/ReportPolicy": Role.REGION,
    "/domicile.v1.Rehearsals/Rehearse": Role.INDEX,
}
"""Who may call a method: one role each. A method without a row is refused to everyone."""


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Where a server tells what happens: closed words and numbers only. `begun` gets a request id, empty when the caller sent none.

    `finished` gets method and code (`ok` or a code of the catalogue); `fault` gets method and the exception, to be logged by type.
    """

    begun: Callable[[str], None] = _nothing
    finished: Callable[[str, str], None] = _nothing
    fault: Callable[[str, Exception], None] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who is let in. `standing` raises PEER_REFUSED for a serial that is revoked or was never issued; `clock` is UTC."""

    federation: str
    standing: Callable[[Identity], Awaitable[None]]
    clock: Callable[[], datetime]


async def admit(method: str, identity: Identity, admission: Admission) -> None:
    """Let a caller in or raise PEER_REFUSED. The certificate's signature was verified by TLS; four things were not:

    (1) it is of this federation, (2) its role may call this method, (3) it has not ended while the channel stayed open,
    (4) it is known and not revoked.
    """
    if identity.federation != admission.federation:  # (1)
        raise _refused("it is of another federation")
    if MAY_CALL.get(method) is not identity.role:  # (2)
        what = f"the role `{identity.role}` may not call this method"
        raise _refused(what)
    if identity.not_after <= admission.clock():  # (3)
        raise _refused("it has expired")
    await admission.standing(identity)  # (4)


def _refused(what: str) -> DomicileError:
    return DomicileError(
        f"the caller's certificate was refused: {what}",
        remedy="use the certificate that this federation issued for this",
        code=Code.PEER_REFUSED,
    )


class CallGuard(aio.ServerInterceptor):
    """Stands before every method: (1) admits the caller, (2) reads the message, (3) lets the method answer, (4) tells faults."""

    def __init__(self, admission: Admission, watch: Watch) -> None:
        self._admission = admission
        self._watch = watch

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """The method's handler, guarded; None for a method that nobody serves."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        if handler.unary_unary is None:
            raise DomicileError("only unary methods are served", code=Code.METHOD_UNKNOWN)
        method = handler_call_details.method
        request_id = _request_id(handler_call_details.invocation_metadata)

        async def answer(raw: bytes, context: Any) -> Any:
            return await self._answer(method, request_id, handler, raw, context)

        # The message stays bytes until the caller is admitted, and a malformed one gets our error instead of gRPC's.
        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=None, response_serializer=handler.response_serializer
        )

    async def _answer(self, method: str, request_id: str, handler: Any, raw: bytes, context: Any) -> Any:
        code = "cancelled"
        self._watch.begun(request_id)
        try:
            await admit(method, caller(context), self._admission)  # (1)
            request = _read(handler.request_deserializer, raw)  # (2)
            response = await handler.unary_unary(request, context)  # (3)
        except DomicileError as error:  # (4)
            code = error.code.value
            await context.abort(status_of(error), error.row.public, trailer_of(error))
        except aio.AbortError:
            code = "aborted"
            raise
        except Exception as fault:
            code = Code.INTERNAL.value
            self._watch.fault(method, fault)
            told = DomicileError(CATALOGUE[Code.INTERNAL].public)
            await context.abort(status_of(told), told.row.public, trailer_of(told))
        else:
            code = "ok"
            return response
        finally:
            self._watch.finished(method, code)


def _read(read: Callable[[bytes], Any] | None, raw: bytes) -> Any:
    if read is None:
        return raw
    try:
        return read(raw)
    except (DecodeError, ValueError):
        raise DomicileError(
            "the message is not whole", remedy="both sides must speak the contract of `protos/v1`", code=Code.MESSAGE_TRUNCATED
        ) from None


def _request_id(metadata: Any) -> str:
    value = dict(metadata or ()).get(REQUEST_ID, "")
    return value if isinstance(value, str) and _REQUEST_ID.fullmatch(value) else ""


class CallCourtesy(aio.UnaryUnaryClientInterceptor):
    """Before a call: it must have a deadline, and takes the request id along. After it: a failure becomes a DomicileError."""

    def __init__(self, *, where: str, request_id: Callable[[], str]) -> None:
        self._where = where
        self._request_id = request_id

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """The answer, or a DomicileError (Denied with its decision where the peer's policy said no)."""
        if client_call_details.timeout is None:
            raise DomicileError("a call needs a deadline", where=self._where, remedy="pass `timeout` in seconds")
        call = await continuation(_with_request_id(client_call_details, self._request_id()), request)
        try:
            return await call
        except aio.AioRpcError as failure:
            raise error_of(failure, where=self._where) from None
        except asyncio.CancelledError:
            call.cancel()
            raise


def _with_request_id(details: Any, request_id: str) -> aio.ClientCallDetails:
    metadata = aio.Metadata(*(details.metadata or ()))
    if request_id:
        metadata.add(REQUEST_ID, request_id)
    return aio.ClientCallDetails(
        method=details.method,
        timeout=details.timeout,
        metadata=metadata,
        credentials=details.credentials,
        wait_for_ready=details.wait_for_ready,
    )
