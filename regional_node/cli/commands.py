"""What the commands share: the home option, one-line errors with their remedy. It holds no command."""

import functools
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from policies.engine.errors import DomicileError
from regional_node.bootstrap.home import House, load, open_house
from regional_node.settings import NodeSettings

P = ParamSpec("P")
T = TypeVar("T")

REFUSED = 1


@dataclass(frozen=True, slots=True)
class Place:
    """The home folder a command works on."""

    home: Path

    def settings(self) -> NodeSettings:
        """Its settings."""
        return load(self.home, dict(os.environ))

    def house(self) -> House:
        """Its store and keys, opened."""
        return open_house(self.home, self.settings())


def on_home(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command `--home` and tell its errors in one line."""

    @click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("node"),
        envvar="DOMICILE_HOME",
        show_default=True,
        help="The folder with settings, keys and embedded stores.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, home: Path, **options: Any) -> T:
        os.umask(0o077)  # whatever a command makes is its owner's alone
        logging.getLogger().addHandler(logging.NullHandler())  # a command says one line; `serve` sets up its own log
        try:
            return command(Place(home), *args, **options)
        except DomicileError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(REFUSED) from None

    return wrapped


as_json = click.option("--json", "plain", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """JSON on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
