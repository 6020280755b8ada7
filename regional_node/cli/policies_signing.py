"""The commands of a region's privacy officer: looking at what headquarters proposes, countersigning it with their own key."""

import sys
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine.bundle import Link, Role, SignedBundle, read_bundle, sign
from policies.engine.envelope import key_id
from policies.engine.errors import Code, DomicileError
from policies.engine.key_file import make_key_file, public_text, read_key_file
from policies.engine.lifecycle import Proposal, RehearsalCounts
from policies.engine.replay import rehearsal_json, rehearsal_text
from policies.engine.roots import KeyRole, Root
from policies.engine.trust import require_next, verify_bundle
from regional_node.bootstrap.policies import PolicyRooms
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.cli.policies import policy, private_text
from regional_node.cli.policies_shown import plain_text

_NOT_YET = frozenset({Code.BUNDLE_NOT_COUNTERSIGNED, Code.BUNDLE_NOT_PUBLISHED})
_passphrase = click.option(
    "--passphrase-file", type=click.Path(dir_okay=False, path_type=Path), help="Read the key's passphrase from this file."
)


@policy.command("key")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The new file of the private key.")
@_passphrase
@on_home
@as_json
def policy_key(place: Place, *, out: Path, passphrase_file: Path | None, plain: bool) -> None:
    """Make a privacy officer's key. The private half stays in its file; the public half is for headquarters to enroll."""
    region = place.settings().region
    key = Ed25519PrivateKey.generate()
    make_key_file(out, key, passphrase=private_text(passphrase_file))
    public = public_text(key.public_key())
    identifier = key_id(key.public_key())
    if plain:
        print_json({"key": identifier, "public": public, "file": str(out)})
        return
    click.echo(public, nl=False)
    click.echo(f"key {identifier}, kept in {out}; hand over the public half above, to be enrolled at headquarters with")
    click.echo(f"global-index policy keys enroll --as NAME --role privacy_officer --region {region} --public FILE")


@policy.command("review")
@click.argument("version", type=click.IntRange(1), required=False)
@on_home
@as_json
def policy_review(place: Place, *, version: int | None, plain: bool) -> None:
    """What headquarters proposes that this region must countersign: what would change, and what it would have done here."""
    rooms = place.house().policy_rooms
    with rooms.index() as index:
        proposals = [each for each in index.proposals() if version in (None, _version(each))]
    facts = [_facts(each, rooms) for each in proposals]
    if plain:
        print_json(facts)
        return
    for each in facts:
        click.echo(f"bundle {each['version']}: {each['title']}")
        click.echo(
            f"from {each['active_from']} until {each['expires']}, widens {', '.join(each['widens'])}, digest {each['digest']}"
        )
        click.echo(plain_text(each["difference"]).rstrip() or "no difference was told")
        click.echo(f"on this node's own ledger: {each['rehearsed']}")
        click.echo(_next_step(each))
    if not facts:
        click.echo("nothing awaits this region's countersignature")


def _next_step(facts: dict[str, Any]) -> str:
    if facts["countersigned"]:
        return "countersigned here already"
    return f"to agree: regional-node policy countersign {facts['version']} --digest {facts['digest']} --key FILE"


def _version(proposal: Proposal) -> int:
    return _opened(proposal).bundle.version


def _opened(proposal: Proposal) -> SignedBundle:
    """The proposed bundle, which must be the one that the proposal names."""
    signed = read_bundle(proposal.bundle)
    if signed.envelope.digest != proposal.digest:
        raise DomicileError(
            "the proposal holds another bundle than it names", where="index", remedy="tell headquarters", code=Code.BUNDLE_ALTERED
        )
    return signed


def _facts(proposal: Proposal, rooms: PolicyRooms) -> dict[str, Any]:
    bundle = _opened(proposal).bundle
    counts = _rehearsed(rooms, dict(bundle.files), bundle.policy_digest)
    return {
        "version": bundle.version,
        "digest": proposal.digest,
        "title": plain_text(proposal.title),
        "active_from": bundle.active_from.isoformat(),
        "expires": bundle.expires.isoformat(),
        "widens": list(bundle.widens),
        "difference": proposal.difference,
        "countersigned": proposal.countersigned,
        "rehearsal": rehearsal_json(counts) if isinstance(counts, RehearsalCounts) else None,
        "rehearsed": rehearsal_text(counts) if isinstance(counts, RehearsalCounts) else str(counts),
    }


