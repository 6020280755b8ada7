"""The command that runs a node until it is told to stop."""

import sys

import click

from regional_node.cli.commands import Place, on_home
from regional_node.serving import run


@click.command()
@on_home
def serve(place: Place) -> None:
    """Run the console, the REST API, the service for the index and the worker until Ctrl-C."""
    run(place.home, place.settings(), say=_say)


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
