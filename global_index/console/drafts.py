"""The pages of policy drafts: edit with errors at the line, check, compare, rehearse, submit, approve, publish. It decides nothing.

No private key is ever typed in here: who signs downloads the bundle, signs it on a machine of their own and pastes the line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.responses import RedirectResponse, Response

from chassis.web.sessions import Caller
from global_index.catalogue.roles import Role
from global_index.console.doors import DRAFTS, POLICIES, has
from global_index.console.pages import Trouble, is_fault, one_newline, show
from global_index.console.shelf import words_of
from global_index.policy.drafting import Checked, Comparison
from global_index.policy.rooms import PolicyRooms, rehearsed, shown
from global_index.queries.rooms import Rooms
from policies.engine.bundle import Role as Signs
from policies.engine.bundle_files import is_policy, registry_in
from policies.engine.checker import check_text
from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.envelope import read_signature_line
from policies.engine.errors import Code, DomicileError
from policies.engine.strict_yaml import MAX_BYTES

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{8,32}$")]
Name = Annotated[str, Path(max_length=120)]
Text = Annotated[str, Form(max_length=MAX_BYTES)]
Line = Annotated[str, Form(max_length=400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an act on a draft showed: findings of a check, a comparison, or why it was refused."""

    checked: Checked | None = None
    compared: Comparison | None = None
    trouble: Trouble | None = None
    status: int = 200


def routes(rooms: Rooms) -> APIRouter:
    """Everything under /policies/drafts."""
    router = APIRouter(prefix="/policies/drafts")
    _reading(router, rooms)
    _editing(router, rooms)
    _stepping(router, rooms)
    _signing(router, rooms)
    return router


def _reading(router: APIRouter, rooms: Rooms) -> None:
    @router.get("/{draft}")
    def opened(request: Request, caller: Annotated[Caller, POLICIES], draft: Id) -> Response:
        return _page(request, rooms, draft, caller, Found())

    @router.get("/{draft}/bundle")
    def bundle(caller: Annotated[Caller, POLICIES], draft: Id) -> Response:  # noqa: ARG001 - the label
        one = rooms.policies.drafting.draft(draft)
        if not one.envelope:
            raise DomicileError("it is not submitted yet", remedy="have its author submit it", code=Code.RECORD_NOT_FOUND)
        headers = {"Content-Disposition": f'attachment; filename="bundle-{one.draft_id[:8]}.json"'}
        return Response(one.envelope, media_type="application/json", headers=headers)

    @router.get("/{draft}/files/{name:path}")
    def file(request: Request, caller: Annotated[Caller, POLICIES], draft: Id, name: Name) -> Response:
        return _file_page(request, rooms, draft, name, caller)

    @router.post("/{draft}/check/{name:path}")
    def typed(caller: Annotated[Caller, DRAFTS], draft: Id, name: Name, text: Text = "") -> Response:  # noqa: ARG001 - the label
        files = rooms.policies.drafting.draft(draft).files
        return JSONResponse({"diagnostics": _marks(_findings(rooms, {**files, name: one_newline(text)}, name))})


def _editing(router: APIRouter, rooms: Rooms) -> None:
    drafting = rooms.policies.drafting

    @router.post("")
    def start(
        request: Request,  # noqa: ARG001 - the form token is read from it
        caller: Annotated[Caller, DRAFTS],
        title: Annotated[str, Form(max_length=200)] = "",
        name: Annotated[str, Form(max_length=120)] = "",
        text: Text = "",
    ) -> Response:
        at = rooms.now()
        made = drafting.start(title, files=None, by=caller.caller_id, at=at)
        if name:
            made = drafting.edit(made.draft_id, {name: one_newline(text)}, revision=None, by=caller.caller_id, at=at)
        return _to(made.draft_id)

    @router.post("/{draft}/files/{name:path}")
    def save(
        request: Request,
        *,
        caller: Annotated[Caller, DRAFTS],
        draft: Id,
        name: Name,
        text: Text = "",
        revision: Annotated[int, Form(ge=1)] = 1,
    ) -> Response:
        body = one_newline(text)
        try:
            kept = drafting.edit(draft, {name: body}, revision=revision, by=caller.caller_id, at=rooms.now())
        except DomicileError as error:
            if is_fault(error):
                raise
            return _file_page(request, rooms, draft, name, caller, text=body, trouble=error)
        found = _findings(rooms, kept.files, name)
        return _file_page(request, rooms, draft, name, caller, saved=not any(each.severity.value == "error" for each in found))


def _stepping(router: APIRouter, rooms: Rooms) -> None:
    drafting = rooms.policies.drafting

    @router.post("/{draft}/check")
    def check(request: Request, caller: Annotated[Caller, DRAFTS], draft: Id) -> Response:
        def act() -> Found:
            found = drafting.check(draft, by=caller.caller_id, at=rooms.now())
            return Found(checked=found, status=200 if found.passes else 422)

        return _page(request, rooms, draft, caller, _tried(act))

    @router.post("/{draft}/compare")
    def compare(request: Request, caller: Annotated[Caller, DRAFTS], draft: Id) -> Response:
        return _page(request, rooms, draft, caller, _tried(lambda: Found(compared=drafting.compare(draft))))

    @router.post("/{draft}/rehearse")
    async def rehearse(request: Request, caller: Annotated[Caller, DRAFTS], draft: Id) -> Response:
        try:
            await rehearsed(rooms.policies, draft, by=caller.caller_id, at=rooms.now())
        except DomicileError as error:
            return await run_in_threadpool(_page, request, rooms, draft, caller, _told(error))
        return _to(draft)

    @router.post("/{draft}/withdraw")
    def withdraw(request: Request, caller: Annotated[Caller, DRAFTS], draft: Id) -> Response:
        return _acted(request, rooms, draft, caller, lambda: drafting.withdraw(draft, by=caller.caller_id, at=rooms.now()))


