"""`transfer-policy diff` and `replay`: what a change of policies does, in all cases that can be and in those that were."""

from datetime import datetime
from importlib import import_module
from pathlib import Path

import click

from policies.engine.cli.options import AS_JSON, DAY, EXISTING, FOLDER, failing, policies_at, print_json
from policies.engine.replay import read_records, rehearsal_json, rehearsal_text
from policies.engine.replay import replay as rehearsed


@click.command()
@click.argument("old", type=EXISTING)
@click.argument("new", type=EXISTING)
@click.option("--at", type=DAY, default=None, help="Compare on this day only, YYYY-MM-DD; else on every day that matters.")
@AS_JSON
@failing
def diff(old: Path, new: Path, at: datetime | None, *, as_json: bool) -> None:
    """Compare two versions by what they decide: each class newly allowed, denied or otherwise changed, with a witness."""
    found = import_module("policies.engine.diff").run_diff([old], [new], at.date() if at else None)
    if as_json:
        print_json(found.as_json())
    else:
        click.echo(found.as_text())


@click.command()
@click.argument("draft", type=EXISTING)
@click.option("--records", "records_file", type=EXISTING, required=True, help="Recorded decisions: one ledger leaf per line.")
@FOLDER
@click.option("--at", type=DAY, default=None, help="Decide as on this day, YYYY-MM-DD; else each on its own day.")
@AS_JSON
@failing
def replay(draft: Path, records_file: Path, folder: Path, at: datetime | None, *, as_json: bool) -> None:
    """Decide recorded decisions again under DRAFT and count which flip. Prints counts and names of policies, never a subject.

    A record counts where the policies in force (`--policies`) give its recorded outcome again from what it keeps.
    """
    counts = rehearsed(
        policies_at(draft), read_records(records_file), live=policies_at(folder), at=at.date() if at else None
    )  # fmt: skip
    if as_json:
        print_json(rehearsal_json(counts))
    else:
        click.echo(rehearsal_text(counts))
