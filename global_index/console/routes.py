"""The pages of the index console, put together: `router(rooms, shelf=…)`. Every page works without JavaScript.

A page that writes answers a browser with a whole page and htmx with the part that changed.
"""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from chassis.web.access import signed_in
from chassis.web.sessions import Caller
from global_index.console import ask, drafts, history, person, policies, regions
from global_index.console.doors import first_page
from global_index.console.shelf import Shelf
from global_index.queries.rooms import Rooms


def router(rooms: Rooms, *, shelf: Shelf) -> APIRouter:
    """All pages. The application's `Pages` needs `doors.TEMPLATES` as a folder and `doors.NAV`."""
    found = APIRouter(include_in_schema=False)

    @found.get("/")
    async def start(caller: Annotated[Caller, signed_in()]) -> Response:
        return RedirectResponse(first_page(caller), status_code=303)

    found.include_router(ask.routes(rooms, shelf))
    found.include_router(history.routes(rooms))
    found.include_router(drafts.routes(rooms))
    found.include_router(policies.routes(rooms, shelf))
    found.include_router(regions.routes(rooms, shelf))
    found.include_router(person.routes(rooms, shelf))
    return found
