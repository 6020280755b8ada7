"""The keys of a node: key-encryption keys that wrap data keys, and lasting secrets for look-ups. A key never prints itself.

In the file provider each key is one file of 32 bytes, readable by its owner only, in `<home>/keys/`: `<key id>.kek` (the id is a
UUIDv7, so the last one in order is the newest and wraps what is new) and `<name>.secret`.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from policies.engine.errors import Code, DomicileError

KEY_BYTES = 32
INDEX_SECRET = "index"  # noqa: S105 - the name of a file
REQUEST_SECRET = "request"  # noqa: S105 - the same
PSEUDONYM_SECRET = "pseudonym"  # noqa: S105 - the same
LASTING = (INDEX_SECRET, REQUEST_SECRET, PSEUDONYM_SECRET)
_KEY_ID = re.compile(r"[0-9a-f]{32}")


class KeyMissingError(DomicileError):
    """A key is not there, or not fit to be used."""

    code = Code.KEY_MISSING


class KeyProvider(Protocol):
    """Wraps data keys under a key-encryption key that never leaves it, and gives lasting secrets by name."""

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """(id of the key-encryption key, wrapped key), under the newest one."""
        ...

    def unwrap(self, kek_id: str, wrapped: bytes) -> bytes:
        """The data key. Raises KeyMissingError when the key-encryption key is gone or does not fit."""
        ...

    def secret(self, name: str) -> bytes:
        """The 32 bytes of a lasting secret. Raises KeyMissingError when there is none."""
        ...


def create_keys(folder: Path, *, key_id: str, random: Callable[[int], bytes]) -> None:
    """Make what a new node needs: one key-encryption key and the lasting secrets. What is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not any(folder.glob("*.kek")):
        add_key_encryption_key(folder, key_id=key_id, random=random)
    for name in LASTING:
        path = folder / f"{name}.secret"
        if not path.exists():
            _write(path, random(KEY_BYTES))


def add_key_encryption_key(folder: Path, *, key_id: str, random: Callable[[int], bytes]) -> None:
    """Add a newer key-encryption key; a provider opened afterwards wraps under it. `key_id` is a UUIDv7, 32 hexadecimal digits."""
    if not _KEY_ID.fullmatch(key_id):
        raise KeyMissingError("the id of a key is not 32 hexadecimal digits", remedy="give a UUIDv7 as hexadecimal digits")
    _write(folder / f"{key_id}.kek", random(KEY_BYTES))


class FileKeys:
    """The file provider. Keys are read once, when it is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keks = {path.stem: _read(path) for path in sorted(folder.glob("*.kek"))}
        if not self._keks:
            raise KeyMissingError("there is no key-encryption key", where=str(folder), remedy="restore the keys, or run `init`")
        self._newest = max(self._keks)

    def __repr__(self) -> str:
        return "FileKeys(…)"

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """AES key wrap (RFC 3394) under the newest key."""
        return self._newest, aes_key_wrap(self._keks[self._newest], data_key)

    def unwrap(self, kek_id: str, wrapped: bytes) -> bytes:
        """The data key."""
        kek = self._keks.get(kek_id)
        if kek is None:
            what = f"key-encryption key `{kek_id}` is missing"
            raise KeyMissingError(what, where=str(self._folder), remedy="restore its file")
        try:
            return aes_key_unwrap(kek, wrapped)
        except InvalidUnwrap:
            raise KeyMissingError("a data key cannot be unwrapped", remedy="restore the key that wrapped it") from None

    def secret(self, name: str) -> bytes:
        """The secret in `<name>.secret`."""
        return _read(self._folder / f"{name}.secret")


def require_private(path: Path) -> None:
    """Refuse a key file that others than its owner can read. Raises OSError when there is none."""
    if path.stat().st_mode & 0o077:
        raise KeyMissingError("a key file can be read by others", where=str(path), remedy="chmod 600, then rotate the key")


def _read(path: Path) -> bytes:
    try:
        require_private(path)
        key = path.read_bytes()
    except OSError as error:
        what = f"a key cannot be read ({error.strerror})"
        raise KeyMissingError(what, where=str(path), remedy="restore the keys, or run `init`") from None
    if len(key) != KEY_BYTES:
        raise KeyMissingError("a key file does not hold 32 bytes", where=str(path), remedy="restore it from the keys' backup")
    return key


def _write(path: Path, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(key)
        out.flush()
        os.fsync(out.fileno())
