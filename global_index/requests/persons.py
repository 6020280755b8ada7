"""A record-level request: chosen fields of one person, decided field by field at the region's gate. What comes back is
kept nowhere.

The released fields live in the memory of the one request only. The history keeps who asked which region and how it ended, and the
names of the fields that the answer itself has; not the pseudonym, not a value, and of a refusal nothing that was typed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from global_index.catalogue.regions import Region, RegionDirectory
from global_index.errors import RegionError
from global_index.requests.history import Asked, History, Memory, Told
from global_index.requests.tickets import Asker, TicketOffice
from policies.engine.crossing import LeafRef, PersonView, person_digest
from policies.engine.decision import Decision
from policies.engine.errors import Code, DomicileError

PSEUDONYM_BYTES = 16
MOST_FIELDS = 64
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAnswer:
    """What a region let out, its verdict and where it is recorded. Its text never shows a value."""

    view: PersonView
    decision: Decision
    leaf: LeafRef

    def __repr__(self) -> str:
        """Never a value."""
        return "PersonAnswer(…)"


class PersonReader(Protocol):
    """The way to a region's node."""

    def person(
        self, region: Region, *, pseudonym: bytes, fields: tuple[str, ...], ticket: Callable[[], bytes], seconds: float
    ) -> Coroutine[Any, Any, PersonAnswer]:
        """The fields as the gate let them out. Raises Denied or DomicileError."""
        ...


def read_pseudonym(text: str) -> bytes:
    """16 bytes from 32 hexadecimal digits."""
    compact = text.replace("-", "").lower()
    if len(compact) != 2 * PSEUDONYM_BYTES or set(compact) - set("0123456789abcdef"):
        raise DomicileError(
            "this is not a pseudonym", remedy="give 32 hexadecimal digits, see `entries export`", code=Code.INPUT_INVALID
        )
    return bytes.fromhex(compact)


def named_region(directory: RegionDirectory, name: str) -> Region:
    """The active region of that name. Raises RegionError."""
    regions = directory.regions()
    found = next((region for region in regions if region.name == name), None)
    if found is None:
        known = ", ".join(f"`{region.name}`" for region in regions) or "none has joined yet"
        raise RegionError("there is no such region", remedy=f"use one of: {known}")
    if not found.active:
        raise RegionError(what=f"`{found.name}` does not take part at present", remedy="resume it, or ask another region")
    return found


Elsewhere = Callable[[Coroutine[Any, Any, PersonAnswer]], Awaitable[PersonAnswer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Persons:
    """The use case. `elsewhere` runs a coroutine on the loop that owns the channels."""

    directory: RegionDirectory
    reader: PersonReader
    tickets: TicketOffice
    history: History
    elsewhere: Elsewhere
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    seconds: float

    async def read(self, asker: Asker, *, region: str, pseudonym: str, fields: Sequence[str]) -> PersonAnswer:
        """The fields in the form they may leave in. Raises Denied with the decision when nothing may."""
        wanted = _accept_fields(fields)
        subject = read_pseudonym(pseudonym)
        target = await asyncio.to_thread(named_region, self.directory, region)
        ticket = self.tickets.maker(asker, region=target.name, request_digest=person_digest(subject, wanted))
        try:
            work = self.reader.person(target, pseudonym=subject, fields=wanted, ticket=ticket, seconds=self.seconds)
            answer = await self.elsewhere(work)
        except DomicileError as error:
            await asyncio.to_thread(self._remember, asker, (), Told(region=target.name, status="refused", code=error.code.value))
            raise
        told = Told(region=target.name, status=answer.decision.outcome.value, leaf=answer.leaf.index)
        answered = tuple(field.name for field in answer.view.fields if field.name in wanted)
        await asyncio.to_thread(self._remember, asker, answered, told)
        return answer

    def _remember(self, asker: Asker, fields: tuple[str, ...], told: Told) -> None:
        self.history.remember(
            Memory(
                question_id=self.new_id(),
                at=self.now(),
                asked=Asked.PERSON,
                analyst=asker.analyst,
                importer=asker.importer,
                purpose=asker.purpose.value,
                told=(told,),
                fields=fields,
            )
        )


def _accept_fields(fields: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(field.strip() for field in fields if field.strip()))
    if not 0 < len(wanted) <= MOST_FIELDS:
        raise DomicileError(what=f"1 to {MOST_FIELDS} fields can be asked for", remedy="name the fields", code=Code.INPUT_INVALID)
    if any(
        len(field) > _LONGEST_NAME or not field.replace("_", "").replace(".", "").isalnum() or not field.isascii()
        for field in wanted
    ):
        raise DomicileError("a field's name is not plain", remedy="use names such as `email`", code=Code.INPUT_INVALID)
    return wanted
