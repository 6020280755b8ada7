"""The commands for people and machines that sign in to this node. Passwords never come from the command line."""

import secrets
import sys
from datetime import timedelta
from pathlib import Path

import click

from policies.engine.errors import Code, DomicileError
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.crm.roles import Role

_ROLES = click.Choice([role.value for role in Role])


@click.group()
def users() -> None:
    """People who sign in to this node."""


@users.command("add")
@click.argument("username")
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="What the account may do; may be given again.")
@click.option("--importer", help="The organisation it acts for; the node's own when left out.")
@click.option("--password-file", type=click.Path(dir_okay=False, path_type=Path), help="Read the password from this file.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@on_home
@as_json
def users_add(
    place: Place,
    *,
    username: str,
    roles: tuple[str, ...],
    importer: str | None,
    password_file: Path | None,
    password_stdin: bool,
    plain: bool,
) -> None:
    """Make an account. Without a given password one is made and shown once."""
    given = _given_password(password_file, from_stdin=password_stdin)
    password = given or secrets.token_urlsafe(15)
    account = place.house().accounts.add(username, password, roles, importer=importer)
    facts = {"username": account.username, "roles": sorted(account.roles), "importer": account.importer}
    if plain:
        print_json(facts | ({} if given else {"password": password}))
    else:
        click.echo(f"account {account.username} made" + ("" if given else f", password {password}"))


def _given_password(file: Path | None, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise DomicileError("the password file cannot be read", where=str(file), code=Code.FILE_INVALID) from None


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
    known = [
        {"username": a.username, "roles": sorted(a.roles), "importer": a.importer, "disabled": a.disabled}
        for a in place.house().accounts.list()
    ]
    if plain:
        print_json(known)
    else:
        for each in known:
            click.echo(f"{each['username']}: {', '.join(each['roles'])}" + (" (disabled)" if each["disabled"] else ""))  # type: ignore[arg-type]  # a list of names


@click.group()
def tokens() -> None:
    """API tokens for machines."""


@tokens.command("add")
@click.argument("label")
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="What the token may do; may be given again.")
@click.option("--importer", help="The organisation it acts for; the node's own when left out.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it lasts.")
@on_home
@as_json
def tokens_add(place: Place, *, label: str, roles: tuple[str, ...], importer: str | None, days: int, plain: bool) -> None:
    """Make a token; its secret is shown once. Send it as `Authorization: Bearer SECRET`."""
    token_id, secret = place.house().tokens.issue(label, roles, lasts=timedelta(days=days), importer=importer)
    print_json({"token_id": token_id, "token": secret}) if plain else click.echo(f"{token_id}\n{secret}")


@tokens.command("revoke")
@click.argument("token_id")
@on_home
def tokens_revoke(place: Place, token_id: str) -> None:
    """Stop a token at once."""
    place.house().tokens.revoke(token_id)
    click.echo("revoked")
