"""`regional-node lists`: a list is taken whole, never goes back in time unnoticed, and is shown where policies are."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from policies.engine.errors import DomicileError
from policies.engine.policy_event import PolicyHappening, event_of
from regional_node.bootstrap.home import found, load, open_house
from regional_node.cli import main
from regional_node.settings import NodeSettings
from regional_node.storage.lists import ListFiles

TODAY = datetime.now(UTC).date()
YESTERDAY, BEFORE, TOMORROW = (TODAY + timedelta(days=days) for days in (-1, -2, 1))
ENTRIES = (
    "  - {name: Acme Inc, covers: [hr, non_hr], from: 2023-07-10, uk_extension: true}\n  - {name: Beta LLC, covers: [non_hr]}\n"
)
REGISTER = """importers:
  - id: acme-us
    name: Acme America
    jurisdiction: US
    lists: {dpf: Acme Inc}
    mechanisms: [{id: dpf}]
    purposes: {analytics.reporting: A6-1-f}
"""


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "berlin"
    found(folder, NodeSettings(region="eu-de", jurisdiction="EU", state="DE", organisation="acme-de", countries=("DE",)))
    (folder / "importers.yaml").write_text(REGISTER)
    return folder


def run(home, *arguments):
    return CliRunner().invoke(main, [*arguments, "--home", str(home)])


def write(home, as_of=TODAY, entries=ENTRIES, name="dpf.yaml"):
    path = home.parent / name
    path.write_text(f"list: dpf\nas_of: {as_of}\nsource: dataprivacyframework.gov\nentries:\n{entries}")
    return str(path)


def held(home):
    return (home / "lists" / "dpf.yaml").read_text()


def events(home):
    return [event_of(leaf) for _, leaf in open_house(home, load(home, {})).ledger.leaves(0, 100)]


def test_a_list_is_loaded_recorded_and_shown(home):
    told = run(home, "lists", "load", write(home))
    assert told.exit_code == 0, told.output
    assert told.output.startswith(f"loaded: list dpf of {TODAY}, 2 organisations; digest ")
    digest = told.output.split()[-1]
    (event,) = events(home)
    assert (event.event, event.of_list, event.digest) == (PolicyHappening.LIST_LOADED, "dpf", digest)
    assert stat.S_IMODE((home / "lists" / "dpf.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "lists").stat().st_mode) == 0o700
    line = f"list dpf of {TODAY} (today): 2 organisations, from dataprivacyframework.gov"
    for verb in (("lists", "list"), ("policy", "status")):
        assert f"{line}\n  acme-us as `Acme Inc`: on it\n" in run(home, *verb).output
    shown = run(home, "lists", "show", "dpf").output
    assert shown.splitlines() == [
        line,
        "  Acme Inc; covers hr, non_hr; from 2023-07-10; uk_extension yes",
        "  Beta LLC; covers non_hr",
    ]
    assert "`Acme` is not on it" in run(home, "lists", "show", "dpf", "--organisation", "Acme").output


def test_the_same_in_json(home):
    told = json.loads(run(home, "lists", "load", write(home), "--json").output)
    assert (told["list"], told["as_of"], told["entries"], told["replaced"]) == ("dpf", str(TODAY), 2, "")
    (one,) = json.loads(run(home, "policy", "status", "--json").output)["lists"]
    assert (one["as_of"], one["age_days"], one["importers"]) == (
        str(TODAY),
        0,
        [{"importer": "acme-us", "name": "Acme Inc", "listed": True}],
    )
    shown = json.loads(run(home, "lists", "show", "dpf", "--json").output)
    assert shown["organisations"][1] == {"name": "Beta LLC", "covers": ["non_hr"], "holds": True}


def test_a_table_is_kept_as_the_same_list(home):
    path = home.parent / "list.csv"
    path.write_text(f"# list: dpf\n# as_of: {TODAY}\n# source: dataprivacyframework.gov\nname,covers,from,uk_extension\n")
    with path.open("a") as file:
        file.write("Acme Inc,hr;non_hr,2023-07-10,true\nBeta LLC,non_hr,,\n")
    assert run(home, "lists", "load", str(path)).exit_code == 0
    first = held(home)
    assert run(home, "lists", "load", write(home)).exit_code == 0
    assert held(home) == first


def test_an_older_list_needs_force_and_a_reason(home):
    run(home, "lists", "load", write(home))
    older = write(home, YESTERDAY, ENTRIES.splitlines(keepends=True)[1], name="older.yaml")
    told = run(home, "lists", "load", older)
    assert told.exit_code == 1
    assert f"error: older.yaml: the list `dpf` held here is of {TODAY}, this one of {YESTERDAY}; load a newer one" in told.output
    assert "`--reason`" in run(home, "lists", "load", older, "--force").output
    assert "`--reason`" in run(home, "lists", "load", older, "--force", "--reason", " ").output
    assert "Acme Inc" in held(home)
    assert len(events(home)) == 1
    told = run(home, "lists", "load", older, "--force", "--reason", "today's file was cut short")
    assert told.exit_code == 0
    assert f"in place of that of {TODAY}" in told.output
    assert "Acme Inc" not in held(home)
    assert ListFiles(home / "lists").loads()[-1].reason == "today's file was cut short"
    assert run(home, "lists", "load", write(home)).exit_code == 0  # and on again


def test_a_damaged_list_does_not_let_an_older_one_back(home):
    run(home, "lists", "load", write(home))
    (home / "lists" / "dpf.yaml").write_text("list: dp")
    assert "held here is of" in run(home, "lists", "load", write(home, YESTERDAY)).output
    (home / "lists" / "dpf.yaml").unlink()
    assert "held here is of" in run(home, "lists", "load", write(home, YESTERDAY)).output
    assert run(home, "lists", "load", write(home)).exit_code == 0


@pytest.mark.parametrize(
    ("as_of", "entries", "says"),
    [
        (TOMORROW, ENTRIES, "dpf.yaml:2:8: the list is of"),
        (TODAY, ENTRIES + ENTRIES, "dpf.yaml:7:12: `Acme Inc` stands twice; keep one; the first is on line 5"),
        (TODAY, ENTRIES.replace("non_hr", "non-hr"), "unknown cover `non-hr`"),
    ],
)
def test_a_wrong_list_changes_nothing(home, as_of, entries, says):
    run(home, "lists", "load", write(home, BEFORE))
    before = held(home)
    told = run(home, "lists", "load", write(home, as_of, entries))
    assert told.exit_code == 1
    assert says in told.output
    assert held(home) == before
    assert len(events(home)) == 1


def test_every_fault_of_a_list_is_told(home):
    told = run(home, "lists", "load", write(home, entries=ENTRIES.replace("covers", "cover")))
    assert told.output.count("no `cover`") == 2


def test_what_is_no_text_is_refused(home):
    path = home.parent / "dpf.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text; save it as UTF-8" in run(home, "lists", "load", str(path)).output
    path.write_bytes("ä".encode() * 1_000_000)
    assert "larger than" in run(home, "lists", "load", str(path)).output
    assert "cannot be read" in run(home, "lists", "load", str(home / "none.yaml")).output


def test_a_list_that_cannot_be_recorded_is_not_held(home, monkeypatch):
    house = open_house(home, load(home, {}))

    def fails(*_leaf, **_at):
        raise DomicileError("no space")

    monkeypatch.setattr(type(house.ledger), "append", fails)
    with pytest.raises(DomicileError):
        house.policy_rooms.loading.load(f"list: dpf\nas_of: {TODAY}\nentries: []\n", "dpf.yaml")
    assert not (home / "lists" / "dpf.yaml").exists()


def test_status_says_which_list_is_missing_or_old(home):
    assert "list dpf: none is held; load today's with `regional-node lists load`" in run(home, "policy", "status").output
    assert "  acme-us as `Acme Inc`: not known\n" in run(home, "policy", "status").output
    run(home, "lists", "load", write(home, BEFORE))
    assert "(2 days old): 2 organisations, from dataprivacyframework.gov; load today's with" in run(home, "policy", "status").output
    (home / "lists" / "dpf.yaml").write_text("list: dpf")
    assert "list dpf: lists/dpf.yaml:1:1:" in run(home, "policy", "status").output
    assert "no list `dpf_uk` is held" in run(home, "lists", "show", "dpf_uk").output


def test_without_lists_nothing_is_said_of_them(home):
    (home / "importers.yaml").write_text("importers: []\n")
    assert "list " not in run(home, "policy", "status").output
    assert run(home, "lists", "list").output == "no list is held, and the register of importers names none\n"
