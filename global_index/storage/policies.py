"""Drafts, bundles, keys, stops and reports of the policies in the index's store. Public keys and opaque ids; nothing of anyone.

Times are kept as whole seconds since 1970 in UTC. Signed documents are kept as the bytes that were signed.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, LargeBinary, Table, Text, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from chassis.database import classified, identifier, reading, writing
from global_index.policy.drafts import Act, Deed, Draft, Published, Rehearsed, Reported
from global_index.storage.metadata import metadata
from policies.engine.bundle import read_bundle
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import FlipCount, NodeState, PolicyReport, RehearsalCounts
from policies.engine.vocabulary import DataCategory, Outcome

_OPS = DataCategory.SYSTEM_OPERATIONS

drafts = Table(
    "policy_drafts",
    metadata,
    identifier("draft_id", _OPS, primary_key=True),
    classified("title", Text, _OPS, nullable=False),
    identifier("author", _OPS, nullable=False),
    classified("state", Text, _OPS, nullable=False),
    classified("changed_at", BigInteger, _OPS, nullable=False),
    classified("revision", BigInteger, _OPS, nullable=False),
    classified("files", Text, _OPS, nullable=False),
    classified("envelope", LargeBinary, _OPS, nullable=False),
    classified("difference", Text, _OPS, nullable=False),
)

rehearsals = Table(
    "policy_rehearsals",
    metadata,
    identifier("draft_id", _OPS, primary_key=True),
    classified("region", Text, _OPS, primary_key=True),
    classified("at", BigInteger, _OPS, nullable=False),
    classified("code", Text, _OPS, nullable=False),
    classified("counts", Text, _OPS, nullable=False),
)

bundles = Table(
    "policy_bundles",
    metadata,
    classified("version", BigInteger, _OPS, primary_key=True, autoincrement=False),
    identifier("draft_id", _OPS, nullable=False),
    classified("published_at", BigInteger, _OPS, nullable=False),
    classified("envelope", LargeBinary, _OPS, nullable=False),
)

roots = Table(
    "policy_roots",
    metadata,
    classified("version", BigInteger, _OPS, primary_key=True, autoincrement=False),
    classified("envelope", LargeBinary, _OPS, nullable=False),
)

stops = Table(
    "policy_stops",
    metadata,
    classified("number", BigInteger, _OPS, primary_key=True, autoincrement=False),
    classified("envelope", LargeBinary, _OPS, nullable=False),
)

reports = Table(
    "policy_reports",
    metadata,
    classified("region", Text, _OPS, primary_key=True),
    classified("at", BigInteger, _OPS, nullable=False),
    classified("report", Text, _OPS, nullable=False),
)

deeds = Table(
    "policy_deeds",
    metadata,
    classified("position", BigInteger, _OPS, primary_key=True, autoincrement=False),
    classified("at", BigInteger, _OPS, nullable=False),
    classified("actor", Text, _OPS, nullable=False),
    classified("act", Text, _OPS, nullable=False),
    classified("about", Text, _OPS, nullable=False, index=True),
    classified("detail", Text, _OPS, nullable=False),
)
"""Who did what, in order; nothing is ever taken out."""


class SqlPolicyStore:
    """Opens transactions on the index's store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> "Iterator[SqlPolicyUnit]":
        """A transaction that may write. Two that take the same version, number or position: the second is told so."""
        try:
            with writing(self._engine) as connection:
                yield SqlPolicyUnit(connection)
        except IntegrityError:
            raise DomicileError("somebody else wrote at the same moment", remedy="do it again", code=Code.RECORD_CONFLICT) from None

    @contextmanager
    def reading(self) -> "Iterator[SqlPolicyUnit]":
        """A transaction that sees one state."""
        with reading(self._engine) as connection:
            yield SqlPolicyUnit(connection)


