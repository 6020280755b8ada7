"""The commands that make the index's home and bring its store to this release. They start nothing."""

import click
from pydantic import ValidationError

from global_index.bootstrap import MIGRATIONS, bring_up, database_url, found
from global_index.cli.commands import Place, as_json, on_home, print_json
from global_index.settings import IndexSettings
from policies.engine.errors import Code, DomicileError


@click.command()
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


@click.command()
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


def _remedy(key: str) -> str:
    known = IndexSettings.model_fields
    field = known.get(key)
    return f"{key}: {field.description}".rstrip(".") if field else "use one of: " + ", ".join(known)
