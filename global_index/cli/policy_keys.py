"""The commands for the keys of those who sign policies. A private key is written where the person says, and shown to nobody."""

import sys
from pathlib import Path
from typing import Any, TextIO

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from global_index.bootstrap import House, now
from global_index.cli import shown
from global_index.cli.commands import Place, as_json, on_home, print_json
from global_index.cli.opening import house_of
from global_index.policy.rooms import key_json
from global_index.policy_house import ROOT_KEY, found_policies
from policies.engine.errors import Code, DomicileError
from policies.engine.key_file import make_key_file, read_key_file, read_public
from policies.engine.roots import KeyRole, PolicyKey

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
root_key = click.option("--root-key", "root_file", type=_FILE, help="The root key's file, where it is kept away from this machine.")
new_file = click.option(
    "--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), help="Make the key, and write it to this new file."
)
passphrase_file = click.option(
    "--passphrase-file", type=click.File(), help="Take the new key's passphrase from the first line of this file."
)


@click.group()
def keys() -> None:
    """The keys of those who sign policies: enrolled, listed, rotated, revoked."""


@keys.command("init")
@on_home
def keys_init(place: Place) -> None:
    """Make the root key and the first list of keys, where an older home has none."""
    house = house_of(place)
    found_policies(place.home, house.settings, house.engine, at=now())
    click.echo(f"root key {place.home / ROOT_KEY}: keep it away from this machine, and give it with --root-key")


@keys.command("enroll")
@click.option("--as", "holder", metavar="NAME", required=True, help="A compliance officer's account, or a privacy officer's id.")
@click.option(
    "--role",
    type=click.Choice([KeyRole.COMPLIANCE_OFFICER.value, KeyRole.PRIVACY_OFFICER.value]),
    default=KeyRole.COMPLIANCE_OFFICER.value,
    show_default=True,
    help="What the holder is.",
)
@click.option("--region", default="", help="Of a privacy officer, the region.")
@click.option("--public", type=_FILE, help="The public half of a key that the person made elsewhere.")
@click.option(
    "--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), help="Make the key, and write it to this new file."
)
@passphrase_file
@root_key
@on_home
@as_json
def keys_enroll(
    place: Place,
    *,
    holder: str,
    role: str,
    region: str,
    public: Path | None,
    key_file: Path | None,
    passphrase_file: TextIO | None,
    root_file: Path | None,
    plain: bool,
) -> None:
    """Let a person's key sign from now on. With --key it is made here; with --public only its public half is ever seen here."""
    house = house_of(place)
    kind = KeyRole(role)
    if kind is KeyRole.PRIVACY_OFFICER and region not in {each.name for each in house.directory.regions()}:
        raise DomicileError(
            what=f"there is no region `{region[:40]}`", remedy="see `global-index regions list`", code=Code.RECORD_NOT_FOUND
        )
    known = _holder(house, holder, kind)
    keyring = house.policies().keyring
    with _NewKey(public, key_file, passphrase_file) as made:
        key = keyring.enroll(
            made.public, role=kind, holder=known, region=region, root_key=lambda: _root(place, root_file), at=now()
        )  # fmt: skip
        made.keep()
    _told(house, key, plain=plain, what="enrolled")


@keys.command("list")
@on_home
@as_json
def keys_list(place: Place, *, plain: bool) -> None:
    """Every key that was ever enrolled, and where it stands."""
    house = house_of(place)
    found = [key_json(each) for each in house.policies().keyring.root().keys]
    if plain:
        print_json(found)
        return
    names = names_of(house)
    called = [{**each, "holder": names.get(each["holder"], each["holder"])} for each in found]
    shown.console().print(shown.facts(called, ("key", "role", "holder", "region", "state", "enrolled")))


