"""The commands that check a node's ledger: whether it holds, and its newest records. They change nothing."""

import json

import click

from policies.engine.errors import Code, DomicileError
from regional_node.cli.commands import Place, as_json, on_home, print_json


@click.group()
def ledger() -> None:
    """The log of everything that left, or was refused."""


@ledger.command("verify")
@on_home
@as_json
def ledger_verify(place: Place, *, plain: bool) -> None:
    """Recompute the whole log and hold it against its last signed checkpoint."""
    found_state = place.house().ledger.verify()
    facts = {"size": found_state.size, "root": found_state.root.hex(), "sound": found_state.sound, "fault": found_state.fault}
    if plain:
        print_json(facts)
    elif found_state.sound:
        click.echo(f"sound: {found_state.size} leaves, root {found_state.root.hex()}")
    if not found_state.sound:
        raise DomicileError(
            what=f"the ledger does not verify: {found_state.fault}",
            remedy="stop the node, keep the store as evidence, restore a backup",
            code=Code.LEDGER_BROKEN,
        )


@ledger.command("show")
@click.option("--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many of the newest records.")
@click.option("--leaves", is_flag=True, help="As they were hashed, for `transfer-policy replay`.")
@on_home
def ledger_show(place: Place, *, last: int, leaves: bool) -> None:
    """The newest decision records, one JSON line each."""
    log = place.house().ledger
    size = log.size()
    for number, leaf in log.leaves(max(0, size - last), last):
        click.echo(leaf if leaves else json.dumps({"leaf": number, **json.loads(leaf)}, ensure_ascii=False))
