"""Membership of the federation: invite, join, renew, announce, suspend, revoke. Nothing here knows SQL, the wire or a certificate.

What a caller is was proved by its certificate before any of this runs; the use cases still check that it is one they issued.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from global_index.requests.members import (
    LONGEST_INVITE,
    CertificateKept,
    Holder,
    InviteKept,
    Issuer,
    Member,
    MembershipGraph,
    MembershipStore,
    MembershipUnit,
)
from policies.engine.announcement import Announcement
from policies.engine.errors import Code, DomicileError

CERTIFICATE_LIFETIME = timedelta(days=90)
REVOCATIONS_LAST = timedelta(days=7)
INVITE_GRACE = timedelta(days=1)
"""An invite's certificate outlives the invite, so that who comes late is told so instead of failing in the handshake."""

_JURISDICTION = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the index tells every region: its address, the organisation that receives entries, and the ticket key (public)."""

    federation: str
    address: str
    organisation: str
    ticket_key: bytes
    announce_again_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvite:
    """An invite to hand to a region's operator. The text is a secret until it is used."""

    text: str
    region: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Never the text."""
        return f"NewInvite(region={self.region!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a region gets on joining, announcing or renewing; `certificate` is empty on announcing."""

    certificate: bytes
    authorities: bytes
    revocations: bytes
    terms: Terms


