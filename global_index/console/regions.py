"""The page of the regions: who takes part, when each was last heard, what it runs and how far its entries are held."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from chassis.web.sessions import Caller
from global_index.console.doors import EVERYONE
from global_index.console.pages import show
from global_index.console.shelf import Shelf
from global_index.queries.rooms import Rooms
from global_index.requests.members import Member
from global_index.transfers.entries import Cursor
from policies.engine.diagnostics import PolicyError

_TONES = {"JOINED": "good", "UNREACHABLE": "bad", "SUSPENDED": "warn", "INVITED": "note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionShown:
    """One membership with what the index holds of it. `same_policies` is None where one of both digests is not known."""

    member: Member
    tone: str
    cursor: Cursor
    entries: int
    same_policies: bool | None


def routes(rooms: Rooms, shelf: Shelf) -> APIRouter:
    """The page."""
    router = APIRouter()

    @router.get("/regions")
    def page(request: Request, caller: Annotated[Caller, EVERYONE]) -> Response:  # noqa: ARG001 - the label
        digest = _digest(shelf)
        at = rooms.now()
        members = [member.settled(at=at) for member in rooms.memberships.members(at=at)]
        return show(request, "regions.html", regions=[_shown(rooms, member, digest) for member in members], at=at)

    return router


def _shown(rooms: Rooms, member: Member, digest: str) -> RegionShown:
    theirs = member.announcement.policy_digest if member.announcement else ""
    return RegionShown(
        member=member,
        tone=_TONES.get(member.state, ""),
        cursor=rooms.entries.cursor(member.name),
        entries=rooms.entries.count(member.name),
        same_policies=theirs == digest if theirs and digest else None,
    )


def _digest(shelf: Shelf) -> str:
    try:
        return shelf.standing().digest
    except PolicyError:
        return ""
