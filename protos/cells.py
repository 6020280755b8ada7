"""The cells of a share as an Arrow IPC stream: key columns k0.. (utf8), value columns v0.. (int64). Nothing here names a column.

What comes from outside is read in five steps, since Arrow trusts what a stream says of itself:
(1) size, (2) exactly one schema and one record batch, (3) no compression, which could unfold without bound,
(4) exactly the expected schema, (5) full validation of offsets and text.
"""

import struct
from collections.abc import Sequence

import pyarrow as pa

from policies.engine.crossing import Cell
from protos.strictness import refusal

MAX_CELLS = 100_000
MAX_KEYS = 8
MAX_VALUES = 16
MAX_CELL_BYTES = 15 * 1024 * 1024
MAX_KEY_TEXT = 256

_WHERE = "cells_arrow"
_LARGEST = 2**63
_RECORD_BATCH = 3  # the type of a message's header, of Arrow's Message.fbs
_COMPRESSION_SLOT = 3  # the fields of RecordBatch are length, nodes, buffers, compression


def cells_to_arrow(cells: Sequence[Cell], *, keys: int, values: int) -> bytes:
    """An IPC stream of one batch. Raises MESSAGE_TRUNCATED when a cell does not have that many keys and values."""
    if len(cells) > MAX_CELLS or keys > MAX_KEYS or not 1 <= values <= MAX_VALUES:
        raise refusal(_WHERE, "there are too many cells, keys or values, or no value")
    for cell in cells:
        if len(cell.keys) != keys or len(cell.values) != values:
            raise refusal(_WHERE, "a cell does not fit the plan")
        if any(not -_LARGEST <= value < _LARGEST for value in cell.values):
            raise refusal(_WHERE, "a value is not a 64-bit integer")
    schema = _schema(keys, values)
    columns = [pa.array([cell.keys[i] for cell in cells], pa.utf8()) for i in range(keys)]
    columns += [pa.array([cell.values[i] for cell in cells], pa.int64()) for i in range(values)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    content: bytes = sink.getvalue().to_pybytes()
    if len(content) > MAX_CELL_BYTES:
        raise refusal(_WHERE, "it is too large")
    return content


def cells_from_arrow(content: bytes, *, keys: int, values: int) -> tuple[Cell, ...]:
    """The cells of an IPC stream from outside. Raises MESSAGE_TRUNCATED for anything but what `cells_to_arrow` writes."""
    if len(content) > MAX_CELL_BYTES:  # (1)
        raise refusal(_WHERE, "it is too large")
    try:
        return _read(content, keys, values)
    except (pa.ArrowException, struct.error, OSError, ValueError, TypeError, OverflowError, MemoryError):
        raise refusal(_WHERE, "it is not a whole Arrow stream") from None


def _schema(keys: int, values: int) -> pa.Schema:
    fields = [pa.field(f"k{i}", pa.utf8(), nullable=True) for i in range(keys)]
    return pa.schema(fields + [pa.field(f"v{i}", pa.int64(), nullable=False) for i in range(values)])


def _read(content: bytes, keys: int, values: int) -> tuple[Cell, ...]:
    source = pa.BufferReader(content)
    messages = list(pa.ipc.MessageReader.open_stream(source))  # (2)
    if [message.type for message in messages] != ["schema", "record batch"] or source.tell() != len(content):
        raise refusal(_WHERE, "it is not one schema and one batch")
    if _compressed(messages[1].metadata.to_pybytes()):  # (3)
        raise refusal(_WHERE, "it is compressed")
    schema = pa.ipc.read_schema(messages[0])
    if not schema.equals(_schema(keys, values), check_metadata=True):  # (4)
        raise refusal(_WHERE, "its columns are not those of the plan")
    batch = pa.ipc.read_record_batch(messages[1], schema)
    if batch.num_rows > MAX_CELLS:
        raise refusal(_WHERE, f"it has more than {MAX_CELLS} cells")
    batch.validate(full=True)  # (5)
    return _cells(batch, keys)


def _cells(batch: pa.RecordBatch, keys: int) -> tuple[Cell, ...]:
    columns = [column.to_pylist() for column in batch.columns]
    for column in columns[:keys]:
        if any(key is not None and len(key) > MAX_KEY_TEXT for key in column):
            raise refusal(_WHERE, "a key is too long")
    if any(column.null_count for column in batch.columns[keys:]):
        raise refusal(_WHERE, "a value is missing")
    return tuple(Cell(keys=row[:keys], values=row[keys:]) for row in zip(*columns, strict=True))


def _compressed(metadata: bytes) -> bool:
    """Whether a message's flatbuffer names a compression, or is no record batch. Slots: 1 is the header's type, 2 the header."""
    message = struct.unpack_from("<I", metadata, 0)[0]
    kind, header = _slot(metadata, message, 1), _slot(metadata, message, 2)
    if kind is None or header is None or metadata[kind] != _RECORD_BATCH:
        return True
    batch = header + struct.unpack_from("<I", metadata, header)[0]
    return _slot(metadata, batch, _COMPRESSION_SLOT) is not None


def _slot(metadata: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer table stands, None when it is absent. Raises struct.error outside the buffer."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    if vtable < 0:
        raise struct.error
    size = struct.unpack_from("<H", metadata, vtable)[0]
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", metadata, vtable + place)[0] if place + 2 <= size else 0
    if offset and table + offset >= len(metadata):
        raise struct.error
    return table + offset if offset else None
