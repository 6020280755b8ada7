"""The web application of a tower: `create_app(shell, routers=…)`. It holds no route about the CRM.

Nothing here talks to the world: FastAPI's own documentation pages load scripts from a foreign host and its telemetry records
exception messages and bodies, so both are off.
"""

import gzip
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from chassis.telemetry import METRICS_TYPE, Metrics
from chassis.web.access import Public, public
from chassis.web.accounts import Accounts, Random
from chassis.web.pages import ASSETS, Pages
from chassis.web.problems import fault, install_problems
from chassis.web.sessions import Sessions, Tokens
from chassis.web.shell import STATIC_PATH, Surroundings
from chassis.web.sign_in import router as sign_in_router
from chassis.web.turnstile import Turnstile

Health = Callable[[], dict[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What a web application is built with. `name` sets the cookies apart: cookies do not know ports.

    `random` gives that many random bytes. `https` is whether browsers reach it so, behind a proxy too. `health` answers part ->
    well; `body_limit` is in bytes and a route may set its own.
    """

    name: str
    title: str
    version: str
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    pages: Pages
    random: Random
    https: bool = False
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = dict
    body_limit: int = 1_048_576
    turnstile: Turnstile = field(default_factory=Turnstile)

    @property
    def session_cookie(self) -> str:
        """The name of the session's cookie; the prefix makes browsers refuse it from any other host or over HTTP."""
        return f"__Host-domicile-{self.name}" if self.https else f"domicile-{self.name}"

    @property
    def form_cookie(self) -> str:
        """The name of the cookie that the sign-in form repeats."""
        return f"{self.session_cookie}-form"


class Files(StaticFiles):
    """The bundles: names carry a hash of the content, so a browser may keep them for a year."""

    label = Public("bundles hold no data")

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, check_dir=False)
        self._packed: dict[str, bytes] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A bundle, packed where the browser takes gzip, or 404. Pages themselves are never packed: BREACH."""
        response = await super().get_response(path, scope)
        if response.status_code in {200, 304}:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
            response.headers["vary"] = "Accept-Encoding"
        wanted = scope["method"] == "GET" and "gzip" in Headers(scope=scope).get("accept-encoding", "")
        if not (wanted and isinstance(response, FileResponse) and "range" not in Headers(scope=scope)):
            return response
        packed = await run_in_threadpool(self._pack, Path(response.path))
        kept = {name: response.headers[name] for name in ("cache-control", "vary", "content-type")}
        return Response(packed, headers={**kept, "content-encoding": "gzip"})

    def _pack(self, path: Path) -> bytes:
        if path.name not in self._packed:
            self._packed[path.name] = gzip.compress(path.read_bytes(), 9, mtime=0)
        return self._packed[path.name]


def create_app(
    shell: Shell,
    *,
    routers: Sequence[APIRouter],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]] | None = None,
    metrics_access: Any = None,
    contract_access: Any = None,
) -> FastAPI:
    """The application. `metrics_access` and `contract_access` are labels (`require(…)`, `public(…)`): with them the tower
    serves `/metrics` and `/api/openapi.json`. Call `chassis.web.access.unlabelled(app)` in a house test.
    """
    off: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
    app = FastAPI(
        title=shell.title,
        version=shell.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        telemetry=off,
        redirect_slashes=False,
    )
    app.state.shell = shell

    def page(request: Request, body: Any) -> Response:
        return shell.pages.render(request, "error.html", status=body["status"], problem=body)

    install_problems(app, page=page)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=shell.body_limit)
    app.add_middleware(
        Surroundings,
        https=shell.https,
        metrics=shell.metrics,
        on_error=lambda request, error: fault(request, error, page=page),
    )
    app.mount(STATIC_PATH, Files(ASSETS / "static"), name="static")
    for router in (sign_in_router, _own_routes(shell, metrics_access, contract_access), *routers):
        app.include_router(router)
    return app


def _own_routes(shell: Shell, metrics_access: Any, contract_access: Any) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live", dependencies=[public("says only that the process answers")])
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready", dependencies=[public("names parts of the process and whether they work")])
    def ready() -> Response:
        parts = shell.health()
        well = all(parts.values())
        return JSONResponse({"status": "ready" if well else "not ready", "parts": parts}, status_code=200 if well else 503)

    if metrics_access is not None:

        @router.get("/metrics", dependencies=[metrics_access])
        async def metrics() -> Response:
            return Response(shell.metrics.text(), media_type=METRICS_TYPE)

    if contract_access is not None:

        @router.get("/api/openapi.json", dependencies=[contract_access])
        async def contract(request: Request) -> Response:
            return JSONResponse(request.app.openapi())

    return router
