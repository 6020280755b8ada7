"""What an import says afterwards: counts, remarks, and each refused row with column, reason and remedy. Never what a cell said.

Only `write_refused` shows cells, and takes them from the file itself again, with formulas made harmless.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from regional_node.usecases.imports.journal import Counts
from regional_node.usecases.imports.reading import Table
from regional_node.usecases.imports.reasons import COUNTED_ONLY, REMEDIES, ImportFileError, Reason

LISTED = 10_000
_SHOWN = 20
_TOLD = ("import_line", "import_column", "import_reason", "import_remedy")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row's finding: first physical line, column from 0 (None: the whole row), its header, why, and the row's keyed digest."""

    line: int
    column: int | None
    header: str
    reason: Reason
    digest: str = ""


@dataclass(slots=True, kw_only=True)
class FileReport:
    """What became of one file. At most LISTED rejections and as many remarks are listed; the counts are whole."""

    path: Path
    kind: str
    encoding: str = ""
    delimiter: str = ""
    run_id: str = ""
    counts: Counts = field(default_factory=Counts)
    rejections: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    reasons: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    ignored: dict[str, str] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)

    def add(self, finding: Finding, *, rejected: bool) -> None:
        """Count a finding, and list it while there is room."""
        self.reasons[finding.header, finding.reason] += 1
        listed = self.rejections if rejected else self.remarks
        if len(listed) < LISTED and finding.reason not in COUNTED_ONLY:
            listed.append(finding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of all files, in the order in which they were imported; `passed_over` names files that are not imports."""

    files: tuple[FileReport, ...]
    passed_over: tuple[tuple[Path, str], ...] = ()

    @property
    def rejected(self) -> int:
        """How many rows were refused in all."""
        return sum(file.counts.rejected for file in self.files)

    def to_json(self) -> str:
        """The report as one JSON object; it holds headers, lines and reasons, and no cell."""
        return json.dumps(
            {
                "files": [_file_facts(file) for file in self.files],
                "passed_over": [{"file": str(path), "reason": why} for path, why in self.passed_over],
            },
            ensure_ascii=False,
        )

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        for file in self.files:
            yield from _file_lines(file)
        for path, why in self.passed_over:
            yield f"{path.name}: passed over: {why}"


def _counts(counts: Counts) -> dict[str, int]:
    names = ("rows", "created", "updated", "unchanged", "skipped", "rejected")
    return {name: getattr(counts, name) for name in names}


def _finding_facts(finding: Finding) -> dict[str, object]:
    return {
        "row": finding.line,
        "column": finding.header,
        "reason": finding.reason.value,
        "remedy": REMEDIES[finding.reason],
    }


def _file_facts(file: FileReport) -> dict[str, object]:
    return {
        "file": str(file.path),
        "kind": file.kind,
        "encoding": file.encoding,
        "delimiter": file.delimiter,
        "run": file.run_id,
        **_counts(file.counts),
        "rejections": [_finding_facts(finding) for finding in file.rejections],
        "remarks": [
            {"column": header, "reason": reason.value, "rows": rows, "remedy": REMEDIES[reason]}
            for (header, reason), rows in sorted(file.reasons.items())
        ],
        "ignored": [{"column": header, "reason": why} for header, why in file.ignored.items()],
        "assumptions": file.assumptions,
    }


def _file_lines(file: FileReport) -> Iterator[str]:
    told = ", ".join(f"{number:,} {name}" for name, number in _counts(file.counts).items() if number or name == "rows")
    yield f"{file.path.name}: {file.kind}: {told}"
    for assumption in file.assumptions:
        yield f"  note: {assumption}"
    by_reason: dict[str, list[str]] = {}
    for header, why in file.ignored.items():
        by_reason.setdefault(why, []).append(header)
    for why, headers in by_reason.items():
        yield f"  ignored ({why}): {', '.join(f'`{header}`' for header in headers)}"
    refused = {(finding.header, finding.reason) for finding in file.rejections}
    for (header, reason), rows in sorted(file.reasons.items()):
        if (header, reason) not in refused:
            place = f"`{header}`: " if header else ""
            yield f"  {rows:,} x {place}{reason.value}: {REMEDIES[reason]}"
    for finding in file.rejections[:_SHOWN]:
        place = f", column `{finding.header}`" if finding.header else ""
        yield f"  line {finding.line}{place}: {finding.reason.value}: {REMEDIES[finding.reason]}"
    if file.counts.rejected > _SHOWN:
        yield f"  and {file.counts.rejected - _SHOWN:,} more refused rows: write them with `--report FILE.csv`"


def harmless(cell: str) -> str:
    """The cell as a spreadsheet may open it: what looks like a formula gets an apostrophe before it (CWE-1236)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


class _Writer(Protocol):
    def writerow(self, row: list[str], /) -> object: ...


def write_refused(path: Path, report: Report, *, encoding: str | None = None) -> int:
    """Write the refused rows, as they stand in their files, with the reason and remedy; returns how many."""
    written = 0
    try:
        with path.open("x", encoding="utf-8", newline="") as stream:
            path.chmod(0o600)  # it holds people's data
            writer = csv.writer(stream)
            for file in report.files:
                written += _write_file(writer, file, encoding)
    except FileExistsError:
        raise ImportFileError("the report's file exists already", where=str(path), remedy="name a new file") from None
    except OSError as error:
        what = f"the report cannot be written ({(error.strerror or 'unknown fault').lower()})"
        raise ImportFileError(what, where=str(path), remedy="check its folder and space") from None
    return written


def _write_file(writer: _Writer, file: FileReport, encoding: str | None) -> int:
    refused: dict[int, list[Finding]] = {}
    for finding in file.rejections:
        refused.setdefault(finding.line, []).append(finding)
    if not refused:
        return 0
    with Table(file.path, encoding=encoding) as table:
        writer.writerow([*_TOLD, *map(harmless, table.shape.headers)])
        for row in table.rows():
            if (findings := refused.get(row.line)) is not None:
                first = findings[0]
                told = [str(row.line), harmless(first.header), "; ".join(f.reason.value for f in findings), REMEDIES[first.reason]]
                cells = [harmless(cell[:32_000].replace("\0", "")) for cell in row.cells]
                writer.writerow([*told, *cells])
    return len(refused)
