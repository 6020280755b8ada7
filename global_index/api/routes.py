"""The HTTP API under /api/v1. Every route says who may call it; none keeps an answer or a released field.

Bootstrap puts the use cases into the application's state as `rooms`.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from chassis.web.access import require, signed_in
from chassis.web.sessions import Caller
from global_index.api.bodies import InviteBody, PersonBody, QuestionBody
from global_index.api.policies import router as policy_router
from global_index.api.views import decision_json, memory_json, person_json, region_json
from global_index.catalogue.describe import described
from global_index.catalogue.roles import Role
from global_index.queries.answer import answer_json
from global_index.queries.desk import explained_json
from global_index.queries.rooms import Rooms
from global_index.transfers.entries import Kept
from policies.engine.denial import Denied

ASK = require(Role.ANALYST, Role.COMPLIANCE_OFFICER, Role.ADMINISTRATOR)
ADMINISTER = require(Role.ADMINISTRATOR)
READ = require(Role.ANALYST, Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.ADMINISTRATOR)
EXPORT = require(Role.ADMINISTRATOR, Role.AUDITOR)


router = APIRouter(prefix="/api/v1")
router.include_router(policy_router)


def rooms(request: Request) -> Rooms:
    """What bootstrap put into the application."""
    found: Rooms = request.app.state.rooms
    return found


@router.post("/queries")
async def ask(request: Request, body: QuestionBody, caller: Annotated[Caller, ASK]) -> JSONResponse:
    """Ask the regions a question; the answer carries its coverage."""
    here = rooms(request)
    who = await run_in_threadpool(here.callers.asker, caller, purpose=body.purpose, as_user=body.as_user)
    given = await here.desk.ask(body.sql, who)
    return JSONResponse({**answer_json(given.answer), "question_id": given.question_id})


@router.post("/explain")
def explain(request: Request, body: QuestionBody, caller: Annotated[Caller, ASK]) -> dict[str, Any]:
    """How a question is understood, what it would cost and what each region will probably say. Asks nobody."""
    here = rooms(request)
    who = here.callers.asker(caller, purpose=body.purpose, as_user=body.as_user)
    return explained_json(here.desk.explain(body.sql, who))


@router.post("/persons")
async def read_person(request: Request, body: PersonBody, caller: Annotated[Caller, ASK]) -> JSONResponse:
    """Ask one region for fields of one person; its gate decides field by field."""
    here = rooms(request)
    who = await run_in_threadpool(here.callers.asker, caller, purpose=body.purpose, as_user=body.as_user)
    try:
        answer = await here.persons.read(who, region=body.region, pseudonym=body.pseudonym, fields=body.fields)
    except Denied as denied:
        return _denied(denied, region=body.region)
    return JSONResponse(person_json(answer))


@router.get("/regions")
def list_regions(request: Request, caller: Annotated[Caller, READ]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """The regions and what they announced."""
    here = rooms(request)
    return {"regions": [region_json(r, entries=here.entries.count(r.name)) for r in here.directory.regions()]}


@router.get("/catalogue")
def catalogue(request: Request, caller: Annotated[Caller, signed_in()]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """What can be asked about."""
    return described(rooms(request).desk.catalogue())


@router.get("/budget")
def budget(
    request: Request,
    caller: Annotated[Caller, READ],  # noqa: ARG001 - the label
    year: Annotated[int | None, Query(ge=2000, le=2200)] = None,
) -> dict[str, Any]:
    """What questions through this index charged each region in a year. The account itself is kept at the region."""
    here = rooms(request)
    wanted = year or here.now().year
    return {"year": wanted, "unit": "rho", "charged": here.history.charged(year=wanted)}


@router.get("/history")
def recent(request: Request, caller: Annotated[Caller, READ], limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
    """The latest questions: one's own, or all for who may see them."""
    everyone = bool({Role.AUDITOR.value, Role.COMPLIANCE_OFFICER.value, Role.ADMINISTRATOR.value} & caller.roles)
    lines = rooms(request).history.recent(limit=limit, analyst=None if everyone else caller.caller_id)
    return {"history": [memory_json(line) for line in lines]}


@router.get("/entries")
def export_entries(
    request: Request,
    caller: Annotated[Caller, EXPORT],  # noqa: ARG001 - the label
    region: str | None = None,
    limit: Annotated[int | None, Query(ge=1)] = None,
) -> StreamingResponse:
    """Entries as CSV: cluster, region, pseudonym."""
    found = islice(rooms(request).entries.export(region=region), limit)
    return StreamingResponse(_csv(found), media_type="text/csv; charset=utf-8")


@router.post("/entries/pull")
def pull_entries(request: Request, caller: Annotated[Caller, ADMINISTER]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """Pull the entries of every region now instead of at their time."""
    done = rooms(request).pull_all()
    return {
        "pulled": [
            {"region": p.region, "batches": p.batches, "entries": p.entries, "replaced": p.replaced, "more": p.more} for p in done
        ]
    }


@router.post("/invites", status_code=201)
def invite(request: Request, body: InviteBody, caller: Annotated[Caller, ADMINISTER]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """Make a single-use invite. Its text is a secret until it is used."""
    here = rooms(request)
    made = here.memberships.invite(body.region, body.jurisdiction, ttl=timedelta(hours=body.hours), at=here.now())
    return {"region": made.region, "invite": made.text, "expires_at": made.expires_at.isoformat()}


@router.post("/regions/{name}/suspend")
def suspend(request: Request, name: str, caller: Annotated[Caller, ADMINISTER]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """Stop asking a region and hearing it."""
    here = rooms(request)
    here.memberships.suspend(name, at=here.now())
    return {"region": name, "state": "suspended"}


@router.post("/regions/{name}/resume")
def resume(request: Request, name: str, caller: Annotated[Caller, ADMINISTER]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """End a suspension."""
    here = rooms(request)
    here.memberships.resume(name, at=here.now())
    return {"region": name, "state": "joined"}


@router.post("/regions/{name}/revoke")
def revoke(request: Request, name: str, caller: Annotated[Caller, ADMINISTER]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """End a membership: every certificate of the region ends."""
    here = rooms(request)
    here.memberships.revoke(name, at=here.now())
    return {"region": name, "state": "left"}


def _denied(denied: Denied, *, region: str) -> JSONResponse:
    """A refusal is an answer too: rule, citation and what would have allowed it."""
    body = {
        "type": f"urn:domicile:error:{denied.code.value}",
        "title": denied.row.public,
        "status": denied.row.http,
        "code": denied.code.value,
        "detail": denied.what,
        "remedy": denied.remedy,
        "region": region,
        "decision": decision_json(denied.decision),
    }
    return JSONResponse(body, status_code=denied.row.http, media_type="application/problem+json")


def _csv(entries: Iterator[Kept]) -> Iterator[str]:
    yield "cluster,region,pseudonym\n"
    lines: list[str] = []
    for entry in entries:
        lines.append(f"{entry.cluster},{entry.region},{entry.pseudonym.hex()}\n")
        if len(lines) == 1_000:  # noqa: PLR2004 - a chunk of about 80 kB
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)
