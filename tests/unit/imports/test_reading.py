"""A file as rows: encodings, delimiters, what is refused by row and what refuses the file."""

import csv
import io
import os
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine.errors import DomicileError
from regional_node.usecases.imports import reading
from regional_node.usecases.imports.reading import Row, Table
from regional_node.usecases.imports.reasons import ImportFileError, Reason

ORDINARY = b"external_id,given_name,notes\np1,Ada,first\np2,Grace,second\n"


def rows_of(path: Path, content: bytes, *, encoding: str | None = None) -> list[Row]:
    path.write_bytes(content)
    with Table(path, encoding=encoding) as table:
        return list(table.rows())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def test_an_ordinary_file_gives_its_rows_with_their_lines(path: Path) -> None:
    assert rows_of(path, ORDINARY) == [Row(2, ["p1", "Ada", "first"]), Row(3, ["p2", "Grace", "second"])]


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_the_delimiter_is_found(path: Path, delimiter: bytes) -> None:
    assert rows_of(path, ORDINARY.replace(b",", delimiter))[0].cells == ["p1", "Ada", "first"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_at_the_start_tells_the_encoding(path: Path, encoding: str) -> None:
    assert rows_of(path, "name,city\nJürgen,Köln\n".encode(encoding))[0].cells == ["Jürgen", "Köln"]


def test_line_ends_of_every_kind_and_inside_cells_are_read(path: Path) -> None:
    found = rows_of(path, b'id,street\r\n1,"a\nb"\r\n\r\n2,"c\r\nd"\r\n3,e')
    assert [(row.line, row.cells[1]) for row in found] == [(2, "a\nb"), (5, "c\r\nd"), (7, "e")]


def test_a_wrong_encoding_is_told_by_byte_and_line(path: Path) -> None:
    good = "name,city\n" + "Jürgen,Ulm\n" * 300_000
    bad = good.encode() + "Müller,Köln\n".encode("windows-1252")
    with pytest.raises(ImportFileError) as caught:
        rows_of(path, bad)
    assert caught.value.what == f"byte {len(good.encode()) + 1}, in line 300002, is not UTF-8"
    assert "--encoding" in caught.value.remedy
    assert rows_of(path, "name,city\nMüller,Köln\n".encode("windows-1252"), encoding="windows-1252")[0].cells == ["Müller", "Köln"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_cut_inside_a_character_is_called_truncated(path: Path, encoding: str) -> None:
    with pytest.raises(ImportFileError, match="truncated: it ends in the middle of a character") as caught:
        rows_of(path, "name,city\nJürgen,Köln\nJürgen,Kö".encode(encoding)[:-1])
    assert "again" in caught.value.remedy


@pytest.mark.parametrize(
    ("start", "told", "remedy"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "workbook", "save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook", "save it as CSV UTF-8"),
        (b"\x1f\x8b\x08\x00", "compressed", "unpack it"),
        (b"%PDF-1.7\n", "document", "CSV UTF-8"),
        (bytes(range(1, 9)) * 50, "binary", "save it as CSV UTF-8"),
    ],
)
def test_what_is_no_text_at_all_says_what_it_is_and_how_to_get_one(path: Path, start: bytes, told: str, remedy: str) -> None:
    with pytest.raises(ImportFileError, match=told) as caught:
        rows_of(path, start + b"\x00\xff" * 300)
    assert remedy in caught.value.remedy


def test_a_row_with_an_over_long_cell_keeps_what_stands_before_it(path: Path) -> None:
    """Its key among it, so that the report can name the row."""
    found = rows_of(path, b'a,b,c\np1,"x,""y""",' + b"z" * (5 << 20) + b"\np2,y,z\n")
    assert (found[0].fault, found[0].column, found[0].cells) == (Reason.CELL_TOO_LARGE, 2, ["p1", 'x,"y"'])
    assert found[1].cells == ["p2", "y", "z"]


def test_an_unknown_encoding_is_refused(path: Path) -> None:
    with pytest.raises(ImportFileError, match="`klingon`"):
        rows_of(path, ORDINARY, encoding="klingon")


def test_ragged_rows_are_refused_one_by_one(path: Path) -> None:
    found = rows_of(path, b"a,b,c\n1,2\n1,2,3,4\n1,2,3\n")
    assert [(row.line, row.fault, row.column) for row in found] == [
        (2, Reason.ROW_RAGGED, 2),
        (3, Reason.ROW_RAGGED, 2),
        (4, None, None),
    ]


def test_a_nul_refuses_its_row_alone(path: Path) -> None:
    found = rows_of(path, b"a,b\n1,x\x00y\n2,z\n")
    assert [row.fault for row in found] == [Reason.ROW_NUL, None]


def test_utf_16_without_its_mark_is_told(path: Path) -> None:
    with pytest.raises(ImportFileError) as caught:
        rows_of(path, "a,b\n1,2\n".encode("utf-16-le"))
    assert "--encoding utf-16" in caught.value.remedy


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("size", [reading.CELL_LIMIT + 1, 10 << 20])
def test_a_huge_cell_refuses_its_row_alone(path: Path, size: int, *, quoted: bool) -> None:
    huge = (b'"' + b'say ""x""\n' * (size // 8 + 1) + b'"') if quoted else b"x" * size
    found = rows_of(path, b"a,b\n1,first\n2," + huge + b"\n3,last\n")
    assert [row.fault for row in found] == [None, Reason.CELL_TOO_LARGE, None]
    assert found[2].cells == ["3", "last"]
    assert sum(map(len, found[1].cells)) <= reading.RECORD_LIMIT


def test_a_cell_of_1_mebibyte_is_taken(path: Path) -> None:
    assert rows_of(path, b"a,b\n1," + b"x" * reading.CELL_LIMIT + b"\n")[0].fault is None


def test_a_huge_cell_does_not_fill_the_memory(path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(b'a,b\n1,"')
        for _ in range(100):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"\n2,y\n')
    tracemalloc.start()
    with Table(path) as table:
        faults = [row.fault for row in table.rows()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert faults == [Reason.CELL_TOO_LARGE, None]
    assert peak < 40 << 20


def test_memory_does_not_grow_with_the_file(path: Path) -> None:
    peaks = []
    for rows in (20_000, 200_000):
        path.write_bytes(b"a,b,c\n" + b"1,some text,more text\n" * rows)
        tracemalloc.start()
        with Table(path) as table:
            assert sum(1 for _ in table.rows()) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (1 << 20)


@pytest.mark.parametrize("tail", [b"", b"x" * (5 << 20)])
def test_a_quote_that_never_closes_refuses_the_file(path: Path, tail: bytes) -> None:
    with pytest.raises(ImportFileError, match="line 3 never closes"):
        rows_of(path, b'a,b\n1,x\n2,"y\n3,z\n' + tail)


def test_a_stray_quote_inside_a_cell_is_text(path: Path) -> None:
    assert rows_of(path, b'a,b\n1,5" pipe\n2,y\n')[0].cells == ["1", '5" pipe']


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,,c\n1,2,3\n", "column 2 has no header"),
        (b"a,\x1b[31mb\n1,2\n", "the header of column 2 has control characters"),
        (b"a,b,A\n1,2,3\n", "columns 1 and 3 are both called `A`"),
    ],
)
def test_headers_that_name_nothing_refuse_the_file(path: Path, content: bytes, told: str) -> None:
    with pytest.raises(ImportFileError) as caught:
        rows_of(path, content)
    assert caught.value.what == told
    assert caught.value.remedy


def test_a_missing_file_a_folder_and_a_device_are_refused(tmp_path: Path) -> None:
    for place in (tmp_path / "absent.csv", tmp_path, Path("/dev/full"), Path(os.devnull)):
        with pytest.raises(DomicileError) as caught:
            Table(place)
        assert caught.value.where == str(place)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_an_unreadable_file_is_refused(path: Path) -> None:
    path.write_bytes(ORDINARY)
    path.chmod(0)
    with pytest.raises(ImportFileError, match="permission denied"):
        Table(path)


CELLS = st.text(alphabet='ab",\n', max_size=40)


@given(table=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12))
def test_whatever_is_skipped_the_other_rows_are_those_of_the_csv_module(table: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(reading, "RECORD_LIMIT", 60)
        written = io.StringIO(newline="")
        csv.writer(written, lineterminator="\n").writerows([["x", "y", "z"], *table])
        path = Path(folder) / "any.csv"
        path.write_text(written.getvalue(), encoding="utf-8", newline="")
        with Table(path) as opened:
            found = list(opened.rows())
    assert len(found) == len(table)
    for row, cells in zip(found, table, strict=True):
        assert row.fault is Reason.CELL_TOO_LARGE or row.cells == cells
        assert (row.fault is None) == (_length(cells) <= 60)


def _length(cells: list[str]) -> int:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerow(cells)
    return len(written.getvalue())


def test_a_row_and_its_cells_do_not_print_themselves(path: Path) -> None:
    assert "Ada" not in repr(rows_of(path, ORDINARY))
