"""`global-index policy`: from a key to a published bundle and an emergency stop on the command line, each error one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from global_index.cli import main
from tests.unit.index.policy_world import eu, folder_of

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command on a home of its own, whose policies are small."""
    runner, home = CliRunner(), tmp_path / "home"
    folder = folder_of(tmp_path / "policies")

    def called(*words: str, wrong: bool = False, **options: Any) -> Result:
        home_of = [] if words[:2] == ("policy", "sign") else ["--home", str(home)]
        result = runner.invoke(main, [*words, *home_of], **options)
        assert (result.exit_code != 0) is wrong, result.output
        return result

    called(
        "init", "--federation", "demo", "--organisation", "hq", "--jurisdiction", "EU", "--state", "IE",
        "--set", f"policies_folder={folder}",
    )  # fmt: skip
    for name, role in (("olga", "compliance_officer"), ("piet", "compliance_officer"), ("aldo", "auditor")):
        called("users", "add", name, "--role", role)
    return called


def officers(run: Run, folder: Path) -> None:
    for name in ("olga", "piet"):
        run("policy", "keys", "enroll", "--as", name, "--key", str(folder / f"{name}.pem"))


def rehearsed(run: Run, folder: Path) -> str:
    for name, text in eu("US").items():
        (folder / name).write_text(text, encoding="utf-8")
    files = [word for name in eu("US") for word in ("--file", str(folder / name))]
    draft = str(json.loads(run("policy", "draft", "--title", "counts to the US", *files, "--as", "olga", "--json").stdout)["draft"])
    assert "the draft passes" in run("policy", "check", draft, "--as", "olga").stdout
    run("policy", "rehearse", draft, "--as", "olga")
    return draft


def test_the_whole_road_on_the_command_line(run: Run, tmp_path: Path) -> None:
    officers(run, tmp_path)
    assert (tmp_path / "olga.pem").stat().st_mode & 0o777 == 0o600
    draft = rehearsed(run, tmp_path)
    difference = run("policy", "diff", draft).stdout
    assert "newly allowed" in difference
    assert "widens: BR, EU" in difference
    run("policy", "submit", draft, "--as", "olga", "--key", str(tmp_path / "olga.pem"))
    own = run("policy", "approve", draft, "--as", "olga", "--key", str(tmp_path / "olga.pem"), wrong=True)
    assert "its author cannot approve it" in own.output
    borrowed = run("policy", "approve", draft, "--as", "olga", "--key", str(tmp_path / "piet.pem"), wrong=True)
    assert "the key is not `olga`'s" in borrowed.output
    run("policy", "approve", draft, "--as", "piet", "--key", str(tmp_path / "piet.pem"))
    published = json.loads(run("policy", "publish", draft, "--as", "piet", "--json").stdout)
    status = json.loads(run("policy", "status", "--json").stdout)
    assert (published["version"], status["active"]["digest"]) == (1, published["digest"])
    assert status["drafts"][0]["state"] == "active"
    run("policy", "export", "live", "--to", str(tmp_path / "live"))
    assert (tmp_path / "live" / "eu.yaml").read_text() == eu("US")["eu.yaml"]


def test_a_bundle_is_signed_on_another_machine_and_the_line_is_handed_in(run: Run, tmp_path: Path) -> None:
    officers(run, tmp_path)
    draft = rehearsed(run, tmp_path)
    run("policy", "submit", draft, "--only-prepare", "--as", "olga")
    from global_index.storage.policies import SqlPolicyStore  # noqa: PLC0415 - what the console's download gives

    engine = open_at(tmp_path)
    with SqlPolicyStore(engine).reading() as unit:
        (tmp_path / "bundle.json").write_bytes(unit.drafts(limit=1)[0].envelope)
    engine.dispose()
    bundle = str(tmp_path / "bundle.json")
    line = run("policy", "sign", bundle, "--role", "author", "--key", str(tmp_path / "olga.pem")).stdout.strip()
    assert "state submitted" in run("policy", "submit", draft, "--as", "olga", "--signature", line).stdout


