"""The page for a record-level request: fields of one person, decided one by one at the region's gate. Nothing of it is kept.

The pseudonym and the fields travel in the body of a POST, never in an address; what comes back is rendered and forgotten.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from chassis.web.sessions import Caller
from global_index.console.ask import PURPOSES
from global_index.console.doors import ASK
from global_index.console.pages import Trouble, is_fault, show, wants_part
from global_index.console.shelf import Shelf
from global_index.queries.rooms import Rooms
from global_index.requests.persons import PersonAnswer
from policies.engine.decision import Decision
from policies.engine.denial import Denied
from policies.engine.errors import DomicileError
from policies.engine.vocabulary import Purpose

USUAL_FIELDS = (
    "given_name", "family_name", "email", "phone", "city", "country", "language", "date_of_birth", "job_title", "segment",
    "lifecycle_stage", "loyalty_tier", "lifetime_value", "last_activity_at", "notes",
)  # fmt: skip
"""What most requests ask for; any other name may be typed, and the region says whether it has it."""
FIRST_FIELDS = ("given_name", "family_name", "email", "phone")
FIRST_PURPOSE = Purpose.OPERATIONS_SUPPORT.value

Short = Annotated[str, Form(max_length=200)]
Several = Annotated[list[str] | None, Form(max_length=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. Its text never shows whom."""

    region: str = ""
    pseudonym: str = ""
    purpose: str = FIRST_PURPOSE
    fields: tuple[str, ...] = FIRST_FIELDS

    @property
    def other(self) -> str:
        """The fields without a box of their own."""
        return ", ".join(field for field in self.fields if field not in USUAL_FIELDS)

    def __repr__(self) -> str:
        """Never the pseudonym."""
        return "Wanted(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came back: the fields, a refusal with its decision, or what went wrong."""

    answer: PersonAnswer | None = None
    refusal: Decision | None = None
    trouble: Trouble | None = None

    def __repr__(self) -> str:
        """Never a value."""
        return "Outcome(…)"


def routes(rooms: Rooms, shelf: Shelf) -> APIRouter:
    """The form and its answer."""
    router = APIRouter()

    @router.get("/person")
    def page(request: Request, caller: Annotated[Caller, ASK]) -> Response:  # noqa: ARG001 - the label
        return _page(request, rooms, shelf, Wanted(), None)

    @router.post("/person")
    async def read(
        request: Request,
        *,
        caller: Annotated[Caller, ASK],
        region: Short = "",
        pseudonym: Short = "",
        purpose: Short = "",
        field: Several = None,
        other: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        fields = tuple(dict.fromkeys(name.strip() for name in [*(field or ()), *other.split(",")] if name.strip()))
        wanted = Wanted(region=region, pseudonym=pseudonym.strip(), purpose=purpose, fields=fields)
        outcome = await _read(rooms, caller, wanted)
        if wants_part(request):
            return show(request, "person_answer.html", outcome=outcome, wanted=wanted, words=shelf.sentences())
        return await run_in_threadpool(_page, request, rooms, shelf, wanted, outcome)

    return router


async def _read(rooms: Rooms, caller: Caller, wanted: Wanted) -> Outcome:
    try:
        who = await run_in_threadpool(rooms.callers.asker, caller, purpose=wanted.purpose)
        answer = await rooms.persons.read(who, region=wanted.region, pseudonym=wanted.pseudonym, fields=wanted.fields)
    except Denied as denied:
        return Outcome(refusal=denied.decision, trouble=Trouble.of(denied))
    except DomicileError as error:
        if is_fault(error):
            raise
        return Outcome(trouble=Trouble.of(error))
    return Outcome(answer=answer)


def _page(request: Request, rooms: Rooms, shelf: Shelf, wanted: Wanted, outcome: Outcome | None) -> Response:
    status = 200
    if outcome is not None and outcome.trouble is not None:
        status = 403 if outcome.refusal is not None else 422
    return show(
        request,
        "person.html",
        status=status,
        regions=[region.name for region in rooms.directory.regions() if region.active],
        usual=USUAL_FIELDS,
        purposes=PURPOSES,
        wanted=wanted,
        outcome=outcome,
        words=shelf.sentences(),
    )
