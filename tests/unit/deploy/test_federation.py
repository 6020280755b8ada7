"""The demo's own steps, with stand-ins for the commands: order, reuse, failures, signals. The real run is in tests/federation."""

import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from deploy import building, federation
from deploy.diary import SIGN_INS
from deploy.layout import ACCOUNTS, NODES
from deploy.showing import QUESTION

STAND_IN = Path(__file__).with_name("stand_in.py")
REGIONS = [node.region for node in NODES]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("regional-node", "global-index"):
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} {name} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    monkeypatch.setattr(building, "command_of", lambda name: str(commands / name))
    monkeypatch.chdir(Path(__file__).parents[3])
    return tmp_path / "demo"


def run(home: Path, *arguments: str) -> int:
    return federation.main(["--once", "--home", str(home), "--ports", "free", "--people", "150", *arguments])


def calls(home: Path) -> list[list[str]]:
    return [json.loads(line) for line in (home / "calls.txt").read_text(encoding="utf-8").splitlines()]


def verbs(home: Path, name: str) -> list[str]:
    return [arguments[0] for _, whose, *arguments in calls(home) if whose == name]


def nobody_serves(home: Path) -> bool:
    logs = [path.read_text(encoding="utf-8") for path in home.glob("*/log.txt")]
    pids = [int(line.rpartition(" ")[2]) for log in logs for line in log.splitlines() if line.startswith("ready ")]
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_new_home_is_built_in_order_and_ends_with_nothing_running(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home) == 0
    for region in REGIONS:
        assert verbs(home, region) == ["init", "users", "import", "join", "serve"]
    assert verbs(home, "index")[:5] == ["init", "users", "users", "users", "serve"]
    assert verbs(home, "index")[-8:] == ["entries"] * 4 + ["query", "query", "person", "person"]
    assert nobody_serves(home)
    told = capsys.readouterr().out
    assert "150 people and their trade made up" in told
    assert "855 records imported" in told
    assert "450 pseudonymous entries pulled" in told
    assert "MiB in all processes" in told


def test_the_second_run_imports_nothing_and_gets_the_recorded_answer(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home) == 0
    first = (home / SIGN_INS).read_text(encoding="utf-8")
    before = len(calls(home))
    assert run(home) == 0
    again = [arguments[0] for _, _, *arguments in calls(home)[before:]]
    assert sorted(again[:4]) == ["serve"] * 4
    assert {"init", "users", "import", "join", "invite"}.isdisjoint(again)
    assert (home / SIGN_INS).read_text(encoding="utf-8") == first
    assert "at no cost to the privacy budget" in capsys.readouterr().out


def test_another_answer_to_the_same_question_on_the_same_epoch_fails(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home) == 0
    monkeypatch.setenv("ROWS", "13")
    assert run(home) == 1
    assert "answered differently" in capsys.readouterr().out


def test_a_failed_step_ends_with_its_last_line_and_is_taken_up_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAIL", "us-ca import")
    assert run(home) == 1
    assert "us-ca: `regional-node import" in (told := capsys.readouterr().out)
    assert "(exit 3): something is wrong: mend it" in told
    assert nobody_serves(home)
    monkeypatch.delenv("FAIL")
    assert run(home) == 0
    assert verbs(home, "us-ca").count("init") == 1


def test_a_half_made_home_is_made_afresh(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "br-sp init")
    assert run(home) == 1
    (home / "br-sp").mkdir(exist_ok=True)
    monkeypatch.delenv("FAIL")
    assert run(home) == 0


def test_a_refusing_region_is_named_and_fails_the_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSE", "br-sp")
    assert run(home) == 1
    assert "not whole: br-sp refused" in capsys.readouterr().out


def test_a_child_that_dies_is_reported_with_its_last_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIE", "eu-de")
    run(home)
    told = capsys.readouterr().out
    assert "the disk is full: free some space" in told
    assert f"regional-node serve --home {home / 'eu-de'}" in told


def test_the_commands_that_are_shown_work_as_they_are_copied(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Program with its path, home, and SQL that a shell reads as one argument."""
    assert run(home) == 0
    shown = [shlex.split(line[2:]) for line in capsys.readouterr().out.splitlines() if line.startswith("$ ")]
    assert len(shown) == 3
    for program, *arguments in shown:
        assert Path(program).parent == Path(sys.executable).parent.relative_to(Path.cwd())
        assert arguments[arguments.index("--home") + 1] == str(home / "index")
    assert shown[0][2] == QUESTION


async def interrupted(home: Path, *, after: str, number: signal.Signals) -> int:
    home.mkdir()
    diary = federation.open_diary(home, people=150, free_ports=True)
    running = asyncio.create_task(federation.live(diary, console=federation.Console(), once=False))
    async with asyncio.timeout(60):
        while not (home / after).exists():
            await asyncio.sleep(0.05)
    os.kill(os.getpid(), number)
    return await running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_every_child(home: Path, number: signal.Signals) -> None:
    assert asyncio.run(interrupted(home, after="answer.json", number=number)) in {0, 130}
    assert nobody_serves(home)


def test_a_signal_in_the_middle_of_an_import_stops_it_and_the_next_run_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANG", "eu-de import")
    assert asyncio.run(interrupted(home, after="hanging.txt", number=signal.SIGINT)) == 130
    assert not Path(f"/proc/{(home / 'hanging.txt').read_text(encoding='utf-8')}").exists()
    assert nobody_serves(home)
    monkeypatch.delenv("HANG")
    assert run(home) == 0
    assert verbs(home, "eu-de").count("init") == 1
    assert verbs(home, "eu-de").count("import") == 2


def test_passwords_and_invites_are_nobody_elses_and_stand_in_no_log(home: Path) -> None:
    assert run(home) == 0
    secret = home / SIGN_INS
    assert secret.stat().st_mode & 0o077 == 0
    passwords = [line.split()[2] for line in secret.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(set(passwords)) == len(ACCOUNTS)
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != SIGN_INS)
    assert not any(password.encode() in kept for password in passwords)
    assert b"invite-for-" not in kept
    assert not list(home.rglob(".password*")) + list(home.rglob(".invite*"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in home.glob("*/log.txt"))


def test_what_a_person_request_printed_stands_in_no_log(home: Path) -> None:
    assert run(home) == 0
    assert "Ana" not in (home / "index" / "log.txt").read_text(encoding="utf-8")


def test_another_number_of_people_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home) == 0
    assert run(home, "--people", "300") == 1
    assert "leave out `--people`" in capsys.readouterr().out


def test_a_folder_with_other_things_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("mine", encoding="utf-8")
    assert run(home) == 1
    assert "no demo home" in capsys.readouterr().out
    assert (home / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_second_demo_in_the_same_home_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with federation.only_one(home):
        assert run(home) == 1
    assert "runs in" in capsys.readouterr().out