def open_at(folder: Path) -> Any:
    from chassis.database import open_database  # noqa: PLC0415 - the one test that needs it

    return open_database(f"sqlite:///{folder / 'home' / 'index.db'}")


def test_an_emergency_stop_is_one_command_and_its_end_two_thoughts(run: Run) -> None:
    run("policy", "stop", "--exporter", "EU", "--importer", "US", "--reason", "court order")
    stops = json.loads(run("policy", "status", "--json").stdout)["stops"]
    assert [(one["number"], one["exporter"], one["importer"]) for one in stops] == [(1, "EU", "US")]
    ending = ("policy", "resume", "1", "--reason", "lifted", "--as", "olga")
    assert "say so with `--yes`" in run(*ending, wrong=True).output
    run(*ending, "--yes")
    assert json.loads(run("policy", "status", "--json").stdout)["stops"] == []


def test_keys_are_listed_rotated_and_revoked_with_the_root_key_kept_elsewhere(run: Run, tmp_path: Path) -> None:
    officers(run, tmp_path)
    away = tmp_path / "usb" / "root.key"
    away.parent.mkdir()
    (tmp_path / "home" / "keys" / "policy-root.key").rename(away)
    olga = next(one for one in json.loads(run("policy", "keys", "list", "--json").stdout) if one["role"] == "compliance_officer")
    assert olga["holder"] not in (listed := run("policy", "keys", "list").stdout), "people read names"
    assert "olga" in listed
    new = str(tmp_path / "new.pem")
    assert "key file cannot be read" in run("policy", "keys", "rotate", olga["key"], "--key", new, wrong=True).output
    assert not Path(new).exists(), "a key that was not enrolled does not lie about"
    run("policy", "keys", "rotate", olga["key"], "--key", new, "--root-key", str(away))
    assert "say so with `--yes`" in run("policy", "keys", "revoke", olga["key"], "--root-key", str(away), wrong=True).output
    run("policy", "keys", "revoke", olga["key"], "--yes", "--root-key", str(away))
    states = {one["key"]: one["state"] for one in json.loads(run("policy", "keys", "list", "--json").stdout)}
    assert states[olga["key"]] == "revoked"
    assert sorted(states.values()) == ["current", "current", "current", "revoked"]


def test_a_key_with_a_passphrase_needs_it(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    key = tmp_path / "olga.pem"
    run("policy", "keys", "enroll", "--as", "olga", "--key", str(key), "--passphrase-file", str(secret))
    draft = rehearsed(run, tmp_path)
    bare = run("policy", "submit", draft, "--as", "olga", "--key", str(key), wrong=True)
    assert "needs a passphrase" in bare.output
    run("policy", "submit", draft, "--as", "olga", "--key", str(key), "--passphrase-file", str(secret))
    key.chmod(0o644)
    loose = run("policy", "submit", draft, "--as", "olga", "--key", str(key), wrong=True)
    assert "chmod 600" in loose.output or "cannot become" in loose.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("draft", "--title", "x", "--as", "aldo"), "is not a compliance officer"),
        (("draft", "--title", "x", "--as", "nobody"), "there is no active account"),
        (("draft", "--title", "", "--as", "olga"), "a title is one line"),
        (("check", "0" * 32, "--as", "olga"), "there is no draft"),
        (("stop", "--exporter", "XX", "--importer", "US", "--reason", "x"), "is not a jurisdiction of the registry"),
        (("stop", "--exporter", "EU", "--importer", "US", "--reason", " "), "its reason is not a line"),
        (("keys", "enroll", "--as", "aldo", "--key", "k.pem"), "is no active compliance officer"),
        (("keys", "enroll", "--as", "olga"), "give either `--key FILE` or `--public FILE`"),
        (("keys", "enroll", "--as", "x", "--role", "privacy_officer", "--region", "mars", "--key", "k.pem"), "there is no region"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(run: Run, words: tuple[str, ...], told: str) -> None:
    output = run("policy", *words, wrong=True).output.strip()
    assert told in output
    assert output.count("\n") == 0
    assert "; " in output
