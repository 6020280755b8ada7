"""The demo's child processes: starts them by their command lines, keeps their logs, measures their memory, stops them all.

Nothing here knows what a command does. What a command prints is handed to the caller and never kept; logs get its standard error.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_GRACE_SECONDS = 10.0
_ORDINARY = re.compile(r'"level":"(info|debug)"')
_READY = re.compile(rb"^ready [^\n]*\n", re.MULTILINE)
_SAMPLE_SECONDS = 1.0
_TAIL = 4096
_KIB = 1024
_WIDTH = 132


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has ended: its exit code, what it printed, and what it said on standard error."""

    code: int
    output: str
    errors: str

    @property
    def last_line(self) -> str:
        """The last thing it said."""
        said = [line for line in (self.errors or self.output).splitlines() if line.strip()]
        return said[-1].strip() if said else "it said nothing"


class StepFailedError(Exception):
    """A step of the demo failed. The text says which, what its command said last, and where its log is."""


@dataclass(slots=True, kw_only=True)
class Service:
    """A process that keeps running, and the end of what it said."""

    name: str
    log: Path
    process: asyncio.subprocess.Process
    ready: asyncio.Event
    said: bytearray = field(default_factory=bytearray)

    @property
    def last_line(self) -> str:
        """The last line of its log."""
        lines = [line for line in self.said.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it said nothing"

    @property
    def complaint(self) -> str:
        """Its last line, where that may say why it ended: not that it was ready, nor a log line of ordinary work."""
        line = self.last_line
        return "" if line.startswith("ready ") or _ORDINARY.search(line) else line


class Household:
    """All children of one demo. Each has a session of its own, so that Ctrl-C reaches only us and we stop them in order."""

    def __init__(self, environment: Mapping[str, str], on_death: Callable[[Service], None]) -> None:
        self._environment = child_environment(environment)
        self._on_death = on_death
        self._running: set[asyncio.subprocess.Process] = set()
        self._watchers: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.services: dict[str, Service] = {}
        self.peak_bytes = 0

    async def run(self, command: Sequence[str], *, log: Path | None = None, seconds: float = 170.0) -> Finished:
        """Run a command to its end. Raises StepFailedError when it takes longer; its exit code is the caller's to judge."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        self._running.add(process)
        try:
            output, errors = await asyncio.wait_for(process.communicate(), seconds)
        except TimeoutError:
            msg = f"`{_shown(command)}` took longer than {seconds:.0f} s"
            raise StepFailedError(msg) from None
        finally:
            if process.returncode is None:
                await _stop(process)
            self._running.discard(process)
        finished = Finished(
            code=process.returncode or 0, output=output.decode(errors="replace"), errors=errors.decode(errors="replace")
        )
        if log is not None:
            _append(log, f"$ {_shown(command)}\n{finished.errors}".encode())
        return finished

    async def serve(self, name: str, command: Sequence[str], *, log: Path, seconds: float = 60.0) -> None:
        """Start a process that keeps running and wait for its line that begins with `ready `.

        Raises StepFailedError when it dies first or takes longer. When it dies later, `on_death` is told.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        self._running.add(process)
        _append(log, f"$ {_shown(command)}\n".encode())
        service = Service(name=name, log=log, process=process, ready=asyncio.Event())
        watcher = asyncio.create_task(self._watch(service))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        waiting = asyncio.create_task(service.ready.wait())
        try:
            await asyncio.wait({waiting, watcher}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if process.returncode is not None and not service.ready.is_set():
            msg = f"{name} stopped before it was ready (exit {process.returncode}): {service.last_line} (see {log})"
            raise StepFailedError(msg)
        if not service.ready.is_set():
            msg = f"{name} was not ready after {seconds:.0f} s: {service.last_line} (see {log})"
            raise StepFailedError(msg)
        self.services[name] = service
        if watcher.done():  # it was ready, and died before it was known as running
            self._ended(service)

    async def _watch(self, service: Service) -> None:
        stream = service.process.stdout
        if stream is not None:
            while chunk := await stream.read(1 << 16):
                _append(service.log, chunk)
                service.said = (service.said + chunk)[-_TAIL:]
                if _READY.search(service.said):
                    service.ready.set()
        await service.process.wait()
        self._running.discard(service.process)
        self._ended(service)

    def _ended(self, service: Service) -> None:
        if self.services.get(service.name) is service:
            del self.services[service.name]
            if not self._stopping:
                self._on_death(service)

    async def measure(self) -> None:
        """Sample the memory of this process and all its descendants until cancelled; `peak_bytes` keeps the highest sum."""
        while True:
            self.peak_bytes = max(self.peak_bytes, memory_of_tree(os.getpid()))
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def stop(self) -> None:
        """Stop every child, the service that the others stand on (the first to serve) last, and wait until all are gone."""
        self._stopping = True
        first = [service.process for service in self.services.values()][:1]
        await asyncio.gather(*(_stop(process) for process in self._running - set(first)))
        await asyncio.gather(*(_stop(process) for process in first))
        if self._watchers:
            await asyncio.wait(self._watchers, timeout=_GRACE_SECONDS)


def child_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Our environment without settings of ours: a `DOMICILE_HTTP_ADDRESS` would be taken by four processes at once."""
    kept = {name: value for name, value in ours.items() if not name.startswith("DOMICILE_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": str(_WIDTH)}


def command_of(name: str) -> str:
    """The path of one of our commands, beside the Python that runs us."""
    return str(Path(sys.executable).parent / name)


def _shown(command: Sequence[str]) -> str:
    program, *arguments = command
    return " ".join([Path(program).name, *(f"'{a}'" if " " in a else a for a in arguments)])


def _append(log: Path, said: bytes) -> None:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as out:
        out.write(said)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def memory_of_tree(root: int) -> int:
    """Bytes that a process and its descendants take, shared pages counted once; 0 where there is no /proc."""
    parents = dict(_parents())
    tree = {root}
    while grown := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    return sum(_proportional_bytes(pid) for pid in tree)


def _parents() -> Iterator[tuple[int, int]]:
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # The second field is a name in brackets that may itself hold blanks and brackets.
        yield int(status.parent.name), int(text.rpartition(")")[2].split()[1])


def _proportional_bytes(pid: int) -> int:
    for name, label in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            text = Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(label):
                return int(line.split()[1]) * _KIB
    return 0
