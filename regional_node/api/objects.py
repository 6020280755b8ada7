"""`/api/v1/objects/{type}`: list, search, create, read, change. Another organisation gets what the gate releases, or nothing.

A read of sealed fields is in the trail before it is answered. Point reads run on the event loop where the store is embedded; all
else runs in threads.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from chassis.web.access import require
from chassis.web.problems import PROBLEM_TYPE, problem
from chassis.web.sessions import Caller
from policies.engine.errors import Code, DomicileError
from regional_node.api import representation as shape
from regional_node.api.schemas import GIVEN, PAGES, SEARCHES, SHOWN, Problem, body_of, singular
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.crm.roles import READERS, WRITERS
from regional_node.crm.validation import FieldsInvalidError
from regional_node.usecases.editing import Editing, Idempotency
from regional_node.usecases.records import Search

PREFIX = "/api/v1/objects"
LARGEST_PAGE = 200
ReleaseRecord = Callable[[Caller, Record], Mapping[str, str | None]]
Reader = Annotated[Caller, require(*READERS)]
Writer = Annotated[Caller, require(*WRITERS)]
IfMatch = Annotated[str | None, Header(alias="If-Match")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
Fields = Annotated[str | None, Query(description="Only these fields, with commas between.")]
_PAGING = frozenset({"cursor", "limit", "fields"})


def refuse_release(_caller: Caller, _record: Record | str) -> Mapping[str, str | None]:
    """The hook when no gate is there: nothing leaves."""
    raise DomicileError(
        "this account acts for another organisation, and reading a record would be a transfer",
        remedy="ask for it through the index, with a purpose that the region's policy permits",
        code=Code.TRANSFER_DENIED,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsApi:
    """What the routes work with. `organisation` is the node's own; `digest` a keyed digest (HMAC, hex) of bytes.

    `release_record` answers for accounts of other organisations: the fields that the gate released, or TRANSFER_DENIED.
    """

    editing: Editing
    organisation: str
    digest: Callable[[bytes], str]
    release_record: ReleaseRecord = refuse_release


class _ObjectsRoute(APIRoute):
    """Tells every faulty field in the problem's `errors`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except FieldsInvalidError as error:
                faults = [shape.fault_shown(fault) for fault in error.faults]
                body = problem(
                    error.code, detail="fields are not acceptable", remedy="correct the fields named in `errors`", errors=faults
                )
                return JSONResponse(body, status_code=error.row.http, media_type=PROBLEM_TYPE)

        return answered