def _signing(router: APIRouter, rooms: Rooms) -> None:
    approving = rooms.policies.approving

    @router.post("/{draft}/prepare")
    def prepare(
        request: Request,
        caller: Annotated[Caller, DRAFTS],
        draft: Id,
        active_from: Annotated[str, Form(max_length=20)] = "",
        expires: Annotated[str, Form(max_length=20)] = "",
    ) -> Response:
        def act() -> object:
            starts, ends = _day(active_from, "active_from"), _day(expires, "expires")
            return approving.prepare(draft, active_from=starts, expires=ends, by=caller.caller_id, at=rooms.now())

        return _acted(request, rooms, draft, caller, act)

    @router.post("/{draft}/sign")
    def sign(request: Request, caller: Annotated[Caller, DRAFTS], draft: Id, signature: Line = "") -> Response:
        def act() -> object:
            given = read_signature_line(signature)
            key = rooms.policies.keyring.root().key(given.key)
            if key is not None and key.holder != caller.caller_id:
                raise DomicileError(
                    "this key is not yours", where=given.key, remedy="sign with your own", code=Code.BUNDLE_KEY_UNKNOWN
                )
            taken = approving.submit if given.role == Signs.AUTHOR.value else approving.approve
            return taken(draft, given, at=rooms.now())

        return _acted(request, rooms, draft, caller, act)

    @router.post("/{draft}/publish")
    def publish(request: Request, caller: Annotated[Caller, DRAFTS], draft: Id) -> Response:
        return _acted(request, rooms, draft, caller, lambda: approving.publish(draft, by=caller.caller_id, at=rooms.now()))


def _acted(request: Request, rooms: Rooms, draft: str, caller: Caller, act: Callable[[], object]) -> Response:
    """Do it and show the draft afresh; when it is refused, show why beside what it was."""

    def done() -> Found:
        act()
        return Found()

    found = _tried(done)
    return _page(request, rooms, draft, caller, found) if found.trouble else _to(draft)


def _tried(act: Callable[[], Found]) -> Found:
    try:
        return act()
    except DomicileError as error:
        return _told(error)


def _told(error: DomicileError) -> Found:
    if is_fault(error):
        raise error
    return Found(trouble=Trouble.of(error), status=error.row.http)


def _to(draft: str) -> Response:
    return RedirectResponse(f"/policies/drafts/{draft}", status_code=303)


def _page(request: Request, rooms: Rooms, draft: str, caller: Caller, found: Found) -> Response:
    one, deeds = shown(rooms.policies, draft, at=rooms.now())
    live = rooms.policies.drafting.live()
    changed = {name for name in {*one.draft.files, *live} if one.draft.files.get(name) != live.get(name)}
    return show(
        request,
        "draft.html",
        status=found.status,
        one=one,
        found=found,
        deeds=deeds,
        bundle=one.draft.bundle,
        changed=sorted(changed),
        gone=sorted(set(live) - set(one.draft.files)),
        names=names_of(rooms),
        may_edit=has(caller, Role.COMPLIANCE_OFFICER) and one.draft.open,
        own=one.draft.author == caller.caller_id,
    )


def _file_page(
    request: Request,
    rooms: Rooms,
    draft: str,
    name: str,
    caller: Caller,
    *,
    text: str | None = None,
    saved: bool = False,
    trouble: DomicileError | None = None,
) -> Response:
    one = rooms.policies.drafting.draft(draft)
    if name not in one.files:
        raise DomicileError("the draft has no such file", remedy="choose one of its list", code=Code.RECORD_NOT_FOUND)
    body = one.files[name] if text is None else text
    findings = _findings(rooms, {**one.files, name: body}, name)
    wrong = any(each.severity.value == "error" for each in findings)
    return show(
        request,
        "draft_file.html",
        status=trouble.row.http if trouble else 200,
        draft=one,
        name=name,
        text=body,
        findings=findings,
        marks=_marks(findings),
        schema=_schema(rooms.policies),
        saved=saved,
        wrong=wrong,
        trouble=Trouble.of(trouble) if trouble else None,
        may_edit=has(caller, Role.COMPLIANCE_OFFICER) and one.open,
    )


def _findings(rooms: Rooms, files: dict[str, str] | Any, name: str) -> list[Diagnostic]:
    """What is wrong with one file of a draft, read against the draft's own registry."""
    try:
        registry = registry_in(files)
    except PolicyError as error:
        return [each for each in error.diagnostics if name.endswith(each.file)] or error.diagnostics
    if not is_policy(name):
        return []
    return check_text(files[name], name, registry=registry, at=rooms.now().date())


def _schema(policies: PolicyRooms) -> dict[str, list[str]]:
    return words_of(registry_in(policies.drafting.live()))


def _marks(findings: list[Diagnostic]) -> list[dict[str, str | int]]:
    return [
        {
            "line": each.line,
            "column": each.column,
            "message": "; ".join(part for part in (each.message, each.remedy) if part),
            "severity": each.severity.value,
        }
        for each in findings
    ]


def names_of(rooms: Rooms) -> dict[str, str]:
    """What to call those who acted: user names by account id."""
    return {account.account_id: account.username for account in rooms.accounts.list()}


def _day(text: str, where: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise DomicileError("this is not a day", where=where, remedy="write it like 2027-01-31", code=Code.INPUT_INVALID) from None
