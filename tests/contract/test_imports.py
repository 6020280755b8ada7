"""Imports and their journal, the same on every backend."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.database import open_database, require_classified
from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import RecordType
from regional_node.storage.imports import SqlImportJournal, import_refusals, import_runs
from regional_node.storage.metadata import metadata
from regional_node.usecases.imports import ImportStoppedError, Progress, run_import
from regional_node.usecases.imports.journal import Counts, ImportJournal, Refusal, Run, RunState
from regional_node.usecases.imports.reasons import Reason
from tests.postgres import NoPostgresError, postgres_server, without_server
from tests.unit.imports.world import World

AT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
ORDINARY = Run(id="01" * 16, started_at=AT, kind="domicile.people", content_digest="ab" * 32)
ENDED = replace(ORDINARY, state=RunState.COMMITTED, ended_at=AT + timedelta(seconds=3), counts=Counts(created=7, rejected=1))
REFUSED = Refusal(line=3, column=2, reason=Reason.DATE_INVALID, row_digest="cd" * 32)


class FakeJournal:
    """Runs in memory."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._refusals: dict[str, Sequence[Refusal]] = {}

    def begin(self, run: Run) -> None:
        self._runs[run.id] = run

    def end(self, run: Run, refusals: Sequence[Refusal]) -> None:
        self._runs[run.id] = run
        self._refusals[run.id] = list(refusals)

    def runs(self, *, limit: int = 50) -> Sequence[Run]:
        return sorted(self._runs.values(), key=lambda run: (run.started_at, run.id), reverse=True)[:limit]

    def refusals(self, run_id: str) -> Sequence[Refusal]:
        return self._refusals.get(run_id, [])


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    try:
        with postgres_server() as url:
            yield url
    except NoPostgresError as missing:
        without_server(missing)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, url=request.getfixturevalue("postgres_url") if request.param == "postgres" else "")
    yield made
    metadata.drop_all(made.engine)
    made.engine.dispose()


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImportJournal]:
    if request.param == "fake":
        yield FakeJournal()
        return
    url = f"sqlite:///{tmp_path / 'region.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    engine = open_database(url)
    tables = [import_runs, import_refusals]
    metadata.create_all(engine, tables=tables)
    yield SqlImportJournal(engine)
    metadata.drop_all(engine, tables=tables)
    engine.dispose()


def test_a_run_is_running_until_it_ends(journal: ImportJournal) -> None:
    journal.begin(ORDINARY)
    assert list(journal.runs()) == [ORDINARY]
    journal.end(ENDED, [])
    assert list(journal.runs()) == [ENDED]


def test_refused_rows_come_back_in_the_order_of_the_file(journal: ImportJournal) -> None:
    refused = [replace(REFUSED, line=line) for line in range(2, 2502)]
    journal.begin(ORDINARY)
    journal.end(ENDED, refused)
    assert list(journal.refusals(ORDINARY.id)) == refused
    assert list(journal.refusals("02" * 16)) == []


def test_the_latest_runs_come_first(journal: ImportJournal) -> None:
    later = replace(ORDINARY, id="02" * 16, started_at=AT + timedelta(hours=1))
    journal.begin(ORDINARY)
    journal.begin(later)
    assert list(journal.runs(limit=1)) == [later]


def test_a_failed_run_names_its_fault_by_code(journal: ImportJournal) -> None:
    failed = replace(ORDINARY, state=RunState.FAILED, ended_at=AT, fault="store:space:full")
    journal.begin(ORDINARY)
    journal.end(failed, [])
    assert journal.runs()[0].fault == "store:space:full"


def test_every_column_of_the_journal_is_classified() -> None:
    require_classified(metadata)
    assert {column.name for column in import_refusals.columns} == {
        "run_id", "number", "line", "column_number", "reason", "row_digest",
    }  # fmt: skip


def write_files(folder: Path, *, people: int) -> Path:
    folder.mkdir()
    (folder / "companies.csv").write_text(
        "external_id,name,industry,parent_external_id\nc1,Babbage,technology,c2\nc2,Holding,finance,\n"
    )
    rows = "".join(f"p{n},Ada,Lovelace {n},ada{n}@example.com,c1\n" for n in range(people))
    (folder / "people.csv").write_text("external_id,given_name,family_name,email,company_external_id\n" + rows)
    orders = "".join(f"o{n},p{n},12.50,EUR,2026-01-02,paid\n" for n in range(people))
    (folder / "orders.csv").write_text("external_id,person_external_id,amount,currency,ordered_at,status\n" + orders)
    return folder


def test_a_folder_is_imported_and_again_nothing_changes(world: World, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "files", people=2500)
    first = run_import([folder], world.tools)
    assert [file.counts for file in first.files] == [Counts(created=2), Counts(created=2500), Counts(created=2500)]
    second = run_import([folder], world.tools)
    assert [file.counts for file in second.files] == [Counts(unchanged=2), Counts(unchanged=2500), Counts(unchanged=2500)]
    order = world.by_key(RecordType.ORDERS, "o7")
    assert order.subject_id == world.by_key(RecordType.PEOPLE, "p7").id
    assert world.by_key(RecordType.COMPANIES, "c1").values["parent_id"] == world.by_key(RecordType.COMPANIES, "c2").id


def test_a_failure_in_the_last_batch_leaves_nothing_of_the_file(world: World, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "files", people=2500)

    def fail(progress: Progress) -> None:
        if progress.stage == "import" and progress.rows == 2500:
            raise DomicileError("the store has no space left", code=Code.STORE_FULL)

    with pytest.raises(ImportStoppedError) as caught:
        run_import([folder], replace(world.tools, progress=fail))
    assert caught.value.code is Code.STORE_FULL
    assert world.records(RecordType.PEOPLE) == []
    assert [run.state for run in world.journal.runs()][:1] == [RunState.FAILED]
    assert run_import([folder], world.tools).files[1].counts == Counts(created=2500)
