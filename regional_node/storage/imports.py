"""The journal of imports in the store: runs and their refused rows, as ids, closed words, counts and keyed digests. Never a cell.

Not subject-owned: a refused row has no subject here, and its digest is keyed, so the table says nothing about anyone without the
key. Rows are routed by the run.
"""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import BigInteger, Engine, Index, Integer, Row, Table, Text, func, insert, select, update

from chassis.database import IDENTIFIER, classified, reading, writing
from policies.engine.vocabulary import DataCategory as C
from regional_node.storage.faults import told
from regional_node.storage.metadata import metadata
from regional_node.storage.rows import instant, microseconds
from regional_node.usecases.imports.journal import Counts, Refusal, Run, RunState
from regional_node.usecases.imports.reasons import Reason

_OPS = C.SYSTEM_OPERATIONS
_COUNTS = ("created", "updated", "unchanged", "skipped", "rejected")
_TOGETHER = 1_000

import_runs = Table(
    "import_runs",
    metadata,
    classified("id", IDENTIFIER, category=_OPS, primary_key=True),
    classified("started_at", BigInteger, category=_OPS, nullable=False),
    classified("ended_at", BigInteger, category=_OPS),
    classified("kind", Text, category=_OPS, nullable=False),
    classified("content_digest", Text, category=_OPS, nullable=False),
    classified("state", Text, category=_OPS, nullable=False),
    classified("fault", Text, category=_OPS, nullable=False),
    *(classified(name, BigInteger, category=_OPS, nullable=False) for name in _COUNTS),
    Index("ix_import_runs_started_at", "started_at"),
)

import_refusals = Table(
    "import_refusals",
    metadata,
    classified("run_id", IDENTIFIER, category=_OPS, primary_key=True),
    classified("number", Integer, category=_OPS, primary_key=True, autoincrement=False),
    classified("line", BigInteger, category=_OPS, nullable=False),
    classified("column_number", Integer, category=_OPS, nullable=False),
    classified("reason", Text, category=_OPS, nullable=False),
    classified("row_digest", Text, category=C.UNIQUE_ID, nullable=False),
)


class SqlImportJournal:
    """Fits the ImportJournal Protocol on SQLite and PostgreSQL; every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, run: Run) -> None:
        """Keep a run that starts."""
        with told(), writing(self._engine) as connection:
            connection.execute(insert(import_runs).values(id=run.id, **_values(run)))

    def end(self, run: Run, refusals: Sequence[Refusal]) -> None:
        """Keep how a run ended, with its refused rows."""
        with told(), writing(self._engine) as connection:
            connection.execute(update(import_runs).where(import_runs.c.id == run.id).values(**_values(run)))
            for start in range(0, len(refusals), _TOGETHER):
                rows = [
                    {
                        "run_id": run.id,
                        "number": start + offset,
                        "line": refusal.line,
                        "column_number": refusal.column,
                        "reason": refusal.reason.value,
                        "row_digest": refusal.row_digest,
                    }
                    for offset, refusal in enumerate(refusals[start : start + _TOGETHER])
                ]
                connection.execute(insert(import_refusals), rows)

    def runs(self, *, limit: int = 50) -> Sequence[Run]:
        """The latest runs, newest first."""
        query = select(import_runs).order_by(import_runs.c.started_at.desc(), import_runs.c.id.desc()).limit(limit)
        with told(), reading(self._engine) as connection:
            return [_run(row) for row in connection.execute(query)]

    def refusals(self, run_id: str) -> Sequence[Refusal]:
        """The refused rows of a run, in the order of the file."""
        query = select(import_refusals).where(import_refusals.c.run_id == run_id).order_by(import_refusals.c.number)
        with told(), reading(self._engine) as connection:
            return [
                Refusal(line=row.line, column=row.column_number, reason=Reason(row.reason), row_digest=row.row_digest)
                for row in connection.execute(query)
            ]

    def count(self) -> int:
        """How many runs are kept."""
        with told(), reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).select_from(import_runs)).scalar_one())


def _values(run: Run) -> dict[str, object]:
    return {
        "started_at": microseconds(run.started_at),
        "ended_at": None if run.ended_at is None else microseconds(run.ended_at),
        "kind": run.kind,
        "content_digest": run.content_digest,
        "state": run.state.value,
        "fault": run.fault,
        **asdict(run.counts),
    }


def _run(row: Row[tuple[object, ...]]) -> Run:
    return Run(
        id=row.id,
        started_at=instant(row.started_at),
        ended_at=None if row.ended_at is None else instant(row.ended_at),
        kind=row.kind,
        content_digest=row.content_digest,
        state=RunState(row.state),
        fault=row.fault,
        counts=Counts(**{name: getattr(row, name) for name in _COUNTS}),
    )
