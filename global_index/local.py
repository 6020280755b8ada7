"""The way of the command line to the running index: its HTTP API on this machine, under the operator's token in the home folder."""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from policies.engine.errors import Code, DomicileError

OPERATOR_FILE = Path("run") / "operator.json"
_ERRORS = 400
_CHUNK = 65_536


class AnsweredError(DomicileError):
    """The index answered with a problem; `body` is what it said, with the decision where a region refused."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        try:
            code = Code(str(body.get("code")))
        except ValueError:
            code = Code.INTERNAL
        what = str(body.get("detail") or body.get("title") or "the index refused")
        super().__init__(what, where=str(body.get("where", "")), remedy=str(body.get("remedy", "")), code=code)
        self.body = dict(body)


class LocalIndex:
    """Calls the index that runs on this home."""

    def __init__(self, home: Path, *, seconds: float) -> None:
        self._home = home
        self._seconds = seconds

    @staticmethod
    def address_of(home: Path) -> str:
        """Where regions reach the index that runs on this home, empty when none does."""
        try:
            return str(json.loads((home / OPERATOR_FILE).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError):
            return ""

    def get(self, path: str) -> Any:
        """The JSON at `path`."""
        return self._json("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the index answers to `body`."""
        return self._json("POST", path, body)

    def stream(self, path: str) -> Iterator[bytes]:
        """The bytes at `path`, piece by piece."""
        connection, response = self._send("GET", path, None)
        try:
            if response.status >= _ERRORS:
                raise AnsweredError(_problem(response.read()))
            while chunk := response.read(_CHUNK):
                yield chunk
        finally:
            connection.close()

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        connection, response = self._send(method, path, body)
        try:
            content = response.read()
        except (OSError, HTTPException):
            raise _silent(self._home) from None
        finally:
            connection.close()
        if response.status >= _ERRORS:
            raise AnsweredError(_problem(content))
        return json.loads(content)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[HTTPConnection, HTTPResponse]:
        try:
            known = json.loads((self._home / OPERATOR_FILE).read_text(encoding="utf-8"))
            address = urlsplit(known["url"])
            token = str(known["token"])
        except (OSError, ValueError, KeyError):
            raise _silent(self._home) from None
        connection = HTTPConnection(str(address.hostname), address.port or 80, timeout=self._seconds)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=content, headers=headers)
            return connection, connection.getresponse()
        except (OSError, HTTPException):
            connection.close()
            raise _silent(self._home) from None


def _problem(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _silent(home: Path) -> DomicileError:
    return DomicileError(
        "the index does not run", where=str(home), remedy="start it with `global-index serve`", code=Code.PEER_UNREACHABLE
    )
