"""The command `global-index`. What needs the running index goes through its HTTP API on this machine, never around it."""

import sys

import click

from chassis.commands import LateGroup

_COMMANDS = {
    "budget": "global_index.cli.asking:budget",
    "entries": "global_index.cli.asking:entries",
    "explain": "global_index.cli.asking:explain",
    "init": "global_index.cli.making:init",
    "invite": "global_index.cli.regions:invite",
    "migrate": "global_index.cli.making:migrate",
    "person": "global_index.cli.asking:person",
    "policy": "global_index.cli.policies:policy",
    "query": "global_index.cli.asking:query",
    "regions": "global_index.cli.regions:regions",
    "serve": "global_index.cli.running:serve",
    "tokens": "global_index.cli.people:tokens",
    "users": "global_index.cli.people:users",
}


@click.group(cls=LateGroup, late=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="domicile", prog_name="global-index")
def main() -> None:
    """Run and use the global index: pseudonymous keys and aggregates only, personal data stays in the regions."""


if __name__ == "__main__":
    sys.exit(main())
