"""Checkpoints of a log in C2SP tlog-checkpoint form, signed as C2SP signed notes with Ed25519. It never decides whom to trust:
the caller brings the verifier keys.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policies.engine.errors import Code, DomicileError
from policies.engine.merkle import HASH_SIZE, MAX_SIZE

_ED25519 = b"\x01"
_KEY_ID_SIZE = 4
_MAX_NOTE = 64 * 1024
_NAME = re.compile(r"[^\s+]{1,255}\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,19})\Z")
_DASH = "\u2014 "
_HEAD_LINES = 3


class CheckpointError(DomicileError):
    """A checkpoint or note that is malformed, or that none of the known keys signed."""

    code = Code.LEDGER_BROKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a log: its origin (a unique name), its size in leaves, its root hash (32 bytes), extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the text form could not carry."""
        lines = (self.origin, *self.extensions)
        if not all(line and line.isprintable() for line in lines):
            raise CheckpointError("a line of the checkpoint is empty or holds control characters")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_SIZE:
            raise CheckpointError("the checkpoint's size or root is out of range")

    def text(self) -> str:
        """The note text: origin, decimal size, base64 root, extensions, each ended by a newline."""
        head = (self.origin, str(self.size), base64.b64encode(self.root).decode("ascii"), *self.extensions)
        return "".join(f"{line}\n" for line in head)


def key_id(name: str, public_key: Ed25519PublicKey) -> bytes:
    """C2SP signed-note: the first four bytes of SHA-256(name, newline, 0x01, public key)."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key.public_bytes_raw()).digest()[:_KEY_ID_SIZE]


def verifier_key(name: str, public_key: Ed25519PublicKey) -> str:
    """The key as C2SP writes it: `name+hash+base64(0x01, key)`."""
    body = base64.b64encode(_ED25519 + public_key.public_bytes_raw()).decode("ascii")
    return f"{name}+{key_id(name, public_key).hex()}+{body}"


def sign_note(text: str, *, name: str, private_key: Ed25519PrivateKey) -> str:
    """The signed note: text, empty line, one signature line."""
    if not _NAME.match(name) or not text.endswith("\n"):
        raise CheckpointError("a note ends with a newline, and its signer's name has neither spaces nor `+`")
    return text + "\n" + _signature_line(text, name, private_key)


def cosign_note(note: str, *, name: str, private_key: Ed25519PrivateKey) -> str:
    """The same note with one more signature line. It does not verify those already there."""
    text, _ = _parts(note)
    return note + _signature_line(text, name, private_key)


def _signature_line(text: str, name: str, private_key: Ed25519PrivateKey) -> str:
    signed = key_id(name, private_key.public_key()) + private_key.sign(text.encode())
    return f"{_DASH}{name} {base64.b64encode(signed).decode('ascii')}\n"


def verify_note(note: str, keys: Mapping[str, Ed25519PublicKey], *, needed: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The text and the names whose signature verified. Signatures of unknown keys are ignored, as C2SP asks.

    Raises CheckpointError when a known key's signature is wrong, when none verified, or when one of `needed` is absent.
    """
    text, lines = _parts(note)
    verified: list[str] = []
    for name, identifier, signature in lines:
        public_key = keys.get(name)
        if public_key is None or key_id(name, public_key) != identifier:
            continue
        try:
            public_key.verify(signature, text.encode())
        except InvalidSignature:
            message = f"the signature of `{name}` does not verify"
            raise CheckpointError(message) from None
        verified.append(name)
    missing = [name for name in needed if name not in verified]
    if not verified or missing:
        lacking = ", ".join(f"`{name}`" for name in missing) or "any known key"
        message = f"the note is not signed by {lacking}"
        raise CheckpointError(message)
    return text, tuple(dict.fromkeys(verified))


def _parts(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    if len(note) > _MAX_NOTE:
        raise CheckpointError("the note is too large")
    head, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise CheckpointError("the note has no signature block")
    return head + "\n", [_signature(line) for line in tail[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _NAME.match(name):
        raise CheckpointError("a signature line is malformed")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointError("a signature is not base64") from None
    if len(raw) <= _KEY_ID_SIZE:
        raise CheckpointError("a signature is too short")
    return name, raw[:_KEY_ID_SIZE], raw[_KEY_ID_SIZE:]


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the note text of a checkpoint. It verifies no signature: use `open_checkpoint`."""
    lines = text.split("\n")
    if len(lines) <= _HEAD_LINES or lines[-1] != "" or not _SIZE.match(lines[1]):
        raise CheckpointError("the checkpoint is not origin, size and root on three lines")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        raise CheckpointError("the checkpoint's root is not base64") from None
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, extensions=tuple(lines[_HEAD_LINES:-1]))


def sign_checkpoint(checkpoint: Checkpoint, private_key: Ed25519PrivateKey) -> str:
    """The checkpoint as a note signed under the log's own origin."""
    return sign_note(checkpoint.text(), name=checkpoint.origin, private_key=private_key)


def open_checkpoint(note: str, *, origin: str, public_key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint of a note signed by the log of that origin. It does not check consistency with an earlier one."""
    text, _ = verify_note(note, {origin: public_key}, needed=[origin])
    checkpoint = parse_checkpoint(text)
    if checkpoint.origin != origin:
        raise CheckpointError("the checkpoint is of another log")
    return checkpoint