def _rehearsed(rooms: PolicyRooms, files: dict[str, str], policy_digest: str) -> RehearsalCounts | DomicileError:
    """Made here and now, not taken from the index."""
    try:
        return rooms.rehearsing.rehearse(files, policy_digest, by="node")
    except DomicileError as error:
        return error


@policy.command("countersign")
@click.argument("version", type=click.IntRange(1))
@click.option("--digest", default="", help="Sign only the bundle of this digest, as `review` showed it.")
@click.option("--key", "key_file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The officer's key file.")
@_passphrase
@on_home
@as_json
def policy_countersign(
    place: Place, *, version: int, digest: str, key_file: Path, passphrase_file: Path | None, plain: bool
) -> None:
    """Agree, as this region's privacy officer, to a proposed bundle that widens what may leave."""
    rooms = place.house().policy_rooms
    key = read_key_file(key_file, passphrase=_asked(key_file, passphrase_file))
    with rooms.index() as index:
        rooms.fetching.fetch(index)  # under which keys it counts, and what it must follow
        proposal = next((each for each in index.proposals() if _version(each) == version), None)
        if proposal is None:
            raise DomicileError(
                what=f"no bundle {version} awaits this region's countersignature",
                where="policy countersign",
                remedy="see `regional-node policy review`",
                code=Code.RECORD_NOT_FOUND,
            )
        signed = _opened(proposal)
        if digest and digest != proposal.digest:
            raise DomicileError(
                what=f"bundle {version} is not the one that was reviewed: its digest is `{proposal.digest}`",
                where="--digest",
                remedy="look at it again with `regional-node policy review`",
                code=Code.RECORD_CONFLICT,
            )
        _require_fit(signed, rooms, key)
        signature = sign(signed.bundle, role=Role.PRIVACY_OFFICER, private_key=key)
        awaited = index.countersign(proposal.digest, signature)
        rooms.countersigned(version, proposal.digest, by=signature.key)
    if plain:
        print_json({"version": version, "digest": proposal.digest, "key": signature.key, "awaited": awaited})
    else:
        others = f"{awaited} regions have not yet" if awaited else "every region has"
        click.echo(f"bundle {version} countersigned with key {signature.key}; {others}")


def _asked(key_file: Path, passphrase_file: Path | None) -> str:
    """The passphrase from its file, or asked for where the key has one and somebody is there to ask."""
    if passphrase_file is not None or not sys.stdin.isatty():
        return private_text(passphrase_file)
    try:
        sealed = b"ENCRYPTED" in key_file.read_bytes()
    except OSError:
        return ""
    return str(click.prompt("passphrase", hide_input=True, err=True)) if sealed else ""


def _require_fit(signed: SignedBundle, rooms: PolicyRooms, key: Ed25519PrivateKey) -> None:
    """Raise unless author and approver signed it, it follows what is held here, and the key is this region's officer's."""
    root: Root | None = rooms.accepting.root()
    if root is None:
        raise DomicileError(
            "this node knows no list of policy keys", where="policy countersign", remedy="run `regional-node policy fetch`",
            code=Code.TRUST_REFUSED,
        )  # fmt: skip
    region = rooms.settings.region
    mine = {each.id for each in root.current(KeyRole.PRIVACY_OFFICER, region=region)}
    if key_id(key.public_key()) not in mine:
        raise DomicileError(
            what=f"the key `{key_id(key.public_key())}` is not enrolled for the privacy officer of `{region}`",
            where="--key",
            remedy="have it enrolled with `global-index policy keys enroll`, or give the officer's own",
            code=Code.BUNDLE_KEY_UNKNOWN,
        )
    held = rooms.accepting.held()
    current = Link(version=held.version, digest=held.digest) if held is not None else None
    try:
        verify_bundle(signed, root, at=rooms.clock(), current=current, region=region, laws=rooms.laws())
    except DomicileError as error:
        if error.code not in _NOT_YET:
            raise
    require_next(signed, current)
