"""The backends of the contract suites: one PostgreSQL server a session, a fresh store a test."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from chassis.database import open_database
from regional_node.storage.sealing import Indexer, Sealer
from regional_node.storage.tables import metadata
from regional_node.storage.units import SqlUnits
from regional_node.usecases.records import UnitOfWork
from tests.builders import Clock, keys
from tests.fakes import COUNTRY, FakeUnits
from tests.initial_migration import node_metadata
from tests.postgres import NoPostgresError, postgres_server, without_server


@dataclass
class Backend:
    """A store under test: `outbox` lists what was told, `pseudonyms` what was drawn; `engine` is None for the fake."""

    units: UnitOfWork
    clock: Clock
    engine: Engine | None
    outbox: Callable[[], list[tuple[str, str, str, str]]]
    pseudonyms: Callable[[], dict[bytes, str]]


@pytest.fixture(scope="session")
def postgres_engine() -> Iterator[Engine]:
    try:
        with postgres_server() as url:
            engine = open_database(url)
            node_metadata().create_all(engine)
            yield engine
            engine.dispose()
    except NoPostgresError as missing:
        without_server(missing)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    clock = Clock()
    if request.param == "fake":
        units = FakeUnits(now=clock)
        yield Backend(
            units=units,
            clock=clock,
            engine=None,
            outbox=lambda: [(t.value, s, r, k.value) for k, t, s, r in units.kept.outbox],
            pseudonyms=lambda: units.kept.pseudonyms,
        )
        return
    if request.param == "postgres":
        engine = request.getfixturevalue("postgres_engine")
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
    else:
        engine = open_database(f"sqlite:///{tmp_path / 'node.db'}")
        metadata.create_all(engine)
    yield stored(engine, tmp_path, clock)
    if request.param == "sqlite":
        engine.dispose()


def stored(engine: Engine, folder: Path, clock: Clock) -> Backend:
    provider = keys(folder / "keys")
    units = SqlUnits(
        engine,
        sealer=Sealer(provider, random=secrets.token_bytes),
        indexer=Indexer(provider, country=COUNTRY),
        random=secrets.token_bytes,
        now=clock,
    )

    def rows(sql: str) -> list[tuple]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    return Backend(
        units=units,
        clock=clock,
        engine=engine,
        outbox=lambda: rows("SELECT type, subject_id, record_id, kind FROM outbox ORDER BY seq"),
        pseudonyms=lambda: {bytes(p): s for p, s in rows("SELECT pseudonym, subject_id FROM pseudonyms")},
    )
