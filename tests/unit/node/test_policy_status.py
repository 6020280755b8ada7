"""`policy status` warns when the region's own law is silent: the node then denies, and the operator should know why."""

import pytest
from click.testing import CliRunner

from regional_node.bootstrap.home import found
from regional_node.cli import main
from regional_node.settings import NodeSettings


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "berlin"
    found(folder, NodeSettings(region="eu-de", jurisdiction="EU", state="DE", organisation="acme-de", countries=("DE",)))
    return folder


def status(home):
    return CliRunner().invoke(main, ["policy", "status", "--home", str(home)])


def test_a_new_home_is_without_a_warning(home):
    assert "warning" not in status(home).output


def test_an_emptied_law_is_warned_of_by_file_and_by_law(home):
    (home / "policies" / "gdpr.yaml").write_text("")
    found = status(home)
    assert found.exit_code == 0
    assert "warning: gdpr.yaml:1:1: the file holds no policy" in found.output
    assert "no policy speaks for `EU`, this region's own law" in found.output


def test_a_removed_law_is_warned_of_by_law(home):
    (home / "policies" / "gdpr.yaml").unlink()
    assert "no policy speaks for `EU`" in status(home).output
