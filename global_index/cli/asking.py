"""The commands that ask: query, explain, person, entries, budget. Each goes through the running index."""

import sys
from typing import Any
from urllib.parse import urlencode

import click

from global_index.catalogue.describe import DIALECT, in_words
from global_index.cli import shown
from global_index.cli.commands import REFUSED, Place, as_json, as_user, on_home, print_json, purpose
from global_index.local import AnsweredError

_ASKING = "\b\nWhat can be asked about:\n  " + in_words().replace("\n", "\n  ") + "\n\n\b\nHow:\n  " + DIALECT.replace("\n", "\n  ")


@click.command(epilog=_ASKING)
@click.argument("sql")
@purpose
@as_user
@click.option(
    "--format", "style", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="How to print."
)
@click.option("--json", "plain", is_flag=True, help="The same as --format json.")
@on_home
def query(place: Place, sql: str, *, purpose: str, as_user: str | None, style: str, plain: bool) -> None:
    """Ask all regions a question in SQL."""
    body = place.running().post("/api/v1/queries", {"sql": sql, "purpose": purpose, "as_user": as_user})
    if plain or style == "json":
        print_json(body)
    elif style == "csv":
        click.echo(shown.as_csv(body), nl=False)
    else:
        shown.answer(shown.console(), body)
    if not any(one["status"] == "answered" for one in body["coverage"]):
        click.echo("error: no region answered; the coverage says why", err=True)
        raise SystemExit(REFUSED)


@click.command()
@click.argument("sql")
@purpose
@as_user
@on_home
@as_json
def explain(place: Place, sql: str, *, purpose: str, as_user: str | None, plain: bool) -> None:
    """How a question is understood, what it costs, and what each region will probably say. Asks nobody."""
    body = place.running().post("/api/v1/explain", {"sql": sql, "purpose": purpose, "as_user": as_user})
    if plain:
        print_json(body)
        return
    for plan in body["plans"]:
        click.echo(f"plan {plan['digest'][:12]}: {plan['plan']}")
    shown.console().print(
        shown.facts(
            body["expected"], ("region", "outcome", "reasons", "rho", "try_instead", "same_policies"), title="expected (advice)"
        )
    )


@click.command()
@click.argument("pseudonym")
@click.option("--region", required=True, help="The region that holds the person.")
@click.option("--fields", required=True, help="The fields, separated by commas.")
@click.option("--purpose", required=True, help="Why they are asked for.")
@as_user
@on_home
@as_json
def person(place: Place, pseudonym: str, *, region: str, fields: str, purpose: str, as_user: str | None, plain: bool) -> None:
    """Ask one region for fields of one person; its gate decides field by field."""
    wanted = {"pseudonym": pseudonym, "region": region, "fields": fields.split(","), "purpose": purpose, "as_user": as_user}
    try:
        body: dict[str, Any] = place.running().post("/api/v1/persons", wanted)
    except AnsweredError as refusal:
        if not refusal.body.get("decision"):
            raise
        if plain:
            print_json(refusal.body)
        else:
            shown.refused(shown.console(), refusal.body)
        raise SystemExit(REFUSED) from None
    print_json(body) if plain else shown.person(shown.console(), body)


@click.group()
def entries() -> None:
    """The pseudonymous keys the index holds."""


@entries.command("export")
@click.option("--format", "style", type=click.Choice(["csv"]), default="csv", show_default=True, help="How to print.")
@click.option("--region", help="Only this region's entries.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@on_home
def entries_export(place: Place, *, style: str, region: str | None, limit: int | None) -> None:
    """Every entry: cluster, region, pseudonym."""
    asked = {"format": style, "region": region, "limit": limit}
    for chunk in place.running().stream("/api/v1/entries?" + urlencode({k: v for k, v in asked.items() if v is not None})):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


@entries.command("pull")
@on_home
@as_json
def entries_pull(place: Place, *, plain: bool) -> None:
    """Pull the entries of every region now."""
    body = place.running().post("/api/v1/entries/pull", {})
    if plain:
        print_json(body)
    else:
        shown.console().print(shown.facts(body["pulled"], ("region", "batches", "entries", "replaced", "more")))


@click.command()
@click.option("--year", type=click.IntRange(2000, 2200), help="The calendar year; this one when left out.")
@on_home
@as_json
def budget(place: Place, *, year: int | None, plain: bool) -> None:
    """What questions through this index charged each region; the account itself is kept at the region."""
    body = place.running().get("/api/v1/budget" + (f"?year={year}" if year else ""))
    if plain:
        print_json(body)
    else:
        rows = [{"region": region, "charged (rho)": rho} for region, rho in body["charged"].items()]
        shown.console().print(shown.facts(rows, ("region", "charged (rho)"), title=f"charged through this index in {body['year']}"))
