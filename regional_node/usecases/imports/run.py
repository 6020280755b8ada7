"""An import from file to records: survey, then one unit of work. Nothing here opens a database or asks the clock.

Why one transaction for each file, and not batches with resume: a file that fails at row 700,000 (disk full, power, Ctrl-C) leaves
nothing behind, so the remedy is always the same: run it again. Both stores carry it: the rows wait in SQLite's WAL or in
PostgreSQL's heap, not in our memory. Its price is that SQLite's one writer is busy for as long as the file takes; therefore the
file is read once before, without the store, so that a fault of the file itself costs nobody that lock.

  (1) recognise the file by its headers
  (2) survey it: decode every byte, count the rows, find repeated keys
  (3) keep in the journal that a run begins
  (4) read it again, in one unit of work: draft, match, write in batches; commit, or leave nothing
  (5) keep in the journal how it ended
"""

import errno
import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.crm.validation import FaultCode, FieldFault
from regional_node.usecases.collecting import Collecting, Rules
from regional_node.usecases.imports.dialects import AUTO, recognise
from regional_node.usecases.imports.drafts import Draft, Drafting, ImportObject, Part
from regional_node.usecases.imports.journal import Counts, ImportJournal, Refusal, Run, RunState
from regional_node.usecases.imports.matching import Matching
from regional_node.usecases.imports.reading import Row, Table
from regional_node.usecases.imports.reasons import ImportFileError, Reason
from regional_node.usecases.imports.report import LISTED, FileReport, Finding, Report
from regional_node.usecases.imports.survey import Survey, survey
from regional_node.usecases.imports.values import Region
from regional_node.usecases.records import UnitOfWork

BATCH_ROWS = 1_000
BATCH_SIGNS = 8 << 20
_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
_ORDER = {record_type: place for place, record_type in enumerate(
    (RecordType.COMPANIES, RecordType.PEOPLE, RecordType.DEALS, RecordType.ORDERS, RecordType.ACTIVITIES)
)}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one file is. `stage` is `survey` or `import`; both read the whole file."""

    path: Path
    stage: str
    rows: int
    bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an import works with. `secret` keys the digests of rows and files; `clock` tells the time with its zone.

    `collecting` asks the region's policies whether a field may be kept; without it nobody is asked.
    """

    unit_of_work: UnitOfWork
    journal: ImportJournal
    region: Region
    secret: bytes
    new_id: Callable[[], str]
    clock: Callable[[], datetime]
    progress: Callable[[Progress], None] = lambda _progress: None
    look_for_shared: bool = True
    collecting: Collecting | None = None


_OF_POLICY = {
    FaultCode.NOT_TO_BE_KEPT: Reason.FIELD_NOT_TO_BE_KEPT,
    FaultCode.NEEDS_CONSENT: Reason.CONSENT_NEEDED,
    FaultCode.DISCOURAGED: Reason.FIELD_DISCOURAGED,
}


class ImportStoppedError(DomicileError):
    """An import stopped in one file; `report` tells of the files before it, which are complete and stay."""

    def __init__(self, cause: DomicileError, *, where: str, report: Report, left: Sequence[Path] = ()) -> None:
        done = ", ".join(file.path.name for file in report.files)
        waiting = ", ".join(path.name for path in left)
        told = [f"imported before it and kept: {done}" if done else "", f"not begun: {waiting}" if waiting else ""]
        aside = "; ".join(part for part in told if part)
        what = f"{cause.what}; nothing of this file was imported" + (f" ({aside})" if aside else "")
        super().__init__(what, where=cause.where or where, remedy=cause.remedy)
        self.code = cause.code
        self.report = report


def run_import(paths: Sequence[Path], tools: Tools, *, dialect: str = AUTO, encoding: str | None = None) -> Report:
    """Import files, or the files of folders, companies first. Raises ImportFileError before anything when one is not an import,
    ImportStoppedError when one fails later; a folder's other files are passed over and told.
    """
    found, passed_over = _gather(paths, dialect=dialect, encoding=encoding)
    done: list[FileReport] = []
    for number, (path, kind) in enumerate(found, start=1):
        try:
            done.append(import_file(path, tools, kind=kind, encoding=encoding))
        except DomicileError as error:
            left = [waiting for waiting, _ in found[number:]]
            raise ImportStoppedError(error, where=str(path), report=Report(files=tuple(done)), left=left) from error
    return Report(files=tuple(done), passed_over=passed_over)


