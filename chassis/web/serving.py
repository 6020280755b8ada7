"""Serving a web application in a process that also does other things: its socket, its signals, its end. It knows no route."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
import uvloop
from fastapi import FastAPI

from policies.engine.errors import Code, DomicileError

_BACKLOG = 128
_GRACE_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises SETTINGS_INVALID when the address cannot be used."""
    # Named as TCP: asyncio turns Nagle off for such sockets only, and with it on a kept connection waits 40 ms an answer.
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise DomicileError(
            what=f"the address `{host}:{port}` cannot be used ({error.strerror})",
            remedy="set another host and port in the settings, or end what uses this one",
            code=Code.SETTINGS_INVALID,
        ) from None
    listening.listen(_BACKLOG)
    return listening


def serve_until_told(app: FastAPI, listening: socket.socket, stopping: Sequence[int], ready: Callable[[], None]) -> None:
    """The same in a loop of its own, on uvloop, which answers about twice as many requests as asyncio's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_http(app, listening, stopping, ready))


async def serve_http(app: FastAPI, listening: socket.socket, stopping: Sequence[int], ready: Callable[[], None]) -> None:
    """Answer on the socket until a signal; `ready` is called once it does. `stopping` holds signals that came before."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        proxy_headers=False,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():
        await asyncio.sleep(0.02)
    if server.started:
        if stopping:  # told to stop before it had begun
            server.should_exit = True
        ready()
    await task


def own_signals() -> list[int]:
    """Note signals instead of dying of them: the web server stops by them, raises them again, and then we stop in order."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return noted
