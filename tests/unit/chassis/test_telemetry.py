import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.telemetry import Lines, Metrics, configure_logging, request_id
from policies.engine.errors import Code, DomicileError

CANARY = "canary-7f3a@example.org"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    configure_logging(stream=out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_carries_what_is_on_the_list(lines):
    with request_id("ab" * 16):
        logging.getLogger("chassis.web").info(
            "request answered", extra={"status": 200, "route": "/people/{id}", "code": Code.INTERNAL}
        )
    (line,) = lines()
    assert line["event"] == "request answered"
    assert (line["status"], line["route"], line["code"]) == (200, "/people/{id}", "system:fault:unexpected")
    assert line["request_id"] == "ab" * 16


@pytest.mark.parametrize(
    "extra",
    [
        {"email": CANARY},
        {"account_id": CANARY},
        {"status": CANARY},
        {"code": CANARY},
        {"region": CANARY},
        {"route": CANARY},
        {"rows": [CANARY]},
        {"reason": CANARY},
    ],
)
def test_what_is_not_on_the_list_or_of_another_kind_is_dropped(lines, extra):
    logging.getLogger("chassis.web").warning("a person was written", extra=extra)
    assert CANARY not in json.dumps(lines())


FAULTS = [
    ValueError(CANARY),
    DomicileError(what=f"`{CANARY}` is unknown", where=CANARY, remedy=CANARY, code=Code.INPUT_UNKNOWN),
]


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_of_an_exception_only_type_code_and_place_are_told(lines, error):
    log = logging.getLogger("chassis.web")

    def greet() -> None:
        raise RuntimeError(f"while greeting {CANARY}") from error  # noqa: EM102 - the message is the bait

    try:
        greet()
    except RuntimeError:
        log.exception("a request failed")
    log.error("a request failed", exc_info=error)
    told = lines()
    assert CANARY not in json.dumps(told)
    assert told[0]["error"]["type"] == "RuntimeError"
    assert told[0]["error"]["cause"] == type(error).__name__
    assert told[1]["error"].get("code") == (error.code.value if isinstance(error, DomicileError) else None)


def test_arguments_of_a_message_are_never_merged(lines):
    logging.getLogger("regional_node.usecases").info("wrote %s", CANARY)
    assert lines()[0]["event"] == "wrote %s"


def test_a_foreign_logger_tells_its_place_only(lines):
    logging.getLogger("grpc._server").error(f"Exception calling application: {CANARY}")  # noqa: G004 - as gRPC does
    (line,) = lines()
    assert CANARY not in json.dumps(line)
    assert line["logger"] == "grpc._server"


def test_an_ordinary_formatter_would_be_noticed(lines, monkeypatch):
    """The checks above can fail: a formatter that merges arguments lets the canary out."""
    monkeypatch.setattr(Lines, "format", lambda _self, record: json.dumps({"event": record.getMessage()}))
    logging.getLogger("regional_node.usecases").info("wrote %s", CANARY)
    assert CANARY in json.dumps(lines())


def test_a_line_stays_one_line(lines):
    logging.getLogger("chassis.web").info("one\ntwo")
    assert lines()[0]["event"] == "one\ntwo"


def test_metrics_are_told_in_the_text_format():
    metrics = Metrics()
    metrics.requests.labels("GET", "/people/{id}", "200").observe(0.01)
    assert b'domicile_http_request_seconds_count{method="GET",route="/people/{id}",status="200"} 1.0' in metrics.text()
