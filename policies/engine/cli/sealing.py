"""`transfer-policy sign` and `verify`: signatures on a bundle, and whether a node would take it. Neither publishes anything."""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from policies.engine.bundle import Bundle, Role, SignedBundle, read_bundle, unsigned
from policies.engine.bundle_files import documents_of, files_of, policies_of
from policies.engine.cli.options import AS_JSON, DAY, EXISTING, failing, print_json
from policies.engine.document import Documents
from policies.engine.envelope import written
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import compile_policies
from policies.engine.key_file import read_key_file
from policies.engine.trust import open_root, verify_bundle
from policies.engine.vocabulary import Effect


@click.command()
@click.argument("path", type=EXISTING)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="As what you sign.")
@click.option("--key", "key_file", type=EXISTING, required=True, help="Your private key, readable by you alone.")
@click.option("--passphrase-file", type=EXISTING, help="A file with the key's passphrase.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the bundle; else in place.")
@click.option("--federation", help="For a folder: the federation's name.")
@click.option("--previous", type=EXISTING, help="For a folder: the bundle before; without it this is version 1.")
@click.option("--active-from", type=DAY, help="For a folder: the first day in force, YYYY-MM-DD; else at once.")
@click.option("--expires", type=DAY, help="For a folder: the day from which it counts no more, YYYY-MM-DD.")
@click.option(
    "--region", "regions", multiple=True, help="For a folder: a region whose privacy officer countersigns; may be repeated."
)
@failing
def sign(
    *,
    path: Path,
    role: str,
    key_file: Path,
    passphrase_file: Path | None,
    out: Path | None,
    federation: str | None,
    previous: Path | None,
    active_from: datetime | None,
    expires: datetime | None,
    regions: tuple[str, ...],
) -> None:
    """Sign PATH: a bundle, to which your signature is added, or a folder of policies, of which a bundle is made first."""
    if path.is_dir():
        before = read_bundle(previous.read_bytes()) if previous else None
        if not federation or expires is None or out is None:
            raise DomicileError(
                "a folder is not a bundle yet",
                where=str(path),
                remedy="give `--federation`, `--expires` and `--out`, or sign a bundle",
                code=Code.INPUT_INVALID,
            )
        signed = unsigned(_bundle(path, before, federation=federation, active_from=active_from, expires=expires, regions=regions))
    else:
        signed = read_bundle(path.read_bytes())
    passphrase = passphrase_file.read_text(encoding="utf-8").rstrip("\n") if passphrase_file else ""
    signed = signed.signed(role=Role(role), private_key=read_key_file(key_file, passphrase=passphrase))
    target = out or path
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(signed.to_bytes())
    beside.replace(target)
    click.echo(f"{target}: version {signed.bundle.version} signed as {role}, digest {signed.link.digest}")


def _bundle(
    folder: Path,
    before: SignedBundle | None,
    *,
    federation: str,
    active_from: datetime | None,
    expires: datetime,
    regions: tuple[str, ...],
) -> Bundle:
    files = files_of(folder)
    documents = documents_of(files)
    issued = datetime.now(UTC).replace(microsecond=0)
    return Bundle(
        federation=federation,
        version=before.link.version + 1 if before else 1,
        previous=before.link.digest if before else "",
        issued=issued,
        active_from=active_from.replace(tzinfo=UTC) if active_from else issued,
        expires=expires.replace(tzinfo=UTC),
        files=files,
        policy_digest=documents.digest,
        widens=_widened(documents, before),
        regions=tuple(sorted(regions)),
    )


def _widened(documents: Documents, before: SignedBundle | None) -> tuple[str, ...]:
    """The laws under which something becomes newly allowed; of a first bundle every law that permits anything."""
    if before is None:
        return tuple(sorted({policy.law for policy in documents.policies if policy.effect is Effect.PERMIT}))
    difference = import_module("policies.engine.diff").diff(policies_of(before.bundle), compile_policies(documents), at=None)
    return tuple(difference.widened_laws)


@click.command()
@click.argument("path", metavar="BUNDLE", type=EXISTING)
@click.option("--root", "root_file", type=EXISTING, required=True, help="The list of keys that the federation trusts.")
@click.option("--federation", required=True, help="The federation's name.")
@click.option("--current", type=EXISTING, help="The newest bundle held, which this one must follow.")
@click.option("--region", default="", help="Verify as this region's node would.")
@click.option("--law", "laws", multiple=True, help="A law that attaches to that region; may be repeated.")
@click.option("--at", type=DAY, default=None, help="The day to judge expiry by, YYYY-MM-DD; else now.")
@AS_JSON
@failing
def verify(
    *,
    path: Path,
    root_file: Path,
    federation: str,
    current: Path | None,
    region: str,
    laws: tuple[str, ...],
    at: datetime | None,
    as_json: bool,
) -> None:
    """Verify BUNDLE: whole, signed by all who must, next in its chain, not expired, readable. Exits 1 with the reason if not."""
    instant = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    root = open_root(root_file.read_bytes(), federation=federation, known=None)
    signed = read_bundle(path.read_bytes())
    held = read_bundle(current.read_bytes()).link if current else None
    verify_bundle(signed, root, at=instant, current=held, region=region, laws=laws)
    policies = policies_of(signed.bundle)
    facts = {
        "version": signed.bundle.version,
        "digest": signed.link.digest,
        "policy_digest": policies.digest,
        "phase": signed.bundle.phase(at=instant).value,
        "active_from": written(signed.bundle.active_from),
        "expires": written(signed.bundle.expires),
        "widens": list(signed.bundle.widens),
        "signed_as": [each.role for each in signed.envelope.signatures],
    }
    if as_json:
        print_json(facts)
    else:
        click.echo(f"verified: version {facts['version']}, {facts['phase']}, from {facts['active_from']} until {facts['expires']}")
        click.echo(f"  digest {facts['digest']}, signed as {', '.join(each.role for each in signed.envelope.signatures)}")
