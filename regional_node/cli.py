"""The command `regional-node`: making, joining and running a node. What leaves a region leaves by the gate, never by a command."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, get_origin

import click
from pydantic import ValidationError

from policies.engine.errors import Code, DomicileError
from regional_node.bootstrap import bring_up, found, now
from regional_node.commands import Place, as_json, on_home, print_json
from regional_node.importing import import_command
from regional_node.people import users
from regional_node.rpc import joining
from regional_node.serving import RUNNING_FILE, run
from regional_node.settings import NodeSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="domicile", prog_name="regional-node")
def main() -> None:
    """Run a region's CRM: its people's data stays here, and only what its own policies permit leaves."""


@main.command()
@click.option("--region", required=True, help="This region's name in the federation, such as eu-de.")
@click.option("--jurisdiction", required=True, help="Whose law rules here, such as EU, BR or US-CA.")
@click.option("--state", default="", help="The member state or state, such as DE.")
@click.option("--organisation", required=True, help="The id of the organisation that runs this node.")
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="A further setting; lists with commas. May be given again.")
@on_home
def init(place: Place, *, region: str, jurisdiction: str, state: str, organisation: str, more: tuple[str, ...]) -> None:
    """Make a home folder: keys, the region's own copy of the policies, register of importers, store, settings."""
    given = {"region": region, "jurisdiction": jurisdiction, "state": state, "organisation": organisation}
    settings = _settings(given | dict(_assigned(each) for each in more))
    found(place.home, settings)
    click.echo(f"node of {region} made in {place.home}; next: regional-node join --home {place.home} --invite TEXT")


def _assigned(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        what = f"`{text}` is not a setting"
        raise DomicileError(what, where="--set", remedy="write KEY=VALUE", code=Code.INPUT_INVALID)
    return key.strip(), value


def _settings(given: dict[str, str]) -> NodeSettings:
    values: dict[str, Any] = {}
    for key, text in given.items():
        field = NodeSettings.model_fields.get(key)
        if field is None:
            what = f"there is no setting `{key}`"
            raise DomicileError(what, where="--set", remedy="see the settings in regional_node/README.md", code=Code.INPUT_UNKNOWN)
        listed = get_origin(field.annotation) is tuple
        values[key] = tuple(part.strip() for part in text.split(",") if part.strip()) if listed else text
    try:
        return NodeSettings.model_validate(values)
    except ValidationError as error:
        key = str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
        sentence = (NodeSettings.model_fields[key].description or "").rstrip(".")
        raise DomicileError(
            what=f"`{key}` is not acceptable", remedy=f"set it to: {sentence}", code=Code.SETTINGS_INVALID
        ) from None


@main.command()
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


@main.command()
@on_home
def serve(place: Place) -> None:
    """Run the console, the REST API, the service for the index and the worker until Ctrl-C."""
    run(place.home, place.settings(), say=_say)


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


@main.command()
@on_home
@as_json
def migrate(place: Place, *, plain: bool) -> None:
    """Bring the store to this program's revision."""
    revision = bring_up(place.home, place.settings())
    print_json({"revision": revision}) if plain else click.echo(f"the store is at revision {revision}")


@main.command()
@on_home
@as_json
def renew(place: Place, *, plain: bool) -> None:
    """Replace the node's key and certificate now; a running node does so by itself in time."""
    membership = asyncio.run(joining.renew(place.home / "tls", at=now()))
    ends = membership.identity.not_after.isoformat()
    running = (place.home / RUNNING_FILE).exists()
    if plain:
        print_json({"certificate_ends": ends, "restart_needed": running})
    else:
        click.echo(f"the new certificate ends {ends}" + ("; restart the node to show it at once" if running else ""))


@main.group()
def policy() -> None:
    """The policies in force at this node."""


@policy.command("status")
@on_home
@as_json
def policy_status(place: Place, *, plain: bool) -> None:
    """Which policies decide here, by which digest; or why none does."""
    source = place.house().policies
    policies = source()
    if policies is None:
        fault = source.fault or DomicileError("there is no policy", code=Code.POLICY_MISSING)
        raise DomicileError(
            what=f"nothing leaves: {fault.what}", where=fault.where, remedy=fault.remedy or "mend the file", code=fault.code
        )
    laws = sorted({each.law for each in policies.documents.policies})
    facts = {"digest": policies.digest, "policies": len(policies.documents.policies), "laws": laws}
    if plain:
        print_json(facts)
    else:
        click.echo(f"{facts['policies']} policies of {', '.join(laws)} in force, digest {policies.digest}")


@main.group()
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


main.add_command(users)
main.add_command(import_command)

if __name__ == "__main__":
    sys.exit(main())
