"""The demo federation: three regions and an index on this machine, made from nothing or taken up again, until Ctrl-C.

`python -m deploy.federation [--once] [--home .demo] [--people N] [--ports base|free]`. It knows the house by its commands only.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from deploy import commands
from deploy.building import Builder
from deploy.diary import FILE_NAME, SIGN_INS, Diary, only_one, read_diary
from deploy.household import Household, Service, StepFailedError
from deploy.layout import ADMINISTRATOR, BASE_PORTS, INDEX, addresses, choose_ports, is_free
from deploy.population import PEOPLE, SEED
from deploy.showing import Questions, address_lines

_MIB = 1024 * 1024
_INTERRUPTED = 130
_FEWEST = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit code is 0 when every step went well."""
    parser = argparse.ArgumentParser(prog="python -m deploy.federation", description="Three regions and an index on this machine.")
    parser.add_argument("--once", action="store_true", help="end after the answers instead of running until Ctrl-C")
    parser.add_argument("--home", type=Path, default=Path(".demo"), help="where everything is kept (default %(default)s)")
    parser.add_argument("--people", type=int, help=f"people in each region when made anew (default {PEOPLE:,})")
    parser.add_argument(
        "--ports", choices=("base", "free"), default="base", help="fixed ports, or whichever are free, when made anew"
    )
    given = parser.parse_args(arguments)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        with only_one(given.home):
            diary = open_diary(given.home, people=given.people, free_ports=given.ports == "free")
            return asyncio.run(live(diary, console=console, once=given.once))
    except StepFailedError as failed:
        console.print(f"failed: {failed}")
        return 1


def open_diary(home: Path, *, people: int | None, free_ports: bool) -> Diary:
    """The home's diary, or a new one. Raises StepFailedError when what is there does not fit what is asked for."""
    diary = read_diary(home)
    if diary is None:
        if people is not None and people < _FEWEST:
            msg = f"`--people {people}` is too few for an answer: take at least {_FEWEST}"
            raise StepFailedError(msg)
        diary = Diary(home=home, people=people or PEOPLE, seed=SEED, ports=choose_ports(free=free_ports))
        diary.save()
        return diary
    if people is not None and people != diary.people:
        msg = f"{home} holds {diary.people:,} people in each region: leave out `--people`, or remove {home}"
        raise StepFailedError(msg)
    if set(diary.ports) != set(BASE_PORTS):
        msg = f"{home / FILE_NAME} names other homes than the demo has: remove {home} and start afresh"
        raise StepFailedError(msg)
    taken = [port for pair in diary.ports.values() for port in pair if not is_free(port)]
    if taken:
        listed = ", ".join(str(port) for port in taken)
        msg = f"something listens on {listed}, where {home} was made to: stop it, or choose another `--home`"
        raise StepFailedError(msg)
    return diary


async def live(diary: Diary, *, console: Console, once: bool) -> int:
    """Build, ask, and run until a signal; every child is gone when this returns."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    demo = Demo(diary, console=console)
    work = asyncio.create_task(demo.play(once=once))
    halted = asyncio.create_task(stop.wait())
    measuring = asyncio.create_task(demo.household.measure())
    try:
        await asyncio.wait({work, halted}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        console.print("\nstopping")
        return 0 if demo.answered else _INTERRUPTED
    finally:
        for task in (work, halted, measuring):
            task.cancel()
        await asyncio.gather(work, halted, measuring, return_exceptions=True)
        await demo.household.stop()


class Demo:
    """One run of the demo, from the first step to the last word."""

    def __init__(self, diary: Diary, *, console: Console) -> None:
        self._diary = diary
        self._console = console
        self._deserted = asyncio.Event()
        self.household = Household(os.environ, self._mourn)
        self.answered = False

    async def play(self, *, once: bool) -> int:
        """(1) build (2) pull (3) ask (4) show where to look; then, but for `once`, until the last process has died."""
        started = time.perf_counter()
        reused = "taken up again" if self._diary.done else "made anew"
        self._console.print(f"Domicile demo in {self._diary.home} ({reused})\n")
        failed = await self._failures()
        for failure in failed:
            self._console.print(f"failed: {failure}")
        if failed:
            return 1
        self.answered = True
        self._console.print("\n".join(address_lines(self._consoles(), self._sign_ins())))
        peak = self.household.peak_bytes
        memory = f", {peak / _MIB:,.0f} MiB in all processes together at the most" if peak else ""
        self._console.print(f"\n{time.perf_counter() - started:.0f} s in all{memory}")
        if once:
            return 0
        self._console.print("runs until Ctrl-C")
        await self._deserted.wait()
        return 1

    async def _failures(self) -> list[Exception]:
        failed: list[Exception] = []
        try:
            await self._steps()
        except* StepFailedError as group:
            failed = list(group.exceptions)
        return failed

    async def _steps(self) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        builder = Builder(diary=self._diary, household=self.household, say=self._say, cores=cores)
        await builder.build()
        await builder.pull()
        await Questions(builder=builder, home=self._diary.home).ask_all()

    def _say(self, whose: str, what: str, seconds: float) -> None:
        self._console.print(f"  {seconds:6.1f} s  {whose:6}  {what}")

    def _mourn(self, service: Service) -> None:
        ended = service.process.returncode or 0
        how = f"was killed ({signal.Signals(-ended).name})" if ended < 0 else f"has ended (exit {ended})"
        said = f": {service.complaint}" if service.complaint else ""
        self._console.print(f"{service.name} {how}{said} (see {service.log})")
        again = commands.shown(commands.serve(self._diary.home / service.name, service.name))
        self._console.print(f"  start it again with: {again}")
        if not self.household.services:
            self._deserted.set()

    def _consoles(self) -> dict[str, str]:
        return {home: where.http for home, where in addresses(self._diary.ports).items()}

    def _sign_ins(self) -> list[str]:
        path = self._diary.home / SIGN_INS
        note = f"Sign-ins, kept in {path} for you alone; `{ADMINISTRATOR}` runs the {INDEX}"
        return [note, *path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
