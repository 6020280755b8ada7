import logging
import threading
import time
from random import Random

import pytest

from chassis.telemetry import Metrics
from chassis.worker import Task, Worker

CHANCE = Random(1)  # noqa: S311 - it spreads pauses, it guards nothing


class Counting:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.runs = 0
        self.reached = threading.Event()
        self.until = 1

    def __call__(self):
        self.runs += 1
        if self.runs >= self.until:
            self.reached.set()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        return answer


def run(work, *, until=1, every=0.01, **options):
    work.until = until
    metrics = Metrics()
    worker = Worker([Task(name="feed", run=work, every=every, **options)], random=CHANCE, metrics=metrics)
    worker.start()
    assert work.reached.wait(5)
    return worker, metrics


def test_a_task_runs_again_and_again_until_it_is_stopped():
    work = Counting()
    worker, metrics = run(work, until=3)
    assert worker.stop(within=5)
    runs = work.runs
    time.sleep(0.05)
    assert work.runs == runs
    assert f'domicile_task_runs_total{{outcome="done",task="feed"}} {float(runs)}'.encode() in metrics.text()


def test_stopping_does_not_wait_for_the_next_time():
    worker, _ = run(Counting(), every=3600)
    began = time.monotonic()
    assert worker.stop(within=5)
    assert time.monotonic() - began < 1


def test_more_work_is_done_at_once():
    worker, _ = run(Counting(True, True, True), until=4, every=3600)
    assert worker.stop(within=5)


def test_a_task_that_is_woken_runs_before_its_time():
    work = Counting()
    worker, _ = run(work, every=3600)
    work.reached.clear()
    worker.wake("feed")
    assert work.reached.wait(5)
    assert worker.stop(within=5)


def test_a_failing_task_is_logged_by_type_and_tried_again(caplog):
    with caplog.at_level(logging.ERROR, logger="chassis.worker"):
        worker, metrics = run(Counting(ValueError("x"), OSError("y")), until=3, every=0.001)
        assert worker.stop(within=5)
    assert [record.exc_info[0] for record in caplog.records] == [ValueError, OSError]
    assert [record.attempt for record in caplog.records] == [1, 2]
    assert b'domicile_task_runs_total{outcome="failed",task="feed"} 2.0' in metrics.text()


def test_the_pause_grows_with_each_failure_to_its_limit():
    task = Task(name="feed", run=lambda: None, every=10, jitter=0, at_most=60)
    worker = Worker([task], random=CHANCE)
    assert [worker._pause(task, failures) for failures in (0, 1, 2, 3, 30)] == [10, 20, 40, 60, 60]


def test_the_pause_varies_within_its_jitter():
    task = Task(name="feed", run=lambda: None, every=10, jitter=0.2)
    pauses = {worker._pause(task, 0) for worker in [Worker([task], random=CHANCE)] for _ in range(50)}
    assert len(pauses) > 40
    assert all(8 <= pause <= 12 for pause in pauses)


def test_one_failing_task_leaves_the_others_alone():
    good, bad = Counting(), Counting(*[ValueError("x")] * 1000)
    good.until = 5
    tasks = [Task(name="good", run=good, every=0.005), Task(name="bad", run=bad, every=0.005)]
    worker = Worker(tasks, random=CHANCE)
    worker.start()
    assert good.reached.wait(5)
    assert worker.stop(within=5)


def test_two_tasks_of_one_name_are_refused():
    task = Task(name="feed", run=lambda: None, every=1)
    with pytest.raises(ValueError, match="one name"):
        Worker([task, task], random=CHANCE)
