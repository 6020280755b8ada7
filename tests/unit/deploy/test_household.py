"""The demo's children: what they said, what they weigh, that they end."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from deploy.household import Household, Service, StepFailedError, child_environment, memory_of_tree

MIB = 1024 * 1024


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def alive(status: Path) -> bool:
    try:
        return "Z (zombie)" not in status.read_text(encoding="utf-8")
    except OSError:
        return False


def household(deaths: list[str] | None = None) -> Household:
    def mourn(service: Service) -> None:
        if deaths is not None:
            deaths.append(f"{service.name}: {service.last_line}")

    return Household(os.environ, mourn)


async def test_a_command_hands_over_what_it_printed_and_logs_only_its_errors(tmp_path: Path) -> None:
    log = tmp_path / "home" / "log.txt"
    finished = await household().run(
        python("import sys; print('Ana Lima'); print('careful', file=sys.stderr); sys.exit(4)"), log=log
    )
    assert (finished.code, finished.output, finished.last_line) == (4, "Ana Lima\n", "careful")
    assert "careful" in log.read_text(encoding="utf-8")
    assert "\nAna Lima" not in log.read_text(encoding="utf-8")


async def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(StepFailedError, match="took longer than 0 s"):
        await household().run(python("import time; time.sleep(60)"), seconds=0.3)


async def test_a_service_that_dies_before_it_is_ready_fails_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match=r"before it was ready \(exit 2\): the port is taken"):
        await household().serve("eu-de", python("print('the port is taken'); raise SystemExit(2)"), log=tmp_path / "log.txt")


async def test_a_service_that_never_gets_ready_fails_and_is_stopped(tmp_path: Path) -> None:
    ours = household()
    with pytest.raises(StepFailedError, match="not ready after 0 s"):
        await ours.serve("eu-de", python("import time; time.sleep(60)"), log=tmp_path / "log.txt", seconds=0.3)
    await ours.stop()
    assert memory_of_tree(os.getpid()) > 0


async def test_a_service_that_dies_later_is_mourned_once(tmp_path: Path) -> None:
    deaths: list[str] = []
    ours = household(deaths)
    program = "import time; print('ready on 1', flush=True); time.sleep(.3); print('out of memory')"
    await ours.serve("br-sp", python(program), log=tmp_path / "log.txt")
    async with asyncio.timeout(10):
        while not deaths:
            await asyncio.sleep(0.05)
    assert deaths == ["br-sp: out of memory"]
    await ours.stop()
    assert len(deaths) == 1


async def test_stopping_ends_a_service_and_what_it_started(tmp_path: Path) -> None:
    deaths: list[str] = []
    ours = household(deaths)
    program = "import subprocess, time; p = subprocess.Popen(['sleep', '60']); print('ready', p.pid, flush=True); time.sleep(60)"
    await ours.serve("us-ca", python(program), log=tmp_path / "log.txt")
    pid = int((tmp_path / "log.txt").read_text(encoding="utf-8").split()[-1])
    await ours.stop()
    assert deaths == []
    status = Path(f"/proc/{pid}/status")
    async with asyncio.timeout(10):
        while alive(status):
            await asyncio.sleep(0.05)


async def test_memory_counts_children_and_their_children(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("/proc is missing")
    ours = household()
    before = memory_of_tree(os.getpid())
    child = "import time; held = b'x' * (40 * 1024 * 1024); print('ready 1', flush=True); time.sleep(60)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    await ours.serve("eu-de", python(program), log=tmp_path / "log.txt")
    try:
        assert memory_of_tree(os.getpid()) - before > 40 * MIB
    finally:
        await ours.stop()


def test_children_get_none_of_our_settings() -> None:
    assert "DOMICILE_HTTP_ADDRESS" not in child_environment({"DOMICILE_HTTP_ADDRESS": "127.0.0.1:1", "PATH": "/bin"})


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        ("ready on 1", ""),
        ('{"at":"2026-11-22T17:44:58.831+00:00","level":"info","logger":"uvicorn.error","event":"server:113"}', ""),
        ("error: the disk is full", "error: the disk is full"),
        ('{"level":"error","event":"the store is gone"}', '{"level":"error","event":"the store is gone"}'),
    ],
)
async def test_a_death_is_explained_by_what_complains_only(tmp_path: Path, last: str, complaint: str) -> None:
    ours = household()
    await ours.serve(
        "eu-de", python(f"import time; print('ready on 1'); print({last!r}, flush=True); time.sleep(60)"), log=tmp_path / "l"
    )
    try:
        async with asyncio.timeout(10):
            while ours.services["eu-de"].last_line != last:
                await asyncio.sleep(0.02)
        assert ours.services["eu-de"].complaint == complaint
    finally:
        await ours.stop()
