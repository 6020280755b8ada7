"""The HTTP API of the policies: what is in force, and a rehearsal at the regions. It signs nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from chassis.web.access import require
from chassis.web.sessions import Caller
from global_index.catalogue.roles import Role
from global_index.policy.rooms import overview, overview_json, rehearsed, rehearsed_json
from global_index.queries.rooms import Rooms

READ = require(Role.COMPLIANCE_OFFICER, Role.AUDITOR, Role.ADMINISTRATOR)
EDIT = require(Role.COMPLIANCE_OFFICER, Role.ADMINISTRATOR)

router = APIRouter(prefix="/policies")


class RehearseBody(BaseModel):
    """In whose name a rehearsal is asked for; only the operator of the machine may name another."""

    model_config = ConfigDict(extra="forbid")

    as_user: str | None = Field(default=None, max_length=120)


@router.get("")
def standing(request: Request, caller: Annotated[Caller, READ]) -> dict[str, Any]:  # noqa: ARG001 - the label
    """What is in force, what every region runs, drafts and stops."""
    rooms: Rooms = request.app.state.rooms
    return overview_json(overview(rooms.policies, at=rooms.now()))


@router.post("/{draft}/rehearse")
async def rehearse(
    request: Request, draft: Annotated[str, Path(max_length=40)], body: RehearseBody, caller: Annotated[Caller, EDIT]
) -> dict[str, Any]:
    """Ask every region how its recorded decisions would come out under a draft."""
    rooms: Rooms = request.app.state.rooms
    by = await run_in_threadpool(rooms.callers.officer, caller, as_user=body.as_user)
    found = await rehearsed(rooms.policies, draft, by=by, at=rooms.now())
    return {"rehearsals": [rehearsed_json(each) for each in found]}
