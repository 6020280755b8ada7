"""What has been decided before on the same facts, the same day and the same bundle. It never holds what a counter said.

A decision is a pure function of its request, so the same request may be answered from memory. The key is the content of the request
byte for byte, types included: what cannot be written so (a fact of a foreign type) is decided afresh each time.
"""

import marshal
from collections.abc import Hashable
from datetime import date
from typing import Any, TypeVar

from policies.engine.decision import Decision, FieldDecision
from policies.engine.request import TransferRequest

MOST = 4096
_NO_REFERENCES = 2  # later versions of the format write the same content differently according to who else refers to it
_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Memo:
    """Verdicts, forms of fields and attached laws by what they follow from; emptied when full. Threads may share it."""

    __slots__ = ("fields", "laws", "verdicts")

    def __init__(self) -> None:
        self.verdicts: dict[tuple[bytes, date, bool], Decision] = {}
        self.fields: dict[Any, FieldDecision] = {}
        self.laws: dict[Any, tuple[str, ...]] = {}

    def key(self, request: TransferRequest, at: date, *, counting: bool = False) -> tuple[bytes, date, bool] | None:
        """The content of a request on a day, and whether somebody counts; None when it has no canonical bytes."""
        asked = [(field.name, field.category) for field in request.fields] if request.fields else None
        # the plain value of the word: its property takes a third of the whole time
        content: Any = (request.kind._value_, request.facts, request.mechanisms, request.laws, asked)
        try:
            return marshal.dumps(content, _NO_REFERENCES), at, counting
        except ValueError:
            return None

    def keep(self, kept: dict[_K, _V], key: _K, value: _V) -> None:
        """Remember one."""
        if len(kept) >= MOST:
            kept.clear()
        kept[key] = value
