"""A process that is killed between a reservation and its send has counted; two processes at one limit never pass one too many."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine

from regional_node.storage.counters import StoredCounters
from tests.contract.backends import fixture_engine, fixture_postgres_address  # noqa: F401 - fixtures
from tests.contract.test_counters import DAY, SCOPE, SINCE, person, reserve

ROOT = Path(__file__).parents[2]
OPENED = """
import os, signal, sys
from chassis.database import open_database
from regional_node.storage.counters import StoredCounters
from tests.contract.test_counters import SCOPE, person, reserve
store = StoredCounters(open_database(sys.argv[1], synchronous="NORMAL"))
"""
KILLED = OPENED + "reserve(store, 1, 2, holder='dying')\nos.kill(os.getpid(), signal.SIGKILL)\n"
LINE = (
    OPENED
    + """
first, passed = int(sys.argv[2]), 0
for number in range(first, first + 20):
    if reserve(store, number, holder=str(number)) <= 30:
        passed += 1
    else:
        store.take_back_persons(SCOPE, [person(number)], holder=str(number))
print(passed)
"""
)


def start(program: str, engine: Engine, *arguments: str) -> subprocess.Popen[str]:
    address = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", program, address, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_a_process_killed_before_the_send_has_counted(engine: Engine):
    with start(KILLED, engine) as dying:
        assert dying.wait(60) == -9
    store = StoredCounters(engine)
    assert store.persons(SCOPE, [], since=SINCE) == 2
    store.take_back_persons(SCOPE, [person(1)], holder="another")
    assert store.persons(SCOPE, [], since=DAY) == 2, "nobody else may take it back"


def test_two_processes_at_one_limit_never_pass_one_too_many(engine: Engine):
    store = StoredCounters(engine)
    reserve(store, 1_001, 1_002, holder="before")
    lines = [start(LINE, engine, str(first)) for first in (0, 100)]
    told = [line.communicate(timeout=120)[0] for line in lines]
    assert sum(map(int, told)) == 28
    assert store.persons(SCOPE, [], since=SINCE) == 30
