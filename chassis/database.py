"""The store of a node: opening it, migrating it, and columns that say what they hold. Nothing here knows a table of the CRM.

Write through `writing(engine)` and read through `reading(engine)`: a write takes SQLite's write lock at its first statement
(BEGIN IMMEDIATE), because two transactions that both read first and then write cannot both be upgraded and one would fail.
"""

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Column, Connection, Engine, MetaData, Text, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError
from sqlalchemy.types import TypeEngine

from policies.engine.errors import Code, DomicileError
from policies.engine.vocabulary import DataCategory

CATEGORY = "category"
_READ_ONLY = "domicile_read_only"
_MIGRATION_LOCK = 0x444F4D4943  # an arbitrary constant; advisory locks are per database

Synchronous = Literal["FULL", "NORMAL"]

# Ids are UUIDv7 written as 32 hexadecimal digits, as text on both engines: the same literal stands in a log line, a URL, a
# psql session and a ledger record, so an operator can follow one record by eye. Raw bytes would save 16 bytes a reference.
# Collation C makes PostgreSQL order them by byte, as SQLite does, so the order of ids is the order of time on both.
IDENTIFIER = Text().with_variant(Text(collation="C"), "postgresql")


class StoreError(DomicileError):
    """The store cannot be opened, reached or used by this program."""

    code = Code.STORE_UNAVAILABLE


class StoreVersionError(DomicileError):
    """The store's schema and the program do not fit together."""

    code = Code.STORE_VERSION


