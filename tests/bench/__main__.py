"""`python -m tests.bench [--only ID,...] [--quick]`: runs the benchmarks, prints a table, writes `build/bench.json`.

A missed target is told and is no error; a benchmark that breaks is, and gives no figure.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.asking import query_first
from tests.bench.deciding import decide_p99
from tests.bench.deciding_peer import decide_peer
from tests.bench.importing import import_memory, import_people
from tests.bench.logging_leaves import ledger_append, ledger_proof
from tests.bench.measuring import Figure, Setting
from tests.bench.pulling import entries_pull
from tests.bench.resting import rest_list, rest_point

BUILD = Path(__file__).resolve().parents[2] / "build"
BENCHES: dict[str, Callable[[Setting], list[Figure]]] = {
    "decide.p99": decide_p99,
    "decide.cedarpy": decide_peer,
    "ledger.append": ledger_append,
    "ledger.proof": ledger_proof,
    "entries.pull": entries_pull,
    "import.people": import_people,
    "import.memory": import_memory,
    "rest.point": rest_point,
    "rest.list": rest_list,
    "query.first": query_first,
}
HOLDS = {True: "holds", False: "MISSED", None: "no ratio"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 when a benchmark broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure Domicile against named peers and limits.")
    parser.add_argument("--only", metavar="ID,...", help=f"these alone, of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer rounds: a look, not a figure to quote")
    given = parser.parse_args(arguments)
    wanted = list(BENCHES) if given.only is None else [name.strip() for name in given.only.split(",")]
    if unknown := [name for name in wanted if name not in BENCHES]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended and removed
    BUILD.mkdir(exist_ok=True)
    say(f"load average before: {load()}; {os.cpu_count()} cores{'; quick sizes' if given.quick else ''}")
    figures: list[Figure] = []
    broken = []
    for name in wanted:
        try:
            figures += measure(name, quick=given.quick)
        except Exception as error:  # one that breaks must not take the others' figures with it
            broken.append(name)
            say(f"{name}: broke, no figure: {type(error).__name__}: {error}")
    say(f"load average after: {load()}")
    table(figures)
    path = BUILD / "bench.json"
    path.write_text(json.dumps([figure.as_json() for figure in figures], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    say(f"written to {path.relative_to(BUILD.parent)}")
    return 1 if broken else 0


def measure(name: str, *, quick: bool) -> list[Figure]:
    """The figures of one benchmark, in a folder of its own on the disk of the project, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))  # /tmp may be memory, where a durable write costs nothing
    began = time.monotonic()
    try:
        figures = BENCHES[name](Setting(folder=folder, quick=quick))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"{name}: {time.monotonic() - began:.0f} s, load average {load()}")
    for figure in figures:
        say(f"  {figure.id}: {json.dumps(figure.as_json()['ours'])} {figure.unit}, {HOLDS[figure.holds]}")
    return figures


def table(figures: Sequence[Figure]) -> None:
    """One line a figure, then what each is."""
    say(f"\n{'id':26}{'ours':>10}{'against':>10} {'unit':8}{'ratio':>8}  {'target':8}{'':10}{'n':>3}")
    for one in figures:
        line = one.as_json()
        shown = [f"{line[key]:g}" if line[key] is not None else "-" for key in ("ours", "against", "ratio")]
        say(f"{one.id:26}{shown[0]:>10}{shown[1]:>10} {one.unit:8}{shown[2]:>8}  {one.target:8}{HOLDS[one.holds]:10}{one.n:>3}")
    say("")
    for one in figures:
        say(f"{one.id}: {one.what}; against {one.name}")


def load() -> str:
    """The load average of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def say(line: str) -> None:
    """A line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
