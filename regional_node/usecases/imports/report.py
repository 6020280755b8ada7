"""What an import says afterwards: counts, remarks, and each refused row with column, reason and remedy. Never what a cell said,
but for words of trade that the region has not declared (`undeclared`).

Only `write_refused` shows whole cells, and takes them from the file itself again, with formulas made harmless.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from regional_node.crm.validation import Ground
from regional_node.usecases.imports.drafts import UNKNOWN_COLUMN
from regional_node.usecases.imports.journal import Counts
from regional_node.usecases.imports.reading import Table
from regional_node.usecases.imports.reasons import COUNTED_ONLY, REMEDIES, ImportFileError, Reason
from regional_node.usecases.imports.undeclared import Undeclared

LISTED = 10_000
_SHOWN = 20
_TOLD = ("import_line", "import_column", "import_reason", "import_remedy")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row's finding: first physical line, column from 0 (None: the whole row), its header, why, and the row's keyed digest.

    `ground` is the rule of a policy that says so, where one does; `field` then names the field of the record.
    """

    line: int
    column: int | None
    header: str
    reason: Reason
    digest: str = ""
    ground: Ground | None = None
    field: str = ""


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
    grounds: dict[tuple[str, Reason], Ground] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    undeclared: Undeclared | None = None
    assumptions: list[str] = field(default_factory=list)

    def add(self, finding: Finding, *, rejected: bool) -> None:
        """Count a finding, and list it while there is room."""
        self.reasons[finding.header, finding.reason] += 1
        if finding.ground is not None:
            self.grounds.setdefault((finding.header, finding.reason), finding.ground)
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
        **_ground_facts(finding.ground),
        **({"field": finding.field} if finding.field else {}),
    }


def _keeping(why: str) -> str:
    """How to keep a column that was ignored; nothing where it is meant to be."""
    return (
        "name it as a column known here, or `custom_NAME` in our own format to keep it sealed, and import again"
        if why == UNKNOWN_COLUMN
        else ""
    )


def _ground_facts(ground: Ground | None) -> dict[str, object]:
    """Law, rule and citations, where a policy speaks; what it could not tell, where none permits."""
    if ground is None:
        return {}
    return {"law": ground.law, "rule": ground.rule, "cite": list(ground.cite), "because": [*ground.reasons, *ground.faults]}


def _by(ground: Ground | None) -> str:
    return f" by {ground}" if ground is not None else ""


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
            | _ground_facts(file.grounds.get((header, reason)))
            for (header, reason), rows in sorted(file.reasons.items())
        ],
        "ignored": [{"column": header, "reason": why, "remedy": _keeping(why)} for header, why in file.ignored.items()],
        "undeclared": file.undeclared.facts() if file.undeclared else {},
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
        noun = "column" if len(headers) == 1 else "columns"
        remedy = f"; {_keeping(why)}" if _keeping(why) else ""
        yield f"  {len(headers)} {noun} ignored ({why}): {', '.join(f'`{header}`' for header in headers)}{remedy}"
    refused = {(finding.header, finding.reason) for finding in file.rejections}
    for (header, reason), rows in sorted(file.reasons.items()):
        if (header, reason) not in refused:
            place = f"`{header}`: " if header else ""
            yield f"  {rows:,} x {place}{reason.value}{_by(file.grounds.get((header, reason)))}: {REMEDIES[reason]}"
    if file.undeclared is not None:
        yield from file.undeclared.lines()
    for finding in file.rejections[:_SHOWN]:
        place = f", column `{finding.header}`" if finding.header else ""
        yield f"  line {finding.line}{place}: {finding.reason.value}{_by(finding.ground)}: {REMEDIES[finding.reason]}"
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
