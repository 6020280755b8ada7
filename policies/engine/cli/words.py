"""All words of `transfer-policy` under one group. Each lives in the module of what it does; none is defined here."""

import click

from policies.engine.cli.changing import diff, replay
from policies.engine.cli.checking import check, test
from policies.engine.cli.deciding import decide_command, explain
from policies.engine.cli.layout import export, fmt
from policies.engine.cli.sealing import sign, verify
from policies.engine.terminal import OneLineGroup


@click.group(cls=OneLineGroup)
def main() -> None:
    """Check, test, ask, explain, compare, lay out, export and sign transfer policies."""


for _word in (check, test, decide_command, explain, diff, replay, fmt, export, sign, verify):
    main.add_command(_word)
