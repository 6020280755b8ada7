"""The commands for the life of a policy bundle: drafts, approvals, publishing, stops. People's keys never leave their files."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from global_index.bootstrap import House, now
from global_index.catalogue.roles import Role as AccountRole
from global_index.cli import shown
from global_index.cli.commands import Place, as_json, on_home, print_json
from global_index.cli.opening import house_of
from global_index.cli.policy_keys import keys, names_of, passphrase_of
from global_index.local import LocalIndex
from global_index.policy.drafting import Comparison
from global_index.policy.rooms import draft_json, overview, overview_json, rehearsed_json, stop_json
from global_index.policy.rooms import shown as shown_draft
from policies.engine.bundle import Role, read_bundle, sign
from policies.engine.bundle_files import files_of
from policies.engine.envelope import Signature, read_signature_line, signature_line, written
from policies.engine.errors import Code, DomicileError
from policies.engine.key_file import read_key_file

_REHEARSAL_SECONDS = 300.0
C = TypeVar("C", bound=Callable[..., Any])

as_officer = click.option("--as", "officer", metavar="NAME", required=True, help="The compliance officer whose account acts.")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAY = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])


def with_key(command: C) -> C:
    """Give a command the ways to sign: a key file, or a signature made elsewhere."""
    for option in (
        click.option("--signature", "line", metavar="LINE", help="A signature made elsewhere with `policy sign`."),
        click.option("--passphrase-file", type=click.File(), help="Take the key's passphrase from the first line of this file."),
        click.option("--key", "key_file", type=_FILE, help="The officer's private key file; it is read here and sent nowhere."),
    ):
        command = option(command)
    return command


@click.group()
def policy() -> None:
    """The policies of the federation: draft, check, rehearse, approve, publish, stop."""


policy.add_command(keys)


@policy.command("draft")
@click.argument("draft", required=False)
@click.option("--title", default="", help="What the change is for; of a new draft.")
@click.option("--folder", type=_FOLDER, help="Take every policy, case and registry file of this folder.")
@click.option("--file", "given", type=_FILE, multiple=True, help="Put this file into the draft; may be given again.")
@click.option("--registry-file", "registry", type=_FILE, multiple=True, help="The same for `registry/laws/<name>`.")
@click.option("--drop", "dropped", metavar="NAME", multiple=True, help="Leave this file out of the draft; may be given again.")
@as_officer
@on_home
@as_json
def policy_draft(
    place: Place,
    *,
    draft: str | None,
    title: str,
    folder: Path | None,
    given: tuple[Path, ...],
    registry: tuple[Path, ...],
    dropped: tuple[str, ...],
    officer: str,
    plain: bool,
) -> None:
    """Start a draft over the live policies, or edit the one named. An edit voids what was checked, rehearsed and signed."""
    house = house_of(place)
    rooms, by, at = house.policies(), _officer(house, officer), now()
    changes: dict[str, str | None] = dict(files_of(folder)) if folder else {}
    changes |= {path.name: path.read_text(encoding="utf-8") for path in given}
    changes |= {f"registry/laws/{path.name}": path.read_text(encoding="utf-8") for path in registry}
    changes |= dict.fromkeys(dropped)
    if draft is None:
        draft = rooms.drafting.start(title, files=None, by=by, at=at).draft_id
    kept = rooms.drafting.draft(draft)
    if changes:
        kept = rooms.drafting.edit(draft, changes, revision=None, by=by, at=at)
    facts = {"draft": kept.draft_id, "title": kept.title, "state": kept.state.lower(), "files": sorted(kept.files)}
    print_json(facts) if plain else click.echo(f"draft {kept.draft_id}: {kept.title}; next: global-index policy check")


@policy.command("export")
@click.argument("draft")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="A new or empty folder.")
@on_home
def policy_export(place: Place, draft: str, folder: Path) -> None:
    """Write the files of a draft to a folder, to edit or test them there; `live` names the policies in force."""
    rooms = house_of(place).policies()
    files = rooms.drafting.live() if draft == "live" else rooms.drafting.draft(draft).files
    if folder.exists() and any(folder.iterdir()):
        raise DomicileError("the folder is not empty", where=str(folder), remedy="choose a new one", code=Code.FILE_INVALID)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    click.echo(f"{len(files)} files written to {folder}")


@policy.command("check")
@click.argument("draft")
@as_officer
@on_home
@as_json
def policy_check(place: Place, draft: str, *, officer: str, plain: bool) -> None:
    """Check a draft and run its cases; exits 1 when it does not pass."""
    house = house_of(place)
    found = house.policies().drafting.check(draft, by=_officer(house, officer), at=now())
    if plain:
        findings = [
            {"where": each.where, "severity": each.severity.value, "message": each.message, "remedy": each.remedy}
            for each in found.findings
        ]
        print_json({"passes": found.passes, "policies": found.policies, "findings": findings})
    else:
        for each in found.findings:
            click.echo(f"{each.severity.value}: {each}")
        click.echo(f"{found.policies} policies; the draft {'passes' if found.passes else 'does not pass'}")
    if not found.passes:
        raise SystemExit(1)


@policy.command("diff")
@click.argument("draft")
@on_home
@as_json
def policy_diff(place: Place, draft: str, *, plain: bool) -> None:
    """What a draft changes against the live policies, with a witness for each change, and which laws it widens."""
    found: Comparison = house_of(place).policies().drafting.compare(draft)
    if plain:
        print_json({**found.body, "widens": list(found.widens)})
    else:
        click.echo(found.text)
        click.echo(f"widens: {', '.join(found.widens) or 'nothing'}")


@policy.command("rehearse")
@click.argument("draft")
@as_officer
@on_home
@as_json
def policy_rehearse(place: Place, draft: str, *, officer: str, plain: bool) -> None:
    """Ask every region which of its recorded decisions would flip; the index must run."""
    house = house_of(place)
    rooms, by = house.policies(), _officer(house, officer)
    if rooms.regions():
        running = LocalIndex(place.home, seconds=_REHEARSAL_SECONDS)
        found = running.post(f"/api/v1/policies/{draft}/rehearse", {"as_user": officer})["rehearsals"]
    else:
        nobody = rooms.drafting.rehearse(draft, (), _nobody, by=by, at=now())
        found = [rehearsed_json(each) for each in asyncio.run(nobody)]
    if plain:
        print_json({"rehearsals": found})
        return
    for one in found:
        told = one["code"] or f"{one['decisions']} decisions, {one['unreadable']} not replayable, {len(one['flips'])} kinds flip"
        click.echo(f"{one['region']}: {told}")
        for flip in one["flips"]:
            click.echo(f"  {flip['count']} x {flip['before']} -> {flip['after']} by {', '.join(flip['rules']) or 'no rule'}")
    if not found:
        click.echo("no region has joined, so there is nothing to rehearse on")


@policy.command("submit")
@click.argument("draft")
@click.option("--active-from", type=_DAY, help="When it begins to hold, UTC; at once when left out.")
@click.option("--expires", type=_DAY, help="From when it holds no more, UTC; a year later when left out.")
@click.option("--only-prepare", is_flag=True, help="Fix version and dates, and sign later with `--signature`.")
@as_officer
@with_key
@on_home
@as_json
def policy_submit(
    place: Place,
    draft: str,
    *,
    active_from: datetime | None,
    expires: datetime | None,
    only_prepare: bool,
    officer: str,
    key_file: Path | None,
    passphrase_file: Any,
    line: str | None,
    plain: bool,
) -> None:
    """Fix version, dates and what a draft widens, and sign it as its author."""
    house = house_of(place)
    rooms, by, at = house.policies(), _officer(house, officer), now()
    if line is None:
        rooms.approving.prepare(draft, active_from=_utc(active_from), expires=_utc(expires), by=by, at=at)
    if not only_prepare:
        envelope = rooms.drafting.draft(draft).envelope
        signature = _signature(envelope, Role.AUTHOR, key_file=key_file, passphrase_file=passphrase_file, line=line)
        rooms.approving.submit(draft, signature, at=at)
    _told(house, draft, plain=plain)


@policy.command("approve")
@click.argument("draft")
@as_officer
@with_key
@on_home
@as_json
def policy_approve(
    place: Place, draft: str, *, officer: str, key_file: Path | None, passphrase_file: Any, line: str | None, plain: bool
) -> None:
    """Sign another's draft as the second person."""
    house = house_of(place)
    rooms, by = house.policies(), _officer(house, officer)
    envelope = rooms.drafting.draft(draft).envelope
    signature = _signature(envelope, Role.APPROVER, key_file=key_file, passphrase_file=passphrase_file, line=line)
    key = rooms.keyring.root().key(signature.key)
    if key is not None and key.holder != by:
        raise DomicileError(
            what=f"the key is not `{officer[:40]}`'s", where=signature.key, remedy="sign with the key enrolled for that account",
            code=Code.BUNDLE_KEY_UNKNOWN,
        )  # fmt: skip
    rooms.approving.approve(draft, signature, at=now())
    _told(house, draft, plain=plain)


