"""The commands for policies at a node: what decides, taking what the index publishes, stopping a flow. They sign nothing."""

from pathlib import Path

import click

from policies.engine.errors import Code, DomicileError
from policies.engine.registry_parser import shipped_registry
from regional_node.bootstrap.policies import OVERLAY
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.cli.policies_shown import overlay_facts, status_facts, status_lines, stop_line
from regional_node.usecases.policies import Stop
from regional_node.usecases.stopping import known_flow


@click.group()
def policy() -> None:
    """The policies in force at this node."""


@policy.command("status")
@on_home
@as_json
def policy_status(place: Place, *, plain: bool) -> None:
    """What decides here and by which digest, what waits, what is stopped, who may receive; or what is wrong, and where."""
    house = place.house()
    rooms = house.policy_rooms
    facts = status_facts(rooms, importers=house.importers.names())
    fault = rooms.source.fault
    if plain:
        print_json(facts)
    elif facts["digest"]:
        for line in status_lines(facts):
            click.echo(line)
    if not facts["digest"]:
        wrong = fault or DomicileError("there is no policy", code=Code.POLICY_MISSING)
        raise DomicileError(
            what=f"nothing leaves: {wrong.what}", where=wrong.where, remedy=wrong.remedy or "mend the file", code=wrong.code
        )


@policy.command("fetch")
@on_home
@as_json
def policy_fetch(place: Place, *, plain: bool) -> None:
    """Look at the index now: keys, stops and bundles. What does not verify is refused and changes nothing that is in force."""
    house = place.house()
    fetched = house.policy_rooms.fetch()
    taken = [
        {"version": each.version, "digest": each.digest, "active_from": each.active_from.isoformat()} for each in fetched.bundles
    ]
    if plain:
        print_json({"roots": fetched.roots, "stops": fetched.stops, "bundles": taken})
    else:
        for each in taken:
            click.echo(f"bundle {each['version']} accepted, in force from {each['active_from']}, digest {each['digest']}")
        click.echo(f"{fetched.roots} lists of keys, {fetched.stops} stop notices, {len(taken)} bundles taken")
    if fetched.fault is not None:
        raise fetched.fault


@policy.command("stop")
@click.option("--importer", default="", metavar="CODE", help="Stop what flows to importers in this jurisdiction, such as US-CA.")
@click.option("--all", "everything", is_flag=True, help="Stop what flows to anyone.")
@click.option("--purpose", default="", help="Only for this purpose and those below it.")
@click.option("--reason", default="", help="Why; kept here, never sent.")
@on_home
@as_json
def policy_stop(place: Place, *, importer: str, everything: bool, purpose: str, reason: str, plain: bool) -> None:
    """Stop a flow at once, from the next decision on. It needs neither a running node nor the index."""
    if bool(importer) is everything:
        raise DomicileError(
            "it is not said what is to be stopped", where="policy stop", remedy="give `--importer CODE` or `--all`",
            code=Code.INPUT_INVALID,
        )  # fmt: skip
    known_flow(importer, purpose, shipped_registry())
    stop, new = place.house().policy_rooms.stopping.stop(importer=importer, purpose=purpose, reason=reason)
    facts = {"stop": stop.id, "importer": stop.importer or "*", "purpose": stop.purpose or "*", "since": stop.set_at.isoformat()}
    if plain:
        print_json(facts | {"new": new})
    else:
        click.echo(("stopped: " if new else "stopped already: ") + stop_line(stop))


@policy.command("resume")
@click.argument("stop_id", required=False, default="")
@click.option("--yes", "confirmed", is_flag=True, help="Yes, let it flow again.")
@click.option("--reason", default="", help="Why it may flow again.")
@on_home
def policy_resume(place: Place, *, stop_id: str, confirmed: bool, reason: str) -> None:
    """Let a stopped flow run again. Without an id, the only stop that stands."""
    rooms = place.house().policy_rooms
    stop = _meant(stop_id, rooms.kept.standing().stops)
    if not confirmed or not reason.strip():
        raise DomicileError(
            what=f"this lets data flow again that was stopped: {stop_line(stop)}",
            where="policy resume",
            remedy="give `--yes` and `--reason`",
            code=Code.PRECONDITION_MISSING,
        )
    rooms.stopping.resume(stop.id, why=reason)
    click.echo(f"resumed: {stop_line(stop)}")


def _meant(stop_id: str, standing: tuple[Stop, ...]) -> Stop:
    if not stop_id and len(standing) == 1:
        return standing[0]
    found = next((each for each in standing if each.id == stop_id), None)
    if found is None:
        listed = ", ".join(f"`{each.id}`" for each in standing)
        raise DomicileError(
            what=f"no stop `{stop_id[:64]}` stands" if stop_id else "it is not said which stop is meant",
            where="policy resume",
            remedy=f"name one of: {listed}" if listed else "nothing is stopped",
            code=Code.RECORD_NOT_FOUND,
        )
    return found


@policy.command("overlay")
@on_home
@as_json
def policy_overlay(place: Place, *, plain: bool) -> None:
    """Check the region's own stricter rules in `policies-local/`, which no bundle can loosen, and list them."""
    house = place.house()
    facts = overlay_facts(place.home / OVERLAY, house.policy_rooms)
    if plain:
        print_json(facts)
        return
    for each in facts["policies"]:
        click.echo(f"{each['effect']} {each['policy']} ({each['place']}): {each['title']}")
    held = len(facts["policies"])
    click.echo(
        f"{held} policies in {place.home / OVERLAY}, digest {facts['digest']}" if held else f"nothing in {place.home / OVERLAY}"
    )


def private_text(file: Path | None) -> str:
    """The first line of a file with a passphrase; empty without a file."""
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise DomicileError("the passphrase file cannot be read", where=str(file), code=Code.FILE_INVALID) from None
