"""The commands for people and machines that sign in to the index. A secret is shown once, when it is made."""

import secrets
from datetime import timedelta
from typing import Any, TextIO

import click

from global_index.catalogue.roles import Role
from global_index.cli import shown
from global_index.cli.commands import Place, as_json, on_home, print_json
from global_index.cli.opening import house_of

_ROLES = click.Choice([role.value for role in Role])


@click.group()
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
    account = house_of(place).accounts.add(username, password, roles, importer=importer)
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
    house_of(place).accounts.disable(username)
    click.echo("disabled")


@users.command("reset")
@click.argument("username")
@on_home
def users_reset(place: Place, username: str) -> None:
    """Give an account a new password, shown once; its sessions end."""
    password = secrets.token_urlsafe(15)
    house_of(place).accounts.reset(username, password)
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
        for a in house_of(place).accounts.list()
    ]
    if plain:
        print_json(found_accounts)
    else:
        shown.console().print(shown.facts(found_accounts, ("username", "roles", "importer", "disabled")))


@click.group()
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
    token_id, secret = house_of(place).tokens.issue(label, roles, lasts=timedelta(days=days), importer=importer)
    print_json({"token_id": token_id, "token": secret}) if plain else click.echo(f"{token_id}\n{secret}")


@tokens.command("revoke")
@click.argument("token_id")
@on_home
def tokens_revoke(place: Place, token_id: str) -> None:
    """Stop a token at once."""
    house_of(place).tokens.revoke(token_id)
    click.echo("revoked")
