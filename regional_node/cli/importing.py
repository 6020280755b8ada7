"""The command that imports real files: progress while it runs, a report afterwards. Refused cells are shown on request only."""

import sys
import time
from pathlib import Path

import click

from regional_node.cli.commands import Place, as_json, on_home
from regional_node.usecases.imports.reasons import ImportFileError
from regional_node.usecases.imports.report import Report, write_refused
from regional_node.usecases.imports.run import ImportStoppedError, Progress, run_import

ROWS_REFUSED = 3
"""The exit code of an import that left rows out."""

_EVERY = 0.2


class Meter:
    """One line of progress, rewritten in place on a terminal and silent elsewhere."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._live = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        """Show how far one file is."""
        if not self._live or time.monotonic() - self._shown < _EVERY:
            return
        self._shown = time.monotonic()
        share = 100 * progress.bytes // max(1, progress.total_bytes)
        click.echo(f"\r{progress.path.name}: {progress.stage} {share} %, {progress.rows} rows\033[K", err=True, nl=False)

    def close(self) -> None:
        """End the line."""
        if self._live and self._shown:
            click.echo("\r\033[K", err=True, nl=False)


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dialect", default="auto", show_default=True, help="How the file is written: auto, salesforce, maven, domicile.")
@click.option("--encoding", help="How the file's text is encoded, such as cp1252; UTF-8 and UTF-16 are found by themselves.")
@click.option(
    "--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Write refused rows to this new file."
)
@on_home
@as_json
def import_command(
    place: Place, *, paths: tuple[Path, ...], dialect: str, encoding: str | None, report_file: Path | None, plain: bool
) -> None:
    """Import files, or the files of folders, as other systems export them. Safe to run twice.

    Exits 0 when every row was taken, 3 when rows were refused (the others are imported), 1 when a file was.
    """
    if report_file is not None and report_file.exists():
        raise ImportFileError("the report's file exists already", where=str(report_file), remedy="name a new file")
    meter = Meter()
    try:
        report = run_import(paths, place.house().import_tools(progress=meter), dialect=dialect, encoding=encoding)
    except ImportStoppedError as error:
        meter.close()
        _tell(error.report, plain=plain)
        raise
    meter.close()
    _tell(report, plain=plain)
    if report_file is not None:
        written = write_refused(report_file, report, encoding=encoding)
        click.echo(f"{written} refused rows written to {report_file}", err=True)
    if report.rejected:
        raise SystemExit(ROWS_REFUSED)


def _tell(report: Report, *, plain: bool) -> None:
    if plain:
        click.echo(report.to_json())
        return
    for line in report.lines():
        click.echo(line)
