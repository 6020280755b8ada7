"""How the house's command lines say that they were called wrongly: in one line, with the remedy. Nothing here is a command."""

import re
import sys
from collections.abc import Callable
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

_STOPPED = 130
_QUOTED = re.compile(r"'([^']*)'")


class OneLineGroup(click.Group):
    """A group whose usage errors are one line: what is wrong, and where the help is. Exit codes are click's own."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command line; as a program it never returns."""
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        try:
            code = run(*args, standalone_mode=False, **extra)
        except NoArgsIsHelpError as error:
            error.show()  # the help is what was asked for
            code = error.exit_code
        except click.ClickException as error:
            click.echo(f"error: {one_line(error)}", err=True)
            code = error.exit_code
        except click.Abort:
            click.echo("error: stopped", err=True)
            code = _STOPPED
        sys.exit(code if isinstance(code, int) else 0)


def one_line(error: click.ClickException) -> str:
    """The error in the words of the house: lowercase, no full stop, input in backticks, then the remedy."""
    said = _QUOTED.sub(r"`\1`", " ".join(error.format_message().split()).rstrip("."))
    told = said[:1].lower() + said[1:]
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{told}; see `{context.command_path} --help`" if context is not None else told
