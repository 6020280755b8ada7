"""Regions, invites and issued certificates in the index's store. No secret and nothing about a person is kept here.

Times are kept as whole seconds since 1970 in UTC, so that both kinds of store compare them alike.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    LargeBinary,
    PrimaryKeyConstraint,
    Select,
    Table,
    Text,
    insert,
    select,
    update,
)

from chassis.database import classified, reading, writing
from global_index.catalogue.regions import Region
from global_index.requests.members import CertificateKept, Holder, InviteKept, Member
from global_index.storage.metadata import metadata
from policies.engine.announcement import Announcement, RegionalDomain
from policies.engine.vocabulary import DataCategory

_OPS = DataCategory.SYSTEM_OPERATIONS

regions = Table(
    "regions",
    metadata,
    classified("name", Text, category=_OPS),
    classified("jurisdiction", Text, category=_OPS, nullable=False),
    classified("state", Text, category=_OPS, nullable=False),
    classified("changed_at", BigInteger, category=_OPS, nullable=False),
    classified("invite_ends", BigInteger, category=_OPS, nullable=False),
    classified("address", Text, category=_OPS, nullable=False),
    classified("seen_at", BigInteger, category=_OPS),
    classified("announcement", Text, category=_OPS),
    PrimaryKeyConstraint("name"),
)

invites = Table(
    "invites",
    metadata,
    classified("serial", Text, category=_OPS),
    classified("region", Text, category=_OPS, nullable=False, index=True),
    classified("jurisdiction", Text, category=_OPS, nullable=False),
    classified("expires_at", BigInteger, category=_OPS, nullable=False),
    classified("used_at", BigInteger, category=_OPS),
    PrimaryKeyConstraint("serial"),
)

certificates = Table(
    "certificates",
    metadata,
    classified("serial", Text, category=_OPS),
    classified("region", Text, category=_OPS, nullable=False, index=True),
    classified("role", Text, category=_OPS, nullable=False),
    classified("position", BigInteger, category=_OPS, nullable=False),
    classified("pem", LargeBinary, category=_OPS, nullable=False),
    classified("issued_at", BigInteger, category=_OPS, nullable=False),
    classified("not_after", BigInteger, category=_OPS, nullable=False),
    classified("proved_at", BigInteger, category=_OPS),
    classified("revoked_at", BigInteger, category=_OPS),
    PrimaryKeyConstraint("serial"),
)


class SqlMembershipStore:
    """Opens transactions on the index's store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> "Iterator[SqlMembershipUnit]":
        """A transaction that may write."""
        with writing(self._engine) as connection:
            yield SqlMembershipUnit(connection, writes=True)

    @contextmanager
    def reading(self) -> "Iterator[SqlMembershipUnit]":
        """A transaction that sees one state."""
        with reading(self._engine) as connection:
            yield SqlMembershipUnit(connection)


