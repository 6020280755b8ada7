"""The commands that check a node: which policies decide, and whether the ledger holds. They change nothing."""

import json

import click

from policies.engine.errors import Code, DomicileError
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.egress.importers import ImporterRegister


@click.group()
def policy() -> None:
    """The policies in force at this node."""


@policy.command("status")
@on_home
@as_json
def policy_status(place: Place, *, plain: bool) -> None:
    """Which policies decide here, by which digest, and who is registered to receive; or what is wrong, and where."""
    source = place.house().policies
    policies = source()
    if policies is None:
        fault = source.fault or DomicileError("there is no policy", code=Code.POLICY_MISSING)
        raise DomicileError(
            what=f"nothing leaves: {fault.what}", where=fault.where, remedy=fault.remedy or "mend the file", code=fault.code
        )
    laws = sorted({each.law for each in policies.documents.policies})
    importers = ImporterRegister(place.home / "importers.yaml").names()
    facts = {"digest": policies.digest, "policies": len(policies.documents.policies), "laws": laws, "importers": list(importers)}
    if plain:
        print_json(facts)
    else:
        click.echo(f"{facts['policies']} policies of {', '.join(laws)} in force, digest {policies.digest}")
        click.echo(f"registered importers: {', '.join(importers) or 'none, so nothing leaves'}")


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
@on_home
def ledger_show(place: Place, *, last: int) -> None:
    """The newest decision records, one JSON line each."""
    log = place.house().ledger
    size = log.size()
    for number, leaf in log.leaves(max(0, size - last), last):
        click.echo(json.dumps({"leaf": number, **json.loads(leaf)}, ensure_ascii=False))
