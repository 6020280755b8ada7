"""A person's signing key as a file: made, read with its passphrase, and its public half as text. It is never sent or logged.

PKCS #8 PEM (encrypted where there is a passphrase), readable by its owner alone; the public half is PEM or 64 hexadecimal digits.
"""

import os
import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policies.engine.errors import Code, DomicileError

_HEX = re.compile(r"[0-9a-f]{64}\Z")
_OTHERS = 0o077


def make_key_file(path: Path, private_key: Ed25519PrivateKey, *, passphrase: str = "") -> None:
    """Write a private key to a new file of mode 0600. Raises RECORD_DUPLICATE for a file that exists, FILE_INVALID."""
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise DomicileError(
            "there is a file of this name already", where=str(path), remedy="choose another name", code=Code.RECORD_DUPLICATE
        ) from None
    except OSError:
        raise DomicileError(
            "the key cannot be written there", where=str(path), remedy="choose a folder of your own", code=Code.FILE_INVALID
        ) from None


def read_key_file(path: Path, *, passphrase: str = "") -> Ed25519PrivateKey:
    """The private key of a file that only its owner may read. Raises KEY_MISSING."""
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except OSError:
        raise _missing(path, "the key file cannot be read", "give the file that was made when the key was enrolled") from None
    if mode & _OTHERS:
        raise _missing(path, "others than its owner may read the key file", f"run `chmod 600 {path.name}`")
    try:
        key = serialization.load_pem_private_key(pem, password=passphrase.encode() or None)
    except TypeError:
        wanted = "needs a passphrase" if not passphrase else "has no passphrase"
        raise _missing(path, f"the key file {wanted}", "give or leave out `--passphrase-file`") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _missing(path, "the key file is damaged, or the passphrase is not its own", "try the passphrase again") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _missing(path, "it is not an Ed25519 key", "give the file that was made when the key was enrolled")
    return key


def public_text(public_key: Ed25519PublicKey) -> str:
    """The public half as PEM, to be handed to whoever enrolls it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public_key.public_bytes(serialization.Encoding.PEM, form).decode("ascii")


def read_public(text: str) -> Ed25519PublicKey:
    """A public key from PEM or 64 hexadecimal digits. Raises INPUT_INVALID; a private key is refused, and must be replaced."""
    given = text.strip()
    if "PRIVATE KEY" in given:
        raise DomicileError(
            "this is a private key", remedy="make a new one, which nobody else has seen, and hand over its public half",
            code=Code.INPUT_INVALID,
        )  # fmt: skip
    try:
        if _HEX.match(given.lower()):
            return Ed25519PublicKey.from_public_bytes(bytes.fromhex(given))
        key = serialization.load_pem_public_key(given.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise DomicileError(
            "this is not an Ed25519 public key", remedy="hand over what was printed when the key was made", code=Code.INPUT_INVALID
        )
    return key


def _missing(path: Path, what: str, remedy: str) -> DomicileError:
    return DomicileError(what, where=str(path), remedy=remedy, code=Code.KEY_MISSING)