def _gather(
    paths: Sequence[Path], *, dialect: str, encoding: str | None
) -> tuple[list[tuple[Path, ImportObject]], tuple[tuple[Path, str], ...]]:
    # (1) recognise
    found: list[tuple[Path, ImportObject]] = []
    passed_over: list[tuple[Path, str]] = []
    for path, named in _files(paths):
        try:
            with Table(path, encoding=encoding) as table:
                found.append((path, recognise(table.shape.headers, dialect=dialect, where=str(path), stem=path.stem)))
        except ImportFileError as error:
            if named and len(paths) > 1:
                what = f"{error.what}; none of the {len(paths)} files was imported"
                raise ImportFileError(what, where=error.where, remedy=error.remedy) from None
            if named:
                raise
            passed_over.append((path, f"{error.what}; {error.remedy}"))
    if not found:
        where = ", ".join(str(path) for path in paths)
        raise ImportFileError("there is nothing to import", where=where, remedy="name a file, or a folder with .csv files")
    found.sort(
        key=lambda pair: (_ORDER.get(pair[1].record_type, len(_ORDER)) if pair[1].record_type else len(_ORDER), pair[1].after)
    )
    return found, tuple(passed_over)


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Files to import, and whether each was named itself."""
    for path in paths:
        if not path.is_dir():
            yield path, True
            continue
        try:
            inside = sorted(path.iterdir())
        except OSError as error:
            what = f"the folder cannot be read ({(error.strerror or 'unknown fault').lower()})"
            raise ImportFileError(what, where=str(path), remedy="check who may read it") from None
        yield from ((one, False) for one in inside if one.suffix.lower() in _SUFFIXES and one.is_file())


def import_file(path: Path, tools: Tools, *, kind: ImportObject, encoding: str | None = None) -> FileReport:
    """Import one file that was recognised as `kind`, wholly or not at all. Raises DomicileError."""
    with Table(path, encoding=encoding) as table:
        report = FileReport(
            path=path, kind=f"{kind.dialect}.{kind.name}", encoding=table.shape.encoding, delimiter=table.shape.delimiter
        )
        if kind.record_type is None:
            return _count_only(table, kind, report)
        drafting = Drafting(kind, table.shape.headers, tools.region, today=tools.clock().date())
        report.ignored, report.undeclared = drafting.ignored, drafting.undeclared
        # (2) survey
        surveyed = survey(table, drafting.key_column, tools.secret, lambda rows: _tell(tools, table, "survey", rows))
        _assume(report, drafting, surveyed)
        # (3) begin
        run = Run(id=tools.new_id(), started_at=tools.clock(), kind=report.kind, content_digest=surveyed.digest)
        report.run_id = run.id
        tools.journal.begin(run)
        # (4) import
        try:
            report.counts = _OneFile(table, drafting, surveyed, report, tools).write()
        except BaseException as error:
            fault = error.code.value if isinstance(error, DomicileError) else Code.INTERNAL.value
            with suppress(DomicileError, OSError):  # a full store may not even take this line; the first error is the one to tell
                tools.journal.end(replace(run, state=RunState.FAILED, ended_at=tools.clock(), fault=fault), ())
            if isinstance(error, OSError):
                raise _of_os(error, path) from error
            raise
        # (5) end
        _close(tools, replace(run, state=RunState.COMMITTED, ended_at=tools.clock(), counts=report.counts), report)
    return report


class _OneFile:
    """The second reading of one file, inside one unit of work."""

    def __init__(self, table: Table, drafting: Drafting, surveyed: Survey, report: FileReport, tools: Tools) -> None:
        self._table = table
        self._drafting = drafting
        self._surveyed = surveyed
        self._report = report
        self._tools = tools
        self._rejected = 0
        self._seen: dict[str, int] = {}
        self._columns = {part: column for column, part in drafting.parts.items()}
        self._rules: Rules | None = None

    def write(self) -> Counts:
        """Write every acceptable row and commit; the counts."""
        rows = 0
        with self._tools.unit_of_work() as unit:
            matching = Matching(
                unit.records,
                self._drafting.record_type,
                system=self._drafting.kind.dialect,
                keyed=self._drafting.key_column is not None,
                secret=self._tools.secret,
                at=self._tools.clock(),
                new_id=self._tools.new_id,
                refuse=self._refuse_part,
                remark=self._remark_part,
                allows=self._may_become,
                look_for_shared=self._tools.look_for_shared,
            )
            for batch in _batches(self._table.rows()):
                if (collecting := self._tools.collecting) is not None:
                    self._rules = collecting.now(self._tools.clock().date())
                matching.settle([draft for row in batch if (draft := self._acceptable(row)) is not None])
                rows += len(batch)
                _tell(self._tools, self._table, "import", rows)
            if rows != self._surveyed.rows:
                raise ImportFileError("the file changed while it was read", where=str(self._table.path), remedy="import it again")
            matching.finish()
            unit.commit()
        tally = matching.tally
        return Counts(
            created=tally.created,
            updated=tally.updated,
            unchanged=tally.unchanged,
            skipped=tally.skipped,
            rejected=self._rejected,
        )

    def _acceptable(self, row: Row) -> Draft | None:
        if row.fault is not None:
            self._refuse(row.line, row.cells, [(row.column, row.fault)])
            return None
        draft = self._drafting.draft(row)
        if not draft.problems and (reason := self._repeated(row)) is not None:
            draft.problems.append((self._drafting.key_column, reason))
        if draft.problems:
            self._refuse(draft.line, draft.cells, draft.problems)
            return None
        if self._rules is not None and draft.left_out is None and not self._may_be_kept(draft, self._rules):
            return None
        for column, reason in draft.remarks:
            self._report.add(self._finding(draft.line, draft.cells, column, reason), rejected=False)
        return draft

    def _may_be_kept(self, draft: Draft, rules: Rules) -> bool:
        """Whether the region's policies let every filled field of the row be kept; what they say is in the report."""
        found = rules.findings(self._drafting.record_type, draft.filled, draft.values, draft.custom)
        refused = self._tell_faults(draft, found.refused, rejected=True)
        self._tell_faults(draft, found.discouraged, rejected=False)
        return not refused

    def _may_become(self, draft: Draft, former: Record, record: Record) -> bool:
        """The same of a record that the row renews: of all that it would hold then."""
        if self._rules is None:
            return True
        refused = self._rules.refused(record.type, record.values, record.custom, former)
        return not self._tell_faults(draft, refused, rejected=True)

    def _tell_faults(self, draft: Draft, faults: Sequence[FieldFault], *, rejected: bool) -> bool:
        for fault in faults:
            column = self._drafting.columns.get(fault.field)
            told = self._finding(draft.line, draft.cells, column, _OF_POLICY[fault.code])
            self._report.add(replace(told, ground=fault.ground, field=fault.field), rejected=rejected)
        self._rejected += bool(faults) and rejected
        return bool(faults)

    def _repeated(self, row: Row) -> Reason | None:
        if not self._surveyed.may_repeat(row):
            return None
        column = self._drafting.key_column
        said = row.cells[column].strip() if column is not None else "\x1f".join(row.cells)
        if said and said in self._seen:
            return Reason.KEY_REPEATED if column is not None else Reason.ROW_REPEATED
        self._seen[said] = row.line
        return None

    def _refuse(self, line: int, cells: list[str], problems: Sequence[tuple[int | None, Reason]]) -> None:
        self._rejected += 1
        for column, reason in problems:
            self._report.add(self._finding(line, cells, column, reason), rejected=True)

    def _refuse_part(self, draft: Draft, part: Part | None, reason: Reason) -> None:
        self._refuse(draft.line, draft.cells, [(self._columns.get(part) if part else None, reason)])

    def _remark_part(self, draft: Draft, part: Part | None, reason: Reason) -> None:
        column = self._columns.get(part) if part else None
        self._report.add(self._finding(draft.line, draft.cells, column, reason), rejected=False)

    def _finding(self, line: int, cells: list[str], column: int | None, reason: Reason) -> Finding:
        header = self._table.shape.headers[column] if column is not None and column < len(self._table.shape.headers) else ""
        digest = hmac.digest(self._tools.secret, "\x1f".join(cells).encode("utf-8", "surrogatepass"), "sha256").hex()
        return Finding(line, column, header, reason, digest)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Batches bounded by rows and by text, so that a thousand huge cells do not meet in memory."""
    batch: list[Row] = []
    signs = 0
    for row in rows:
        batch.append(row)
        signs += sum(map(len, row.cells))
        if len(batch) >= BATCH_ROWS or signs > BATCH_SIGNS:
            yield batch
            batch, signs = [], 0
    if batch:
        yield batch


def _tell(tools: Tools, table: Table, stage: str, rows: int) -> None:
    tools.progress(Progress(path=table.path, stage=stage, rows=rows, bytes=table.position(), total_bytes=table.size))


def _assume(report: FileReport, drafting: Drafting, surveyed: Survey) -> None:
    if surveyed.rows == 0:
        report.assumptions.append("the file holds its header line only, so nothing is imported")
    if drafting.has_money and not drafting.has_currency:
        currency = drafting.region.default_currency
        report.assumptions.append(f"amounts are {currency}, the node's own currency, since no column names one")
    if drafting.key_column is None:
        report.assumptions.append("rows have no key, so each is known by its content: a changed row is a new record")


def _count_only(table: Table, kind: ImportObject, report: FileReport) -> FileReport:
    rows = rejected = 0
    for row in table.rows():
        rows += 1
        if row.fault is not None:
            rejected += 1
            column = row.column if row.column is not None else -1
            header = table.shape.headers[column] if column >= 0 else ""
            report.add(Finding(row.line, row.column, header, row.fault), rejected=True)
    report.counts = Counts(skipped=rows - rejected, rejected=rejected)
    report.assumptions.append(kind.advice)
    return report


def _close(tools: Tools, run: Run, report: FileReport) -> None:
    refusals = [
        Refusal(line=f.line, column=0 if f.column is None else f.column + 1, reason=f.reason, row_digest=f.digest)
        for f in report.rejections
    ]
    if len(report.rejections) == LISTED:
        report.assumptions.append(f"only the first {LISTED:,} refusals are listed and kept; mend those, then import again")
    try:
        tools.journal.end(run, refusals)
    except DomicileError as error:  # the records are committed: to call the import failed would be untrue
        report.assumptions.append(f"the records are imported, but the journal could not keep this run ({error.what})")


def _of_os(error: OSError, path: Path) -> DomicileError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DomicileError(
            "the store has no space left", where=str(path), remedy="free space on its disk, then import again", code=Code.STORE_FULL
        )
    said = (error.strerror or "unknown fault").lower()
    return ImportFileError(f"the file cannot be read further ({said})", where=str(path), remedy="check its disk, then import again")
