"""What the commands share: the home option, one-line errors with their remedy, the running index. It holds no command."""

import functools
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from global_index.local import LocalIndex
from global_index.settings import IndexSettings, load
from policies.engine.errors import DomicileError

P = ParamSpec("P")
T = TypeVar("T")

REFUSED = 1
_OVER_THE_DEADLINE = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """The home folder a command works on."""

    home: Path

    def settings(self) -> IndexSettings:
        """Its settings."""
        return load(self.home, dict(os.environ))

    def running(self) -> LocalIndex:
        """The index that runs on it."""
        settings = self.settings()
        return LocalIndex(self.home, seconds=settings.question_seconds + _OVER_THE_DEADLINE)


def on_home(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command `--home` and tell its errors in one line."""

    @click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("index"),
        envvar="DOMICILE_HOME",
        show_default=True,
        help="The folder with settings and embedded stores.",
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
purpose = click.option("--purpose", default="analytics.reporting", show_default=True, help="Why it is asked.")
as_user = click.option("--as", "as_user", metavar="USER", help="Ask in the name of this analyst's account.")


def print_json(value: Any) -> None:
    """JSON on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
