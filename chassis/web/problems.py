"""Every error as an answer: problem+json (RFC 9457) for programs, a page for browsers. It never repeats a value that was sent.

What an error of ours says of itself (`what`, `remedy`) is for the one who sent the request; a fault on our side says its
public sentence only.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from chassis.telemetry import current_request_id
from chassis.web.shell import body_too_large
from policies.engine.errors import CATALOGUE, Code, DomicileError

PROBLEM_TYPE = "application/problem+json"
SIGN_IN_PATH = "/sign-in"

_log = logging.getLogger(__name__)

_OF_STATUS = {
    400: Code.MESSAGE_TRUNCATED,
    401: Code.SIGN_IN_REQUIRED,
    403: Code.ROLE_MISSING,
    404: Code.RECORD_NOT_FOUND,
    405: Code.METHOD_UNKNOWN,
    413: Code.INPUT_TOO_LARGE,
    422: Code.INPUT_INVALID,
    429: Code.RATE_LIMITED,
    503: Code.STORE_UNAVAILABLE,
}
_FAULT = 500
# Shown on pages too, so they are translated.
REMEDIES = {
    404: "check the address",
    405: "use another method, see the Allow header",
    413: "send less at once",
    422: "correct the fields named in `errors`",
    _FAULT: "tell the operator the request id",
}

Page = Callable[[Request, Mapping[str, Any]], Response]


def install_problems(app: FastAPI, *, page: Page) -> None:
    """Answer every error of `app` this way. `page` renders a problem for browsers."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, DomicileError)  # noqa: S101 - the registration below says so
        return answer(request, error, page=page)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the same
        code = _OF_STATUS.get(error.status_code, Code.INTERNAL if error.status_code >= _FAULT else Code.INPUT_INVALID)
        if error.status_code == CATALOGUE[Code.INPUT_TOO_LARGE].http:
            return answer(request, body_too_large(request.scope), page=page)
        body = problem(code, status=error.status_code, remedy=REMEDIES.get(error.status_code, ""))
        return _respond(request, body, page=page, headers=error.headers)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - the same
        known = _known_names(request.app)
        places = [{"loc": _place(one, known), "type": one["type"]} for one in error.errors()]
        malformed = any(one["type"] == "json_invalid" for one in places)
        code = Code.MESSAGE_TRUNCATED if malformed else Code.INPUT_INVALID
        body = problem(code, remedy=REMEDIES[422], errors=places)
        return _respond(request, body, page=page)

    app.add_exception_handler(DomicileError, ours)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)


def answer(request: Request, error: DomicileError, *, page: Page) -> Response:
    """The response for an error of ours; for a missing sign-in in a browser, the way to the sign-in page."""
    if error.row.http >= _FAULT:
        _log.error("a request failed", extra={"code": error.code, "status": error.row.http}, exc_info=error)
    if error.code is Code.SIGN_IN_REQUIRED and wants_page(request):
        way = SIGN_IN_PATH
        if request.method == "GET" and request.url.path != "/":
            way += "?next=" + quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe="")
        return RedirectResponse(way, status_code=303)
    hidden = error.row.http == _FAULT
    body = problem(
        error.code,
        detail="" if hidden else error.what,
        remedy=REMEDIES[_FAULT] if hidden else error.remedy,
        where="" if hidden else error.where,
    )
    headers = {"WWW-Authenticate": "Bearer"} if error.row.http == 401 else {}  # noqa: PLR2004 - RFC 9110 section 11.6.1
    if error.code is Code.SIGN_IN_REQUIRED and request.headers.get("hx-request") == "true":
        headers["HX-Redirect"] = SIGN_IN_PATH
    return _respond(request, body, page=page, headers=headers)


def fault(request: Request, error: Exception, *, page: Page) -> Response:
    """The response for an error outside of any route: one that nobody expected is logged by type and place, told by its public
    sentence.
    """
    if isinstance(error, DomicileError):
        return answer(request, error, page=page)
    _log.error("a request failed", extra={"code": Code.INTERNAL, "status": _FAULT}, exc_info=error)
    return _respond(request, problem(Code.INTERNAL, remedy=REMEDIES[_FAULT]), page=page)


def problem(
    code: Code,
    *,
    status: int | None = None,
    detail: str = "",
    remedy: str = "",
    where: str = "",
    errors: Iterable[Mapping[str, object]] = (),
) -> dict[str, Any]:
    """The members of a problem document (RFC 9457 section 3) and ours: code, remedy, where, errors, request_id."""
    row = CATALOGUE[code]
    optional = {"detail": detail, "remedy": remedy, "where": where, "errors": list(errors)}
    return {
        "type": f"urn:domicile:error:{code.value}",
        "title": row.public,
        "status": status or row.http,
        "code": code.value,
        "request_id": current_request_id(),
        **{key: value for key, value in optional.items() if value},
    }


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a whole page: not a program, not htmx."""
    return "text/html" in request.headers.get("accept", "") and request.headers.get("hx-request") != "true"


def _respond(request: Request, body: Mapping[str, Any], *, page: Page, headers: Mapping[str, str] | None = None) -> Response:
    if wants_page(request):
        response = page(request, body)
        response.headers.update(headers or {})
        return response
    return JSONResponse(body, status_code=body["status"], headers=dict(headers or {}), media_type=PROBLEM_TYPE)


def _place(error: Mapping[str, Any], known: frozenset[str]) -> list[str | int]:
    # A key of a body is input as much as a value is: only names that the contract declares are told.
    return [part if isinstance(part, int) or part in known else "*" for part in error["loc"]]


def _known_names(app: FastAPI) -> frozenset[str]:
    names: frozenset[str] | None = getattr(app.state, "declared_names", None)
    if names is None:
        found = {"body", "query", "path", "header", "cookie"}
        _collect(app.openapi(), found)
        for context in iter_route_contexts(app.routes):
            dependant = getattr(context, "dependant", None)
            if dependant is not None:
                groups = (dependant.path_params, dependant.query_params, dependant.header_params, dependant.cookie_params)
                found.update(field.alias for group in (*groups, dependant.body_params) for field in group)
        names = app.state.declared_names = frozenset(found)
    return names


def _collect(node: Any, into: set[str]) -> None:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            into.update(properties)
        if "in" in node and isinstance(node.get("name"), str):
            into.add(node["name"])
        for member in node.values():
            _collect(member, into)
    elif isinstance(node, list):
        for member in node:
            _collect(member, into)
