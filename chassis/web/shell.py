"""What surrounds every answer: request id, nonce, security headers, timing, and the net that catches what nobody expected.

The policy is the one that every page of the console was measured under: no inline script, no eval, no foreign host.
"""

import logging
import re
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry import Metrics, request_id
from policies.engine.errors import CATALOGUE, Code, DomicileError

STATIC_PATH = "/static"
_GIVEN_ID = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger(__name__)

_FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_TOO_LARGE = CATALOGUE[Code.INPUT_TOO_LARGE].http


def body_too_large(scope: Scope) -> DomicileError:
    """A body over the limit of its route, which it says."""
    limit = scope.get(MAX_BODY_SIZE_SCOPE_KEY)
    bound = f": {limit:,} bytes at most" if isinstance(limit, int) else ""
    return DomicileError(f"the body is larger than this route takes{bound}", remedy="send less at once", code=Code.INPUT_TOO_LARGE)


def content_security_policy(nonce: str) -> str:
    """The policy of one response."""
    return (
        "default-src 'none'; script-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}' 'report-sample'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class Surroundings:
    """The outermost middleware of ours."""

    def __init__(self, app: ASGIApp, *, https: bool, metrics: Metrics, on_error: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._https = https
        self._metrics = metrics
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        known_as = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        status = 0

        too_large: DomicileError | None = None

        async def dressed(message: Message) -> None:
            nonlocal status, too_large
            if message["type"] == "http.response.start":
                too_large = body_too_large(scope) if _is_bare_refusal(message) else None
                if not too_large:
                    status = message["status"]
                    self._dress(MutableHeaders(scope=message), nonce, known_as)
            if not too_large:
                await send(message)

        began = time.perf_counter()
        with request_id(known_as):
            try:
                await self._app(scope, receive, dressed)
                if too_large:
                    await self._on_error(Request(scope), too_large)(scope, receive, dressed)
            except Exception as error:
                if status:
                    raise  # half an answer cannot be taken back; the server cuts the connection
                await self._on_error(Request(scope), error)(scope, receive, dressed)
            finally:
                self._observe(scope, status, time.perf_counter() - began)

    def _dress(self, headers: MutableHeaders, nonce: str, known_as: str) -> None:
        for name, value in _FIXED.items():
            headers.setdefault(name, value)
        headers["content-security-policy"] = content_security_policy(nonce)
        headers["x-request-id"] = known_as
        headers.setdefault("cache-control", "no-store")
        if self._https:
            headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "none"  # the template, never the path that was asked for
        method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
        self._metrics.requests.labels(method, route, str(status)).observe(seconds)
        extra: dict[str, Any] = {"route": route, "status": status, "milliseconds": round(seconds * 1000, 1)}
        _log.info("request answered", extra={**extra, "method": method.lower()})


def _is_bare_refusal(start: Message) -> bool:
    """Starlette's body limit answers by itself, in plain text: a problem is told in its place."""
    return start["status"] == _TOO_LARGE and Headers(raw=start["headers"]).get("content-type", "").startswith("text/plain")
