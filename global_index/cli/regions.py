"""The commands for the regions of the federation: inviting, listing, suspending, revoking, and all certificates issued."""

from datetime import timedelta

import click

from global_index.bootstrap import now
from global_index.cli import shown
from global_index.cli.commands import Place, as_json, on_home, print_json
from global_index.cli.opening import house_of
from global_index.local import OPERATOR_FILE, LocalIndex
from policies.engine.errors import Code, DomicileError


@click.command()
@click.argument("region")
@click.option("--jurisdiction", required=True, help="Whose law binds the region, such as EU, BR or US-CA.")
@click.option(
    "--hours", type=click.FloatRange(0, 168, min_open=True), default=24.0, show_default=True, help="How long it may be used."
)
@on_home
@as_json
def invite(place: Place, region: str, *, jurisdiction: str, hours: float, plain: bool) -> None:
    """Make a single-use invite for a region; hand its text to the region's operator over a safe way."""
    made = house_of(place).memberships(address=_address(place)).invite(region, jurisdiction, ttl=timedelta(hours=hours), at=now())
    facts = {"region": made.region, "invite": made.text, "expires_at": made.expires_at.isoformat()}
    print_json(facts) if plain else click.echo(made.text)


@click.group()
def regions() -> None:
    """The regions of the federation."""


@regions.command("list")
@on_home
@as_json
def regions_list(place: Place, *, plain: bool) -> None:
    """The regions, where they serve and how many entries of them are held."""
    house = house_of(place)
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
    house_of(place).memberships(address=_address(place)).suspend(region, at=now())
    click.echo("suspended")


@regions.command("resume")
@click.argument("region")
@on_home
def regions_resume(place: Place, region: str) -> None:
    """End a suspension."""
    house_of(place).memberships(address=_address(place)).resume(region, at=now())
    click.echo("resumed")


@regions.command("revoke")
@click.argument("region")
@on_home
def regions_revoke(place: Place, region: str) -> None:
    """End a membership: every certificate of the region ends."""
    house_of(place).memberships(address=_address(place)).revoke(region, at=now())
    click.echo("revoked")


@regions.command("certificates")
@on_home
@as_json
def regions_certificates(place: Place, *, plain: bool) -> None:
    """The certificates that were issued, to regions and to the index itself, by serial."""
    at = now()
    known = [
        {
            "serial": each.serial,
            "role": each.role.value,
            "name": each.region,
            "issued_at": each.issued_at.isoformat(),
            "not_after": each.not_after.isoformat(),
            "state": "standing" if each.stands(at=at) else "revoked" if each.revoked_at else "over",
        }
        for each in house_of(place).memberships(address=_address(place)).certificates()
    ]
    if plain:
        print_json(known)
    else:
        shown.console().print(shown.facts(known, ("serial", "role", "name", "issued_at", "not_after", "state")))


@regions.command("revoke-certificate")
@click.argument("serial")
@on_home
def regions_revoke_certificate(place: Place, serial: str) -> None:
    """Revoke one certificate; when it is the index's own, the index makes itself another at once."""
    house, at = house_of(place), now()
    house.memberships(address=_address(place)).revoke_certificate(serial.strip().lower(), at=at)
    house.authority().index_credentials(at=at)
    click.echo("revoked: nodes learn it with their next announcement")


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
