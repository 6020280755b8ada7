"""The decision record: what the ledger keeps of a crossing, from an allow-list of impersonal fields.

Nothing about a person fits into it: every text is a closed word, an opaque id, a number or a digest, checked when it is made.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

import rfc8785

from policies.engine.errors import Code, DomicileError
from policies.engine.facts import CATEGORIES, PURPOSES, look_up
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Form, Kind, Outcome, Shape

RECORD_VERSION = 1
Input: TypeAlias = str | int | bool | tuple[str, ...]

IMPERSONAL = frozenset(
    {
        "purpose", "legal_basis", "frequency", "channel", "agreement", "necessity", "foreign_order", "transit", "stage",
        "first_store_region", "processing.strategic", "data.shape", "data.persons", "data.window", "data.pseudonymisation",
        "data.key_location", "data.transform", "data.jp_class", "data.omic", "data.important", "data.persons_cumulative_since_jan1",
        "data.sensitive_cumulative_since_jan1",
    }
)  # fmt: skip
"""Decision inputs that say nothing of a person, so that a draft policy can be rehearsed on the record."""

_OF_ORGANISATIONS = ("exporter", "importer", "bulk")
"""Whatever is stated below these is of an organisation or a count over many persons, and never of one of them."""

_PATH = re.compile(r"[a-z]+(\.[a-z_0-9]+){1,3}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}\Z")
_WORD = re.compile(r"[a-z][A-Za-z0-9_.-]{0,127}\Z")
_DIGEST = re.compile(r"([0-9a-f]{64})?\Z")
_NONCE = re.compile(r"[0-9a-f]{16,64}\Z")
_RHO = re.compile(r"([0-9]{1,18}(\.[0-9]{1,36})?|[0-9]{1,36}/[1-9][0-9]{0,36})?\Z")
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_MAX = 256


def _broken(what: str) -> DomicileError:
    return DomicileError(what, where="decision record", remedy="record only impersonal values", code=Code.INPUT_INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One crossing or refusal. Ids are opaque; `subject` is an HMAC (hex) under a key that erasure destroys, or empty.

    `fields` pairs each field's name in the model with its form; `payload_digest` is SHA-256 (hex) of what left and
    `payload_length` its bytes (0 when nothing left); `rho` is what the answer cost as a decimal or a fraction, empty without
    one; `recorded` says that the answer was given again and this leaf adds no charge: who adds charges up counts a question once.
    """

    kind: Kind
    at: datetime
    exporter_region: str
    exporter_jurisdiction: str
    importer: str
    importer_jurisdiction: str
    analyst: str = ""
    role: str = ""
    purpose: str = ""
    shape: Shape
    categories: tuple[str, ...] = ()
    fields: tuple[tuple[str, Form], ...] = ()
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    inputs: Mapping[str, Input] = field(default_factory=dict)
    policy_digest: str = ""
    plan_digest: str = ""
    reading_epoch: str = ""
    rho: str = ""
    recorded: bool = False
    payload_digest: str = ""
    payload_length: int = 0
    subject: str = ""
    nonce: str
    version: int = RECORD_VERSION

    def __post_init__(self) -> None:
        """Refuse anything that is not of its closed form."""
        for name, fits in _CHECKS.items():
            if not fits(getattr(self, name)):
                message = f"`{name}` is not of the form that a record may hold"
                raise _broken(message)


def _token(value: object) -> bool:
    return isinstance(value, str) and bool(_TOKEN.match(value))


def _optional_token(value: object) -> bool:
    return value == "" or _token(value)


