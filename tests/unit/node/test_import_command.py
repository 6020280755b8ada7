"""`regional-node import`: 0 when every row was taken, 3 when rows were left out, 1 when a file was refused."""

import pytest
from click.testing import CliRunner

from regional_node.bootstrap.home import found
from regional_node.cli import main
from regional_node.settings import NodeSettings

HEADER = "external_id,given_name,email\n"


@pytest.mark.parametrize(
    ("content", "code"), [("p1,Ada,ada@example.com\n", 0), ("p1,Ada,ada@example.com\np2,ragged\n", 3), ('p1,"Ada\n', 1)]
)
def test_the_exit_code_says_what_became_of_the_rows(tmp_path, content, code):
    home = tmp_path / "berlin"
    found(home, NodeSettings(region="eu-de", jurisdiction="EU", state="DE", organisation="acme-de", countries=("DE",)))
    file = tmp_path / "people.csv"
    file.write_text(HEADER + content)
    assert CliRunner().invoke(main, ["import", str(file), "--home", str(home)]).exit_code == code
