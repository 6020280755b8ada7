"""The pages of the node's console, put together: `router(…)`. Every page works without JavaScript."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from chassis.web.access import signed_in
from chassis.web.sessions import Caller
from regional_node.console.doors import ConsoleRoute, Rooms, first_page, own_organisation
from regional_node.console.edits import EditPages
from regional_node.console.kinds import FACES
from regional_node.console.operate import Instruments, OperatePages
from regional_node.console.records import RecordPages
from regional_node.crm.domains import Domains
from regional_node.usecases.editing import Editing
from regional_node.usecases.imports.journal import ImportJournal


def router(
    *,
    editing: Editing,
    domains: Domains,
    organisation: str,
    digest: Callable[[bytes], str],
    zone: tzinfo,
    now: Callable[[], datetime],
    journal: ImportJournal,
    instruments: Instruments,
) -> APIRouter:
    """All pages. `organisation` is the node's own, `digest` a keyed digest (HMAC, hex) of bytes, `zone` that of the region.

    The application's `Pages` needs `doors.TEMPLATES` as a folder and `doors.NAV`.
    """
    rooms = Rooms(editing=editing, domains=domains, organisation=organisation, digest=digest, zone=zone, now=now, journal=journal)
    found = APIRouter(route_class=ConsoleRoute, include_in_schema=False, dependencies=[own_organisation(organisation)])

    @found.get("/")
    async def start(caller: Annotated[Caller, signed_in()]) -> Response:
        return RedirectResponse(first_page(caller.roles), status_code=303)

    for face in FACES.values():
        EditPages(rooms, face).add_to(found)
        RecordPages(rooms, face).add_to(found)
    OperatePages(rooms, instruments).add_to(found)
    return found
