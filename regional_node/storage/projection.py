"""The columnar projection: a region's classified columns in DuckDB, fed from the outbox, frozen once an epoch. It holds no direct
identifier, keeps nothing in clear on disk, spills nowhere, fetches nothing, and answers nobody: what it measures goes to the gate.

The file is encrypted by DuckDB (AES-256-GCM) under a key of the node; writing it needs the httpfs extension, which is taken from
its wheel and never fetched. Without the extension the projection lives in memory and is rebuilt at every start.
"""

import importlib.util
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from sqlalchemy import Engine

from policies.engine.crossing import Aggregate, AggregateKind, Plan
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import TABLES, ColumnType, ReadingTable
from protos.certificates import write_private
from regional_node.storage.keys import require_private
from regional_node.storage.projection_compiler import compile_plan, freeze
from regional_node.storage.projection_feeding import Feeding
from regional_node.storage.projection_rates import Rate
from regional_node.storage.projection_schema import KeyedHash, create, fingerprint, owned, regional_domains
from regional_node.usecases.questions import Domains, check_plan, column_of, refuse, single_currency
from regional_node.usecases.readings import Clamp, ExactCell, ReadingEpoch

_KEY_BYTES = 32
_INT64 = 2**63 - 1


class Projection:
    """Fits `Readings`. One process opens the file; calls from several threads stand in line.

    `file` None keeps it in memory. `domains` gives the region's own domains by column name (`country`, `currency`, ...).
    `rates` is called at every freeze. Call `close()` at the end.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        file: Path | None,
        key_file: Path,
        domains: Mapping[str, tuple[str, ...]],
        time_zone: str,
        reading_epoch_seconds: int,
        rates: Callable[[], Sequence[Rate]],
        threads: int = 2,
        memory: str = "1GB",
        extension: Path | None = None,
    ) -> None:
        self._engine = engine
        self._domains: Domains = regional_domains(domains)
        self._zone = ZoneInfo(time_zone)
        self._seconds = reading_epoch_seconds
        self._rates = rates
        self._lock = threading.RLock()
        key = _key(key_file)
        self._hashed = KeyedHash(key)
        self._fingerprint = fingerprint(self._domains)
        self._found = extension if extension is not None else httpfs_extension()
        self._file = file if self._found is not None else None
        self._duck = self._open(key, threads=threads, memory=memory)
        self._feeding = Feeding(engine, self._duck, hashed=self._hashed, domains=self._domains)
        self._epoch = self._stored_epoch()
        self._units: dict[str, int] = self._frozen_units()

    @property
    def in_memory(self) -> bool:
        """Whether it will have to be rebuilt at the next start."""
        return self._file is None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._duck.close()

    # Feeding

    def catch_up(self) -> int:
        """Bring over one batch of what the outbox holds and return how many events still wait (the lag)."""
        with self._lock:
            place = self._place()
            if place is None:
                self.rebuild()
                return self._feeding.waiting(self._place() or 0)
            with self._transaction():
                last, waiting = self._feeding.next_events(place)
                self._duck.execute("UPDATE state SET place = ?", [last])
            return waiting

    def lag(self) -> int:
        """How many outbox events are not in the live tables yet."""
        with self._lock:
            return self._feeding.waiting(self._place() or 0)

    def rebuild(self) -> None:
        """Read everything afresh from the store. The frozen epoch stays as it is until the next one."""
        with self._lock, self._transaction():
            place = self._feeding.everything()
            self._duck.execute("UPDATE state SET place = ?, fingerprint = ?", [place, self._fingerprint])

    # Reading

    def epoch(self, *, at: datetime) -> ReadingEpoch:
        """The epoch that answers a question asked now; freezes a new one when the period has turned. It never moves back."""
        name, day = self._name(at)
        with self._lock:
            if self._epoch is not None and (self._epoch.name == name or at <= self._epoch.frozen_at):
                return self._epoch
            return self._freeze(name, day, at)

    def present_epoch(self) -> str:
        """The name of the epoch frozen last, empty before the first."""
        with self._lock:
            return self._epoch.name if self._epoch is not None else ""

    def domains(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The region's own domains by (table, column), `other` included."""
        return dict(self._domains)

    def clamps(self, plan: Plan) -> tuple[Clamp, ...]:
        """The bounds of each measure; of a count the rows a subject may hold."""
        table = check_plan(plan, self._domains)
        return tuple(self._clamp(measure, plan, table) for measure in plan.aggregates)

    def measure(self, plan: Plan, epoch: ReadingEpoch) -> Sequence[ExactCell]:
        """Exact, bounded totals of the groups that have rows."""
        table = check_plan(plan, self._domains)
        with self._lock:
            if self._epoch is None or self._epoch.name != epoch.name:
                raise DomicileError("the reading epoch has turned", remedy="ask again", code=Code.EPOCH_UNKNOWN)
            clamps = self.clamps(plan)
            statement = compile_plan(plan, table, clamps, schema="epoch", frozen_on=self._epoch.frozen_on, owned=owned(table))
            try:
                rows = self._duck.execute(statement.sql, statement.parameters).fetchall()
            except duckdb.Error:
                # what the engine says may quote a row, so nothing of it goes on
                raise DomicileError("the projection cannot be read", remedy="rebuild it", code=Code.INTERNAL) from None
        keys = len(plan.group_by)
        return [
            ExactCell(keys=tuple(row[:keys]), totals=tuple(int(v) for v in row[keys:-1]), subjects=int(row[-1])) for row in rows
        ]

    # Inside

    def _clamp(self, measure: Aggregate, plan: Plan, table: ReadingTable) -> Clamp:
        if measure.kind is AggregateKind.COUNT:
            return Clamp(low=0, high=table.rows_per_subject)
        column = column_of(table, measure.column or "")
        bounds = column.bounds
        if bounds is None:
            refuse(f"`{column.name}` has no declared bounds")
        if column.type is not ColumnType.MONEY:
            return Clamp(low=bounds.low, high=bounds.high)
        known = self._units
        if measure.currency is not None:
            self._require_rates((measure.currency, *self._currencies(table)))
            return self._money(bounds.low, bounds.high, known[measure.currency])
        fixed = single_currency(plan)
        wanted = (fixed,) if fixed is not None else self._currencies(table)
        self._require_rates(wanted)
        each = [self._money(bounds.low, bounds.high, known[currency]) for currency in wanted]
        # one bound for every currency of the answer: the widest, since the noise of a measure is one figure
        return Clamp(low=min(c.low for c in each), high=max(c.high for c in each))

    @staticmethod
    def _money(low: int, high: int, units: int) -> Clamp:
        million = 10**6
        return Clamp(low=low * units // million, high=min(-(-high * units // million), _INT64))

    def _currencies(self, table: ReadingTable) -> tuple[str, ...]:
        return tuple(value for value in self._domains.get((table.name, "currency"), ()) if value != "other")

    def _require_rates(self, currencies: Sequence[str]) -> None:
        missing = [currency for currency in currencies if currency not in self._units]
        if missing:
            refuse(
                f"this region has no exchange rate for `{missing[0][:3]}`",
                "ask in one of: " + ", ".join(f"`{c}`" for c in sorted(self._units)),
            )

    def _freeze(self, name: str, day: date, at: datetime) -> ReadingEpoch:
        while self.catch_up():
            pass
        epoch = ReadingEpoch(name=name, frozen_at=at, frozen_on=day)
        rates = list(self._rates())
        with self._transaction():
            self._duck.execute("DELETE FROM epoch.rates")
            given = pa.table(
                {"currency": [r.currency for r in rates], "day": [r.day for r in rates], "units": [r.units for r in rates]}
            )
            self._duck.register("given", given)
            self._duck.execute("INSERT INTO epoch.rates SELECT currency, day, units FROM given WHERE day <= ?", [day])
            self._duck.unregister("given")
            for table in TABLES.values():
                statement = freeze(table, owned=owned(table))
                self._duck.execute(statement, {"day": day} if "$day" in statement else None)
            self._duck.execute(
                "UPDATE state SET epoch = ?, frozen_at = ?, frozen_on = ?", [name, at.astimezone(UTC).isoformat(), day]
            )
        self._epoch = epoch
        self._units = self._frozen_units()
        return epoch

    def _frozen_units(self) -> dict[str, int]:
        found = self._duck.execute("SELECT currency, arg_max(units, day) FROM epoch.rates GROUP BY currency").fetchall()
        return {str(currency): int(units) for currency, units in found}

    def _name(self, at: datetime) -> tuple[str, date]:
        day = at.astimezone(self._zone).date()
        if self._seconds <= 0:
            return day.isoformat(), day
        return f"{day.isoformat()}.{int(at.timestamp()) // self._seconds}", day

    def _stored_epoch(self) -> ReadingEpoch | None:
        row = self._duck.execute("SELECT epoch, frozen_at, frozen_on FROM state").fetchone()
        if row is None or row[0] is None:
            return None
        return ReadingEpoch(name=row[0], frozen_at=datetime.fromisoformat(row[1]), frozen_on=row[2])

    def _place(self) -> int | None:
        row = self._duck.execute("SELECT place, fingerprint FROM state").fetchone()
        return int(row[0]) if row is not None and row[0] is not None and row[1] == self._fingerprint else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._duck.execute("BEGIN")
        try:
            yield
            self._duck.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):
                self._duck.execute("ROLLBACK")
            if isinstance(error, duckdb.Error):
                raise _unwritable() from None  # what the engine says may quote a row
            raise

    def _open(self, key: bytes, *, threads: int, memory: str) -> duckdb.DuckDBPyConnection:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": "",  # a spill file would stand in clear
            "threads": str(threads),
            "memory_limit": memory,
        }
        connection = duckdb.connect(":memory:", config=settings)
        if self._found is not None:
            connection.execute(f"LOAD '{_literal(self._found)}'")
        self._attach(connection, key)
        # from here on a statement can neither open another file nor undo this
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        connection.execute("CREATE SCHEMA IF NOT EXISTS live")
        connection.execute("CREATE SCHEMA IF NOT EXISTS epoch")
        for table in TABLES.values():
            connection.execute(create(table, "live"))
            connection.execute(create(table, "epoch"))
        connection.execute("CREATE TABLE IF NOT EXISTS epoch.rates (currency VARCHAR, day DATE, units BIGINT)")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS state (place BIGINT, fingerprint VARCHAR, epoch VARCHAR, frozen_at VARCHAR, frozen_on DATE)"
        )
        if connection.execute("SELECT count(*) FROM state").fetchone() == (0,):
            connection.execute("INSERT INTO state VALUES (NULL, NULL, NULL, NULL, NULL)")
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
        if self._file is None:
            connection.execute("ATTACH ':memory:' AS home")
        else:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                _attach_file(connection, self._file, key)
                self._refuse_old(connection)
            except duckdb.IOException as error:
                if "lock" in str(error):
                    raise DomicileError(
                        "the projection is open in another process", remedy="stop the other process", code=Code.STORE_UNAVAILABLE
                    ) from None
                self._start_afresh(connection, key)
            except duckdb.Error:  # written under another key, by another version, or damaged: it can be made again
                self._start_afresh(connection, key)
        connection.execute("USE home")

    def _refuse_old(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise when the file's tables are of another shape than ours."""
        has = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'home'").fetchone()
        if has != (0,):
            row = connection.execute("SELECT fingerprint FROM home.state").fetchone()
            if row is None or row[0] != self._fingerprint:
                message = "another shape"
                raise duckdb.CatalogException(message)

    def _start_afresh(self, connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
        with suppress(duckdb.Error):
            connection.execute("DETACH home")
        if self._file is None:
            return
        for path in (self._file, self._file.with_name(self._file.name + ".wal")):
            path.unlink(missing_ok=True)
        try:
            _attach_file(connection, self._file, key)
        except duckdb.Error:
            raise _unwritable(str(self._file)) from None


def httpfs_extension() -> Path | None:
    """Where the installed wheel keeps the extension for this version of DuckDB, or None."""
    found = importlib.util.find_spec("duckdb_extension_httpfs")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    return path if path.is_file() else None


def _attach_file(connection: duckdb.DuckDBPyConnection, file: Path, key: bytes) -> None:
    try:
        connection.execute(f"ATTACH '{_literal(file)}' AS home (ENCRYPTION_KEY '{key.hex()}')")
    except duckdb.Error as error:
        raise type(error)(str(error).replace(key.hex(), "…")) from None


def _unwritable(where: str = "") -> DomicileError:
    remedy = "check the space and the owner of its folder; it is made again from the store"
    return DomicileError("the projection cannot be written", where=where, remedy=remedy, code=Code.STORE_UNAVAILABLE)


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")


def _key(path: Path) -> bytes:
    """The node's key of the projection, made on first use and readable by its owner only."""
    if not path.exists():
        write_private(path, secrets.token_bytes(_KEY_BYTES))
    require_private(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise DomicileError(
            "the key of the projection is damaged",
            where=str(path),
            remedy="remove it; the projection is rebuilt",
            code=Code.KEY_MISSING,
        )
    return key
