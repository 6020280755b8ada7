"""The commands that make a node's home and bring its store to this release. They start nothing."""

from typing import Any, get_origin

import click
from pydantic import ValidationError

from policies.engine.errors import Code, DomicileError
from regional_node.bootstrap.home import bring_up, found
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.settings import NodeSettings


@click.command()
@click.option("--region", required=True, help="This region's name in the federation, such as eu-de.")
@click.option("--jurisdiction", required=True, help="Whose law rules here, such as EU, BR or US-CA.")
@click.option("--state", default="", help="The member state or state, such as DE.")
@click.option("--organisation", required=True, help="The id of the organisation that runs this node.")
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="A further setting; lists with commas. May be given again.")
@on_home
def init(place: Place, *, region: str, jurisdiction: str, state: str, organisation: str, more: tuple[str, ...]) -> None:
    """Make a home folder: keys, the region's own copy of the policies, register of importers, store, settings."""
    given = {"region": region, "jurisdiction": jurisdiction, "state": state, "organisation": organisation}
    settings = _settings(given | dict(_assigned(each) for each in more))
    found(place.home, settings)
    click.echo(f"node of {region} made in {place.home}; next: regional-node join --home {place.home} --invite TEXT")


def _assigned(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        what = f"`{text}` is not a setting"
        raise DomicileError(what, where="--set", remedy="write KEY=VALUE", code=Code.INPUT_INVALID)
    return key.strip(), value


def _settings(given: dict[str, str]) -> NodeSettings:
    values: dict[str, Any] = {}
    for key, text in given.items():
        field = NodeSettings.model_fields.get(key)
        if field is None:
            what = f"there is no setting `{key}`"
            raise DomicileError(
                what, where="--set", remedy="use one of: " + ", ".join(NodeSettings.model_fields), code=Code.INPUT_UNKNOWN
            )
        listed = get_origin(field.annotation) is tuple
        values[key] = tuple(part.strip() for part in text.split(",") if part.strip()) if listed else text
    try:
        return NodeSettings.model_validate(values)
    except ValidationError as error:
        key = str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
        sentence = (NodeSettings.model_fields[key].description or "").rstrip(".")
        raise DomicileError(
            what=f"`{key}` is not acceptable", remedy=f"set it to: {sentence}", code=Code.SETTINGS_INVALID
        ) from None


@click.command()
@on_home
@as_json
def migrate(place: Place, *, plain: bool) -> None:
    """Bring the store to this program's revision."""
    revision = bring_up(place.home, place.settings())
    print_json({"revision": revision}) if plain else click.echo(f"the store is at revision {revision}")