@policy.command("publish")
@click.argument("draft")
@as_officer
@on_home
@as_json
def policy_publish(place: Place, draft: str, *, officer: str, plain: bool) -> None:
    """Sign as the index and let the regions fetch it."""
    house = house_of(place)
    made = house.policies().approving.publish(draft, by=_officer(house, officer), at=now())
    facts = {
        "version": made.version,
        "digest": made.signed.envelope.digest,
        "policy_digest": made.signed.bundle.policy_digest,
        "active_from": written(made.signed.bundle.active_from),
        "expires": written(made.signed.bundle.expires),
    }
    print_json(facts) if plain else click.echo(f"version {made.version} published, active from {facts['active_from']}")


@policy.command("withdraw")
@click.argument("draft")
@as_officer
@on_home
def policy_withdraw(place: Place, draft: str, officer: str) -> None:
    """Give up a draft that is not published."""
    house = house_of(place)
    house.policies().drafting.withdraw(draft, by=_officer(house, officer), at=now())
    click.echo("withdrawn")


@policy.command("sign")
@click.argument("bundle", type=_FILE)
@click.option("--role", type=click.Choice([Role.AUTHOR.value, Role.APPROVER.value]), required=True, help="In which role.")
@click.option("--key", "key_file", type=_FILE, required=True, help="The officer's private key file.")
@click.option("--passphrase-file", type=click.File(), help="Take the key's passphrase from the first line of this file.")
def policy_sign(bundle: Path, *, role: str, key_file: Path, passphrase_file: Any) -> None:
    """Sign a bundle as it was downloaded, on any machine: prints the line to paste in the console or give to `--signature`."""
    try:
        raw = bundle.read_bytes()
        click.echo(signature_line(_signature(raw, Role(role), key_file=key_file, passphrase_file=passphrase_file, line=None)))
    except DomicileError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


