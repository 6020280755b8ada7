"""Imports end to end into the embedded store: rows a second, and what memory they take. Every row must arrive."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from regional_node.usecases.imports import run_import
from tests.bench.measuring import Figure, Measure, Setting, medians, seconds
from tests.bench.population import new_house, write_region

BAR = 5_000.0
MOST_GROWTH = "<= 1.2"


def import_people(setting: Setting) -> list[Figure]:
    """People with the default look-up of shared addresses and without it, a fresh store each time."""
    rows, rounds = setting.of(20_000, 2_000), setting.of(5, 2)
    file = write_region("eu-de", setting.folder / "people.csv", people=rows)
    numbers = itertools.count()

    def rate(*, look_up: bool) -> Callable[[], float]:
        return lambda: rows / import_once(file, setting.folder / f"home-{next(numbers)}", rows=rows, look_up=look_up)

    found = medians({"import.people": rate(look_up=True), "import.people.no_look_up": rate(look_up=False)}, rounds=rounds)
    words = {"import.people": "with the default look-up", "import.people.no_look_up": "without the look-up"}
    return [
        Figure(
            id=name, what=f"people rows from file to SQLite (FULL), {rows:,} rows, {words[name]}", ours=found[name], against=BAR,
            name="bar", target=">= 1", measure=Measure.RATE, unit="rows/s", n=rounds,
        )
        for name in found
    ]  # fmt: skip


def import_once(file: Path, folder: Path, *, rows: int, look_up: bool = True) -> float:
    """Seconds of one import into a fresh home, which is removed again."""
    house = new_house(folder, file)
    try:
        tools = replace(house.import_tools(progress=lambda _progress: None), look_for_shared=look_up)
        reports = []
        took = seconds(lambda: reports.append(run_import([file], tools, dialect="domicile")))
        counts = reports[0].files[0].counts
        if counts.created != rows:
            message = f"{rows} rows were to arrive: {counts}"
            raise AssertionError(message)
    finally:
        house.engine.dispose()
        shutil.rmtree(folder)
    return took


def import_memory(setting: Setting) -> list[Figure]:
    """The peak of a process that imports four times as much."""
    sizes = {"large": setting.of(80_000, 8_000), "small": setting.of(20_000, 2_000)}
    rounds = setting.of(4, 2)
    what = f"peak resident memory of a process that imports {sizes['large']:,} people, against {sizes['small']:,}"
    told: dict[str, object] = {
        "id": "import.memory", "name": f"{sizes['small']:,} rows", "target": MOST_GROWTH, "measure": Measure.SIZE, "unit": "MiB",
    }  # fmt: skip
    if not Path("/proc/self/status").exists():
        return [Figure(what=f"{what}: not run, this system does not tell VmHWM", ours=None, against=None, n=0, **told)]  # type: ignore[arg-type]  # named above
    files = {name: write_region("eu-de", setting.folder / f"{name}.csv", people=rows) for name, rows in sizes.items()}
    numbers = itertools.count()

    def peak(name: str) -> Callable[[], float]:
        return lambda: _peak_of_child(files[name], setting.folder / f"child-{next(numbers)}", rows=sizes[name])

    found = medians({name: peak(name) for name in sizes}, rounds=rounds)
    return [Figure(what=what, ours=found["large"], against=found["small"], n=rounds, **told)]  # type: ignore[arg-type]  # named above


def _peak_of_child(file: Path, folder: Path, *, rows: int) -> float:
    command = [sys.executable, "-m", "tests.bench.one_import", str(file), str(folder), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        message = f"the import in a process of its own failed: {done.stderr[-500:]}"
        raise AssertionError(message)
    return float(done.stdout)
