"""How a route of the console renders: the shell's renderer, fragment or page, what went wrong in words. It knows no use case."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response

from policies.engine.errors import CATALOGUE, Code, DomicileError

_CODES = {code.value: row.public for code, row in CATALOGUE.items()}
_FAULT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An error as a page shows it: the public sentence is translated, the rest stays in the words of the program."""

    code: str
    public: str
    what: str
    remedy: str
    where: str

    @staticmethod
    def of(error: DomicileError) -> "Trouble":
        """Of an error; a fault on our side says its public sentence only."""
        hidden = error.row.http == _FAULT
        return Trouble(
            code=error.code.value,
            public=error.row.public,
            what="" if hidden else error.what,
            remedy="" if hidden else error.remedy,
            where="" if hidden else error.where,
        )


def show(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page, or a part of one."""
    response: Response = request.app.state.shell.pages.render(request, template, status=status, **context)
    return response


def wants_part(request: Request) -> bool:
    """Whether htmx asks, for the part that changed. Parts always answer 200: htmx shows nothing of an error status."""
    return request.headers.get("hx-request") == "true"


def public_sentence(code: str) -> str:
    """The public sentence of an error code, to be translated; empty for any other word."""
    return _CODES.get(code, "")


def is_fault(error: DomicileError) -> bool:
    """Whether it is our own fault, which the application's net should log."""
    return error.code is Code.INTERNAL


def one_newline(text: str) -> str:
    """A form's text with the line ends of a file."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
