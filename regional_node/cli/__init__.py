"""The command `regional-node`: making, joining and running a node. What leaves a region leaves by the gate, never by a command."""

import sys

import click

from chassis.commands import LateGroup

_COMMANDS = {
    "import": "regional_node.cli.importing:import_command",
    "init": "regional_node.cli.making:init",
    "join": "regional_node.cli.membership:join",
    "ledger": "regional_node.cli.checking:ledger",
    "lists": "regional_node.cli.lists:lists",
    "migrate": "regional_node.cli.making:migrate",
    "policy": "regional_node.cli.policies_signing:policy",
    "renew": "regional_node.cli.membership:renew",
    "serve": "regional_node.cli.running:serve",
    "tokens": "regional_node.cli.people:tokens",
    "users": "regional_node.cli.people:users",
}


@click.group(cls=LateGroup, late=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="domicile", prog_name="regional-node")
def main() -> None:
    """Run a region's CRM: its people's data stays here, and only what its own policies permit leaves."""


if __name__ == "__main__":
    sys.exit(main())
