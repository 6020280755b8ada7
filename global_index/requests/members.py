"""Memberships, invites and certificates as they are kept, and what is needed of a store and an issuer. Nothing here decides.

A membership is a state graph, checked when this module is imported.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from policies.engine.announcement import Announcement
from policies.engine.states import State, StateGraph

LONGEST_INVITE = timedelta(days=7)
SILENCE = timedelta(minutes=15)


class MembershipGraph(StateGraph):
    """The life of a region in the federation. EXPIRED and LEFT end a membership; a new invite begins another."""

    INVITED = State(initial=True)
    JOINED = State()
    UNREACHABLE = State()
    SUSPENDED = State()
    LEFT = State(final=True)
    EXPIRED = State(final=True)

    INVITED.to(JOINED, LEFT)
    INVITED.times_out_to(EXPIRED, after=LONGEST_INVITE)
    JOINED.to(SUSPENDED, LEFT)
    JOINED.times_out_to(UNREACHABLE, after=SILENCE)
    UNREACHABLE.to(JOINED, SUSPENDED, LEFT)
    SUSPENDED.to(JOINED, LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A region's membership as it is kept. `seen_at` is its last announcement; `invite_ends` when its last invite does."""

    name: str
    jurisdiction: str
    state: str
    changed_at: datetime
    invite_ends: datetime
    address: str = ""
    seen_at: datetime | None = None
    announcement: Announcement | None = None

    def settled(self, *, at: datetime) -> "Member":
        """The membership as it is by now: what time alone has changed is followed."""
        if self.state == MembershipGraph.INVITED.name:
            state = MembershipGraph.EXPIRED.name if at >= self.invite_ends else self.state
        else:
            since = max(self.changed_at, self.seen_at or self.changed_at)
            state = MembershipGraph.settled(self.state, since=since, at=at)
        return replace(self, state=state)

    def moved(self, target: State, *, at: datetime) -> "Member":
        """The membership in `target`. Raises RECORD_CONFLICT where the graph does not lead there."""
        state = MembershipGraph.move(self.settled(at=at).state, target, where=self.name)
        return replace(self, state=state, changed_at=at)

    @property
    def active(self) -> bool:
        """Whether the region is asked: one that fell silent still is, a suspended one is not."""
        return self.state in {MembershipGraph.JOINED.name, MembershipGraph.UNREACHABLE.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteKept:
    """An invite as it is kept: its certificate's serial is the token, and no secret is kept."""

    serial: str
    region: str
    jurisdiction: str
    expires_at: datetime
    used_at: datetime | None = None


class Holder(StrEnum):
    """What the holder of an issued certificate is. Grammar: one noun."""

    REGION = "region"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateKept:
    """A certificate that was issued. `region` is whom it names; of the index's own, where `role` says so, it is `index`.

    `proved_at`: when a region first used it.
    """

    serial: str
    region: str
    pem: bytes
    issued_at: datetime
    not_after: datetime
    proved_at: datetime | None = None
    revoked_at: datetime | None = None
    role: Holder = Holder.REGION

    def stands(self, *, at: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked_at is None and at < self.not_after


class MembershipUnit(Protocol):
    """One transaction over memberships, invites and certificates.

    Where it may write, what it has read of a member or a certificate stays so until its end.
    """

    def member(self, region: str) -> Member | None:
        """The membership of a region, None when it was never invited."""
        ...

    def members(self) -> tuple[Member, ...]:
        """All memberships by name."""
        ...

    def keep_member(self, member: Member) -> None:
        """Write a membership."""
        ...

    def invite(self, serial: str) -> InviteKept | None:
        """An invite by its serial."""
        ...

    def keep_invite(self, invite: InviteKept) -> None:
        """Write a new invite."""
        ...

    def use_invite(self, serial: str, *, at: datetime) -> bool:
        """Mark an unused invite as used; False when it was used before. Of two at once exactly one gets True."""
        ...

    def void_invites(self, region: str, *, at: datetime) -> None:
        """Use up every open invite of a region."""
        ...

    def certificate(self, serial: str) -> CertificateKept | None:
        """A certificate by its serial, of a region or of the index."""
        ...

    def certificates(self, region: str) -> tuple[CertificateKept, ...]:
        """The certificates ever issued to a region, oldest first."""
        ...

    def issued(self) -> tuple[CertificateKept, ...]:
        """All certificates ever issued, the index's own too, oldest first."""
        ...

    def keep_certificate(self, certificate: CertificateKept) -> None:
        """Write a certificate, new or changed."""
        ...

    def revoked(self, *, at: datetime) -> tuple[str, ...]:
        """Serials that are revoked and not yet over, of regions and of the index."""
        ...


class MembershipStore(Protocol):
    """Opens transactions: committed at the end of the block, rolled back when it raises."""

    def writing(self) -> AbstractContextManager[MembershipUnit]:
        """A transaction that may write."""
        ...

    def reading(self) -> AbstractContextManager[MembershipUnit]:
        """A transaction that sees one state."""
        ...


class Issuer(Protocol):
    """The federation's certificate authority, as the use cases need it."""

    def authorities(self) -> bytes:
        """The certificates to trust, PEM."""
        ...

    def issue(self, request: bytes, *, region: str, serial: str, at: datetime, not_after: datetime) -> bytes:
        """A region's certificate, PEM, whatever names the request holds. Raises INPUT_INVALID."""
        ...

    def write_invite(
        self, *, region: str, jurisdiction: str, serial: str, address: str, at: datetime, expires_at: datetime, not_after: datetime
    ) -> str:
        """An invite as one line of text, with a fresh key and a certificate that may call Join only."""
        ...

    def revocations(self, serials: tuple[str, ...], *, at: datetime, next_update: datetime) -> bytes:
        """The signed list of revoked serials, PEM."""
        ...
