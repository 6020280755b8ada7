"""Command groups whose commands are imported when they are called, so that `--help` and short commands start at once."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from policies.engine.terminal import OneLineGroup


class LateGroup(OneLineGroup):
    """A group that knows its commands by `module:attribute`. Fits `click.Group`; the place must name a click command."""

    def __init__(self, *rest: Any, late: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._late = dict(late or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, those not imported yet too."""
        return sorted({*super().list_commands(ctx), *self._late})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now if it was not."""
        place = self._late.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            message = f"`{place}` is not a command"
            raise TypeError(message)
        return command
