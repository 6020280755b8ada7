"""Loading a dated list into a node's home: an older one never replaces a newer unless somebody says why. It fetches nothing."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from policies.engine.errors import Code, DomicileError
from policies.engine.list_reader import list_text, read_list
from policies.engine.lists import DatedList, ListName
from policies.engine.policy_event import PolicyEvent, PolicyHappening, event_bytes
from regional_node.usecases.ledger import Ledger

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load as the home keeps it: which list of which day took the place of which, and why where it was older."""

    at: datetime
    list: ListName
    as_of: date
    digest: str
    entries: int
    replaced: date | None = None
    reason: str = ""


class ListsKept(Protocol):
    """What keeps lists."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold off everybody else who loads."""
        ...

    def get(self, name: ListName) -> str | None:
        """The text of a list, None when there is none."""
        ...

    def put(self, name: ListName, text: str) -> None:
        """Keep a list in place of the one before, whole or not at all."""
        ...

    def note(self, load: Load) -> None:
        """Keep that a list is being loaded."""
        ...

    def loads(self) -> tuple[Load, ...]:
        """Every load, oldest first."""
        ...


class Loading:
    """Loads, each with its leaf in the ledger."""

    def __init__(self, kept: ListsKept, ledger: Ledger, *, region: str, clock: Callable[[], datetime]) -> None:
        self._kept = kept
        self._ledger = ledger
        self._region = region
        self._clock = clock

    def load(self, text: str, filename: str, *, forced: bool = False, reason: str = "") -> Load:
        """Take a list. Recorded first, so that nothing leaves under a list that is not.

        Raises PolicyError at the line that is wrong, RECORD_CONFLICT when a newer one is held and nobody forces it, and
        PRECONDITION_MISSING when it is forced without a reason.
        """
        if forced and not reason.strip():
            raise DomicileError(
                "it is not said why an older list may come back", where="lists load", remedy="give `--reason`",
                code=Code.PRECONDITION_MISSING,
            )  # fmt: skip
        at = self._clock()
        found = read_list(text, filename, today=at.astimezone(UTC).date())
        kept = list_text(found)
        digest = hashlib.sha256(kept.encode()).hexdigest()
        with self._kept.alone():
            replaced = self._replaced(found, filename, forced=forced)
            load = Load(
                at=at,
                list=found.name,
                as_of=found.as_of,
                digest=digest,
                entries=len(found.entries),
                replaced=replaced,
                reason=reason.strip()[:_LONGEST_REASON],
            )
            event = PolicyEvent(
                event=PolicyHappening.LIST_LOADED, at=at, region=self._region, by="node", of_list=found.name.value, digest=digest
            )
            self._ledger.append(event_bytes(event), at=at)
            self._kept.note(load)
            self._kept.put(found.name, kept)
        return load

    def _replaced(self, found: DatedList, filename: str, *, forced: bool) -> date | None:
        """The day of the list that is held."""
        held = self._held(found.name)
        if held is not None and held > found.as_of and not forced:
            raise DomicileError(
                what=f"the list `{found.name.value}` held here is of {held.isoformat()}, this one of {found.as_of.isoformat()}",
                where=filename,
                remedy="load a newer one, or give `--force` and `--reason`",
                code=Code.RECORD_CONFLICT,
            )
        return held

    def _held(self, name: ListName) -> date | None:
        """By the list itself, else, where it is damaged or gone, by what was loaded last."""
        text = self._kept.get(name)
        try:
            if text is not None:
                return read_list(text, name.value, today=date.max).as_of
        except DomicileError:
            pass
        return next((load.as_of for load in reversed(self._kept.loads()) if load.list is name), None)