def open_database(
    url: str, *, synchronous: Synchronous = "FULL", busy_seconds: float = 10.0, statement_seconds: float = 60.0
) -> Engine:
    """An engine for `sqlite:///PATH` or `postgresql+pg8000://…`. Raises StoreError for any other address; connects lazily.

    `synchronous`: FULL (default) keeps every committed transaction through a power cut, which a ledger and a charged budget
    need: a lost charge would refill the budget. NORMAL never corrupts but may lose the last commits; it is for stores that
    can be rebuilt. `busy_seconds` is how long a writer waits for another, `statement_seconds` ends a runaway query.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("the address of the database cannot be read", remedy=_ADDRESSES) from None
    if parsed.get_backend_name() == "sqlite" and parsed.get_driver_name() in {"pysqlite", "sqlite"}:
        return _open_sqlite(parsed, synchronous=synchronous, busy_seconds=busy_seconds)
    if parsed.drivername == "postgresql+pg8000":
        return _open_postgres(parsed, statement_seconds=statement_seconds)
    raise StoreError(what=f"a database of kind `{parsed.drivername}` is not supported", remedy=_ADDRESSES)


_ADDRESSES = "write `sqlite:///path/to/file.db` or `postgresql+pg8000://user@host/name`"


def _open_sqlite(url: URL, *, synchronous: Synchronous, busy_seconds: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.query:
        raise StoreError("a store in memory cannot be shared by threads", remedy="write `sqlite:///path/to/file.db`")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # SQLite gives its journal files the mode of the database
    except OSError as error:
        raise StoreError(
            what=f"the file cannot be made ({error.strerror})", where=str(path), remedy="check the folder's owner and space"
        ) from None
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": busy_seconds}, pool_size=16, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see `start`
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={int(busy_seconds * 1000)}",
            "secure_delete=ON",  # an erased key must not survive in a free page (GDPR Art. 17)
            "temp_store=MEMORY",  # no spill file in clear
            "cache_size=-16384",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _open_postgres(url: URL, *, statement_seconds: float) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=8, max_overflow=16)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        if (wire := getattr(connection, "_usock", None)) is not None and wire.family != getattr(socket, "AF_UNIX", None):
            # pg8000 leaves Nagle on; with delayed ACKs every large statement then waits some 40 ms
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cursor = connection.cursor()
        cursor.execute("SET jit = off")  # our queries are short: compiling one costs more than running it
        cursor.execute(f"SET statement_timeout = {int(statement_seconds * 1000)}")
        cursor.execute("SET timezone = 'UTC'")
        cursor.close()
        connection.commit()

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write: committed at the end of the block, rolled back when it raises."""
    with _reachable(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state and cannot write: the engine itself refuses, on both kinds of store."""
    with _reachable(engine), engine.connect() as plain:
        connection = plain.execution_options(**{_READ_ONLY: True})
        embedded = engine.dialect.name == "sqlite"
        with connection.begin():
            connection.exec_driver_sql("PRAGMA query_only=ON" if embedded else "SET TRANSACTION READ ONLY")
            try:
                yield connection
            finally:
                if embedded:
                    connection.exec_driver_sql("PRAGMA query_only=OFF")


@contextmanager
def _reachable(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _disk_is_full(error):
            raise DomicileError(
                "the store has no space left", remedy="free space on its disk, then try again", code=Code.STORE_FULL
            ) from error
        if _does_not_answer(error):
            where = engine.url.render_as_string(hide_password=True)
            raise StoreError("the store does not answer", where=where, remedy="check that it runs and try again") from error
        raise


def _disk_is_full(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL" or _sql_state(error) == "53100"


def _does_not_answer(error: DBAPIError) -> bool:
    gone = error.connection_invalidated or isinstance(error, InterfaceError)  # pg8000 says so when it cannot connect
    embedded = getattr(error.orig, "sqlite_errorname", "") in {"SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR"}
    return gone or embedded or (_sql_state(error)[:2] in {"08", "57"} and _sql_state(error) != "57014")  # not: query cancelled


def _sql_state(error: DBAPIError) -> str:
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""


# Migrations. The folder of a tower holds `versions/` only; the environment and the template are ours.


def migrate(engine: Engine, script_location: Path, *, target: str = "head") -> str:
    """Bring the store to `target` under one lock, all or nothing, and return its revision. Raises StoreVersionError."""
    config = _alembic(script_location)
    with engine.connect() as connection:
        embedded = engine.dialect.name == "sqlite"
        if embedded:  # a table that batch mode rebuilds must not take its children with it; checked again below
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]  # a fresh connection has one
        try:
            with connection.begin():
                if not embedded:
                    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
                _refuse_newer(connection, config)
                config.attributes["connection"] = connection
                command.upgrade(config, target)
                if embedded and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise StoreVersionError(
                        "the migration would leave rows that point to nothing", remedy="report this migration; nothing was changed"
                    )
        except CommandError as error:
            raise StoreVersionError(what=f"the migration cannot run: {error}", remedy="install a whole release") from error
        finally:
            if embedded:
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]  # as above
    return current_revision(engine) or ""


def current_revision(engine: Engine) -> str | None:
    """The revision the store is at, None for a store that was never migrated."""
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current(engine: Engine, script_location: Path, *, program: str) -> None:
    """Refuse to run on a store that is older or newer than the code. `program` is the command that migrates it."""
    config = _alembic(script_location)
    with reading(engine) as connection:
        _refuse_newer(connection, config)
        at = MigrationContext.configure(connection).get_current_revision()
    head = ScriptDirectory.from_config(config).get_current_head()
    if at != head:
        raise StoreVersionError(
            what=f"the store is at revision `{at or 'none'}`, the program expects `{head}`", remedy=f"run `{program} migrate`"
        )


def new_migration(script_location: Path, message: str, *, revision: str) -> Path:
    """Write an empty migration from the teaching template and return its path."""
    script = command.revision(_alembic(script_location), message=message, rev_id=revision)
    if script is None or isinstance(script, list):
        raise StoreVersionError("no migration was written", remedy="give one revision")
    return Path(script.path)


def _alembic(script_location: Path) -> Config:
    def plain(path: Path) -> str:
        return str(path).replace("%", "%%")  # the configuration interpolates percent signs

    config = Config(stdout=io.StringIO())  # it would report on standard output
    config.set_main_option("script_location", plain(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", plain(script_location / "versions"))
    return config


def _refuse_newer(connection: Connection, config: Config) -> None:
    at = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if at is not None and at not in known:
        raise StoreVersionError(
            what=f"the store is at revision `{at}`, which this program does not know",
            remedy="install the release that made it, or restore the backup taken before its upgrade",
        )


# Columns that say what they hold (DESIGN D4).


def classified(
    name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], category: DataCategory, *rest: Any, **options: Any
) -> Column[Any]:
    """A column that declares its data category, in `column.info["category"]`."""
    return Column(name, kind, *rest, info={**options.pop("info", {}), CATEGORY: DataCategory(category)}, **options)


def identifier(name: str, category: DataCategory, *rest: Any, **options: Any) -> Column[Any]:
    """A column for an id: 32 hexadecimal digits, ordered by time. See IDENTIFIER for why it is text."""
    return classified(name, IDENTIFIER, category, *rest, **options)


def require_classified(metadata: MetaData) -> None:
    """Raise when a column of `metadata` does not declare its data category."""
    silent = [
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if not isinstance(column.info.get(CATEGORY), DataCategory)
    ]
    if silent:
        raise DomicileError(
            what=f"columns without a data category: {', '.join(f'`{name}`' for name in sorted(silent))}",
            remedy="declare them with `classified(name, type, category)`",
        )