@policy.command("status")
@click.argument("draft", required=False)
@on_home
@as_json
def policy_status(place: Place, draft: str | None, *, plain: bool) -> None:
    """What is in force, what every region runs, drafts and stops; or one draft with what was done to it."""
    house = house_of(place)
    if draft is not None:
        _told(house, draft, plain=plain)
        return
    body = overview_json(overview(house.policies(), at=now()))
    if plain:
        print_json(body)
        return
    out, active = shown.console(), body["active"]
    out.print(f"in force: version {active['version']} {active['digest'][:12]}" if active["version"] else "in force: no bundle yet")
    regions = ("region", "jurisdiction", "state", "version", "pending_version", "same", "fault", "stops", "reported_at")
    out.print(shown.facts(body["regions"], regions, title="regions"))
    out.print(shown.facts(body["drafts"], ("draft", "title", "state", "version", "awaited"), title="drafts"))
    out.print(shown.facts(body["stops"], ("number", "exporter", "importer", "purpose", "reason", "issued"), title="stops"))


@policy.command("stop")
@click.option("--exporter", required=True, metavar="LAW", help="Whose exports end: a law such as EU, `*` for all.")
@click.option("--importer", required=True, metavar="CODE", help="To which jurisdiction, such as US; `*` for all.")
@click.option("--purpose", default="", help="For this purpose and those below it; for all when left out.")
@click.option("--reason", required=True, help="Why, in one line.")
@click.option("--as", "officer", metavar="NAME", default="", help="Whose account acts; the operator of this machine when left out.")
@on_home
@as_json
def policy_stop(place: Place, *, exporter: str, importer: str, purpose: str, reason: str, officer: str, plain: bool) -> None:
    """End a flow at once, whatever the policies permit: a signed notice that every region fetches."""
    house = house_of(place)
    by = _officer(house, officer) if officer else "operator"
    made = house.policies().stopping.stop(
        exporter=exporter, importer=importer, purpose=purpose, reason=reason, by=by, at=now()
    )  # fmt: skip
    print_json(stop_json(made)) if plain else click.echo(f"stop {made.number} issued: {exporter} -> {importer}")