class SqlPolicyUnit:
    """One transaction over everything of the policies."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def draft(self, draft_id: str) -> Draft | None:
        """A draft by its id."""
        row = self._connection.execute(select(drafts).where(drafts.c.draft_id == draft_id)).one_or_none()
        return None if row is None else _draft(row)

    def drafts(self, *, limit: int) -> tuple[Draft, ...]:
        """The latest drafts, newest first."""
        rows = select(drafts).order_by(drafts.c.changed_at.desc(), drafts.c.draft_id.desc()).limit(limit)
        return tuple(map(_draft, self._connection.execute(rows)))

    def add_draft(self, draft: Draft) -> None:
        """Write a new draft."""
        self._connection.execute(insert(drafts).values(draft_id=draft.draft_id, revision=draft.revision, **_columns(draft)))

    def keep_draft(self, draft: Draft) -> Draft:
        """Write a changed draft, its revision one up. Raises RECORD_CONFLICT when it has changed since it was read."""
        same = (drafts.c.draft_id == draft.draft_id) & (drafts.c.revision == draft.revision)
        kept = replace(draft, revision=draft.revision + 1)
        # one conditional statement: the second of two waits for the first's row and then finds another revision
        if self._connection.execute(update(drafts).where(same).values(revision=kept.revision, **_columns(kept))).rowcount != 1:
            raise DomicileError(
                "the draft has changed since it was read", where=f"draft {draft.draft_id[:8]}", remedy="load it again",
                code=Code.RECORD_CONFLICT,
            )  # fmt: skip
        return kept

    def rehearsals(self, draft_id: str) -> tuple[Rehearsed, ...]:
        """How the regions took the rehearsal of a draft, by region."""
        rows = select(rehearsals).where(rehearsals.c.draft_id == draft_id).order_by(rehearsals.c.region)
        return tuple(
            Rehearsed(region=row.region, at=_moment(row.at), code=row.code, counts=_counts(json.loads(row.counts)))
            for row in self._connection.execute(rows)
        )

    def keep_rehearsals(self, draft_id: str, found: tuple[Rehearsed, ...]) -> None:
        """Write them in place of earlier ones."""
        self._connection.execute(delete(rehearsals).where(rehearsals.c.draft_id == draft_id))
        for one in found:
            counts = json.dumps(asdict(one.counts) if one.counts else None)
            values = {"draft_id": draft_id, "region": one.region, "at": _seconds(one.at), "code": one.code, "counts": counts}
            self._connection.execute(insert(rehearsals).values(values))

    def bundles(self, *, after: int = 0) -> tuple[Published, ...]:
        """The published bundles after a version, in order."""
        rows = select(bundles).where(bundles.c.version > after).order_by(bundles.c.version)
        return tuple(map(_published, self._connection.execute(rows)))

    def newest(self) -> Published | None:
        """The last published bundle."""
        row = self._connection.execute(select(bundles).order_by(bundles.c.version.desc()).limit(1)).one_or_none()
        return None if row is None else _published(row)

    def add_bundle(self, bundle: Published) -> None:
        """Write a published bundle. Raises RECORD_CONFLICT when its version is taken."""
        values = {"version": bundle.version, "draft_id": bundle.draft_id, "published_at": _seconds(bundle.published_at)}
        self._connection.execute(insert(bundles).values(**values, envelope=bundle.signed.to_bytes()))

    def roots(self, *, after: int = 0) -> tuple[bytes, ...]:
        """The signed versions of the root document after a version, in order."""
        rows = select(roots.c.envelope).where(roots.c.version > after).order_by(roots.c.version)
        return tuple(map(bytes, self._connection.execute(rows).scalars()))

    def add_root(self, version: int, envelope: bytes) -> None:
        """Write a new version. Raises RECORD_CONFLICT when it is taken."""
        self._connection.execute(insert(roots).values(version=version, envelope=envelope))

    def stops(self, *, after: int = 0) -> tuple[bytes, ...]:
        """The signed stop notices after a number, in order."""
        rows = select(stops.c.envelope).where(stops.c.number > after).order_by(stops.c.number)
        return tuple(map(bytes, self._connection.execute(rows).scalars()))

    def add_stop(self, number: int, envelope: bytes) -> None:
        """Write a notice. Raises RECORD_CONFLICT when its number is taken."""
        self._connection.execute(insert(stops).values(number=number, envelope=envelope))

    def reports(self) -> tuple[Reported, ...]:
        """What each region last said, by region."""
        rows = self._connection.execute(select(reports).order_by(reports.c.region))
        return tuple(Reported(region=row.region, at=_moment(row.at), report=_report(json.loads(row.report))) for row in rows)

    def keep_report(self, reported: Reported) -> None:
        """Write what a region says, in place of what it said before."""
        values = {"at": _seconds(reported.at), "report": json.dumps(asdict(reported.report))}
        if self._connection.execute(update(reports).where(reports.c.region == reported.region).values(values)).rowcount == 0:
            self._connection.execute(insert(reports).values(region=reported.region, **values))

    def record(self, deed: Deed) -> None:
        """Add a line to what was done."""
        last = self._connection.execute(select(func.max(deeds.c.position))).scalar_one()
        values = {"at": _seconds(deed.at), "actor": deed.actor, "act": deed.act.value, "about": deed.about, "detail": deed.detail}
        self._connection.execute(insert(deeds).values(position=(last or 0) + 1, **values))

    def deeds(self, *, about: str = "", limit: int = 200) -> tuple[Deed, ...]:
        """The latest lines, newest first; of one draft, key or notice where named."""
        rows = select(deeds).order_by(deeds.c.position.desc()).limit(limit)
        rows = rows.where(deeds.c.about == about) if about else rows
        return tuple(
            Deed(at=_moment(row.at), actor=row.actor, act=Act(row.act), about=row.about, detail=row.detail)
            for row in self._connection.execute(rows)
        )


def _columns(draft: Draft) -> dict[str, Any]:
    return {
        "title": draft.title,
        "author": draft.author,
        "state": draft.state,
        "changed_at": _seconds(draft.changed_at),
        "files": json.dumps(dict(draft.files), ensure_ascii=False),
        "envelope": draft.envelope,
        "difference": draft.difference,
    }


def _draft(row: Any) -> Draft:
    return Draft(
        draft_id=row.draft_id,
        title=row.title,
        author=row.author,
        state=row.state,
        changed_at=_moment(row.changed_at),
        files=json.loads(row.files),
        revision=row.revision,
        envelope=bytes(row.envelope),
        difference=row.difference,
    )


def _published(row: Any) -> Published:
    signed = read_bundle(bytes(row.envelope))
    return Published(version=row.version, draft_id=row.draft_id, signed=signed, published_at=_moment(row.published_at))


def _counts(body: Mapping[str, Any] | None) -> RehearsalCounts | None:
    if body is None:
        return None
    flips = tuple(
        FlipCount(
            before=Outcome(each["before"]), after=Outcome(each["after"]), rules=tuple(each["rules"]), count=each["count"]
        )
        for each in body["flips"]
    )  # fmt: skip
    return RehearsalCounts(**{**body, "flips": flips})


def _report(body: Mapping[str, Any]) -> PolicyReport:
    return PolicyReport(**{**body, "state": NodeState(body["state"])})


def _seconds(value: datetime) -> int:
    return int(value.timestamp())


def _moment(value: int) -> datetime:
    return datetime.fromtimestamp(value, UTC)
