"""A tap on the federation's wire: ends mutual TLS with the real keys of both sides, keeps every byte, passes it on unchanged.

It exists because a residency claim is about what really crossed, and TLS hides that from a packet capture. It needs both
private keys, so it can only be built by a test that owns both homes. HTTP/2 header blocks are unpacked (Huffman coding would
hide a canary in them) and DATA frames are joined per stream (a canary may straddle two frames).
"""

import asyncio
import contextlib
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, CONTINUATION = 0, 1, 9
PADDED, PRIORITY = 0x8, 0x20


@dataclass
class Direction:
    """What one side said on one connection: raw plaintext bytes."""

    raw: bytearray = field(default_factory=bytearray)
    from_byte: int = 0

    def forget(self) -> None:
        """Leave out of later searches what was said so far."""
        self.from_byte = len(self.raw)

    def recent(self) -> bytes:
        """The raw bytes since the last `forget`."""
        return bytes(self.raw[self.from_byte :])

    def frames(self) -> list[tuple[int, int, int, int, bytes]]:
        """(offset, type, flags, stream, payload) of every whole frame."""
        data = bytes(self.raw)
        position = len(PREFACE) if data.startswith(PREFACE) else 0
        found = []
        while position + 9 <= len(data):
            length = int.from_bytes(data[position : position + 3], "big")
            kind, flags = data[position + 3], data[position + 4]
            stream = int.from_bytes(data[position + 5 : position + 9], "big") & 0x7FFFFFFF
            found.append((position, kind, flags, stream, data[position + 9 : position + 9 + length]))
            position += 9 + length
        return found

    def streams(self) -> tuple[dict[int, str], dict[int, bytes]]:
        """The path of each stream (for requests) and its joined DATA."""
        decoder = hpack.Decoder(max_header_list_size=1 << 24)
        decoder.max_allowed_table_size = 1 << 20
        paths: dict[int, str] = {}
        bodies: dict[int, bytearray] = {}
        block = bytearray()
        for _, kind, flags, stream, payload in self.frames():
            content = _without_padding(kind, flags, payload)
            if kind == DATA:
                bodies.setdefault(stream, bytearray()).extend(content)
            elif kind in {HEADERS, CONTINUATION}:
                block.extend(content)
                if flags & 0x4:
                    headers = dict(decoder.decode(bytes(block), raw=True))
                    if b":path" in headers:
                        paths[stream] = headers[b":path"].decode()
                    block.clear()
        return paths, {stream: bytes(body) for stream, body in bodies.items()}

    def unpacked(self) -> bytes:
        """Header text, then the joined DATA of each stream."""
        decoder = hpack.Decoder(max_header_list_size=1 << 24)
        decoder.max_allowed_table_size = 1 << 20
        headers: list[bytes] = []
        bodies: dict[int, bytearray] = {}
        block = bytearray()
        for offset, kind, flags, stream, payload in self.frames():
            new = offset >= self.from_byte
            content = _without_padding(kind, flags, payload)
            if kind == DATA and new:
                bodies.setdefault(stream, bytearray()).extend(content)
            elif kind in {HEADERS, CONTINUATION}:
                block.extend(content)
                if flags & 0x4:
                    for name, value in decoder.decode(bytes(block), raw=True):
                        if new:
                            headers.append(bytes(name) + b": " + bytes(value))
                    block.clear()
        return b"\n".join([*headers, *(bytes(b) for b in bodies.values())])


def _message(body: bytes) -> bytes:
    """The one message of a unary call: five bytes of gRPC framing, never compressed here, then the message."""
    if len(body) < 5:
        return b""
    assert body[0] == 0, "a compressed message would hide canaries"
    length = int.from_bytes(body[1:5], "big")
    assert len(body) == 5 + length
    return body[5:]


def _without_padding(kind: int, flags: int, payload: bytes) -> bytes:
    start, end = 0, len(payload)
    if kind in {DATA, HEADERS} and flags & PADDED:
        start, end = 1, end - payload[0]
    if kind == HEADERS and flags & PRIORITY:
        start += 5
    return payload[start:end]


@dataclass(frozen=True)
class Keys:
    """One side's private key and certificate files, as its home holds them."""

    key: Path
    certificate: Path

    def context(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        server = purpose is ssl.Purpose.CLIENT_AUTH
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the two real ends verify each other's certificates; the tap only listens
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.certificate, self.key)
        return context


class Wiretap:
    """Listens on a free loopback port and forwards to `target`. `callee` keys are shown to callers, `caller` keys to the target."""

    def __init__(self, target: str, *, callee: Keys, caller: Keys, port: int = 0) -> None:
        self._port = port
        self._target = target
        self._callee = callee
        self._caller = caller
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._writers: list[asyncio.StreamWriter] = []
        self.directions: list[tuple[str, Direction]] = []
        self.address = ""

    def __enter__(self) -> "Wiretap":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def everything(self) -> bytes:
        """All bytes of both directions of all connections, as they stood inside TLS and unpacked."""
        return b"\n".join(d.recent() + b"\n" + d.unpacked() for _, d in list(self.directions))

    def exchanges(self) -> list[tuple[str, bytes, bytes]]:
        """(path, request message, response message) of every unary call on every connection; a message is empty when none came."""
        found = []
        heard = list(self.directions)
        for (_, there), (_, back) in zip(heard[::2], heard[1::2], strict=True):
            paths, asked = there.streams()
            _, answered = back.streams()
            found += [
                (path, _message(asked.get(stream, b"")), _message(answered.get(stream, b""))) for stream, path in paths.items()
            ]
        return found

    def forget(self) -> None:
        """Drop what was heard so far; header tables carry on from where they are."""
        for _, direction in list(self.directions):
            direction.forget()

    def retarget(self, target: str) -> None:
        """Forward new connections elsewhere, e.g. to a node that came back on another port."""
        self._target = target

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", self._port, ssl=self._callee.context(ssl.Purpose.CLIENT_AUTH))
        )
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._close(server))
        self._loop.close()

    async def _close(self, server: asyncio.Server) -> None:
        """Every connection and its pumps, so that nothing is left to the garbage collector."""
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        pumps = asyncio.all_tasks() - {asyncio.current_task()}
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await asyncio.sleep(0.1)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        host, _, port = self._target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(
                host, int(port), ssl=self._caller.context(ssl.Purpose.SERVER_AUTH), server_hostname="tapped"
            )
        except OSError:
            writer.close()
            return
        self._writers.append(far_writer)
        there, back = Direction(), Direction()
        self.directions += [("request", there), ("response", back)]
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_pump(reader, far_writer, there), _pump(far_reader, writer, back))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: Direction) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError, ssl.SSLError):
        while chunk := await reader.read(65536):
            kept.raw.extend(chunk)
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError, ssl.SSLError):
        writer.close()