def objects_router(api: ObjectsApi) -> APIRouter:
    """The routes of all five kinds."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "content": {PROBLEM_TYPE: {}}} for status in (401, 403, 404, 409, 412, 422, 428)
    }
    router = APIRouter(prefix=PREFIX, route_class=_ObjectsRoute, responses=responses)
    for record_type in RecordType:
        _Routes(api, record_type).add_to(router)
    return router


class _Routes:
    def __init__(self, api: ObjectsApi, record_type: RecordType) -> None:
        self._api = api
        self._type = record_type

    def add_to(self, router: APIRouter) -> None:
        """The routes of one kind of record, with its own schemas."""
        kind, one, many = self._type.value, singular(self._type), f"/{self._type.value}"
        single = many + "/{record_id}"
        shown: dict[int | str, dict[str, Any]] = {200: {"model": SHOWN[self._type]}}
        created: dict[int | str, dict[str, Any]] = {201: {"model": SHOWN[self._type]}}
        page: dict[int | str, dict[str, Any]] = {200: {"model": PAGES[self._type]}}
        given = body_of(GIVEN[self._type])
        said: dict[str, Any] = {"tags": [kind], "response_class": JSONResponse}
        router.get(many, operation_id=f"list_{kind}", summary=f"List {kind}", responses=page, **said)(self.list)
        router.post(
            f"{many}/search",
            operation_id=f"search_{kind}",
            summary=f"Search {kind}",
            responses=page,
            openapi_extra=body_of(SEARCHES[self._type]),
            **said,
        )(self.search)
        router.post(
            many,
            status_code=201,
            operation_id=f"create_{one.lower()}",
            summary=f"Create a {one.lower()}",
            responses=created,
            openapi_extra=given,
            **said,
        )(self.create)
        router.get(single, operation_id=f"read_{one.lower()}", summary=f"Read a {one.lower()}", responses=shown, **said)(self.read)
        for method, verb in (("PATCH", "change"), ("PUT", "replace")):
            router.add_api_route(
                single,
                self.change if method == "PATCH" else self.replace,
                methods=[method],
                operation_id=f"{verb}_{one.lower()}",
                summary=f"{verb.capitalize()} a {one.lower()}",
                responses=shown,
                openapi_extra=given,
                **said,
            )

    async def list(
        self,
        request: Request,
        caller: Reader,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
        fields: Fields = None,
    ) -> Response:
        """Newest first. Any open field may be given as a parameter and must then be equal."""
        self._own(caller)
        equals = tuple((name, text) for name, text in request.query_params.multi_items() if name not in _PAGING)
        query = Search(record_type=self._type, equals=equals, cursor=cursor, limit=limit)
        page = await run_in_threadpool(self._page, caller, query, shape.read_fields(self._type, fields))
        if page["next_cursor"] is not None:
            kept = [(name, text) for name, text in request.query_params.multi_items() if name != "cursor"]
            page["next"] = f"{PREFIX}/{self._type.value}?{urlencode([*kept, ('cursor', page['next_cursor'])])}"
        return _json(page)

    async def search(self, request: Request, caller: Reader) -> Response:
        """By e-mail or phone exactly, by beginnings of names, by open fields. A search is never in an address, so in no log."""
        self._own(caller)
        given = shape.read_object(await request.body())
        query, fields = _read_search(self._type, given)
        return _json(await run_in_threadpool(self._page, caller, query, fields))

    async def create(self, request: Request, caller: Writer, idempotency_key: IdempotencyKey = None) -> Response:
        """Write a new record. With an Idempotency-Key a repeated request gives the same record again."""
        self._own(caller)
        body = await request.body()
        given = shape.read_object(body)
        idempotency = self._idempotency(caller, shape.read_idempotency_key(idempotency_key), body)
        created = await run_in_threadpool(self._api.editing.create, self._type, given, idempotency=idempotency)
        if created.replayed:
            await run_in_threadpool(self._api.editing.note, caller.caller_id, [created.record])
        headers = {"location": f"{PREFIX}/{self._type.value}/{created.record.id}", **self._warnings(created.record, given)}
        return _record(created.record, status=created.status, headers=headers)

    async def read(self, record_id: str, caller: Reader, if_none_match: IfNoneMatch = None, fields: Fields = None) -> Response:
        """One record, with its ETag."""
        editing, asked = self._api.editing, shape.read_fields(self._type, fields)
        if caller.importer != self._api.organisation:
            return _json(await run_in_threadpool(self._released, caller, record_id))
        if editing.bounded_reads:
            record = editing.find(self._type, record_id)
        else:
            record = await run_in_threadpool(editing.find, self._type, record_id)
        if if_none_match is not None and shape.etag(record.version) in [tag.strip() for tag in if_none_match.split(",")]:
            return Response(status_code=304, headers={"etag": shape.etag(record.version)})
        if shape.shows_sealed(self._type, asked):
            await run_in_threadpool(editing.note, caller.caller_id, [record])
        return _record(record, fields=asked)

    async def change(self, record_id: str, request: Request, caller: Writer, if_match: IfMatch = None) -> Response:
        """Change the given fields; null empties one."""
        return await self._write(record_id, request, caller, if_match, whole=False)

    async def replace(self, record_id: str, request: Request, caller: Writer, if_match: IfMatch = None) -> Response:
        """Replace all fields; those not given are emptied."""
        return await self._write(record_id, request, caller, if_match, whole=True)

    async def _write(self, record_id: str, request: Request, caller: Caller, if_match: str | None, *, whole: bool) -> Response:
        self._own(caller)
        expected = shape.read_if_match(if_match)
        given = shape.read_object(await request.body())
        record = await run_in_threadpool(
            self._api.editing.update, self._type, record_id, given, expected_version=expected, whole=whole
        )
        await run_in_threadpool(self._api.editing.note, caller.caller_id, [record])
        return _record(record, headers=self._warnings(record, given))

    def _warnings(self, record: Record, given: Mapping[str, Any]) -> dict[str, str]:
        """The header that names fields which are kept though the policies discourage it."""
        return shape.warnings(self._api.editing.discouraged(record, given))

    def _page(self, caller: Caller, query: Search, fields: frozenset[str] | None) -> dict[str, Any]:
        reader_id = caller.caller_id if shape.shows_sealed(self._type, fields) else None
        page = self._api.editing.search(query, reader_id=reader_id)
        return {"records": [shape.shown(record, fields) for record in page.records], "next_cursor": page.next_cursor, "next": None}

    def _released(self, caller: Caller, record_id: str) -> dict[str, Any]:
        try:
            record = self._api.editing.find(self._type, record_id)
        except DomicileError as error:
            if error.code is Code.RECORD_NOT_FOUND:  # that there is no such record would leave the region too
                refuse_release(caller, record_id)
            raise
        return shape.released(record, self._api.release_record(caller, record))

    def _own(self, caller: Caller) -> None:
        """Refuse an account of another organisation: only a single record can go through the gate."""
        if caller.importer != self._api.organisation:
            raise DomicileError(
                "this account acts for another organisation, and this would be a transfer of many records",
                remedy="ask through the index, where the region's policy decides",
                code=Code.TRANSFER_DENIED,
            )

    def _idempotency(self, caller: Caller, key: str | None, body: bytes) -> Idempotency | None:
        if key is None:
            return None
        owned = f"{caller.caller_id}\0{self._type.value}\0{key}".encode()
        return Idempotency(
            key_digest=self._api.digest(owned), request_hmac=self._api.digest(self._type.value.encode() + b"\0" + body)
        )


def _read_search(record_type: RecordType, given: Mapping[str, Any]) -> tuple[Search, frozenset[str] | None]:
    known = tuple(SEARCHES[record_type].model_fields)
    for name in given:
        if name not in known:
            raise shape.unknown_name(record_type, name, known, what="a search has no such member")
    equals, limit, fields = given.get("equals") or {}, given.get("limit", 50), given.get("fields")
    texts = {name: given.get(name) for name in ("email", "phone", "name", "cursor")}
    sound = (
        isinstance(equals, dict)
        and all(isinstance(value, str | int) and not isinstance(value, bool) for value in equals.values())
        and isinstance(limit, int)
        and 1 <= limit <= LARGEST_PAGE
        and all(text is None or (isinstance(text, str) and text.strip()) for text in texts.values())
        and (fields is None or (isinstance(fields, list) and all(isinstance(name, str) for name in fields)))
    )
    if not sound:
        raise DomicileError(
            "a member of the search has the wrong type", remedy="see the schema in /api/openapi.json", code=Code.INPUT_INVALID
        )
    pairs = tuple((name, str(value)) for name, value in equals.items())
    return Search(record_type=record_type, equals=pairs, limit=limit, **texts), shape.read_fields(record_type, fields)


def _record(
    record: Record, *, status: int = 200, headers: Mapping[str, str] | None = None, fields: frozenset[str] | None = None
) -> Response:
    return _json(shape.shown(record, fields), status=status, headers={"etag": shape.etag(record.version), **(headers or {})})


def _json(body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(shape.encode(body), status_code=status, headers=dict(headers or {}), media_type="application/json")