@keys.command("rotate")
@click.argument("key")
@click.option("--public", type=_FILE, help="The public half of the key that signs from now on.")
@click.option(
    "--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), help="Make that key, and write it to this new file."
)
@passphrase_file
@root_key
@on_home
@as_json
def keys_rotate(
    place: Place,
    key: str,
    *,
    public: Path | None,
    key_file: Path | None,
    passphrase_file: TextIO | None,
    root_file: Path | None,
    plain: bool,
) -> None:
    """Let a new key of the same holder sign; what the old one signed until now stands."""
    house = house_of(place)
    keyring = house.policies().keyring
    with _NewKey(public, key_file, passphrase_file) as made:
        new = keyring.rotate(key, made.public, root_key=lambda: _root(place, root_file), at=now())
        made.keep()
    _told(house, new, plain=plain, what="signs from now on")


@keys.command("revoke")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Say that nothing it ever signed shall count any more.")
@root_key
@on_home
@as_json
def keys_revoke(place: Place, key: str, *, yes: bool, root_file: Path | None, plain: bool) -> None:
    """Let nothing that a key ever signed count any more; a bundle that a region has taken already stays in force."""
    if not yes:
        raise DomicileError(
            "a revoked key is never current again", where=key[:40], remedy="say so with `--yes`", code=Code.PRECONDITION_MISSING
        )
    house = house_of(place)
    gone = house.policies().keyring.revoke(key, root_key=lambda: _root(place, root_file), at=now())
    _told(house, gone, plain=plain, what="revoked")


def passphrase_of(path: Path, given: Any) -> str:
    """The passphrase of a key file: the first line of the file given, else asked for where the key has one. Empty for none."""
    if given is not None:
        return str(given.readline()).rstrip("\n")
    try:
        locked = b"ENCRYPTED" in path.read_bytes()
    except OSError:
        locked = False
    return str(click.prompt("passphrase", hide_input=True, err=True)) if locked and sys.stdin.isatty() else ""


class _NewKey:
    """The public half of a new key. Its file is taken away again unless it was kept, so that none lies about unenrolled."""

    def __init__(self, public: Path | None, key_file: Path | None, passphrase: TextIO | None) -> None:
        if (public is None) is (key_file is None):
            raise DomicileError(
                "a key is made here or elsewhere", remedy="give either `--key FILE` or `--public FILE`", code=Code.INPUT_INVALID
            )
        self._made = key_file
        self._kept = False
        if key_file is not None:
            private_key = Ed25519PrivateKey.generate()
            make_key_file(key_file, private_key, passphrase=passphrase.readline().rstrip("\n") if passphrase else "")
            self.public: Ed25519PublicKey = private_key.public_key()
        elif public is not None:
            self.public = read_public(public.read_text(encoding="utf-8", errors="replace"))

    def keep(self) -> None:
        """It is enrolled."""
        self._kept = True

    def __enter__(self) -> "_NewKey":
        """The key."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the file away when it was not enrolled."""
        if self._made is not None and not self._kept:
            self._made.unlink(missing_ok=True)


def _holder(house: House, name: str, role: KeyRole) -> str:
    """Who a key is of: a compliance officer's account id, or the id that a region gives its officer."""
    if role is not KeyRole.COMPLIANCE_OFFICER:
        return name
    found = next((a for a in house.accounts.list() if a.username.casefold() == name.casefold()), None)
    if found is None or found.disabled or role.value not in found.roles:
        raise DomicileError(
            what=f"`{name[:40]}` is no active compliance officer",
            remedy="see `global-index users list`",
            code=Code.RECORD_NOT_FOUND,
        )
    return found.account_id


def _root(place: Place, root_file: Path | None) -> Ed25519PrivateKey:
    path = root_file or place.home / ROOT_KEY
    return read_key_file(path, passphrase=passphrase_of(path, None))


def names_of(house: House) -> dict[str, str]:
    """What people call an account, by its id: for who reads, never for what is kept or signed."""
    return {each.account_id: each.username for each in house.accounts.list()}


def _told(house: House, key: PolicyKey, *, plain: bool, what: str) -> None:
    if plain:
        print_json(key_json(key))
    else:
        click.echo(f"key {key.id} of {names_of(house).get(key.holder, key.holder)} {what}")
