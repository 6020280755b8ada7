"""The command `global-index`. What needs the running index goes through its HTTP API on this machine, never around it."""

import secrets
import sys
from datetime import timedelta
from typing import Any, TextIO

import click
from pydantic import ValidationError

from global_index import shown
from global_index.asking import budget, entries, explain, person, query
from global_index.bootstrap import MIGRATIONS, bring_up, database_url, found, now
from global_index.catalogue.roles import Role
from global_index.commands import Place, as_json, on_home, print_json
from global_index.local import OPERATOR_FILE, LocalIndex
from global_index.serving import run
from global_index.settings import IndexSettings
from policies.engine.errors import Code, DomicileError

_ROLES = click.Choice([role.value for role in Role])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="domicile", prog_name="global-index")
def main() -> None:
    """Run and use the global index: pseudonymous keys and aggregates only, personal data stays in the regions."""


@main.command()
@click.option("--federation", required=True, help="The federation's name, a DNS label.")
@click.option("--organisation", required=True, help="The id of the organisation that runs the index.")
@click.option("--jurisdiction", required=True, help="Whose law binds the index, such as EU.")
@click.option("--state", default="", help="The state it stands in, such as IE.")
@click.option("--set", "given", metavar="KEY=VALUE", multiple=True, help="Any setting, as in settings.toml; may be given again.")
@on_home
def init(place: Place, *, federation: str, organisation: str, jurisdiction: str, state: str, given: tuple[str, ...]) -> None:
    """Make a home folder: settings, keys, certificate authority, store."""
    named = {"federation": federation, "organisation": organisation, "jurisdiction": jurisdiction, "state": state}
    more = dict(one.partition("=")[::2] for one in given)
    try:
        settings = IndexSettings.model_validate({**more, **named})
    except ValidationError as error:
        key = str(error.errors(include_input=False)[0]["loc"][0])
        raise DomicileError(what=f"`{key}` is not acceptable", remedy=_remedy(key), code=Code.INPUT_INVALID) from None
    found(place.home, settings)
    click.echo(f"index of {federation} made in {place.home}; next: global-index serve --home {place.home}")


@main.command()
@on_home
def serve(place: Place) -> None:
    """Run the console, the API, the service for regions and the worker until Ctrl-C."""
    run(place.home, place.settings(), say=_say)


@main.command()
@on_home
@as_json
def migrate(place: Place, *, plain: bool) -> None:
    """Bring the store to this program's revision."""
    settings = place.settings()
    revision = bring_up(place.home, settings)
    facts = {
        "revision": revision,
        "migrations": MIGRATIONS.name,
        "embedded": database_url(place.home, settings).startswith("sqlite"),
    }
    print_json(facts) if plain else click.echo(f"the store is at revision {revision}")


@main.group()
def users() -> None:
    """People who sign in to the index."""


@users.command("add")
@click.argument("username")
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="What the account may do; may be given again.")
@click.option("--importer", help="The organisation it acts for; the index's own when left out.")
@click.option(
    "--password-file", type=click.File(), help="Take the first line of this file, `-` for standard input, instead of making one."
)
@on_home
@as_json
def users_add(
    place: Place, *, username: str, roles: tuple[str, ...], importer: str | None, password_file: TextIO | None, plain: bool
) -> None:
    """Make an account. Without --password-file a password is made and shown once."""
    password = password_file.readline().rstrip("\n") if password_file else secrets.token_urlsafe(15)
    account = place.house().accounts.add(username, password, roles, importer=importer)
    facts: dict[str, Any] = {
        "account_id": account.account_id,
        "username": account.username,
        "roles": sorted(account.roles),
        "importer": account.importer,
    }
    if password_file is None:
        facts["password"] = password
    if plain:
        print_json(facts)
    else:
        click.echo(f"account {account.username} made" + ("" if password_file else f", password {password}"))


@users.command("disable")
@click.argument("username")
@on_home
def users_disable(place: Place, username: str) -> None:
    """Shut an account out at once."""
    place.house().accounts.disable(username)
    click.echo("disabled")


@users.command("reset")
@click.argument("username")
@on_home
def users_reset(place: Place, username: str) -> None:
    """Give an account a new password, shown once; its sessions end."""
    password = secrets.token_urlsafe(15)
    place.house().accounts.reset(username, password)
    click.echo(f"password {password}")


