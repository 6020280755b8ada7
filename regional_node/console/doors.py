"""Who may open which page of the node's console, and what its pages work with. An account of another organisation opens none.

Only the gate lets a record out of the region, and it answers through the index: so here, as in the REST API, whoever signs in
for another organisation is refused before anything is read.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from chassis.web.access import identify, require
from chassis.web.pages import NavItem
from chassis.web.problems import problem, wants_page
from chassis.web.sessions import Caller
from policies.engine.errors import Code, DomicileError
from regional_node.crm.domains import Domains
from regional_node.crm.roles import READERS, WRITERS, Role
from regional_node.usecases.editing import Editing
from regional_node.usecases.imports.journal import ImportJournal

TEMPLATES = Path(__file__).parent / "templates"
OPERATES = (Role.OPERATOR, Role.AUDITOR)
SEES_IMPORTS = (*OPERATES, Role.TEAM_LEAD)

Reader = Annotated[Caller, require(*READERS)]
Writer = Annotated[Caller, require(*WRITERS)]
Operator = Annotated[Caller, require(*OPERATES)]
ImportReader = Annotated[Caller, require(*SEES_IMPORTS)]

_READ = frozenset(role.value for role in READERS)
NAV = (
    NavItem(label="People", path="/people", icon="people", roles=_READ),
    NavItem(label="Companies", path="/companies", icon="company", roles=_READ),
    NavItem(label="Deals", path="/deals", icon="deal", roles=_READ),
    NavItem(label="Orders", path="/orders", icon="ledger", roles=_READ),
    NavItem(label="Activities", path="/activities", icon="ask", roles=_READ),
    NavItem(label="Imports", path="/imports", icon="dot", roles=frozenset(role.value for role in SEES_IMPORTS)),
    NavItem(label="Operate", path="/operate", icon="operate", roles=frozenset(role.value for role in OPERATES)),
)
"""For `Pages(nav=…)`. Paths are those of the routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the pages work with. `organisation` is the node's own; `digest` a keyed digest (HMAC, hex) of bytes."""

    editing: Editing
    domains: Domains
    organisation: str
    digest: Callable[[bytes], str]
    zone: tzinfo
    now: Callable[[], datetime]
    journal: ImportJournal


def own_organisation(organisation: str) -> Any:
    """A dependency that refuses, before anything else, whoever acts for another organisation."""

    async def refuse(request: Request) -> None:
        caller = await identify(request)
        if caller is not None and caller.importer != organisation:
            raise DomicileError(
                "this account acts for another organisation, and reading a record would be a transfer",
                remedy="ask for it through the index, with a purpose that the region's policy permits",
                code=Code.TRANSFER_DENIED,
            )

    return Depends(refuse)


class ConsoleRoute(APIRoute):
    """Tells a browser of a refused transfer on a page from which one can sign out; all other errors are told as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's answer, or that page."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except DomicileError as error:
                if error.code is not Code.TRANSFER_DENIED or not wants_page(request):
                    raise
                return show(request, "refused.html", status=error.row.http, nav=(), problem=problem(error.code))

        return answered


def show(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page, or a part of one."""
    response: Response = request.app.state.shell.pages.render(request, template, status=status, **context)
    return response


def wants_part(request: Request) -> bool:
    """Whether htmx asks, for the part that changed."""
    return request.headers.get("hx-request") == "true"


def may_write(caller: Caller) -> bool:
    """Whether the caller may change records."""
    return any(role.value in caller.roles for role in WRITERS)


def first_page(roles: frozenset[str]) -> str:
    """Where somebody with these roles begins: the first line of their navigation."""
    starts: Mapping[str, frozenset[str]] = {item.path: item.roles for item in NAV}
    return next((path for path, wanted in starts.items() if wanted & roles), "/people")
