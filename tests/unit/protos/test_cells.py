"""Arrow streams from outside: read as far as the contract goes, and refused whole otherwise."""

import struct

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.engine.crossing import Cell
from policies.engine.errors import Code, DomicileError
from protos import cells as room
from protos.cells import cells_from_arrow, cells_to_arrow

CELLS = (Cell(keys=("DE", None), values=(1, -2)), Cell(keys=("FR", "a"), values=(3, 4)))
RAW = cells_to_arrow(CELLS, keys=2, values=2)


def stream(schema: pa.Schema, *batches: pa.RecordBatch, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


SCHEMA = pa.schema([pa.field("k0", pa.utf8()), pa.field("v0", pa.int64(), nullable=False)])
BATCH = pa.record_batch([pa.array(["DE"] * 100), pa.array([1] * 100)], schema=SCHEMA)


def refused(raw: bytes, *, keys: int = 1, values: int = 1) -> str:
    with pytest.raises(DomicileError) as caught:
        cells_from_arrow(raw, keys=keys, values=values)
    assert caught.value.code is Code.MESSAGE_TRUNCATED
    return str(caught.value)


@given(
    st.lists(
        st.tuples(
            st.tuples(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))),
            st.tuples(st.integers(-(2**63), 2**63 - 1)),
        ),
        max_size=20,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cells_come_out_as_they_went_in(rows: list[tuple[tuple[str | None], tuple[int]]]) -> None:
    cells = tuple(Cell(keys=keys, values=values) for keys, values in rows)
    assert cells_from_arrow(cells_to_arrow(cells, keys=1, values=1), keys=1, values=1) == cells


def test_an_ordinary_stream_of_another_writer_is_read() -> None:
    assert len(cells_from_arrow(stream(SCHEMA, BATCH), keys=1, values=1)) == 100


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_stream_is_refused_before_it_unfolds(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = stream(SCHEMA, BATCH, compression=codec)
    assert "it is compressed" in refused(raw)
    monkeypatch.setattr(room, "_compressed", lambda _: False)
    assert len(cells_from_arrow(raw, keys=1, values=1)) == 100  # what the check prevents


def test_a_stream_of_another_shape_is_refused() -> None:
    refused(stream(SCHEMA))
    refused(stream(SCHEMA, BATCH, BATCH))
    refused(stream(SCHEMA, BATCH) + b"more")
    refused(stream(SCHEMA, BATCH), keys=2)
    refused(stream(SCHEMA.with_metadata({"pandas": "x"}), BATCH.replace_schema_metadata({"pandas": "x"})))
    for column in (
        pa.field("v0", pa.float64(), nullable=False),
        pa.field("v0", pa.int32(), nullable=False),
        pa.field("v1", pa.int64(), nullable=False),
        pa.field("v0", pa.int64(), nullable=True),
    ):
        schema = pa.schema([SCHEMA.field(0), column])
        refused(stream(schema, pa.record_batch([pa.array(["DE"]), pa.array([1], column.type)], schema=schema)))


def test_a_dictionary_is_refused() -> None:
    coded = pa.array(["DE"]).dictionary_encode()
    schema = pa.schema([pa.field("k0", coded.type), SCHEMA.field(1)])
    refused(stream(schema, pa.record_batch([coded, pa.array([1])], schema=schema)))


def test_text_that_is_not_utf8_is_refused() -> None:
    bad = pa.Array.from_buffers(
        pa.utf8(), 1, [None, pa.py_buffer((0).to_bytes(4, "little") + (2).to_bytes(4, "little")), pa.py_buffer(b"\xff\xfe")]
    )
    refused(stream(SCHEMA, pa.record_batch([bad, pa.array([1])], schema=SCHEMA)))


def test_offsets_beyond_the_buffer_are_refused() -> None:
    offsets = struct.pack("<iii", 0, 2, 4)
    assert RAW.count(offsets) == 1
    for wild in ((0, 2, 2**30), (0, 2**30, 4), (-4, 2, 4), (2, 0, 4)):
        refused(RAW.replace(offsets, struct.pack("<iii", *wild)), keys=2, values=2)


def test_too_many_cells_or_too_long_a_key_are_refused() -> None:
    many = pa.record_batch([pa.array(["DE"] * 100_001), pa.array([1] * 100_001)], schema=SCHEMA)
    refused(stream(SCHEMA, many))
    refused(stream(SCHEMA, pa.record_batch([pa.array(["x" * 257]), pa.array([1])], schema=SCHEMA)))
    refused(b"\0" * (room.MAX_CELL_BYTES + 1))


@pytest.mark.parametrize("cell", [Cell(keys=(), values=(1,)), Cell(keys=("a",), values=()), Cell(keys=("a",), values=(2**63,))])
def test_a_cell_that_does_not_fit_is_not_sent(cell: Cell) -> None:
    with pytest.raises(DomicileError):
        cells_to_arrow([cell], keys=1, values=1)


def test_a_stream_cut_off_anywhere_is_refused() -> None:
    for end in range(len(RAW) - 8):  # the last eight bytes only say that nothing follows
        refused(RAW[:end], keys=2, values=2)


@given(st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 7)), min_size=1, max_size=5))
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_stream_with_turned_bits_never_crashes(turned: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for place, bit in turned:
        raw[place] ^= 1 << bit
    try:
        cells_from_arrow(bytes(raw), keys=2, values=2)
    except DomicileError as error:
        assert error.code is Code.MESSAGE_TRUNCATED  # noqa: PT017 - a stream may also survive a turned bit in its padding
