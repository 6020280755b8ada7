"""The commands of membership: joining a federation and renewing the certificate. The private key is made here and stays."""

import asyncio
from pathlib import Path

import click

from policies.engine.errors import Code, DomicileError
from regional_node.bootstrap.home import RUNNING_FILE, now
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.rpc import joining


@click.command()
@click.option("--invite", required=True, metavar="TEXT|@FILE", help="The invite's one line, or @ and the file that holds it.")
@on_home
@as_json
def join(place: Place, *, invite: str, plain: bool) -> None:
    """Join the federation of an invite: the node's key is made here and never leaves."""
    settings = place.settings()
    address = settings.announced_address or settings.grpc_address
    if address.endswith(":0"):
        raise DomicileError(
            "the index must know where this node serves",
            remedy="set grpc_address or announced_address to a fixed port",
            code=Code.SETTINGS_INVALID,
        )
    text = _invite_text(invite)
    membership = asyncio.run(
        joining.join(
            text, place.home / "tls", region=settings.region, jurisdiction=settings.jurisdiction, address=address, at=now()
        )
    )
    facts = {
        "federation": membership.federation,
        "region": membership.region,
        "index": membership.index_address,
        "importer": membership.organisation,
        "certificate_ends": membership.identity.not_after.isoformat(),
    }
    if plain:
        print_json(facts)
    else:
        click.echo(f"{facts['region']} joined {facts['federation']}; its certificate ends {facts['certificate_ends']}")


def _invite_text(invite: str) -> str:
    if not invite.startswith("@"):
        return invite
    try:
        return Path(invite[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DomicileError("the file of the invite cannot be read", where=invite[1:], code=Code.FILE_INVALID) from None


@click.command()
@on_home
@as_json
def renew(place: Place, *, plain: bool) -> None:
    """Replace the node's key and certificate now; a running node does so by itself in time."""
    place.settings()
    membership = asyncio.run(joining.renew(place.home / "tls", at=now()))
    ends = membership.identity.not_after.isoformat()
    running = (place.home / RUNNING_FILE).exists()
    if plain:
        print_json({"certificate_ends": ends, "restart_needed": running})
    else:
        click.echo(f"the new certificate ends {ends}" + ("; restart the node to show it at once" if running else ""))
