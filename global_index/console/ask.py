"""The page where an analyst asks: catalogue, question, what to expect, answer with its coverage. It keeps no answer, no text."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.responses import Response

from chassis.web.sessions import Caller
from global_index.catalogue.describe import described
from global_index.catalogue.published import CURRENCIES
from global_index.console.doors import ASK, SEES_ALL_HISTORY, has
from global_index.console.figures import AnswerShown, shown
from global_index.console.pages import Trouble, is_fault, one_newline, show, wants_part
from global_index.console.replay import written
from global_index.console.shelf import Shelf
from global_index.errors import QuestionError
from global_index.queries.answer import Answer, decimal_text
from global_index.queries.desk import Explained, explained_json
from global_index.queries.rooms import Rooms
from global_index.queries.text import LONGEST
from policies.engine.errors import DomicileError
from policies.engine.vocabulary import Purpose

FIRST_QUESTION = "SELECT country, count(*), avg(in_currency(lifetime_value, 'EUR'))\nFROM people\nGROUP BY country\nORDER BY 2 DESC"
FIRST_PURPOSE = Purpose.ANALYTICS_REPORTING.value
PURPOSES = tuple(purpose.value for purpose in Purpose if purpose is not Purpose.FEDERATION_INDEX)
_WORDS = ("count(*)", "sum()", "avg()", "in_currency()", "date_trunc()")
_LONGEST_FIELD = 50 * LONGEST
_RECENT = 500

Text = Annotated[str, Form(max_length=_LONGEST_FIELD)]
Word = Annotated[str, Form(max_length=80)]
Again = Annotated[str, Query(max_length=40, description="A question of the history.")]
Place = Annotated[int, Query(ge=0, le=100, description="Which of its plans.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the page knows after an attempt: an answer, an expectation, or what went wrong."""

    question_id: str = ""
    answer: Answer | None = None
    table: AnswerShown | None = None
    expected: dict[str, Any] | None = None
    trouble: Trouble | None = None
    line: int = 0
    column: int = 0

    @property
    def diagnostics(self) -> list[dict[str, Any]]:
        """What the editor marks."""
        if self.trouble is None or not self.line:
            return []
        said = "; ".join(part for part in (self.trouble.what, self.trouble.remedy) if part)
        return [{"line": self.line, "column": self.column, "message": said, "severity": "error"}]


def routes(rooms: Rooms, shelf: Shelf) -> APIRouter:
    """The page and its parts."""
    router = APIRouter()
    room = _AskRoom(rooms=rooms, shelf=shelf)

    @router.get("/ask")
    def page(request: Request, caller: Annotated[Caller, ASK], again: Again = "", plan: Place = 0) -> Response:
        sql, purpose = room.earlier(again, plan, caller) if again else (FIRST_QUESTION, FIRST_PURPOSE)
        return room.page(request, sql, purpose, room.explain(sql, purpose, caller))

    @router.post("/ask")
    async def ask(request: Request, caller: Annotated[Caller, ASK], sql: Text = "", purpose: Word = "") -> Response:
        text = one_newline(sql)
        asked = await room.ask(text, purpose, caller)
        if wants_part(request):
            return show(request, "ask_answer.html", part=True, asked=asked, words=room.words(), rho=decimal_text)
        return await run_in_threadpool(room.page, request, text, purpose, asked)

    @router.post("/ask/expect")
    def expect(request: Request, caller: Annotated[Caller, ASK], sql: Text = "", purpose: Word = "") -> Response:
        text = one_newline(sql)
        asked = room.explain(text, purpose, caller)
        if wants_part(request):
            return show(request, "ask_expected.html", part=True, asked=asked, words=room.words())
        return room.page(request, text, purpose, asked)

    @router.post("/ask/check")
    def check(caller: Annotated[Caller, ASK], sql: Text = "") -> Response:  # noqa: ARG001 - the label
        return JSONResponse({"diagnostics": room.check(one_newline(sql)).diagnostics})

    return router


@dataclass(frozen=True, slots=True, kw_only=True)
class _AskRoom:
    rooms: Rooms
    shelf: Shelf

    def page(self, request: Request, sql: str, purpose: str, asked: Asked) -> Response:
        """The whole page, with what came of the last attempt."""
        catalogue = described(self.rooms.desk.catalogue())
        tables = {table["name"]: [column["name"] for column in table["columns"]] for table in catalogue["tables"]}
        return show(
            request,
            "ask.html",
            status=422 if asked.trouble else 200,
            sql=sql,
            purpose=purpose,
            purposes=PURPOSES,
            asked=asked,
            catalogue=catalogue,
            schema={**tables, **{word: [] for word in _WORDS}},
            currencies=CURRENCIES,
            words=self.words(),
            rho=decimal_text,
        )

    async def ask(self, sql: str, purpose: str, caller: Caller) -> Asked:
        """The answer, or what went wrong with the question."""
        try:
            who = await run_in_threadpool(self.rooms.callers.asker, caller, purpose=purpose)
            given = await self.rooms.desk.ask(sql, who)
        except DomicileError as error:
            return _failed(error)
        return Asked(question_id=given.question_id, answer=given.answer, table=shown(given.answer))

    def explain(self, sql: str, purpose: str, caller: Caller) -> Asked:
        """What each region will probably say. Asks nobody."""
        try:
            who = self.rooms.callers.asker(caller, purpose=purpose)
            explained = self.rooms.desk.explain(sql, who)
        except DomicileError as error:
            return _failed(error)
        return Asked(expected={"regions": _expected(explained)})

    def check(self, sql: str) -> Asked:
        """Where the question cannot be read."""
        try:
            self.rooms.desk.check(sql)
        except DomicileError as error:
            return _failed(error)
        return Asked()

    def earlier(self, question_id: str, plan: int, caller: Caller) -> tuple[str, str]:
        """A question of the history, written from one of its plans, and its purpose; the first question when there is none."""
        everyone = has(caller, *SEES_ALL_HISTORY)
        lines = self.rooms.history.recent(limit=_RECENT, analyst=None if everyone else caller.caller_id)
        found = next((line for line in lines if line.question_id == question_id and plan < len(line.plans)), None)
        return (written(found.plans[plan]), found.purpose) if found else (FIRST_QUESTION, FIRST_PURPOSE)

    def words(self) -> dict[str, str]:
        """Reason codes in sentences, of the index's own registry; none when it cannot be read."""
        return self.shelf.sentences()


def _failed(error: DomicileError) -> Asked:
    if is_fault(error):
        raise error
    line, column = (error.line, error.column) if isinstance(error, QuestionError) else (0, 0)
    return Asked(trouble=Trouble.of(error), line=line, column=column)


def _expected(explained: Explained) -> list[dict[str, Any]]:
    """One expectation a region, with the form that the answer would leave in."""
    told = explained_json(explained)["expected"]
    found: list[dict[str, Any]] = []
    for one, plain in zip(explained.expected, told, strict=True):
        noise = one.decision.obligation("noise") if one.decision else None
        permits = one.decision is not None and one.decision.outcome.permits
        found.append({**plain, "permits": permits, "min_cell": noise.arguments.get("min_cell") if noise else None})
    return found
