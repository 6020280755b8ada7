"""The demo, for real: built from nothing by the commands of the house, asked, ended, taken up again."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("regional-node", "global-index")
PEOPLE = 500
SECONDS = 180
GIB = 1024


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [name for name in COMMANDS if not (Path(sys.executable).parent / name).exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)} is missing: the demo starts processes by their commands")
    return tmp_path_factory.mktemp("demo") / "home"


def demo(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "deploy.federation", "--home", str(home), "--people", str(PEOPLE), "--ports", "free", *arguments]


def once(home: Path) -> str:
    ended = subprocess.run(demo(home, "--once"), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def answer(home: Path) -> dict[str, Any]:
    kept = json.loads((home / "answer.json").read_text(encoding="utf-8"))
    assert isinstance(kept, dict)
    return kept


@pytest.fixture(scope="module")
def told(home: Path) -> str:
    return once(home)


pytestmark = pytest.mark.xdist_group("demo")


def test_three_regions_answer_the_question(home: Path, told: str) -> None:
    kept = answer(home)
    assert set(kept["epochs"]) == {"eu-de", "br-sp", "us-ca"}
    assert all(region in told for region in ("eu-de", "br-sp", "us-ca"))
    assert kept["rows"]


def test_a_brazilian_is_let_out_in_part_and_a_german_refused(told: str) -> None:
    partly, _, refused = told.partition("A person of eu-de")
    assert "LGPD Art." in partly.partition("A person of br-sp")[2]
    assert "GDPR Art. 4" in refused
    assert re.search(r"dpf|scc_eu_2021|bcr_eu", refused), "what would have allowed it is not said"


def test_it_stays_within_two_gibibytes(told: str) -> None:
    used = re.search(r"([\d,]+) MiB in all processes", told)
    assert used
    assert int(used[1].replace(",", "")) < 2 * GIB


def test_no_name_or_address_of_the_people_lies_readable_in_a_home(home: Path, told: str) -> None:
    people = (home / "population" / "eu-de" / "people.csv").read_text(encoding="utf-8").splitlines()[1:]
    addresses = [cell.encode() for line in people for cell in line.split(",") if "@" in cell]
    assert len(addresses) > PEOPLE / 2
    for region in ("eu-de", "index"):
        kept = b"".join(path.read_bytes() for path in (home / region).rglob("*") if path.is_file())
        assert not [address for address in addresses if address in kept], region


def test_the_second_run_takes_everything_up_again_with_the_same_answer(home: Path, told: str) -> None:
    first = answer(home)
    again = once(home)
    assert "imported" not in again
    if answer(home)["epochs"] == first["epochs"]:
        assert answer(home)["rows"] == first["rows"]
        assert "at no cost to the privacy budget" in again


@pytest.fixture
def running(home: Path, told: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(demo(home), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        process.kill()


def test_a_signal_ends_it_and_leaves_nothing_running(home: Path, running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    deadline = time.monotonic() + SECONDS
    for line in running.stdout:
        assert time.monotonic() < deadline
        if line.startswith("runs until"):
            break
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 0
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if b"serve" in command and str(home).encode() in command]
