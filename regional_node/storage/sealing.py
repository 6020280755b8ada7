"""Sealing: what of a record only its subject's key can open, and keyed digests to find it by. Nothing sealed ever prints itself.

An envelope is `version byte || nonce (12) || AES-256-GCM ciphertext and tag` over the msgpack of the sealed fields, the custom
fields and the external keys. Its associated data bind kind, id and version of the record, so that an envelope moved to another row,
or an old one put back, does not open. Each subject has a data key of its own, wrapped by a `KeyProvider`.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

from policies.engine.errors import DomicileError
from regional_node.crm.contact import email_key, name_words, phone_key, prefixes
from regional_node.crm.fields import FIELDS, FieldSpec, FieldType, RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import ExternalId, Plain, Record, Value
from regional_node.storage.keys import INDEX_SECRET, KEY_BYTES, REQUEST_SECRET, KeyMissingError, KeyProvider

_FORMAT = b"\x01"
_NONCE = 12
_BATCH = 512  # nonces and keys drawn at once: a call to the system costs as much as a seal
_DIGEST = 16
_TOKEN = 8
_encode = msgspec.msgpack.Encoder().encode


class _Contents(msgspec.Struct, array_like=True):
    fields: dict[str, str]
    custom: dict[str, str]
    external: list[tuple[str, str]]


_decode = msgspec.msgpack.Decoder(_Contents).decode
_SEALED = {record_type: tuple(spec for spec in specs if spec.sealed) for record_type, specs in FIELDS.items()}
_SEALED_NAMES = {record_type: tuple(spec.name for spec in specs) for record_type, specs in _SEALED.items()}
_DATES = {record_type: {s.name for s in specs if s.type is FieldType.DATE} for record_type, specs in _SEALED.items()}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataKey:
    """The key of one subject, ready for use; `wrapped` and `kek_id` are what the store keeps."""

    cipher: AESGCM
    kek_id: str
    wrapped: bytes


class Sealer:
    """Seals and opens records. `random` gives that many bytes fit for keys. One per process; threads may share it."""

    def __init__(self, keys: KeyProvider, *, random: Callable[[int], bytes]) -> None:
        self._keys = keys
        self._random = random

    def new_key(self) -> DataKey:
        """A fresh data key."""
        plain = self._random(KEY_BYTES)
        kek_id, wrapped = self._keys.wrap(plain)
        return DataKey(cipher=AESGCM(plain), kek_id=kek_id, wrapped=wrapped)

    def key(self, kek_id: str, wrapped: bytes) -> DataKey:
        """A data key that the store kept."""
        return DataKey(cipher=AESGCM(self._keys.unwrap(kek_id, wrapped)), kek_id=kek_id, wrapped=wrapped)

    def mark(self, kek_id: str, wrapped: bytes, message: bytes) -> bytes:
        """HMAC-SHA-256 of `message` under a key derived from the subject's: it can be made again only while that key lives."""
        derived = hmac.digest(self._keys.unwrap(kek_id, wrapped), b"domicile subject mark", "sha256")
        return hmac.digest(derived, message, "sha256")

    def nonces(self) -> Iterator[bytes]:
        """Fresh nonces without end, drawn in batches; for one thread."""
        while True:
            drawn = self._random(_NONCE * _BATCH)
            for start in range(0, len(drawn), _NONCE):
                yield drawn[start : start + _NONCE]

    def seal(self, record: Record, version: int, *, key: DataKey, nonce: bytes) -> bytes:
        """The envelope of a record at that version."""
        return _FORMAT + nonce + key.cipher.encrypt(nonce, contents(record), _bound(record.type, record.id, version))

    def open(self, envelope: bytes, *, record_type: RecordType, record_id: str, version: int, key: DataKey) -> "Opened":
        """What an envelope holds. Raises KeyMissingError when it was altered or moved, or the key is another's."""
        if envelope[:1] != _FORMAT:
            raise KeyMissingError("an envelope has an unknown format", remedy="install the release that wrote it")
        nonce = envelope[1 : 1 + _NONCE]
        try:
            plain = key.cipher.decrypt(nonce, envelope[1 + _NONCE :], _bound(record_type, record_id, version))
        except InvalidTag:
            raise KeyMissingError(
                "an envelope does not open: it was altered, moved, or sealed under another key",
                where=f"{record_type.value} {record_id}",
                remedy="restore the record from a backup",
            ) from None
        return _opened(record_type, plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The sealed part of a record."""

    values: Mapping[str, Value]
    custom: Mapping[str, Personal[str]]
    external_ids: tuple[ExternalId, ...]


def contents(record: Record) -> bytes:
    """The sealed part of a record as msgpack, not yet sealed."""
    fields: dict[str, str] = {}
    values = record.values
    for name in _SEALED_NAMES[record.type]:
        value = values.get(name)
        plain = value.reveal() if isinstance(value, Personal) else value
        if plain is not None:
            fields[name] = plain if type(plain) is str else plain.isoformat() if isinstance(plain, date) else str(plain)
    custom = {name: value.reveal() for name, value in record.custom.items()}
    return _encode([fields, custom, [(one.system, one.key.reveal()) for one in record.external_ids]])


def _opened(record_type: RecordType, plain: bytes) -> Opened:
    try:
        held = _decode(plain)
    except msgspec.DecodeError:
        raise DomicileError("an envelope holds something else", remedy="install the release that wrote it") from None
    dates = _DATES[record_type]
    values: dict[str, Value] = {}
    for name, text in held.fields.items():
        value: Plain = date.fromisoformat(text) if name in dates else text
        values[name] = Personal(value)
    return Opened(
        values=values,
        custom={name: Personal(text) for name, text in held.custom.items()},
        external_ids=tuple(ExternalId(system=system, key=Personal(key)) for system, key in held.external),
    )


def _bound(record_type: RecordType, record_id: str, version: int) -> bytes:
    return f"{record_type.value}\0{record_id}\0{version}".encode()


class Indexer:
    """Keyed digests of values to look up: e-mail, phone, names, external keys. A phone without prefix is dialled in `country`."""

    def __init__(self, keys: KeyProvider, *, country: str) -> None:
        secret = keys.secret(INDEX_SECRET)
        self._contact = _keyed(secret, b"contact")
        self._name = _keyed(secret, b"name")
        self._external = _keyed(secret, b"external")
        self._requests = keys.secret(REQUEST_SECRET)
        self._country = country

    def __repr__(self) -> str:
        return "Indexer(…)"

    def email(self, record_type: RecordType, text: str) -> tuple[str, bytes]:
        """(kind, digest) of an e-mail address."""
        return self._blind(f"{record_type.value}.email", email_key(text))

    def phone(self, record_type: RecordType, text: str) -> tuple[str, bytes] | None:
        """(kind, digest) of a phone number, None when it has no digit."""
        key = phone_key(text, self._country)
        return None if key is None else self._blind(f"{record_type.value}.phone", key)

    def external(self, record_type: RecordType, system: str, key: str) -> bytes:
        """The digest of another system's key."""
        return _digest(self._external, f"{record_type.value}\0{system}\0{key}")[:_DIGEST]

    def prefix(self, record_type: RecordType, prefix: str) -> int:
        """The token of one prefix, as a signed 64-bit integer."""
        return int.from_bytes(_digest(self._name, f"{record_type.value}\0{prefix}")[:_TOKEN], "big", signed=True)

    def word(self, record_type: RecordType, word: str) -> tuple[int, ...]:
        """The tokens of all prefixes of a word."""
        return tuple(self.prefix(record_type, prefix) for prefix in prefixes(word))

    def request(self, message: bytes) -> str:
        """HMAC-SHA-256 of a request or an idempotency key, hex."""
        return hmac.new(self._requests, message, hashlib.sha256).hexdigest()

    def blind_rows(self, record: Record) -> set[tuple[str, bytes]]:
        """Everything under which the record is found exactly: (kind, digest)."""
        rows: set[tuple[str, bytes]] = set()
        for spec in _CONTACTS[record.type]:
            text = record.plain(spec.name)
            if not text:
                continue
            of = self.email if spec.type is FieldType.EMAIL else self.phone
            found = of(record.type, str(text))
            if found is not None:
                rows.add(found)
        return rows

    def tokens(self, record: Record, known: dict[str, tuple[int, ...]]) -> set[int]:
        """The tokens of all words of its names. `known` spares repeated names within one batch and is dropped with it."""
        rows: set[int] = set()
        for spec in _NAMES[record.type]:
            text = record.plain(spec.name)
            if not isinstance(text, str):
                continue
            tokens = known.get(text)
            if tokens is None:
                words = name_words(text)
                tokens = known[text] = tuple(token for word in words for token in self.word(record.type, word))
            rows.update(tokens)
        return rows

    def _blind(self, kind: str, key: str) -> tuple[str, bytes]:
        return kind, _digest(self._contact, f"{kind}\0{key}")[:_DIGEST]


def _keyed(secret: bytes, label: bytes) -> HMAC:
    return HMAC(hmac.digest(secret, b"domicile index " + label, "sha256"), hashes.SHA256())


def _digest(keyed: HMAC, message: str) -> bytes:
    copied = keyed.copy()  # a copy of a keyed object costs a third of a new one
    copied.update(message.encode())
    return copied.finalize()


def _searchable(*types: FieldType) -> dict[RecordType, tuple[FieldSpec, ...]]:
    return {kind: tuple(s for s in specs if s.searchable and s.type in types) for kind, specs in FIELDS.items()}


_CONTACTS = _searchable(FieldType.EMAIL, FieldType.PHONE)
_NAMES = _searchable(FieldType.TEXT)