@users.command("list")
@on_home
@as_json
def users_list(place: Place, *, plain: bool) -> None:
    """The accounts."""
    found_accounts = [
        {
            "username": a.username,
            "roles": sorted(a.roles),
            "importer": a.importer,
            "disabled": a.disabled,
            "account_id": a.account_id,
        }
        for a in place.house().accounts.list()
    ]
    if plain:
        print_json(found_accounts)
    else:
        shown.console().print(shown.facts(found_accounts, ("username", "roles", "importer", "disabled")))


@main.group()
def tokens() -> None:
    """API tokens for machines."""


@tokens.command("add")
@click.argument("label")
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="What the token may do; may be given again.")
@click.option("--importer", help="The organisation it acts for; the index's own when left out.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it lasts.")
@on_home
@as_json
def tokens_add(place: Place, *, label: str, roles: tuple[str, ...], importer: str | None, days: int, plain: bool) -> None:
    """Make a token; its secret is shown once."""
    token_id, secret = place.house().tokens.issue(label, roles, lasts=timedelta(days=days), importer=importer)
    print_json({"token_id": token_id, "token": secret}) if plain else click.echo(f"{token_id}\n{secret}")


@tokens.command("revoke")
@click.argument("token_id")
@on_home
def tokens_revoke(place: Place, token_id: str) -> None:
    """Stop a token at once."""
    place.house().tokens.revoke(token_id)
    click.echo("revoked")


@main.command()
@click.argument("region")
@click.option("--jurisdiction", required=True, help="Whose law binds the region, such as EU, BR or US-CA.")
@click.option(
    "--hours", type=click.FloatRange(0, 168, min_open=True), default=24.0, show_default=True, help="How long it may be used."
)
@on_home
@as_json
def invite(place: Place, region: str, *, jurisdiction: str, hours: float, plain: bool) -> None:
    """Make a single-use invite for a region; hand its text to the region's operator over a safe way."""
    made = place.house().memberships(address=_address(place)).invite(region, jurisdiction, ttl=timedelta(hours=hours), at=now())
    facts = {"region": made.region, "invite": made.text, "expires_at": made.expires_at.isoformat()}
    print_json(facts) if plain else click.echo(made.text)


@main.group()
def regions() -> None:
    """The regions of the federation."""


@regions.command("list")
@on_home
@as_json
def regions_list(place: Place, *, plain: bool) -> None:
    """The regions, where they serve and how many entries of them are held."""
    house = place.house()
    known = [
        {
            "region": region.name,
            "jurisdiction": region.jurisdiction,
            "state": region.state,
            "address": region.address,
            "entries": house.entries.count(region.name),
        }
        for region in house.directory.regions()
    ]
    if plain:
        print_json(known)
    else:
        shown.console().print(shown.facts(known, ("region", "jurisdiction", "state", "address", "entries")))


@regions.command("suspend")
@click.argument("region")
@on_home
def regions_suspend(place: Place, region: str) -> None:
    """Stop asking a region and hearing it."""
    place.house().memberships(address=_address(place)).suspend(region, at=now())
    click.echo("suspended")


@regions.command("resume")
@click.argument("region")
@on_home
def regions_resume(place: Place, region: str) -> None:
    """End a suspension."""
    place.house().memberships(address=_address(place)).resume(region, at=now())
    click.echo("resumed")


@regions.command("revoke")
@click.argument("region")
@on_home
def regions_revoke(place: Place, region: str) -> None:
    """End a membership: every certificate of the region ends."""
    place.house().memberships(address=_address(place)).revoke(region, at=now())
    click.echo("revoked")


def _remedy(key: str) -> str:
    known = IndexSettings.model_fields
    field = known.get(key)
    return f"{key}: {field.description}".rstrip(".") if field else "use one of: " + ", ".join(known)


def _address(place: Place) -> str:
    """Where regions reach this index: what the running process says, else the settings."""
    running = LocalIndex.address_of(place.home)
    settings = place.settings()
    address = running or settings.announced_address or settings.grpc_address
    if address.endswith(":0"):
        raise DomicileError(
            "the port for regions is taken anew at each start",
            where=str(place.home / OPERATOR_FILE),
            remedy="start the index first, or set grpc_address",
            code=Code.SETTINGS_INVALID,
        )
    return address


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


for _command in (query, explain, person, entries, budget):
    main.add_command(_command)

if __name__ == "__main__":
    sys.exit(main())
