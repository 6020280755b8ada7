"""A caller of one HTTP server over one kept connection, doing as little work of its own as it can: its time is in every figure."""

import json
import socket
from typing import Any, Self

_CHUNK = 1 << 18
_QUICK = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)  # Linux alone has it


class Caller:
    """Sends requests prepared beforehand and reads answers that carry their length.

    `acknowledges_at_once` takes the client's delayed acknowledgement out of a figure: with it a server that leaves Nagle's
    algorithm on keeps every answer back for some 40 ms, beside which its own work cannot be seen. Ordinary clients do delay.
    """

    def __init__(self, address: str, *, token: str) -> None:
        self.acknowledges_at_once = False
        host, _, port = address.rpartition(":")
        self._place = (host, int(port))
        self._head = f"Host: {address}\r\nAuthorization: Bearer {token}\r\n"

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(self._place, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def get(self, path: str) -> bytes:
        """A prepared request."""
        return f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode()

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        """A prepared request with a JSON body."""
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content

    def ask(self, request: bytes) -> bytes:
        """The body of the answer, which must be a 200."""
        self._socket.sendall(request)
        said = self._more()
        while (end := said.find(b"\r\n\r\n")) < 0:
            said += self._more()
        head = said[:end].lower()
        start = head.index(b"content-length:") + 15
        wanted = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
        while len(said) < wanted:
            said += self._more()
        if not head.startswith(b"http/1.1 200"):
            raise AssertionError(said[:2_000].decode(errors="replace"))
        return said[end + 4 :]

    def _more(self) -> bytes:
        if self.acknowledges_at_once:  # the system forgets it after a while, so before every read
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
        got = self._socket.recv(_CHUNK)
        if not got:
            raise AssertionError("the server closed the connection")
        return got
