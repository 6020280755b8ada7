"""The one privacy account of a region: what has been spent, and the answers already given. Nothing here draws noise."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Protocol

from policies.engine.readings import SubjectClass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """zCDP rho spent and allowed in a period (a calendar year, UTC), per subject class."""

    subject_class: SubjectClass
    period: str
    spent: Fraction
    cap: Fraction


class PrivacyAccount(Protocol):
    """Charges are committed before an answer is computed and never refunded; answers are kept by question digest."""

    def recorded(self, digest: str) -> bytes | None:
        """The answer kept under that digest, or None."""
        ...

    def charge(
        self,
        *,
        digest: str,
        subject_class: SubjectClass,
        rho: Fraction,
        analyst: str,
        at: datetime,
        also: tuple[SubjectClass, ...] = (),
    ) -> bool:
        """Commit the charge; False when this digest was charged before (a retry: the same entry is finished, nothing is added).

        `also` names further classes whose subjects stand behind the same rows; all are charged, or none.

        Raises `DomicileError` (BUDGET_EXHAUSTED: what is left, what would fit, when it refills). The period never moves back:
        it is that of the latest time ever seen.
        """
        ...

    def record(self, digest: str, answer: bytes, *, at: datetime) -> None:
        """Keep the answer to a charged digest; a second answer to the same digest is refused."""
        ...

    def state(self, subject_class: SubjectClass, *, at: datetime) -> AccountState:
        """What is spent and allowed now."""
        ...


class SpentTickets(Protocol):
    """The nonces of tickets already used, kept until the tickets expire."""

    def spend(self, nonce: str, *, expires_at: datetime, at: datetime) -> bool:
        """Keep the nonce durably; False when it was spent before (a replay)."""
        ...
