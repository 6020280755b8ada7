"""What the words of `transfer-policy` share: options, loading policies, and one line per error. It decides nothing."""

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.errors import DomicileError
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.parser import load
from policies.engine.registry_parser import SHIPPED

P = ParamSpec("P")
R = TypeVar("R")
SHIPPED_POLICIES = SHIPPED.parent
EXISTING = click.Path(path_type=Path, exists=True)
DAY = click.DateTime(["%Y-%m-%d"])

FOLDER = click.option(
    "--policies",
    "folder",
    type=EXISTING,
    default=SHIPPED_POLICIES,
    show_default="the shipped policies",
    help="A policy file, or a folder of them.",
)
AT = click.option("--at", type=DAY, required=True, help="The day of the transfer, YYYY-MM-DD.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


def failing(word: Callable[P, R]) -> Callable[P, R]:
    """A word that ends with exit code 1 and one line per finding instead of a traceback."""

    @wraps(word)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return word(*args, **kwargs)
        except PolicyError as error:
            stop(error.diagnostics)
        except DomicileError as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        except OSError as error:
            click.echo(f"{error.filename}: {(error.strerror or 'it failed').lower()}; check the path and its permissions", err=True)
            sys.exit(1)

    return told


def stop(findings: Iterable[Diagnostic]) -> NoReturn:
    """Print findings and exit 1."""
    for finding in findings:
        click.echo(str(finding), err=True)
    sys.exit(1)


def policies_at(folder: Path) -> Policies:
    """The policies of a file or folder, compiled. Raises PolicyError."""
    return compile_policies(load(folder))


def as_day(given: datetime | None) -> date:
    """The day given, else today in UTC: the command line is where the clock comes in."""
    return given.date() if given else datetime.now(UTC).date()


def print_json(body: Any) -> None:
    """Facts as JSON."""
    click.echo(json.dumps(body, indent=2, ensure_ascii=False))
