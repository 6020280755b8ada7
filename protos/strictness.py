"""Reading a field of a message from outside: what is not exactly right is refused. Nothing here repairs or guesses."""

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from policies.engine.errors import Code, DomicileError

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_TEXT = 1024
MAX_LIST = 256

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


def refusal(where: str, what: str) -> DomicileError:
    """The one error of this room, to be raised. `what` never repeats the value: it came from outside."""
    return DomicileError(what, where=where, remedy="both sides must speak the contract of `protos/v1`", code=Code.MESSAGE_TRUNCATED)


def text(value: str, where: str, *, most: int = MAX_TEXT, empty: bool = False) -> str:
    """Printable text of at most `most` characters."""
    if not value and not empty:
        raise refusal(where, "it is empty")
    if len(value) > most:
        raise refusal(where, f"it is longer than {most} characters")
    if _CONTROL.search(value):
        raise refusal(where, "it holds control characters")
    return value


def name(value: str, where: str) -> str:
    """A name of the model: lowercase letters, digits and underscores, at most 64."""
    if not _NAME.fullmatch(value):
        raise refusal(where, "it is not a name of the model")
    return value


def region(value: str, where: str) -> str:
    """The name of a region: a DNS label."""
    if not _REGION.fullmatch(value):
        raise refusal(where, "it is not the name of a region")
    return value


def digest(value: str, where: str, *, empty: bool = False) -> str:
    """SHA-256 in lowercase hex."""
    if not (empty and not value) and not _DIGEST.fullmatch(value):
        raise refusal(where, "it is not a SHA-256 digest in hex")
    return value


def octets(value: bytes, where: str, *, length: int) -> bytes:
    """Exactly `length` bytes."""
    if len(value) != length:
        raise refusal(where, f"it is not {length} bytes long")
    return value


def at_most(values: Collection[T], where: str, *, most: int = MAX_LIST) -> Collection[T]:
    """A list of at most `most` members."""
    if len(values) > most:
        raise refusal(where, f"it has more than {most} members")
    return values


def texts(values: Collection[str], where: str, *, most: int = MAX_LIST, longest: int = MAX_TEXT) -> tuple[str, ...]:
    """A bounded list of bounded texts."""
    return tuple(text(value, where, most=longest) for value in at_most(values, where, most=most))


def member(names: dict[int, E], number: int, where: str) -> E:
    """The value of a closed list by its number on the wire; the zero value and unknown numbers are refused."""
    if number not in names:
        raise refusal(where, "it is unspecified or unknown")
    return names[number]


def numbered(members: Iterable[E], prefix: str, numbers: dict[str, int]) -> dict[int, E]:
    """Numbers on the wire of a closed list, by the names in the contract: `prefix` + the member's name in capitals."""
    return {numbers[f"{prefix}{each.name}"]: each for each in members}


def whole(message: Message, where: str) -> None:
    """Refuse a message with fields this contract does not know: leaving out a part of a question would change its meaning."""
    if len(UnknownFieldSet(message)):
        raise refusal(where, "it holds fields that are not known here")
