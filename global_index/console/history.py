"""What was asked, by whom, why, and how each region took it. It shows plans, for what was typed is not kept."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from chassis.web.sessions import Caller
from global_index.console.doors import ASKS, EVERYONE, SEES_ALL_HISTORY, has
from global_index.console.pages import show
from global_index.console.replay import written
from global_index.queries.answer import decimal_text
from global_index.queries.rooms import Rooms
from global_index.requests.history import Memory

PAGE = 50
MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShown:
    """One line. `analyst` is the name of an account of this index, else the id."""

    memory: Memory
    analyst: str
    questions: tuple[str, ...]
    charged: str


def routes(rooms: Rooms) -> APIRouter:
    """The page."""
    router = APIRouter()

    @router.get("/history")
    def page(request: Request, caller: Annotated[Caller, EVERYONE], limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE) -> Response:
        everyone = has(caller, *SEES_ALL_HISTORY)
        lines = rooms.history.recent(limit=limit, analyst=None if everyone else caller.caller_id)
        names = {account.account_id: account.username for account in rooms.accounts.list()} if everyone else {}
        return show(
            request,
            "history.html",
            lines=[_shown(line, names) for line in lines],
            everyone=everyone,
            may_ask=has(caller, *ASKS),
            more=min(limit + PAGE, MOST) if len(lines) == limit < MOST else 0,
            charged=rooms.history.charged(year=rooms.now().year),
            year=rooms.now().year,
        )

    return router


def _shown(memory: Memory, names: dict[str, str]) -> LineShown:
    total = sum((Fraction(told.rho) for told in memory.told), Fraction(0))
    return LineShown(
        memory=memory,
        analyst=names.get(memory.analyst, memory.analyst),
        questions=tuple(written(plan) for plan in memory.plans),
        charged=decimal_text(total) if total else "",
    )
