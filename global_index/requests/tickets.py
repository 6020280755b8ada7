"""Tickets: the short-lived word of the index that this analyst asks this region this question for this purpose. One
ticket, one try.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine.signing import Ticket, sign_ticket
from policies.engine.vocabulary import Purpose

LASTS = timedelta(seconds=60)
"""Long enough for a retry and clocks a few seconds apart, too short to be worth stealing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks and why. `analyst` is an opaque id, `importer` the organisation that would receive the answer."""

    analyst: str
    role: str
    importer: str
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOffice:
    """Issues tickets under the index's ticket key. `random` gives that many random bytes."""

    key: Ed25519PrivateKey
    now: Callable[[], datetime]
    random: Callable[[int], bytes]

    def maker(self, asker: Asker, *, region: str, request_digest: str) -> Callable[[], bytes]:
        """A function that makes a fresh ticket at each call: a node spends a nonce once, so a retry needs its own."""

        def issue() -> bytes:
            at = self.now().replace(microsecond=0)
            ticket = Ticket(
                analyst=asker.analyst,
                role=asker.role,
                purpose=asker.purpose.value,
                importer=asker.importer,
                region=region,
                request_digest=request_digest,
                nonce=self.random(16).hex(),
                issued_at=at,
                expires_at=at + LASTS,
            )
            return sign_ticket(ticket, self.key)

        return issue
