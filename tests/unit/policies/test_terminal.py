"""A command line that is called wrongly says so in one line with its remedy."""

import click
import pytest
from click.testing import CliRunner

from policies.engine.cli import main as transfer_policy
from policies.engine.terminal import OneLineGroup

WRONG = [["decide"], ["--vesion"], ["nope"], ["check", "/no/such/file"], ["decide", "-", "--at", "tomorrow"]]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_call_is_one_line_with_the_help_that_applies(arguments):
    found = CliRunner().invoke(transfer_policy, arguments)
    assert found.exit_code == 2
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1
    assert "--help`" in found.stderr
    assert "'" not in found.stderr


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_clicks_own_group_says_it_in_several(arguments):
    plain = click.Group(commands=transfer_policy.commands)
    assert CliRunner().invoke(plain, arguments).stderr.count("\n") > 1


def test_help_and_the_exit_code_of_a_command_stay_as_they_are():
    @click.group(cls=OneLineGroup)
    def group():
        """A group."""

    @group.command()
    @click.pass_context
    def ends(ctx):
        ctx.exit(3)

    assert CliRunner().invoke(group, ["ends"]).exit_code == 3
    assert CliRunner().invoke(group, ["--help"]).exit_code == 0
    bare = CliRunner().invoke(group, [])
    assert (bare.exit_code, "Commands:" in bare.stderr) == (2, True)
