"""The pages of the policy files: what each says, what is due, and a check of a draft at its lines. No draft is kept."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from chassis.web.sessions import Caller
from global_index.catalogue.roles import Role
from global_index.console.doors import CHECK, EDITS_POLICIES, POLICIES, has
from global_index.console.drafts import names_of
from global_index.console.pages import one_newline, show, wants_part
from global_index.console.shelf import Checked, PolicyFile, Shelf, words_of
from global_index.policy.rooms import overview
from global_index.queries.rooms import Rooms
from policies.engine.diagnostics import Diagnostic
from policies.engine.errors import Code, DomicileError
from policies.engine.strict_yaml import MAX_BYTES

Name = Annotated[str, Path(max_length=120)]
Draft = Annotated[str, Form(max_length=MAX_BYTES)]


def routes(rooms: Rooms, shelf: Shelf) -> APIRouter:
    """The list, a file, and the check of a draft."""
    router = APIRouter()

    @router.get("/policies")
    def listed(request: Request, caller: Annotated[Caller, POLICIES]) -> Response:
        regions = [region for region in rooms.directory.regions() if region.active]
        return show(
            request,
            "policies.html",
            standing=shelf.standing(),
            regions=regions,
            shipped=shelf.shipped,
            today=shelf.today(),
            bundles=overview(rooms.policies, at=rooms.now()),
            names=names_of(rooms),
            may_draft=has(caller, Role.COMPLIANCE_OFFICER),
        )

    @router.get("/policies/{name}")
    def opened(request: Request, caller: Annotated[Caller, POLICIES], name: Name) -> Response:
        file = _file(shelf, name)
        return _page(request, shelf, file, caller=caller, draft=file.text, findings=list(file.findings))

    @router.post("/policies/{name}")
    def checked(request: Request, caller: Annotated[Caller, CHECK], name: Name, text: Draft = "") -> Response:
        file, draft = _file(shelf, name), one_newline(text)
        result = shelf.check(file.name, draft)
        if wants_part(request):
            return show(request, "policy_checked.html", checked=result, name=file.name)
        return _page(request, shelf, file, caller=caller, draft=draft, findings=list(result.findings), checked=result)

    @router.post("/policies/{name}/check")
    def typed(caller: Annotated[Caller, CHECK], name: Name, text: Draft = "") -> Response:  # noqa: ARG001 - the label
        file = _file(shelf, name)
        return JSONResponse({"diagnostics": _marks(shelf.findings(file.name, one_newline(text)), file.name)})

    return router


def _page(
    request: Request,
    shelf: Shelf,
    file: PolicyFile,
    *,
    caller: Caller,
    draft: str,
    findings: list[Diagnostic],
    checked: Checked | None = None,
) -> Response:
    status = 422 if checked is not None and not checked.passes else 200
    return show(
        request,
        "policy.html",
        status=status,
        file=file,
        draft=draft,
        marks=_marks(findings, file.name),
        schema=words_of(shelf.registry()),
        checked=checked,
        may_check=has(caller, *EDITS_POLICIES),
        may_draft=has(caller, Role.COMPLIANCE_OFFICER),
        name=file.name,
        today=shelf.today(),
    )


def _marks(findings: list[Diagnostic], name: str) -> list[dict[str, str | int]]:
    """What the editor marks: the findings of this file."""
    return [
        {
            "line": finding.line,
            "column": finding.column,
            "message": "; ".join(part for part in (finding.message, finding.remedy) if part),
            "severity": finding.severity.value,
        }
        for finding in findings
        if finding.file == name
    ]


def _file(shelf: Shelf, name: str) -> PolicyFile:
    file = shelf.file(name)
    if file is None:
        raise DomicileError("there is no such policy file", remedy="choose one of the list", code=Code.RECORD_NOT_FOUND)
    return file
