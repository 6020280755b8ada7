"""The worker loop: named tasks that run again and again, each in its own thread. A failing task never ends the process.

A task is asked to do one bounded piece of work and says whether there is more. Stopping waits for the piece at hand and for
nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from chassis.telemetry import Metrics

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A piece of work that returns. `run` returns True when more is waiting, and is then called again at once.

    `every` and `at_most` are seconds; `jitter` is the share of a pause by which it varies, so that replicas spread out.
    """

    name: str
    run: Callable[[], bool | None]
    every: float
    jitter: float = 0.1
    at_most: float = 300.0


class Worker:
    """Runs tasks until it is stopped. Starting it twice is an error of the caller."""

    def __init__(self, tasks: Sequence[Task], *, random: Random, metrics: Metrics | None = None) -> None:
        names = [task.name for task in tasks]
        if len(set(names)) != len(names):
            raise ValueError("two tasks have one name")
        self._tasks = tuple(tasks)
        self._random = random
        self._metrics = metrics
        self._stopping = threading.Event()
        self._bells = {task.name: threading.Event() for task in tasks}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start one thread per task; each runs for the first time at once."""
        if self._threads:
            raise RuntimeError("the worker runs already")
        for task in self._tasks:
            thread = threading.Thread(target=self._loop, args=(task,), name=f"worker-{task.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self, name: str) -> None:
        """Run a task now instead of at its time, for work that is known to be waiting. Cheap; safe from any thread."""
        self._bells[name].set()

    def stop(self, *, within: float = 10.0) -> bool:
        """Ask all tasks to end and wait for the pieces at hand, `within` seconds at most. True when all have ended."""
        self._stopping.set()
        for bell in self._bells.values():
            bell.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: a long task looks here between its steps."""
        return self._stopping.is_set()

    def _loop(self, task: Task) -> None:
        bell = self._bells[task.name]
        failures = 0
        while not self._stopping.is_set():
            bell.clear()  # before the work: a bell rung during it means another round
            more, failures = self._once(task, failures)
            if more:
                continue
            if failures:
                # A bell does not shorten the pause after a failure, else a busy caller defeats the backoff.
                self._stopping.wait(self._pause(task, failures))
            else:
                bell.wait(self._pause(task, 0))

    def _once(self, task: Task, failures: int) -> tuple[bool, int]:
        try:
            more = bool(task.run())
        except Exception:  # whatever a task raises, the others and the process go on
            _log.exception("a task failed", extra={"task": task.name, "attempt": failures + 1})
            self._count(task, "failed")
            return False, failures + 1
        self._count(task, "done")
        return more, 0

    def _pause(self, task: Task, failures: int) -> float:
        pause = min(task.every * 2 ** min(failures, 20), max(task.at_most, task.every)) if failures else task.every
        return pause * (1 + task.jitter * (2 * self._random.random() - 1))

    def _count(self, task: Task, outcome: str) -> None:
        if self._metrics is None:
            return
        self._metrics.task_runs.labels(task.name, outcome).inc()
        if outcome == "done":
            self._metrics.task_success.labels(task.name).set_to_current_time()
