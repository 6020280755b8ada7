"""The first reading of a file: is every byte text, how many rows, which keys may stand twice. Nothing here keeps a cell.

Repeated keys are found in bounded memory: a key's hash sets one bit of a field as many bits long as the file has bytes (at most
16 MiB); a key that finds its bit set may be a repeat and is remembered as a number. The second reading decides.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from regional_node.usecases.imports.reading import Row, Table

_TELL_EVERY = 20_000
_MOST_BYTES = 16 << 20
_LEAST_BYTES = 1 << 10


@dataclass(slots=True, kw_only=True)
class Survey:
    """What the first reading found. `digest` is keyed and stands for the rows' text."""

    key_column: int | None
    rows: int = 0
    digest: str = ""
    suspects: set[int] = field(default_factory=set)

    def may_repeat(self, row: Row) -> bool:
        """Whether another row may have the same key, or the same cells where there is no key."""
        return self.mark(row) in self.suspects

    def mark(self, row: Row) -> int:
        """A number that rows of the same key share, in this process."""
        return hash(row.cells[self.key_column].strip() if self.key_column is not None else tuple(row.cells))


def survey(table: Table, key_column: int | None, secret: bytes, tell: Callable[[int], None]) -> Survey:
    """Read the whole file once. Raises ImportFileError for what makes it no file of rows."""
    found = Survey(key_column=key_column)
    bits = bytearray(min(max(table.size // 8, _LEAST_BYTES), _MOST_BYTES))
    length = len(bits) * 8
    content = hmac.new(secret, digestmod=hashlib.sha256)
    for row in table.rows():
        found.rows += 1
        content.update("\x1f".join(row.cells).encode("utf-8", "surrogatepass"))
        content.update(b"\x1e")
        if found.rows % _TELL_EVERY == 0:
            tell(found.rows)
        if row.fault is not None:
            continue
        mark = found.mark(row)
        place, bit = divmod(mark % length, 8)
        if bits[place] >> bit & 1:
            found.suspects.add(mark)
        bits[place] |= 1 << bit
    found.digest = content.hexdigest()
    tell(found.rows)
    return found