@policy.command("resume")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why, in one line.")
@click.option("--yes", is_flag=True, help="Say that the policies may decide about this flow again.")
@as_officer
@on_home
@as_json
def policy_resume(place: Place, number: int, *, reason: str, yes: bool, officer: str, plain: bool) -> None:
    """End a stop."""
    if not yes:
        what, remedy = "this lets data leave again where the policies permit it", "say so with `--yes`"
        raise DomicileError(what, where=f"stop {number}", remedy=remedy, code=Code.PRECONDITION_MISSING)
    house = house_of(place)
    made = house.policies().stopping.resume(number, reason=reason, by=_officer(house, officer), at=now())
    print_json(stop_json(made)) if plain else click.echo(f"stop {number} ended")


def _officer(house: House, name: str) -> str:
    """The id of a compliance officer's active account."""
    found = next((a for a in house.accounts.list() if a.username.casefold() == name.casefold()), None)
    if found is None or found.disabled:
        raise DomicileError(
            what=f"there is no active account `{name[:40]}`", remedy="see `global-index users list`", code=Code.RECORD_NOT_FOUND
        )
    if AccountRole.COMPLIANCE_OFFICER.value not in found.roles:
        raise DomicileError(
            what=f"`{name[:40]}` is not a compliance officer", remedy="give an account with the role `compliance_officer`",
            code=Code.ROLE_MISSING,
        )  # fmt: skip
    return found.account_id


def _signature(envelope: bytes, role: Role, *, key_file: Path | None, passphrase_file: Any, line: str | None) -> Signature:
    if line is not None:
        return read_signature_line(line)
    if key_file is None:
        raise DomicileError(
            "a signature is needed", remedy="give `--key FILE`, or `--signature LINE` made elsewhere", code=Code.KEY_MISSING
        )
    if not envelope:
        raise DomicileError("it is not submitted yet", remedy="have its author submit it", code=Code.RECORD_CONFLICT)
    private_key = read_key_file(key_file, passphrase=passphrase_of(key_file, passphrase_file))
    return sign(read_bundle(envelope).bundle, role=role, private_key=private_key)


def _told(house: House, draft: str, *, plain: bool) -> None:
    one, done = shown_draft(house.policies(), draft, at=now())
    body = draft_json(one)
    body["done"] = [{"at": written(d.at), "actor": d.actor, "act": d.act.value, "detail": d.detail} for d in reversed(done)]
    if plain:
        print_json(body)
        return
    click.echo(f"draft {body['draft']}: {body['title']}")
    click.echo(f"state {body['state']}, version {body['version']}, digest {body['digest'] or '-'}")
    click.echo(f"widens {', '.join(body['widens']) or 'nothing'}; awaits {', '.join(body['awaited']) or 'nobody'}")
    names = names_of(house)
    for each in body["done"]:
        click.echo(f"  {each['at']} {each['act']} by {names.get(each['actor'], each['actor'])} {each['detail']}".rstrip())


def _utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value else None


async def _nobody(*_: object) -> Any:
    raise AssertionError("no region is asked where there is none")
