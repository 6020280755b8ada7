"""The page on policies in a node's store: accepted bundles, stops, how the last look at the index went. It verifies nothing.

The signed bytes lie in the home (`policy_files`); here stands which ones were accepted, so that taking a file away, or putting an
older one in its place, cannot bring an older bundle back.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from chassis.database import classified, reading, writing
from policies.engine.errors import Code, DomicileError
from policies.engine.vocabulary import DataCategory
from regional_node.storage.metadata import metadata
from regional_node.usecases.policies import Accepted, FetchState, Standing, Stop, StopOrigin

_SYSTEM = DataCategory.SYSTEM_OPERATIONS
_ONLY = 1

policy_bundles = Table(
    "policy_bundles",
    metadata,
    classified("version", BigInteger, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("digest", Text, category=_SYSTEM, nullable=False),
    classified("policy_digest", Text, category=_SYSTEM, nullable=False),
    classified("active_from", Text, category=_SYSTEM, nullable=False),
    classified("expires", Text, category=_SYSTEM, nullable=False),
    classified("accepted_at", Text, category=_SYSTEM, nullable=False),
    classified("begun_at", Text, category=_SYSTEM, nullable=True),
    classified("withdrawn_at", Text, category=_SYSTEM, nullable=True),
)
policy_stops = Table(
    "policy_stops",
    metadata,
    classified("stop_id", Text, category=_SYSTEM, primary_key=True),
    classified("importer", Text, category=_SYSTEM, nullable=False),
    classified("purpose", Text, category=_SYSTEM, nullable=False),
    classified("reason", Text, category=DataCategory.CONTENT, nullable=False),  # free text: it may name somebody
    classified("origin", Text, category=_SYSTEM, nullable=False),
    classified("set_at", Text, category=_SYSTEM, nullable=False),
    classified("lifted_at", Text, category=_SYSTEM, nullable=True),
    classified("lifted_why", Text, category=DataCategory.CONTENT, nullable=False),
)
policy_state = Table(
    "policy_state",
    metadata,
    classified("id", Integer, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("generation", BigInteger, category=_SYSTEM, nullable=False),
    classified("notice", BigInteger, category=_SYSTEM, nullable=False),  # number of the last stop notice taken from the index
    classified("tried_at", Text, category=_SYSTEM, nullable=True),
    classified("went_well_at", Text, category=_SYSTEM, nullable=True),
    classified("code", Text, category=_SYSTEM, nullable=False),
    classified("fault", Text, category=_SYSTEM, nullable=False),
)

# The one row is made by whoever comes first; both engines know this form of an upsert.
_MAKE = text("INSERT INTO policy_state (id, generation, notice, code, fault) VALUES (1, 0, 0, '', '') ON CONFLICT (id) DO NOTHING")
_GROW = text(
    "INSERT INTO policy_state (id, generation, notice, code, fault) VALUES (1, 1, 0, '', '')"
    " ON CONFLICT (id) DO UPDATE SET generation = policy_state.generation + 1"
)


class SqlPolicyBook:
    """Fits PolicyBook."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def generation(self) -> int:
        """How many changes there were."""
        with reading(self._engine) as connection:
            return _generation(connection)

    def standing(self) -> Standing:
        """Everything that decides."""
        with reading(self._engine) as connection:
            bundles = connection.execute(select(policy_bundles).where(_kept()).order_by(policy_bundles.c.version)).all()
            stops = connection.execute(
                select(policy_stops).where(policy_stops.c.lifted_at.is_(None)).order_by(policy_stops.c.stop_id)
            ).all()
            generation = _generation(connection)
        return Standing(generation=generation, accepted=tuple(map(_accepted, bundles)), stops=tuple(map(_stop, stops)))

    def accept(self, bundle: Accepted) -> None:
        """Keep a verified bundle. Raises RECORD_CONFLICT unless it is newer than all, or there already, byte for byte."""
        with writing(self._engine) as connection:
            _grow(connection)  # first: it holds the row, so that two that accept stand in one line
            of_it = policy_bundles.c.version == bundle.version
            known = connection.execute(select(policy_bundles).where(of_it)).first()
            newest = connection.execute(select(func.max(policy_bundles.c.version)).where(_kept())).scalar()
            if known is not None and known.digest == bundle.digest:
                connection.execute(update(policy_bundles).where(of_it).values(withdrawn_at=None))
                return
            if (newest is not None and bundle.version <= newest) or (known is not None and known.begun_at is not None):
                raise DomicileError(
                    what=f"bundle {bundle.version} does not follow the one accepted here",
                    remedy="run `regional-node policy status`",
                    code=Code.RECORD_CONFLICT,
                )
            connection.execute(delete(policy_bundles).where(of_it))  # a withdrawn one, made anew under its number
            connection.execute(
                insert(policy_bundles).values(
                    version=bundle.version,
                    digest=bundle.digest,
                    policy_digest=bundle.policy_digest,
                    active_from=_written(bundle.active_from),
                    expires=_written(bundle.expires),
                    accepted_at=_written(bundle.accepted_at),
                    begun_at=None,
                    withdrawn_at=None,
                )
            )

    def withdraw(self, version: int, *, at: datetime) -> bool:
        """Take back a bundle that has not begun; False when it has, or is not there."""
        waiting = (policy_bundles.c.version == version) & policy_bundles.c.begun_at.is_(None) & _kept()
        with writing(self._engine) as connection:
            _grow(connection)
            return bool(connection.execute(update(policy_bundles).where(waiting).values(withdrawn_at=_written(at))).rowcount)

    def begin(self, version: int, *, at: datetime) -> None:
        """Keep that a bundle has been in force from now on. It changes nothing that decides, so the generation stays."""
        with writing(self._engine) as connection:
            connection.execute(
                update(policy_bundles)
                .where(policy_bundles.c.version == version, policy_bundles.c.begun_at.is_(None))
                .values(begun_at=_written(at))
            )

    def stop(self, stop: Stop) -> None:
        """Keep a stop; one of the same id that stands stays as it is, one that was lifted stands again."""
        with writing(self._engine) as connection:
            _grow(connection)
            again = update(policy_stops).where(policy_stops.c.stop_id == stop.id).values(lifted_at=None, lifted_why="")
            if not connection.execute(again).rowcount:
                connection.execute(
                    insert(policy_stops).values(
                        stop_id=stop.id,
                        importer=stop.importer,
                        purpose=stop.purpose,
                        reason=stop.reason,
                        origin=stop.origin.value,
                        set_at=_written(stop.set_at),
                        lifted_at=None,
                        lifted_why="",
                    )
                )

    def lift(self, stop_id: str, *, at: datetime, why: str) -> Stop:
        """End a stop. Raises RECORD_NOT_FOUND when none of that id stands."""
        with writing(self._engine) as connection:
            _grow(connection)
            standing = (policy_stops.c.stop_id == stop_id) & policy_stops.c.lifted_at.is_(None)
            row = connection.execute(select(policy_stops).where(standing)).first()
            if row is None:
                raise DomicileError(
                    what=f"no stop `{stop_id[:64]}` stands",
                    remedy="see `regional-node policy status` for those that do",
                    code=Code.RECORD_NOT_FOUND,
                )
            connection.execute(update(policy_stops).where(standing).values(lifted_at=_written(at), lifted_why=why))
        return _stop(row)

    def stops(self) -> tuple[Stop, ...]:
        """All that ever were, newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(policy_stops).order_by(policy_stops.c.set_at.desc(), policy_stops.c.stop_id)).all()
        return tuple(map(_stop, rows))

    def notice(self) -> int:
        """The number of the last stop notice that was taken from the index, 0 before the first."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(policy_state.c.notice)).scalar() or 0)

    def noticed(self, number: int) -> None:
        """Keep the number of the last notice taken; it never falls."""
        with writing(self._engine) as connection:
            _grow(connection)
            connection.execute(update(policy_state).where(policy_state.c.notice < number).values(notice=number))

    def fetched(self, state: FetchState) -> None:
        """Keep how a look at the index went."""
        kept = {
            "tried_at": _written(state.tried_at) if state.tried_at else None,
            "went_well_at": _written(state.went_well_at) if state.went_well_at else None,
            "code": state.code,
            "fault": state.fault,
        }
        with writing(self._engine) as connection:
            connection.execute(_MAKE)
            connection.execute(update(policy_state).where(policy_state.c.id == _ONLY).values(**kept))

    def fetch_state(self) -> FetchState:
        """How the last look at the index went."""
        with reading(self._engine) as connection:
            row = connection.execute(select(policy_state)).first()
        if row is None:
            return FetchState()
        return FetchState(tried_at=_time(row.tried_at), went_well_at=_time(row.went_well_at), code=row.code, fault=row.fault)


def _kept() -> ColumnElement[bool]:
    return policy_bundles.c.withdrawn_at.is_(None)


def _generation(connection: Connection) -> int:
    return int(connection.execute(select(policy_state.c.generation)).scalar() or 0)


def _grow(connection: Connection) -> None:
    connection.execute(_GROW)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _known(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _accepted(row: Row[Sequence[Any]] | Any) -> Accepted:
    return Accepted(
        version=int(row.version),
        digest=row.digest,
        policy_digest=row.policy_digest,
        active_from=_known(row.active_from),
        expires=_known(row.expires),
        accepted_at=_known(row.accepted_at),
        begun_at=_time(row.begun_at),
    )


def _stop(row: Row[Sequence[Any]] | Any) -> Stop:
    return Stop(
        id=row.stop_id,
        importer=row.importer,
        purpose=row.purpose,
        reason=row.reason,
        origin=StopOrigin(row.origin),
        set_at=_known(row.set_at),
        lifted_at=_time(row.lifted_at),
        lifted_why=row.lifted_why,
    )