def _matching(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and bool(pattern.match(value))


def _words(value: object) -> bool:
    return isinstance(value, tuple) and len(value) <= _MAX and all(isinstance(v, str) and bool(_WORD.match(v)) for v in value)


def _forms(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) > _MAX:
        return False
    return all(
        isinstance(pair, tuple) and len(pair) == len(("name", "form")) and isinstance(pair[1], Form) and bool(_WORD.match(pair[0]))
        for pair in value
    )


def _inputs(value: object) -> bool:
    return isinstance(value, Mapping) and all(is_impersonal(path) and _input(found) for path, found in value.items())


def _input(value: object) -> bool:
    if isinstance(value, bool | int):
        return True
    return _token(value) or (isinstance(value, tuple) and all(_token(v) for v in value))


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "kind": lambda value: isinstance(value, Kind),
    "at": lambda value: isinstance(value, datetime) and value.tzinfo is not None,
    "exporter_region": _token,
    "exporter_jurisdiction": _token,
    "importer": _optional_token,
    "importer_jurisdiction": _optional_token,
    "analyst": _optional_token,
    "role": _optional_token,
    "purpose": lambda value: value == "" or value in PURPOSES,
    "shape": lambda value: isinstance(value, Shape),
    "categories": lambda value: isinstance(value, tuple) and all(category in CATEGORIES for category in value),
    "fields": _forms,
    "outcome": lambda value: isinstance(value, Outcome),
    "reasons": _words,
    "rules": _words,
    "obligations": _words,
    "inputs": _inputs,
    "policy_digest": _matching(_DIGEST),
    "plan_digest": _matching(_DIGEST),
    "reading_epoch": _optional_token,
    "rho": _matching(_RHO),
    "recorded": lambda value: type(value) is bool,
    "payload_digest": _matching(_DIGEST),
    "payload_length": lambda value: type(value) is int and 0 <= value < 1 << 53,
    "subject": _matching(_DIGEST),
    "nonce": _matching(_NONCE),
    "version": lambda value: value == RECORD_VERSION,
}


def is_impersonal(path: str) -> bool:
    """Whether a record may hold the input at this path."""
    return path in IMPERSONAL or (path.partition(".")[0] in _OF_ORGANISATIONS and bool(_PATH.match(path)))


def impersonal_inputs(request: TransferRequest, counted: Mapping[str, int] = MappingProxyType({})) -> dict[str, Input]:
    """The impersonal inputs of a request and what counters said, as a record may hold them. What does not fit is left out."""
    stated: dict[str, Any] = {path: look_up(request.facts, tuple(path.split("."))) for path in sorted(IMPERSONAL)}
    for head in _OF_ORGANISATIONS:
        stated.update(_below(head, request.facts.get(head)))
    stated.update(counted)
    found: dict[str, Input] = {}
    for path, stated_value in stated.items():
        value = tuple(stated_value) if isinstance(stated_value, list) else stated_value
        if value is not None and is_impersonal(path) and _input(value):
            found[path] = value
    return found


def _below(path: str, side: Any) -> dict[str, Any]:
    if not isinstance(side, Mapping):
        return {path: side} if "." in path else {}
    return {inner: value for key, each in side.items() for inner, value in _below(f"{path}.{key}", each).items()}


def canonical_bytes(record: DecisionRecord) -> bytes:
    """The record as RFC 8785 JSON: what is hashed into the ledger's leaf."""
    body: dict[str, Any] = {name: getattr(record, name) for name in _NAMES}
    body["at"] = record.at.astimezone(UTC).strftime(_INSTANT)
    body["fields"] = [[name, form.value] for name, form in record.fields]
    body["inputs"] = {path: list(v) if isinstance(v, tuple) else v for path, v in record.inputs.items()}
    for name in _TUPLES:
        body[name] = list(body[name])
    if not record.recorded:
        del body["recorded"]  # only ever written as true: leaves from before it was known keep their bytes
    return rfc8785.dumps(body)


def from_bytes(raw: bytes) -> DecisionRecord:
    """The record of a leaf. Raises INPUT_INVALID for anything but the canonical bytes of a record."""
    try:
        body = json.loads(raw)
        if {*body, "recorded"} != set(_NAMES):
            raise _broken("keys are missing or unknown")
        body["at"] = datetime.strptime(body["at"], _INSTANT).replace(tzinfo=UTC)
        body["kind"], body["shape"], body["outcome"] = Kind(body["kind"]), Shape(body["shape"]), Outcome(body["outcome"])
        body["fields"] = tuple((str(name), Form(form)) for name, form in body["fields"])
        body["inputs"] = {path: tuple(v) if isinstance(v, list) else v for path, v in body["inputs"].items()}
        body.update({name: tuple(body[name]) for name in _TUPLES})
        record = DecisionRecord(**body)
        again = canonical_bytes(record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _broken("the bytes are not a decision record") from None
    if again != raw:
        raise _broken("the bytes are not canonical")
    return record


_NAMES = tuple(f.name for f in fields(DecisionRecord))
_TUPLES = ("categories", "reasons", "rules", "obligations")
