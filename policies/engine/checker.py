"""Checks policies before they are used: syntax and words, reviews that are due, cases that fail or are missing, and with the
analysis dead and shadowed rules, gaps, contradictions and endings. It decides nothing.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

from policies.engine.cases import SUFFIX, Result, load_cases, run
from policies.engine.deadline_cases import DeadlineResult, run_deadline
from policies.engine.diagnostics import Diagnostic, PolicyError, Severity
from policies.engine.document import Policy
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.parser import load, parse_text, policy_files
from policies.engine.registry import Registry
from policies.engine.vocabulary import Effect

ENDING_SOON = timedelta(days=90)
ANALYSIS = "policies.engine.analysis"
"""Imported when it is asked for: it needs a solver that deciding does without."""


def check_text(text: str, filename: str, *, registry: Registry | None = None, at: date | None = None) -> list[Diagnostic]:
    """Every finding on one text, for an editor: errors when it does not load, else warnings. Never raises PolicyError."""
    try:
        documents = parse_text(text, filename, registry=registry)
    except PolicyError as error:
        return error.diagnostics
    return _reviews(documents.policies, at)


def check_paths(
    paths: Iterable[Path], *, at: date | None = None, window: timedelta = ENDING_SOON, analysed: bool = False
) -> list[Diagnostic]:
    """Every finding on files and folders with the cases beside them, each once, in the order of files. Never raises PolicyError.

    `analysed` looks for dead and shadowed rules, gaps, contradictions and what ends within `window` of `at`, which takes its time.
    """
    given = list(paths)
    try:
        documents = load(given)
        policies = compile_policies(documents)
        results: dict[str, list[Result]] = {}
        late: list[DeadlineResult] = []
        for path in policy_files(given):
            beside = path.with_name(path.name.removesuffix(".yaml") + SUFFIX)
            if beside.is_file():
                cases = load_cases(beside, documents.registry)
                results[path.name] = run(policies, cases.cases)
                late.extend(run_deadline(case) for case in cases.deadlines)
    except PolicyError as error:
        return error.diagnostics
    found = [
        *documents.warnings,
        *_failed(results),
        *_missed(late),
        *_uncovered(policies, results),
        *_reviews(documents.policies, at),
    ]
    if analysed:
        found.extend(_analysed(policies, at, window, given))
    unique = {(finding.where, finding.message): finding for finding in found}
    return sorted(unique.values(), key=lambda finding: (finding.file, finding.line, finding.column))


def _analysed(policies: Policies, at: date | None, window: timedelta, given: list[Path]) -> list[Diagnostic]:
    """What the analysis finds, or one warning that says what could not be checked and how to mend that."""
    try:
        found: list[Diagnostic] = import_module(ANALYSIS).analyse(policies, at=at, window=window)
    except ImportError:
        return [_unanalysed(given, "the analysis is not installed", "")]
    except DomicileError as error:
        if error.code is not Code.ANALYSIS_MISSING:
            raise
        return [_unanalysed(given, error.what, error.remedy)]
    return found


def _unanalysed(given: list[Path], what: str, remedy: str) -> Diagnostic:
    message = f"dead, shadowed and contradicting rules and gaps were not looked for: {what}"
    name = given[0].name if given else ""
    return Diagnostic(
        file=name,
        line=1,
        column=1,
        message=message,
        remedy=remedy or "run `pip install --require-hashes -r requirements/analysis.txt`",
        severity=Severity.WARNING,
    )


def _missed(results: Iterable[DeadlineResult]) -> list[Diagnostic]:
    return [
        result.case.place.finding(
            f"deadline case `{result.case.id}` expects {result.case.due} and got {result.due}", "correct the calendar or the case"
        )
        for result in results
        if not result.passed
    ]


def _failed(results: dict[str, list[Result]]) -> list[Diagnostic]:
    return [
        result.case.place.finding(
            f"case `{result.case.id}` expects {', '.join(result.missing)} and got {result.decision.outcome.value}",
            "correct the policy or the case",
        )
        for found in results.values()
        for result in found
        if not result.passed
    ]


def _uncovered(policies: Policies, results: dict[str, list[Result]]) -> list[Diagnostic]:
    findings: list[Diagnostic] = []
    for policy in policies.documents.policies:
        file, _, line = policy.ref.place.rpartition(":")
        determined = [r for r in results.get(file, ()) if policy.ref in r.decision.rules]
        others = [r for r in results.get(file, ()) if policy.ref not in r.decision.rules and r.case.request.kind in policy.kinds]
        for lacking in _lacking(policy, determined, others):
            message = f"policy `{policy.name}` has no case {lacking}"
            remedy = f"add one to `{file.removesuffix('.yaml')}{SUFFIX}`"
            findings.append(Diagnostic(file=file, line=int(line), column=1, message=message, remedy=remedy))
    return findings


def _lacking(policy: Policy, determined: list[Result], others: list[Result]) -> list[str]:
    """A case that it decides and one that goes the other way without it."""
    forbids = policy.effect in {Effect.PROHIBIT, Effect.REVIEW}
    lacking: list[str] = []
    if not determined:
        lacking.append(
            "that it denies" if forbids else "that it allows" if policy.effect is Effect.PERMIT else "to which it applies"
        )
    opposite = [r for r in others if policy.effect is Effect.OBLIGE or r.decision.outcome.permits is forbids]
    if not opposite:
        lacking.append("that is allowed without it" if forbids else "that is denied without it")
    return lacking


def _reviews(policies: Iterable[Policy], at: date | None) -> list[Diagnostic]:
    findings: list[Diagnostic] = []
    for policy in policies:
        file, _, line = policy.ref.place.rpartition(":")
        if policy.review is None:
            message, remedy = f"policy `{policy.name}` names nobody who reviews it", "add `review`"
        elif at is not None and at >= policy.review.again_before:
            message = f"policy `{policy.name}` was to be reviewed before {policy.review.again_before.isoformat()}"
            remedy = f"ask `{policy.review.by}` and move `last` and `again_before`"
        else:
            continue
        findings.append(Diagnostic(file=file, line=int(line), column=1, message=message, remedy=remedy, severity=Severity.WARNING))
    return findings


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Whether any finding is more than a warning."""
    return any(finding.severity is Severity.ERROR for finding in findings)
