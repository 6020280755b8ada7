"""The `transfer-policy` command: check, test, decide and explain policies. It never changes a policy and never opens a socket."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from policies.engine.cases import SUFFIX, Result, load_cases, request_of, run
from policies.engine.checker import check_paths, has_errors
from policies.engine.decision import Decision
from policies.engine.diagnostics import PolicyError, Severity
from policies.engine.evaluator import Policies, compile_policies, decide, load_policies
from policies.engine.explain import explain as in_prose
from policies.engine.parser import load
from policies.engine.registry_parser import SHIPPED
from policies.engine.request import TransferRequest
from policies.engine.strict_yaml import Place, parse_documents, plain

SHIPPED_POLICIES = SHIPPED.parent
_FOLDER = click.option(
    "--policies",
    "folder",
    type=click.Path(path_type=Path, exists=True),
    default=SHIPPED_POLICIES,
    show_default="the shipped policies",
    help="A policy file, or a folder of them.",
)
_AT = click.option("--at", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day of the transfer, YYYY-MM-DD.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


@click.group()
def main() -> None:
    """Check, test, ask and explain transfer policies."""


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Also warn of reviews due by this day.")
@_JSON
def check(paths: tuple[Path, ...], at: datetime | None, *, as_json: bool) -> None:
    """Check policy files and the cases beside them; every finding with line, column and remedy. Exits 1 on an error."""
    findings = check_paths(paths or (SHIPPED_POLICIES,), at=at.date() if at else None)
    if as_json:
        keys = ("file", "line", "column", "message", "remedy", "severity")
        click.echo(json.dumps([{key: getattr(finding, key) for key in keys} for finding in findings], indent=2))
    for finding in () if as_json else findings:
        click.echo(f"warning: {finding}" if finding.severity is Severity.WARNING else str(finding))
    if has_errors(findings):
        sys.exit(1)
    if not as_json:
        click.echo("no errors")


@main.command()
@_FOLDER
@click.option(
    "--cases", "cases_file", type=click.Path(path_type=Path, exists=True), help="One case file; else all beside the policies."
)
@_JSON
def test(folder: Path, cases_file: Path | None, *, as_json: bool) -> None:
    """Run cases against the policies. Exits 1 when one failed."""
    policies = _policies(folder)
    files = [cases_file] if cases_file else sorted((folder if folder.is_dir() else folder.parent).glob(f"*{SUFFIX}"))
    results: list[Result] = []
    left_out = 0
    try:
        for file in files:
            loaded = load_cases(file, policies.registry)
            results.extend(run(policies, loaded.cases))
            left_out += len(loaded.deadlines)
    except PolicyError as error:
        _stop(error)
    failed = [result for result in results if not result.passed]
    if as_json:
        body = {"passed": len(results) - len(failed), "failed": len(failed), "cases": [result.as_json() for result in results]}
        click.echo(json.dumps(body, indent=2))
    else:
        _report(results, failed)
    if left_out:
        click.echo(f"{left_out} deadline cases were not run: this version decides transfers only", err=True)
    if failed:
        sys.exit(1)


def _report(results: list[Result], failed: list[Result]) -> None:
    for result in failed:
        click.echo(f"{result.case.place}: {result.case.id} {result.case.title}")
        click.echo(
            f"  expected {', '.join(result.missing)}; got {result.decision.outcome.value} {', '.join(result.decision.reasons)}"
        )
    click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")


@main.command(name="decide")
@click.argument("request_file", metavar="FILE", type=click.File("r", encoding="utf-8"))
@_FOLDER
@_AT
@_JSON
def decide_command(request_file: Any, folder: Path, at: datetime, *, as_json: bool) -> None:
    """Answer one request in the shape of a case (`-` reads standard input). No fact is assumed. Exits 0 whatever the verdict."""
    policies = _policies(folder)
    decision = decide(policies, _request(request_file, policies), at=at.date())
    click.echo(json.dumps(decision_json(decision), indent=2) if as_json else _brief(decision))


@main.command()
@click.argument("request_file", metavar="FILE", type=click.File("r", encoding="utf-8"))
@_FOLDER
@_AT
def explain(request_file: Any, folder: Path, at: datetime) -> None:
    """Say in prose why a request may leave or not: law, rule, missing fact, what would allow it."""
    policies = _policies(folder)
    decision = decide(policies, _request(request_file, policies), at=at.date())
    click.echo(in_prose(policies, decision))


def _policies(folder: Path) -> Policies:
    try:
        return load_policies(folder) if folder.is_dir() else compile_policies(load(folder))
    except PolicyError as error:
        _stop(error)


def _stop(error: PolicyError) -> NoReturn:
    for finding in error.diagnostics:
        click.echo(str(finding), err=True)
    sys.exit(1)


def _request(request_file: Any, policies: Policies) -> TransferRequest:
    name = "request" if request_file.name in {"-", "<stdin>"} else Path(request_file.name).name
    start = Place(name, 1, 1)
    try:
        documents = parse_documents(request_file.read(), name)
    except UnicodeDecodeError:
        _stop(PolicyError([start.finding("the request is not UTF-8 text", "save it as UTF-8")]))
    except PolicyError as error:
        _stop(error)
    body = plain(documents[0]) if len(documents) == 1 else None
    request = request_of(body, policies.registry, assume=False) if isinstance(body, dict) else None
    if request is None:
        _stop(PolicyError([start.finding("this is not a request", "state `kind` and the facts as in a case file")]))
    return request


def decision_json(decision: Decision) -> dict[str, Any]:
    """The decision as plain JSON."""
    return {
        "outcome": decision.outcome.value,
        "reasons": list(decision.reasons),
        "rules": [{"policy": r.policy, "law": r.law, "place": r.place, "cite": list(r.cite)} for r in decision.rules],
        "fields": [
            {
                "name": f.name,
                "category": f.category,
                "form": f.form.value,
                "rules": [r.policy for r in f.rules],
                "reasons": list(f.reasons),
            }
            for f in decision.fields
        ],
        "obligations": [{"name": o.name, "arguments": dict(o.arguments), "rule": o.rule.policy} for o in decision.obligations],
        "faults": list(decision.faults),
        "try_instead": list(decision.try_instead),
        "policy_digest": decision.policy_digest,
    }


def _brief(decision: Decision) -> str:
    lines = [f"{decision.outcome.value}: {', '.join(decision.reasons)}"]
    lines.extend(f"  {rule.place} {rule.policy} ({'; '.join(rule.cite)})" for rule in decision.rules)
    lines.extend(f"  {field.name}: {field.form.value}" for field in decision.fields)
    if decision.try_instead:
        lines.append(f"  try instead: {', '.join(decision.try_instead)}")
    return "\n".join(lines)
