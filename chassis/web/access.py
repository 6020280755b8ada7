"""Who may call a route. Every route carries a label, `require`, `signed_in` or `public`, and a house test walks them all.

A writing request of a cookie session must carry the session's form token (in the header X-CSRF-Token or the field `csrf`);
a token in the Authorization header needs none, since a browser never adds it by itself.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import FastAPI, Request, params
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.datastructures import UploadFile

from chassis.web.sessions import Caller, Means
from policies.engine.errors import Code, DomicileError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets in callers with one of `roles` (None: any caller) and answers who they are."""

    roles: frozenset[str] | None

    async def __call__(self, request: Request) -> Caller:
        """The caller. Raises SIGN_IN_REQUIRED, ROLE_MISSING or CSRF_REFUSED."""
        caller = await identify(request)
        if caller is None:
            raise DomicileError("nobody is signed in", remedy="sign in, or send an API token", code=Code.SIGN_IN_REQUIRED)
        if self.roles is not None and not (self.roles & caller.roles):
            wanted = ", ".join(f"`{role}`" for role in sorted(self.roles))
            raise DomicileError("your roles do not allow this", remedy=f"ask for one of: {wanted}", code=Code.ROLE_MISSING)
        if caller.means is Means.SESSION and request.method not in SAFE_METHODS:
            await require_form_token(request, caller.csrf)
        return caller


@dataclass(frozen=True, slots=True)
class Public:
    """Lets everybody in, for a reason that is written down."""

    reason: str

    async def __call__(self) -> None:
        """Nothing to check."""


def require(*roles: StrEnum) -> Any:
    """A dependency that lets in callers with one of `roles` and returns the Caller; it labels the route."""
    if not roles:
        raise TypeError("name a role, or use signed_in() or public(reason)")
    return params.Depends(Guard(frozenset(role.value for role in roles)))


def signed_in() -> Any:
    """A dependency that lets in every caller and returns the Caller; it labels the route."""
    return params.Depends(Guard(None))


def public(reason: str) -> Any:
    """A dependency that lets everybody in; it labels the route with the reason."""
    if not reason.strip():
        raise TypeError("say why everybody may call this")
    return params.Depends(Public(reason))


async def identify(request: Request) -> Caller | None:
    """Who sends this request: by API token if there is one, else by session cookie. Remembered for the request."""
    if hasattr(request.state, "caller"):
        known: Caller | None = request.state.caller
        return known
    shell = request.app.state.shell
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    caller: Caller | None = None
    if scheme.lower() == "bearer":
        caller = await run_in_threadpool(shell.tokens.find, secret.strip())
    elif cookie := request.cookies.get(shell.session_cookie):
        caller = await run_in_threadpool(shell.sessions.find, cookie)
    request.state.caller = caller
    return caller


async def require_form_token(request: Request, expected: str) -> None:
    """Refuse a writing request whose token is not the expected one, compared in constant time."""
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD, "")
        given = "" if isinstance(field, UploadFile) else field
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise DomicileError("the form does not belong to this session", remedy="load the page again", code=Code.CSRF_REFUSED)


def labels(app: FastAPI) -> Iterator[tuple[str, str, Guard | Public | None]]:
    """(methods, path, label) of every route of `app`, the label None where there is none."""
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        path = getattr(context, "path", None) or getattr(getattr(context, "route", None), "path", "?")
        methods = ",".join(sorted(getattr(context, "methods", None) or ["*"]))
        yield methods, str(path), _label(dependant) if dependant else _label_of_mount(context)


def unlabelled(app: FastAPI) -> list[str]:
    """The routes that say neither who may call them nor that everybody may. An empty list is what one wants."""
    return [f"{methods} {path}" for methods, path, label in labels(app) if label is None]


def _label(dependant: Dependant) -> Guard | Public | None:
    found: Guard | Public | None = None
    waiting = list(dependant.dependencies)
    while waiting:
        one = waiting.pop()
        if isinstance(one.call, Guard):
            return one.call
        if isinstance(one.call, Public):
            found = one.call
        waiting.extend(one.dependencies)
    return found


def _label_of_mount(context: Any) -> Public | None:
    route = getattr(context, "original_route", None) or getattr(context, "route", context)
    label = getattr(getattr(route, "app", None), "label", None)
    return label if isinstance(label, Public) else None
