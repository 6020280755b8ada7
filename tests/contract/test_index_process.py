"""`global-index` as a process: made, served, asked, stopped. One line says that it is ready, one line says what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect

from chassis.database import open_database
from global_index.storage import membership, tables  # noqa: F401 - they declare the tables
from global_index.storage.metadata import metadata

COMMAND = [sys.executable, "-m", "global_index.cli"]


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words, "--home", str(home)], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "home"
    who = "--federation acme --organisation acme-hq --jurisdiction EU --state IE"
    where = "--set http_address=127.0.0.1:0 --set grpc_address=127.0.0.1:0"
    made = run(folder, "init", *who.split(), *where.split())
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*COMMAND, "serve", "--home", str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready ")
    yield process
    process.kill()
    process.communicate()


def test_secrets_are_for_their_owner_only(home: Path) -> None:
    for name in ("settings.toml", "index.db", "keys/ticket.key", "tls/authority.key"):
        assert (home / name).stat().st_mode & 0o077 == 0


def test_the_first_migration_makes_what_the_code_expects(home: Path) -> None:
    engine = open_database(f"sqlite:///{home}/index.db")
    seen = inspect(engine)
    made = {table: {c["name"] for c in seen.get_columns(table)} for table in seen.get_table_names() if table != "alembic_version"}
    assert made == {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    engine.dispose()


def test_a_second_index_in_the_same_home_is_refused_in_one_line(home: Path) -> None:
    again = run(home, "init", "--federation", "acme", "--organisation", "x", "--jurisdiction", "EU")
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")
    assert again.stderr.count("\n") == 1


def test_without_a_running_index_the_remedy_is_told(tmp_path: Path, home: Path) -> None:
    assert "init" in run(tmp_path, "query", "select count(*) from people").stderr


def test_it_serves_answers_in_one_line_and_stops_when_told(home: Path, served: subprocess.Popen[str]) -> None:
    operator = home / "run" / "operator.json"
    assert operator.stat().st_mode & 0o077 == 0
    nobody = run(home, "query", "select count(*) from people")
    assert nobody.returncode == 1
    assert "no region has joined yet" in nobody.stderr
    wrong = run(home, "query", "select contry from people")
    assert wrong.stderr == "error: 1:8: unknown column `contry`; did you mean `country`\n"
    assert json.loads(run(home, "regions", "list", "--json").stdout) == []
    invite = run(home, "invite", "eu-de", "--jurisdiction", "EU")
    assert invite.stdout.startswith("domicile-invite-1.")
    assert run(home, "entries", "export").stdout == "cluster,region,pseudonym\n"
    token = json.loads(operator.read_text())["token"]
    began = time.monotonic()
    os.kill(served.pid, signal.SIGTERM)
    assert served.wait(timeout=15) == 0
    assert time.monotonic() - began < 10
    assert not operator.exists()
    assert served.stderr is not None
    log = served.stderr.read()
    assert token not in log
    assert "contry" not in log
    assert "the index does not run" in run(home, "budget").stderr
