"""What a node says about itself: JSON log lines, a request id, metrics. It never prints a value that could be about a person.

A log line is built from an allow-list, never by cleaning text: keys that are not in KEYS are dropped, a value of another
kind than its key's is dropped, arguments of a message are never merged into it, and of an exception only its type, its code and the
lines it passed through are told, because its message may carry what somebody typed. Of foreign loggers only the place is told: some
libraries format exceptions into their messages.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from policies.engine.errors import DomicileError

METRICS_TYPE = CONTENT_TYPE_LATEST
OUR_LOGGERS = ("domicile", "chassis", "policies", "protos", "regional_node", "global_index")

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_ID = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,56}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,63}")
_ROUTE = re.compile(r"/[A-Za-z0-9_.:{}/-]{0,120}")


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _is_closed(value: object) -> bool:
    """A member of a closed enum: text alone could be anything."""
    return isinstance(value, Enum)


def _is_name(value: object) -> bool:
    """A name given by the operator in settings or code: a region, a task. Not for anything that a person typed."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_route(value: object) -> bool:
    """The template of a route, `/people/{id}`, never the path that was asked for."""
    return isinstance(value, str) and _ROUTE.fullmatch(value) is not None


KEYS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(
        (
            "account_id",
            "token_id",
            "record_id",
            "batch_id",
            "question_id",
            "decision_id",
            "policy_digest",
            "import_id",
            "feed_epoch",
        ),
        _is_id,
    ),
    **dict.fromkeys(
        (
            "seconds",
            "milliseconds",
            "status",
            "rows",
            "rejected",
            "bytes",
            "attempt",
            "count",
            "cursor",
            "port",
            "pid",
            "lag",
            "size",
        ),
        _is_number,
    ),
    **dict.fromkeys(("code", "outcome", "purpose", "kind", "role", "state", "category", "reason"), _is_closed),
    **dict.fromkeys(("region", "peer", "task", "method", "component", "revision", "version"), _is_name),
    "route": _is_route,
}


@contextmanager
def request_id(value: str | None) -> Iterator[None]:
    """Inside the block every log line of this thread or task carries the id."""
    token = _request_id.set(value)
    try:
        yield
    finally:
        _request_id.reset(token)


def current_request_id() -> str | None:
    """The id of the request being answered, None outside of one."""
    return _request_id.get()


class Lines(logging.Formatter):
    """One JSON object a line, from the allow-list alone."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        ours = record.name.split(".", 1)[0] in OUR_LOGGERS
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # The template, not the text: `getMessage` would merge arguments, which may be about a person.
            "event": str(record.msg) if ours else f"{record.module}:{record.lineno}",
        }
        if (request := _request_id.get()) is not None:
            line["request_id"] = request
        for key, accepts in KEYS.items():
            value = record.__dict__.get(key)
            if value is not None and accepts(value):
                line[key] = value.value if isinstance(value, Enum) else value
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = fault(record.exc_info[1], record.exc_info[2])
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


def fault(error: BaseException | None, trace: TracebackType | None = None) -> dict[str, object]:
    """What may be told of an error: its type, its code and the places it passed through, never its message."""
    told: dict[str, object] = {"type": type(error).__name__}
    if isinstance(error, DomicileError):
        told["code"] = error.code.value
    frames = traceback.extract_tb(trace or (error.__traceback__ if error else None))[-8:]
    told["at"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in frames]
    if error is not None and error.__cause__ is not None:
        told["cause"] = type(error.__cause__).__name__
    return told


def configure_logging(*, stream: TextIO | None = None, level: int = logging.INFO) -> logging.Handler:
    """Send every logger of the process through `Lines` to `stream` (standard error). Returns the handler, for tests to remove."""
    out = logging.StreamHandler(stream or sys.stderr)
    out.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in list(logging.root.manager.loggerDict):
        existing = logging.getLogger(name)
        existing.handlers.clear()
        existing.propagate = True
    # These print whole requests, statements with their parameters, or connection strings at low levels.
    for name in ("uvicorn.access", "sqlalchemy", "httpx", "httpcore", "multipart", "python_multipart"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return out


class Metrics:
    """The metrics of one process. Labels come from code and settings only: a route's template, a task, a status."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "domicile_http_request_seconds",
            "Time to answer an HTTP request.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self.sign_ins = Counter("domicile_sign_ins", "Attempts to sign in.", ("outcome",), registry=self.registry)
        self.task_runs = Counter("domicile_task_runs", "Runs of a worker task.", ("task", "outcome"), registry=self.registry)
        self.calls = Counter("domicile_calls", "gRPC calls answered.", ("method", "code"), registry=self.registry)
        self.task_success = Gauge(
            "domicile_task_last_success_seconds", "When a worker task last succeeded, Unix time.", ("task",), registry=self.registry
        )

    def text(self) -> bytes:
        """The metrics in the Prometheus text format, of type METRICS_TYPE."""
        return generate_latest(self.registry)
