"""What leaves, as canonical bytes: the record in the ledger holds their digest and length, so a receiver can hold both together.

The bytes are RFC 8785 JSON of the value itself, whatever the wire makes of it. Numbers that may pass 2^53 stand as text.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from policies.engine.crossing import Cell, EntryBatch, Noise, PersonView, Share


@dataclass(frozen=True, slots=True)
class Seal:
    """Digest (SHA-256, hex) and length of a payload."""

    digest: str
    length: int


def seal_of(payload: bytes) -> Seal:
    """The seal of canonical bytes."""
    return Seal(hashlib.sha256(payload).hexdigest(), len(payload))


def share_bytes(share: Share) -> bytes:
    """A share without the mark that says whether it was recorded before: the same answer gives the same bytes."""
    return rfc8785.dumps(
        {
            "region": share.region,
            "reading_epoch": share.reading_epoch,
            "frozen_at": share.frozen_at.astimezone(UTC).isoformat(),
            "cells": [[list(cell.keys), [str(value) for value in cell.values]] for cell in share.cells],
            "noise": [[str(each.variance_numerator), str(each.variance_denominator)] for each in share.noise],
            "suppressed": share.suppressed,
            "rho": share.rho,
        }
    )


def share_from_bytes(payload: bytes, *, recorded: bool) -> Share:
    """The share of its own bytes, as this node kept them."""
    body: dict[str, Any] = json.loads(payload)
    return Share(
        region=body["region"],
        reading_epoch=body["reading_epoch"],
        frozen_at=datetime.fromisoformat(body["frozen_at"]),
        cells=tuple(Cell(keys=tuple(keys), values=tuple(int(v) for v in values)) for keys, values in body["cells"]),
        noise=tuple(Noise(variance_numerator=int(n), variance_denominator=int(d)) for n, d in body["noise"]),
        suppressed=body["suppressed"],
        rho=body["rho"],
        recorded=recorded,
    )


def person_bytes(view: PersonView) -> bytes:
    """A person's fields as they left."""
    fields = [[field.name, field.form.value, field.value] for field in view.fields]
    return rfc8785.dumps({"region": view.region, "pseudonym": view.pseudonym.hex(), "fields": fields})


def batch_bytes(batch: EntryBatch) -> bytes:
    """A batch of entries. `more` is left out: it is about the next batch."""
    entries: list[Any] = [[e.pseudonym.hex(), [token.hex() for token in e.tokens], e.tombstone] for e in batch.entries]
    return rfc8785.dumps({"region": batch.region, "feed_epoch": batch.feed_epoch, "cursor": str(batch.cursor), "entries": entries})
