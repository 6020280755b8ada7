"""`transfer-policy check` and `test`: what is wrong with policies, and what their cases come to. They change nothing."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from policies.engine.cases import SUFFIX, CaseFile, load_cases, run
from policies.engine.checker import check_paths, has_errors
from policies.engine.cli.options import AS_JSON, DAY, EXISTING, FOLDER, SHIPPED_POLICIES, as_day, failing, policies_at, print_json
from policies.engine.coverage import measure
from policies.engine.deadline_cases import run_deadline
from policies.engine.diagnostics import Severity
from policies.engine.evaluator import Policies
from policies.engine.tally import Tally

_KEYS = ("file", "line", "column", "message", "remedy", "severity")


@click.command()
@click.argument("paths", nargs=-1, type=EXISTING)
@click.option("--at", type=DAY, default=None, help="The day to judge reviews and endings by, YYYY-MM-DD; else today.")
@click.option("--window", type=click.IntRange(min=0), default=90, show_default=True, help="How many days ahead an ending is told.")
@click.option("--strict", is_flag=True, help="Exit 1 on a warning too.")
@AS_JSON
@failing
def check(paths: tuple[Path, ...], at: datetime | None, window: int, *, strict: bool, as_json: bool) -> None:
    """Check policy files and the cases beside them; every finding with line, column and remedy. Exits 1 on an error.

    Syntax and words, dead and shadowed rules, gaps, contradictions, what ends soon, reviews that are due, cases that are missing.
    """
    findings = check_paths(paths or (SHIPPED_POLICIES,), at=as_day(at), window=timedelta(days=window), analysed=True)
    if as_json:
        print_json([{key: getattr(finding, key) for key in _KEYS} for finding in findings])
    for finding in () if as_json else findings:
        click.echo(f"warning: {finding}" if finding.severity is Severity.WARNING else str(finding))
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if not as_json:
        warned = len(findings) - errors
        click.echo(_counted(errors, "error") + (f", {_counted(warned, 'warning')}" if warned else ""))
    if has_errors(findings) or (strict and findings):
        sys.exit(1)


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


@click.command()
@FOLDER
@click.option("--cases", "cases_file", type=EXISTING, help="One case file; else all beside the policies.")
@click.option("--coverage", is_flag=True, help="Tell which policies and conditions the cases saw hold and not hold.")
@AS_JSON
@failing
def test(folder: Path, cases_file: Path | None, *, coverage: bool, as_json: bool) -> None:
    """Run cases against the policies. Exits 1 when one failed."""
    policies = policies_at(folder)
    files = [cases_file] if cases_file else sorted((folder if folder.is_dir() else folder.parent).glob(f"*{SUFFIX}"))
    loaded = [load_cases(file, policies.registry) for file in files]
    tally = Tally(
        results=tuple(result for found in loaded for result in run(policies, found.cases)),
        deadlines=tuple(run_deadline(case) for found in loaded for case in found.deadlines),
    )
    if as_json:
        print_json({**tally.as_json(), **_covered(policies, loaded, wanted=coverage)})
    else:
        click.echo(str(tally))
        if coverage:
            click.echo(str(measure(policies, [case for found in loaded for case in found.cases])))
    if tally.failed:
        sys.exit(1)


def _covered(policies: Policies, loaded: list[CaseFile], *, wanted: bool) -> dict[str, Any]:
    return {"coverage": measure(policies, [case for found in loaded for case in found.cases]).as_json()} if wanted else {}
