"""What the index remembers of a question or a request: closed words, ids, plans. Never the text that was typed, never an answer.

A plan holds constants of declared domains, numbers within declared bounds and days of the askable range only, so that no telephone,
identity number or birth date stands here; the pseudonym of a record-level request is not kept either.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Asked(StrEnum):
    """What was asked. Grammar: one noun."""

    QUESTION = "question"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How one region took it: a status, and a code of the error catalogue or nothing. `rho` is a fraction as text."""

    region: str
    status: str
    code: str = ""
    rho: str = "0"
    leaf: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One line of the history. `plans` are canonical JSON, `digests` their SHA-256; `fields` are the
    names that a record-level answer had; a refusal keeps none.
    """

    question_id: str
    at: datetime
    asked: Asked
    analyst: str
    importer: str
    purpose: str
    told: tuple[Told, ...]
    plans: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class History(Protocol):
    """Where it is kept."""

    def remember(self, memory: Memory) -> None:
        """Keep one line."""
        ...

    def recent(self, *, limit: int, analyst: str | None = None) -> tuple[Memory, ...]:
        """The latest lines, newest first, of one analyst or of all."""
        ...

    def charged(self, *, year: int) -> dict[str, str]:
        """By region, what questions asked through this index have charged in a calendar year, as a decimal text."""
        ...
