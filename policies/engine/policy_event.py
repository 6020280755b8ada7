"""What happened to the policies of a node, as its ledger keeps it beside the decisions. Nothing about a person fits into it.

A leaf of this kind names an event where a decision record names an outcome, so that neither can be taken for the other.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import rfc8785

from policies.engine.errors import Code, DomicileError
from policies.engine.facts import PURPOSES

EVENT_VERSION = 1
_TOKEN = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.:+-]{0,127})?\Z")
_DIGEST = re.compile(r"([0-9a-f]{64})?\Z")
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"


class PolicyHappening(StrEnum):
    """What happened. Grammar: `policy:object:verb-in-past`."""

    FLOW_STOPPED = "policy:flow:stopped"
    FLOW_RESUMED = "policy:flow:resumed"
    BUNDLE_INSTALLED = "policy:bundle:installed"
    DRAFT_REHEARSED = "policy:draft:rehearsed"
    DRAFT_COUNTERSIGNED = "policy:draft:countersigned"
    LIST_LOADED = "policy:list:loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvent:
    """One event. `stop` is a stop's id, `importer` a jurisdiction (empty: all), `by` who did it: `node`, `index` or a key's id.

    `bundle` and `digest` say of which bundle or draft, `of_list` and `digest` of which list; why somebody stopped a flow is free
    text and stays in the store.
    """

    event: PolicyHappening
    at: datetime
    region: str
    by: str
    stop: str = ""
    importer: str = ""
    purpose: str = ""
    bundle: int = 0
    digest: str = ""
    of_list: str = ""
    event_version: int = EVENT_VERSION

    def __post_init__(self) -> None:
        """Refuse anything that is not of its closed form."""
        tokens = (self.region, self.by, self.stop, self.importer, self.of_list)
        fits = (
            isinstance(self.event, PolicyHappening)
            and self.at.tzinfo is not None
            and all(isinstance(each, str) and _TOKEN.match(each) for each in tokens)
            and (self.purpose == "" or self.purpose in PURPOSES)
            and type(self.bundle) is int
            and 0 <= self.bundle < 1 << 53
            and bool(_DIGEST.match(self.digest))
            and self.event_version == EVENT_VERSION
        )
        if not fits:
            raise _broken("a value is not of the form that an event may hold")


def event_bytes(event: PolicyEvent) -> bytes:
    """The event as RFC 8785 JSON: what is hashed into the ledger's leaf."""
    body: dict[str, Any] = asdict(event)
    body["at"] = event.at.astimezone(UTC).strftime(_INSTANT)
    if not event.of_list:
        del body["of_list"]  # leaves from before there were lists keep their bytes
    return rfc8785.dumps(body)


def is_event(leaf: bytes) -> bool:
    """Whether a leaf keeps an event and not a decision."""
    return b'"event_version":' in leaf and _opened(leaf) is not None


def event_of(leaf: bytes) -> PolicyEvent:
    """The event of a leaf. Raises INPUT_INVALID for anything but the canonical bytes of one."""
    body = _opened(leaf)
    if body is None:
        raise _broken("the bytes are not an event")
    try:
        body["at"] = datetime.strptime(body["at"], _INSTANT).replace(tzinfo=UTC)
        event = PolicyEvent(**body | {"event": PolicyHappening(body["event"])})
    except (ValueError, TypeError, KeyError):
        raise _broken("the bytes are not an event") from None
    if event_bytes(event) != leaf:
        raise _broken("the bytes are not canonical")
    return event


def _opened(leaf: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(leaf)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and "event_version" in body else None


def _broken(what: str) -> DomicileError:
    return DomicileError(what, where="policy event", remedy="record only impersonal values", code=Code.INPUT_INVALID)