class SqlRegionDirectory:
    """The regions that the fan-out asks, each with the certificates its node may show now. `clock` is UTC."""

    def __init__(self, store: SqlMembershipStore, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def regions(self) -> tuple[Region, ...]:
        """All regions by name, suspended ones too."""
        at = self._clock()
        with self._store.reading() as unit:
            return tuple(_region(unit, member.settled(at=at), at=at) for member in unit.members())


class SqlMembershipUnit:
    """One transaction over regions, invites and certificates.

    Where it `writes`, a member or certificate that was read is held: what is decided on it may be written as a whole row.
    """

    def __init__(self, connection: Connection, *, writes: bool = False) -> None:
        self._connection = connection
        self._writes = writes

    def member(self, region: str) -> Member | None:
        """The membership of a region, None when it was never invited."""
        row = self._connection.execute(self._held(select(regions).where(regions.c.name == region))).one_or_none()
        return None if row is None else _member(row)

    def members(self) -> tuple[Member, ...]:
        """All memberships by name."""
        return tuple(sorted(map(_member, self._connection.execute(select(regions))), key=lambda member: member.name))

    def keep_member(self, member: Member) -> None:
        """Write a membership."""
        values = {
            "jurisdiction": member.jurisdiction,
            "state": member.state,
            "changed_at": _seconds(member.changed_at),
            "invite_ends": _seconds(member.invite_ends),
            "address": member.address,
            "seen_at": _seconds_or_none(member.seen_at),
            "announcement": None if member.announcement is None else json.dumps(asdict(member.announcement)),
        }
        self._keep(regions, "name", member.name, values)

    def invite(self, serial: str) -> InviteKept | None:
        """An invite by its serial."""
        row = self._connection.execute(select(invites).where(invites.c.serial == serial)).one_or_none()
        if row is None:
            return None
        return InviteKept(
            serial=row.serial,
            region=row.region,
            jurisdiction=row.jurisdiction,
            expires_at=_moment(row.expires_at),
            used_at=_moment_or_none(row.used_at),
        )

    def keep_invite(self, invite: InviteKept) -> None:
        """Write a new invite."""
        values = {"region": invite.region, "jurisdiction": invite.jurisdiction, "expires_at": _seconds(invite.expires_at)}
        self._keep(invites, "serial", invite.serial, values | {"used_at": _seconds_or_none(invite.used_at)})

    def use_invite(self, serial: str, *, at: datetime) -> bool:
        """Mark an unused invite as used; False when it was used before. Of two at once exactly one gets True."""
        unused = (invites.c.serial == serial) & invites.c.used_at.is_(None)
        # one conditional statement: the second of two waits for the first's row and then finds it used
        return self._connection.execute(update(invites).where(unused).values(used_at=_seconds(at))).rowcount == 1

    def void_invites(self, region: str, *, at: datetime) -> None:
        """Use up every open invite of a region."""
        still_open = (invites.c.region == region) & invites.c.used_at.is_(None)
        self._connection.execute(update(invites).where(still_open).values(used_at=_seconds(at)))

    def certificate(self, serial: str) -> CertificateKept | None:
        """A certificate by its serial, of a region or of the index."""
        row = self._connection.execute(self._held(select(certificates).where(certificates.c.serial == serial))).one_or_none()
        return None if row is None else _certificate(row)

    def certificates(self, region: str) -> tuple[CertificateKept, ...]:
        """The certificates ever issued to a region, oldest first."""
        return self._certificates(Holder.REGION, region)

    def issued(self) -> tuple[CertificateKept, ...]:
        """All certificates ever issued, the index's own too, oldest first."""
        rows = select(certificates).order_by(
            certificates.c.issued_at, certificates.c.role, certificates.c.region, certificates.c.position
        )
        return tuple(map(_certificate, self._connection.execute(rows)))

    def keep_certificate(self, certificate: CertificateKept) -> None:
        """Write a certificate, new or changed."""
        values = {
            "region": certificate.region,
            "role": certificate.role.value,
            "pem": certificate.pem,
            "issued_at": _seconds(certificate.issued_at),
            "not_after": _seconds(certificate.not_after),
            "proved_at": _seconds_or_none(certificate.proved_at),
            "revoked_at": _seconds_or_none(certificate.revoked_at),
        }
        new = {"position": len(self._certificates(certificate.role, certificate.region))}
        self._keep(certificates, "serial", certificate.serial, values, new)

    def revoked(self, *, at: datetime) -> tuple[str, ...]:
        """Serials that are revoked and not yet over, of regions and of the index."""
        still = certificates.c.revoked_at.is_not(None) & (certificates.c.not_after > _seconds(at))
        return tuple(self._connection.execute(select(certificates.c.serial).where(still)).scalars())

    def _certificates(self, role: Holder, name: str) -> tuple[CertificateKept, ...]:
        theirs = (certificates.c.role == role.value) & (certificates.c.region == name)
        rows = self._held(select(certificates).where(theirs).order_by(certificates.c.position))
        return tuple(map(_certificate, self._connection.execute(rows)))

    def _held(self, rows: "Select[Any]") -> "Select[Any]":
        # the embedded store lets one transaction write at a time and has no row locks: it leaves the clause out
        return rows.with_for_update() if self._writes else rows

    def _keep(self, table: Table, key: str, value: str, values: dict[str, Any], new: dict[str, Any] | None = None) -> None:
        if self._connection.execute(update(table).where(table.c[key] == value).values(values)).rowcount == 0:
            self._connection.execute(insert(table).values({key: value, **values, **(new or {})}))


def _region(unit: SqlMembershipUnit, member: Member, *, at: datetime) -> Region:
    told = member.announcement
    return Region(
        name=member.name,
        jurisdiction=member.jurisdiction,
        state=member.state.lower(),
        active=member.active,
        address=member.address,
        certificate=b"".join(each.pem for each in unit.certificates(member.name) if each.stands(at=at)),
        time_zone=told.time_zone if told else "",
        program_version=told.program_version if told else "",
        policy_digest=told.policy_digest if told else "",
        domains={(each.table, each.column): each.values for each in told.domains} if told else {},
    )


def _member(row: Any) -> Member:
    return Member(
        name=row.name,
        jurisdiction=row.jurisdiction,
        state=row.state,
        changed_at=_moment(row.changed_at),
        invite_ends=_moment(row.invite_ends),
        address=row.address,
        seen_at=_moment_or_none(row.seen_at),
        announcement=None if row.announcement is None else _announcement(json.loads(row.announcement)),
    )


def _announcement(kept: dict[str, Any]) -> Announcement:
    domains = tuple(RegionalDomain(**{**each, "values": tuple(each["values"])}) for each in kept["domains"])
    return Announcement(**{**kept, "domains": domains})


def _certificate(row: Any) -> CertificateKept:
    return CertificateKept(
        serial=row.serial,
        region=row.region,
        pem=bytes(row.pem),
        issued_at=_moment(row.issued_at),
        not_after=_moment(row.not_after),
        proved_at=_moment_or_none(row.proved_at),
        revoked_at=_moment_or_none(row.revoked_at),
        role=Holder(row.role),
    )


def _seconds(value: datetime) -> int:
    return int(value.timestamp())


def _seconds_or_none(value: datetime | None) -> int | None:
    return None if value is None else _seconds(value)


def _moment(value: int) -> datetime:
    return datetime.fromtimestamp(value, UTC)


def _moment_or_none(value: int | None) -> datetime | None:
    return None if value is None else _moment(value)
