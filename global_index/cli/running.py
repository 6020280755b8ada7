"""The command that runs the index until it is told to stop."""

import sys

import click

from global_index.cli.commands import Place, on_home
from global_index.serving import run


@click.command()
@on_home
def serve(place: Place) -> None:
    """Run the console, the API, the service for regions and the worker until Ctrl-C."""
    run(place.home, place.settings(), say=_say)


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
