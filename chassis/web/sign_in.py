"""The ways in and out: the sign-in page, its form, sign-out. A sign-in always gets a fresh session; whatever came along is ended.

The form is protected before there is a session by a random cookie that the form repeats (double submit), so that nobody can sign
a browser in under an account of their own.
"""

import logging
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from chassis.web.access import public, require_form_token, signed_in
from chassis.web.problems import SIGN_IN_PATH
from chassis.web.sessions import Caller, csrf_token
from policies.engine.errors import Code, DomicileError

SIGN_OUT_PATH = "/sign-out"
_OURS = {Code.SIGN_IN_REFUSED, Code.SIGN_IN_LOCKED, Code.CSRF_REFUSED, Code.RATE_LIMITED}
_log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN_PATH, dependencies=[public("nobody is signed in yet")])
async def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name of the query parameter
    """The form."""
    return _page(request, local_path(next))


@router.post(SIGN_IN_PATH, dependencies=[public("nobody is signed in yet")])
async def sign_in(
    request: Request,
    username: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the name of the field
) -> Response:
    """Open a session and go to `next`, or show the form again with the reason."""
    shell = request.app.state.shell
    try:
        await require_form_token(
            request, csrf_token(request.cookies.get(shell.form_cookie, "")) if _has_form_cookie(request) else ""
        )
        verify = partial(shell.accounts.verify, username, password)
        address = request.client.host if request.client else ""
        account = await shell.turnstile.through(verify, address=address, at=shell.accounts.seconds())
    except DomicileError as error:
        if error.code not in _OURS:
            raise
        shell.metrics.sign_ins.labels(error.code.value).inc()
        _log.warning("sign-in refused", extra={"code": error.code})
        return _page(request, local_path(next), error=error)
    if former := request.cookies.get(shell.session_cookie):
        await run_in_threadpool(shell.sessions.close, former)
    secret = await run_in_threadpool(shell.sessions.open, account)
    shell.metrics.sign_ins.labels("accepted").inc()
    _log.info("signed in", extra={"account_id": account.account_id})
    response = RedirectResponse(local_path(next), status_code=303)
    _set(response, shell, shell.session_cookie, secret, int(shell.sessions.absolute.total_seconds()))
    response.delete_cookie(shell.form_cookie, path="/", secure=shell.https, httponly=True, samesite="lax")
    return response


@router.post(SIGN_OUT_PATH)
async def sign_out(request: Request, caller: Annotated[Caller, signed_in()]) -> Response:
    """End the session."""
    shell = request.app.state.shell
    if secret := request.cookies.get(shell.session_cookie):
        await run_in_threadpool(shell.sessions.close, secret)
    _log.info("signed out", extra={"account_id": caller.caller_id})
    response = RedirectResponse(SIGN_IN_PATH, status_code=303)
    response.delete_cookie(shell.session_cookie, path="/", secure=shell.https, httponly=True, samesite="lax")
    return response


def local_path(wanted: str) -> str:
    """`wanted` when it is a path on this host, else `/`: an open redirect would lend our address to others."""
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else "/"


def _has_form_cookie(request: Request) -> bool:
    return bool(request.cookies.get(request.app.state.shell.form_cookie))


def _page(request: Request, way: str, error: DomicileError | None = None) -> Response:
    shell = request.app.state.shell
    secret = request.cookies.get(shell.form_cookie) or shell.random(32).hex()
    status = error.row.http if error else 200
    told: dict[str, Any] = {"next": way, "error": error, "csrf": csrf_token(secret)}
    response: Response = shell.pages.render(request, "sign_in.html", status=status, **told)
    _set(response, shell, shell.form_cookie, secret, 3600)
    return response


def _set(response: Response, shell: Any, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=shell.https)
