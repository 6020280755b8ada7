"""What is kept of an import: which run, how many rows of each fate, which rows were refused and why. Never what a cell said.

A run holds ids, closed words, counts and keyed digests only (DESIGN D3): not the file's name, which may name a person, nor its
headers, which are a person's row in a file without any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from regional_node.usecases.imports.reasons import Reason


class RunState(StrEnum):
    """How far a run came. Grammar: an adjective. `running` long after its start: the process died, and nothing was kept."""

    RUNNING = "running"
    COMMITTED = "committed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows by fate. `rows` is their sum."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        """Every row read."""
        return self.created + self.updated + self.unchanged + self.skipped + self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One file's import. `kind` is the dialect's object (`salesforce.contact`); `content_digest` is keyed."""

    id: str
    started_at: datetime
    kind: str
    content_digest: str
    state: RunState = RunState.RUNNING
    ended_at: datetime | None = None
    fault: str = ""
    counts: Counts = Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One refused row: its first physical line, the column's number (from 1; 0 when the whole row), why, its keyed digest."""

    line: int
    column: int
    reason: Reason
    row_digest: str


class ImportJournal(Protocol):
    """The runs of a region. Each call is a transaction of its own, outside that of the records."""

    def begin(self, run: Run) -> None:
        """Keep a run that starts."""
        ...

    def end(self, run: Run, refusals: Sequence[Refusal]) -> None:
        """Keep how it ended, with its refused rows. Raises `DomicileError` (STORE_*)."""
        ...

    def runs(self, *, limit: int = 50) -> Sequence[Run]:
        """The latest runs, newest first."""
        ...

    def refusals(self, run_id: str) -> Sequence[Refusal]:
        """The refused rows of a run, in the order of the file."""
        ...
