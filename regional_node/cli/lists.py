"""The commands for dated lists, such as the Data Privacy Framework List: load a file, see what is held. They download nothing."""

from pathlib import Path

import click

from policies.engine.diagnostics import PolicyError
from policies.engine.errors import Code, DomicileError
from policies.engine.lists import ListName
from policies.engine.strict_yaml import MAX_BYTES
from regional_node.cli.commands import Place, as_json, on_home, print_json
from regional_node.cli.lists_shown import entry_facts, entry_line, list_facts, list_line, lists_facts, lists_lines

_NAMES = click.Choice([each.value for each in ListName])


@click.group()
def lists() -> None:
    """Lists with a date, on which importers are named: who is certified, who is a covered person."""


@lists.command("load")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Let an older list take the place of a newer one.")
@click.option("--reason", default="", help="Why; kept here, never sent.")
@on_home
@as_json
def lists_load(place: Place, *, file: Path, force: bool, reason: str, plain: bool) -> None:
    """Take a list from a YAML or CSV file; it decides from the next decision on, whether or not the node runs."""
    rooms = place.house().policy_rooms
    try:
        load = rooms.loading.load(_text(file), file.name, forced=force, reason=reason)
    except PolicyError as error:
        for more in error.diagnostics[1:]:
            click.echo(f"also: {more}", err=True)
        raise
    replaced = load.replaced.isoformat() if load.replaced else ""
    facts = {"list": load.list.value, "as_of": load.as_of.isoformat(), "entries": load.entries, "replaced": replaced}
    if plain:
        print_json(facts | {"digest": load.digest})
    else:
        before = f", in place of that of {replaced}" if replaced else ""
        click.echo(f"loaded: list {facts['list']} of {facts['as_of']}, {load.entries} organisations{before}; digest {load.digest}")


@lists.command("list")
@on_home
@as_json
def lists_list(place: Place, *, plain: bool) -> None:
    """Which lists are held, of which day, and whether the registered importers are on them."""
    rooms = place.house().policy_rooms
    facts = lists_facts(rooms.importers, at=rooms.clock())
    if plain:
        print_json(facts)
        return
    for line in lists_lines(facts):
        click.echo(line)
    if not facts:
        click.echo("no list is held, and the register of importers names none")


@lists.command("show")
@click.argument("name", type=_NAMES)
@click.option("--organisation", default="", help="Only this organisation, by its exact name or id on the list.")
@on_home
@as_json
def lists_show(place: Place, *, name: str, organisation: str, plain: bool) -> None:
    """What a list that is held says, one organisation a line."""
    rooms = place.house().policy_rooms
    at = rooms.clock()
    found = rooms.importers.held(ListName(name))
    if found is None:
        what = f"no list `{name}` is held"
        raise DomicileError(what, where="lists show", remedy="load it with `regional-node lists load`", code=Code.RECORD_NOT_FOUND)
    entries = [each for each in found.entries if not organisation or organisation in (each.name, each.id)]
    told = [entry_facts(found, each, at=at) for each in entries]
    whole = list_facts(rooms.importers, found.name, at=at)
    if plain:
        print_json(whole | {"organisations": told})
        return
    click.echo(list_line(whole))
    for each in told:
        click.echo(f"  {entry_line(each)}")
    if organisation and not told:
        click.echo(f"  `{organisation}` is not on it")


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
        return raw.decode("utf-8", "strict" if len(raw) <= MAX_BYTES else "replace")  # what is longer is refused by the reader
    except OSError:
        raise DomicileError(
            "the file cannot be read", where=str(file), remedy="check the path and its permissions", code=Code.FILE_INVALID
        ) from None
    except UnicodeDecodeError:
        raise DomicileError(
            "the file is not UTF-8 text", where=str(file), remedy="save it as UTF-8", code=Code.FILE_INVALID
        ) from None
