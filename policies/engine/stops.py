"""Stop notices: a flow ended at once, whatever the policies permit, until it is resumed. Nothing here ends a flow; the gate does.

A notice only ever denies, so the index's publisher key alone signs it, in one command. Notices are numbered without a gap.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.engine import envelope as envelopes
from policies.engine.envelope import Envelope, Genre, canonical, instant, open_envelope, texts, written
from policies.engine.errors import Code, DomicileError
from policies.engine.trust import KeyRole, Root

FORMAT = "domicile.policy-stop/1"
STOP = Genre(name="policy-stop", most=16 * 1024, code=Code.STOP_REFUSED)
ANY = "*"
MAX_REASON = 400
_ROLE = "publisher"
_MAX_NUMBER = 2**31 - 1
_KEYS = frozenset({"format", "federation", "number", "act", "exporter", "importer", "purpose", "reason", "issued", "ends"})
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_CODE = re.compile(r"\*\Z|[A-Z]{2,12}(?:-[A-Z0-9]{1,12})*\Z")
_PURPOSE = re.compile(r"[a-z][a-z_]*(?:\.[a-z_]+){0,7}\Z|\Z")


class Act(StrEnum):
    """What a notice does. Grammar: a verb."""

    STOP = "stop"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One notice. `exporter` is a law, `importer` a jurisdiction, `*` any; an empty `purpose` is any.

    `ends` is the number of the stop that a `resume` ends, 0 for a stop.
    """

    federation: str
    number: int
    act: Act
    exporter: str
    importer: str
    purpose: str
    reason: str
    issued: datetime
    ends: int = 0

    def covers(self, *, laws: Collection[str], importers: Collection[str], purpose: str) -> bool:
        """Whether a flow is stopped: `laws` are those that attach to the exporter, `importers` every code the importer goes by.

        A purpose covers those below it: `marketing` covers `marketing.advertising`.
        """
        if self.exporter != ANY and self.exporter not in laws:
            return False
        if self.importer != ANY and self.importer not in importers:
            return False
        return not self.purpose or purpose == self.purpose or purpose.startswith(f"{self.purpose}.")

    def signed(self, private_key: Ed25519PrivateKey) -> bytes:
        """The signed notice. Raises STOP_REFUSED for one that no reader would take."""
        return Envelope(genre=STOP, payload=_payload(self)).signed(role=_ROLE, private_key=private_key).to_bytes()


def open_stop(raw: bytes, root: Root) -> Stop:
    """The notice of an envelope that a publisher of the root signed. Raises STOP_REFUSED.

    A publisher's key that was rotated still vouches for what was issued before; one that is revoked for nothing, but a node that
    took a stop keeps it: what denies is not undone by a key's end.
    """
    stop, stands = open_past(raw, root)
    if not stands:
        raise STOP.broken("the key of its publisher is revoked", "fetch the list of keys, then the notice again")
    return stop


def open_past(raw: bytes, root: Root) -> tuple[Stop, bool]:
    """The same, and whether its publisher's key stands: one revoked since hides no later notice. Raises STOP_REFUSED.

    Under a revoked key a stop may still be obeyed, since it only denies; a resumption never.
    """
    envelope = open_envelope(raw, STOP)
    stop = _read(envelope.payload)
    if stop.federation != root.federation:
        raise STOP.broken("it is of another federation")
    revoked = False
    for signature in envelope.of(_ROLE):
        key = root.key(signature.key)
        if key is None or key.role is not KeyRole.PUBLISHER or not envelopes.verify(envelope, signature, key.public):
            continue
        if key.revoked is not None:
            revoked = True
        elif key.rotated is None or stop.issued < key.rotated:
            return stop, True
    if revoked:
        return stop, False
    raise STOP.broken("it is not signed by a publisher of this federation", "fetch the list of keys, then the notice again")


def read_stop(raw: bytes) -> Stop:
    """The notice of an envelope, its signatures not verified: for one's own store. Others call `open_stop`."""
    return _read(open_envelope(raw, STOP).payload)


def in_force(notices: Iterable[Stop]) -> tuple[Stop, ...]:
    """The stops that nothing has resumed, by number."""
    known = sorted(notices, key=lambda one: one.number)
    ended = {each.ends for each in known if each.act is Act.RESUME}
    return tuple(each for each in known if each.act is Act.STOP and each.number not in ended)


def _payload(stop: Stop) -> bytes:
    body: dict[str, Any] = {
        "format": FORMAT,
        "federation": stop.federation,
        "number": stop.number,
        "act": stop.act.value,
        "exporter": stop.exporter,
        "importer": stop.importer,
        "purpose": stop.purpose,
        "reason": stop.reason,
        "issued": written(stop.issued),
        "ends": stop.ends,
    }
    raw = rfc8785.dumps(body)
    _read(raw)
    return raw


def _read(raw: bytes) -> Stop:
    body = canonical(raw, STOP, most=STOP.most)
    if not isinstance(body, dict) or set(body) != _KEYS:
        raise STOP.broken("keys of the payload are missing or unknown")
    found = texts(body, STOP, "format", "federation", "act", "exporter", "importer", "purpose", "reason")
    if found["format"] != FORMAT or not _LABEL.match(found["federation"]) or found["act"] not in set(Act):
        raise STOP.broken("its format, federation or act is not of its form")
    if not _CODE.match(found["exporter"]) or not _CODE.match(found["importer"]):
        raise STOP.broken("it names a law or an importer that is no code", f"write it like `EU` or `US-CA`, `{ANY}` for any")
    if not _PURPOSE.match(found["purpose"]):
        raise STOP.broken("it names a purpose that is none", "write it like `marketing`, or leave it out for any")
    if not 1 <= len(found["reason"]) <= MAX_REASON or not found["reason"].isprintable():
        raise STOP.broken(what=f"its reason is not a line of at most {MAX_REASON} characters", remedy="give the reason in one line")
    for name, least in (("number", 1), ("ends", 0)):
        if type(body[name]) is not int or not least <= body[name] <= _MAX_NUMBER:
            raise STOP.broken(what=f"`{name}` is not a whole number from {least}")
    if (found["act"] == Act.RESUME) is not bool(0 < body["ends"] < body["number"]) or (found["act"] == Act.STOP and body["ends"]):
        raise STOP.broken("a resumption, and nothing else, ends an earlier stop")
    return Stop(
        federation=found["federation"],
        number=body["number"],
        act=Act(found["act"]),
        exporter=found["exporter"],
        importer=found["importer"],
        purpose=found["purpose"],
        reason=found["reason"],
        issued=instant(body["issued"], STOP),
        ends=body["ends"],
    )


def next_number(notices: Collection[Stop], after: int) -> None:
    """Raise STOP_REFUSED unless the notices follow `after` one by one: a gap would hide a stop."""
    expected = after
    for each in notices:
        expected += 1
        if each.number != expected:
            raise DomicileError(
                what=f"notice {expected} is missing",
                where=STOP.name,
                remedy="fetch the notices again, and see that the index holds all of them",
                code=Code.STOP_REFUSED,
            )