class Memberships:
    """The use cases. `random` gives that many random bytes, `forget` drops what the index holds of a region that has left."""

    def __init__(
        self,
        *,
        store: MembershipStore,
        issuer: Issuer,
        terms: Terms,
        random: Callable[[int], bytes],
        forget: Callable[[str], None],
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._terms = terms
        self._random = random
        self._forget = forget

    def invite(self, region: str, jurisdiction: str, *, ttl: timedelta, at: datetime) -> NewInvite:
        """Invite a region. An earlier open invite of it ends. Raises INPUT_INVALID, RECORD_CONFLICT for a region that has joined.

        A region that joined and was never heard of since may be invited again: its answer was lost on the way.
        """
        if not timedelta(0) < ttl <= LONGEST_INVITE:
            raise _invalid("an invite lasts more than nothing and at most 7 days", "choose a shorter time")
        if not _JURISDICTION.fullmatch(jurisdiction):
            raise _invalid(what=f"`{jurisdiction[:20]}` is not a jurisdiction", remedy="write it like `EU`, `BR` or `US-CA`")
        serial, expires_at = self._serial(), at + ttl
        text = self._issuer.write_invite(
            region=region,
            jurisdiction=jurisdiction,
            serial=serial,
            address=self._terms.address,
            at=at,
            expires_at=expires_at,
            not_after=expires_at + INVITE_GRACE,
        )
        with self._store.writing() as unit:
            _require_free(unit, region, at=at)
            _revoke_all(unit, region, at=at)
            unit.void_invites(region, at=at)
            unit.keep_invite(InviteKept(serial=serial, region=region, jurisdiction=jurisdiction, expires_at=expires_at))
            start = MembershipGraph.start().name
            unit.keep_member(Member(name=region, jurisdiction=jurisdiction, state=start, changed_at=at, invite_ends=expires_at))
        return NewInvite(text=text, region=region, expires_at=expires_at)

    def join(self, *, serial: str, region: str, jurisdiction: str, request: bytes, address: str, at: datetime) -> Joined:
        """Turn the invite of that serial into a region's certificate, once. Raises INVITE_REFUSED, INPUT_INVALID.

        The invite is used up in the transaction that keeps the certificate: of two at once one gets it, and a request that
        is refused does not cost the invite.
        """
        with self._store.writing() as unit:
            invite = _open_invite(unit, serial, at=at)
            if (invite.region, invite.jurisdiction) != (region, jurisdiction):
                raise _not_invited(
                    what=f"it is for region `{invite.region}` under `{invite.jurisdiction}`",
                    remedy="join with the region it was made for",
                )
            member = unit.member(region)  # before the invite: every transaction takes the member first, so that none wait in a ring
            if member is None:
                raise _not_invited("its region is not known", "ask for a new invite")
            if not unit.use_invite(serial, at=at):
                raise _used()
            kept = self._issue(unit, region, request, at=at)
            unit.keep_member(replace(member.moved(MembershipGraph.JOINED, at=at), address=address))
            return self._told(unit, kept.pem, at=at)

    def renew(self, *, region: str, serial: str, request: bytes, at: datetime) -> Joined:
        """Issue a region's next certificate. The present one stands until the next is first used for an announcement."""
        with self._store.writing() as unit:
            _heard(unit, region, at=at)
            _prove(unit, region, serial, at=at)
            for waiting in unit.certificates(region):
                if waiting.serial != serial and waiting.revoked_at is None:  # an earlier answer was lost on the way
                    unit.keep_certificate(replace(waiting, revoked_at=at))
            kept = self._issue(unit, region, request, at=at)
            return self._told(unit, kept.pem, at=at)

    def announce(self, *, region: str, serial: str, announcement: Announcement, at: datetime) -> Joined:
        """Keep what a region says of itself. The certificate it came with is proved, and every older one is revoked.

        Raises PEER_REFUSED unless the membership is active: a suspension that came while the call was let in is not lifted by it.
        """
        with self._store.writing() as unit:
            member = _heard(unit, region, at=at)
            if member.settled(at=at).state != MembershipGraph.JOINED.name:
                member = member.moved(MembershipGraph.JOINED, at=at)
            unit.keep_member(replace(member, address=announcement.address, seen_at=at, announcement=announcement))
            _prove(unit, region, serial, at=at)
            return self._told(unit, b"", at=at)

    def suspend(self, region: str, *, at: datetime) -> None:
        """Stop asking a region and hearing it. Raises RECORD_NOT_FOUND, RECORD_CONFLICT."""
        with self._store.writing() as unit:
            unit.keep_member(_required(unit, region).moved(MembershipGraph.SUSPENDED, at=at))

    def resume(self, region: str, *, at: datetime) -> None:
        """End a suspension. Raises RECORD_NOT_FOUND, RECORD_CONFLICT."""
        with self._store.writing() as unit:
            member = _required(unit, region)
            if member.state != MembershipGraph.SUSPENDED.name:
                raise DomicileError("it is not suspended", where=region, remedy="nothing is to be done", code=Code.RECORD_CONFLICT)
            unit.keep_member(member.moved(MembershipGraph.JOINED, at=at))

    def revoke(self, region: str, *, at: datetime) -> None:
        """End a membership: its certificates and open invites end, its entries go. Raises RECORD_NOT_FOUND, RECORD_CONFLICT."""
        with self._store.writing() as unit:
            unit.keep_member(_required(unit, region).moved(MembershipGraph.LEFT, at=at))
            _revoke_all(unit, region, at=at)
            unit.void_invites(region, at=at)
        self._forget(region)

    def revoke_certificate(self, serial: str, *, at: datetime) -> None:
        """Revoke one certificate, of a region or the index's own. Raises RECORD_NOT_FOUND."""
        with self._store.writing() as unit:
            certificate = unit.certificate(serial)
            if certificate is None:
                raise DomicileError(
                    what=f"there is no certificate `{serial[:64]}`",
                    remedy="see `global-index regions certificates`",
                    code=Code.RECORD_NOT_FOUND,
                )
            if certificate.revoked_at is None:
                unit.keep_certificate(replace(certificate, revoked_at=at))

    def certificates(self) -> tuple[CertificateKept, ...]:
        """All certificates ever issued, the index's own too, oldest first."""
        with self._store.reading() as unit:
            return unit.issued()

    def require_standing(self, *, invited: bool, name: str, serial: str, at: datetime) -> None:
        """Raise PEER_REFUSED or INVITE_REFUSED unless this serial was issued to that name, stands, and its region may call."""
        with self._store.reading() as unit:
            if invited:
                _open_invite(unit, serial, at=at)
                return
            certificate, member = unit.certificate(serial), unit.member(name)
        if certificate is None or member is None or (certificate.role, certificate.region) != (Holder.REGION, name):
            raise _unwelcome("it was not issued here")
        if not certificate.stands(at=at):
            raise _unwelcome("it is revoked or over")
        if not member.settled(at=at).active:
            raise _unwelcome(what=f"the region is {member.settled(at=at).state.lower()}")

    def members(self, *, at: datetime) -> tuple[Member, ...]:
        """All memberships as they are by now."""
        with self._store.reading() as unit:
            return tuple(member.settled(at=at) for member in unit.members())

    def pinned(self, region: str, *, at: datetime) -> bytes:
        """The certificates that the region's node may show now, PEM: one, or two while a renewal is under way."""
        with self._store.reading() as unit:
            return b"".join(each.pem for each in unit.certificates(region) if each.stands(at=at))

    def _issue(self, unit: MembershipUnit, region: str, request: bytes, *, at: datetime) -> CertificateKept:
        serial, not_after = self._serial(), at + CERTIFICATE_LIFETIME
        pem = self._issuer.issue(request, region=region, serial=serial, at=at, not_after=not_after)
        kept = CertificateKept(serial=serial, region=region, pem=pem, issued_at=at, not_after=not_after)
        unit.keep_certificate(kept)
        return kept

    def _told(self, unit: MembershipUnit, certificate: bytes, *, at: datetime) -> Joined:
        revocations = self._issuer.revocations(unit.revoked(at=at), at=at, next_update=at + REVOCATIONS_LAST)
        return Joined(certificate=certificate, authorities=self._issuer.authorities(), revocations=revocations, terms=self._terms)

    def _serial(self) -> str:
        # 127 random bits under a leading one: positive, unpredictable, and one spelling in hex (RFC 5280 section 4.1.2.2)
        return format(int.from_bytes(self._random(16)) >> 1 | 1 << 126, "x")


def _required(unit: MembershipUnit, region: str) -> Member:
    member = unit.member(region)
    if member is None:
        raise DomicileError(
            what=f"there is no region `{region[:64]}`", remedy="see `global-index regions`", code=Code.RECORD_NOT_FOUND
        )
    return member


def _heard(unit: MembershipUnit, region: str, *, at: datetime) -> Member:
    member = _required(unit, region)
    state = member.settled(at=at).state
    if not member.settled(at=at).active:
        raise _unwelcome(what=f"the region is {state.lower()}")
    return member


def _require_free(unit: MembershipUnit, region: str, *, at: datetime) -> None:
    member = unit.member(region)
    if member is None or member.settled(at=at).state in {MembershipGraph.EXPIRED.name, MembershipGraph.LEFT.name}:
        return
    heard = any(each.proved_at is not None and each.stands(at=at) for each in unit.certificates(region))
    if heard or member.state == MembershipGraph.SUSPENDED.name:
        raise DomicileError(
            what=f"the region `{region}` has joined already",
            remedy="revoke it first, which ends its certificates",
            code=Code.RECORD_CONFLICT,
        )


def _open_invite(unit: MembershipUnit, serial: str, *, at: datetime) -> InviteKept:
    invite = unit.invite(serial)
    if invite is None:
        raise _not_invited("it was not made here", "ask for a new invite")
    if invite.used_at is not None:
        raise _used()
    if at >= invite.expires_at:
        raise _not_invited("it has expired", "ask for a new one")
    return invite


def _prove(unit: MembershipUnit, region: str, serial: str, *, at: datetime) -> None:
    issued = unit.certificates(region)
    shown = next((each for each in issued if each.serial == serial), None)
    if shown is None or not shown.stands(at=at):
        raise _unwelcome("it is not one of the region's")
    if shown.proved_at is None:
        unit.keep_certificate(replace(shown, proved_at=at))
    for older in issued[: issued.index(shown)]:
        if older.revoked_at is None:
            unit.keep_certificate(replace(older, revoked_at=at))


def _revoke_all(unit: MembershipUnit, region: str, *, at: datetime) -> None:
    for each in unit.certificates(region):
        if each.revoked_at is None:
            unit.keep_certificate(replace(each, revoked_at=at))


def _invalid(what: str, remedy: str) -> DomicileError:
    return DomicileError(what, remedy=remedy, code=Code.INPUT_INVALID)


def _not_invited(what: str, remedy: str) -> DomicileError:
    return DomicileError(what=f"the invite was refused: {what}", remedy=remedy, code=Code.INVITE_REFUSED)


def _used() -> DomicileError:
    return _not_invited("it was used already", "ask for a new one")


def _unwelcome(what: str) -> DomicileError:
    return DomicileError(
        what=f"the caller's certificate was refused: {what}", remedy="join again with a new invite", code=Code.PEER_REFUSED
    )
