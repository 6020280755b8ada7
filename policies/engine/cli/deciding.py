"""`transfer-policy decide` and `explain`: one request answered, and the answer explained. No fact is assumed."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from policies.engine.cases import request_of
from policies.engine.cli.options import AS_JSON, AT, FOLDER, failing, policies_at, print_json
from policies.engine.decision import Decision
from policies.engine.diagnostics import PolicyError
from policies.engine.evaluator import Policies, decide
from policies.engine.explain import explain as explained
from policies.engine.request import TransferRequest
from policies.engine.strict_yaml import Place, parse_documents, plain

_REQUEST = click.argument("request_file", metavar="FILE", type=click.File("r", encoding="utf-8"))


@click.command(name="decide")
@_REQUEST
@FOLDER
@AT
@AS_JSON
@failing
def decide_command(request_file: Any, folder: Path, at: datetime, *, as_json: bool) -> None:
    """Answer one request in the shape of a case (`-` reads standard input). No fact is assumed. Exits 0 whatever the verdict."""
    policies = policies_at(folder)
    decision = decide(policies, _request(request_file, policies), at=at.date())
    if as_json:
        print_json(decision_json(decision))
    else:
        click.echo(_brief(decision))


@click.command()
@_REQUEST
@FOLDER
@AT
@AS_JSON
@failing
def explain(request_file: Any, folder: Path, at: datetime, *, as_json: bool) -> None:
    """Say in prose why a request may leave or not: law, rule, citation, decisive or missing fact, what would allow it."""
    policies = policies_at(folder)
    explanation = explained(policies, _request(request_file, policies), at=at.date())
    if as_json:
        print_json(explanation.as_json())
    else:
        click.echo(str(explanation))


def _request(request_file: Any, policies: Policies) -> TransferRequest:
    name = "request" if request_file.name in {"-", "<stdin>"} else Path(request_file.name).name
    start = Place(name, 1, 1)
    try:
        documents = parse_documents(request_file.read(), name)
    except UnicodeDecodeError:
        raise PolicyError([start.finding("the request is not UTF-8 text", "save it as UTF-8")]) from None
    body = plain(documents[0]) if len(documents) == 1 else None
    request = request_of(body, policies.registry, assume=False) if isinstance(body, dict) else None
    if request is None:
        where = documents[0].place if documents else start
        raise PolicyError([where.finding("this is not a request", "state `kind` and the facts as in a case file")])
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
