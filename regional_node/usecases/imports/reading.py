"""A file of rows, read as a stream: encoding, delimiter, headers, then one row at a time. Nothing here knows a dialect or a record.

Memory does not grow with the file, nor with a cell: a record beyond 4 MiB of text is skipped to its end and told as refused.
A file that changes its meaning half-way (undecodable bytes, a quote that never closes) is refused whole, since every row after
that place would be a guess.
"""

import codecs
import csv
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from regional_node.usecases.imports.reasons import ImportFileError, Reason

CELL_LIMIT = 1 << 20
RECORD_LIMIT = 4 << 20
_DELIMITERS = ",;\t|"
_CHUNK = 1 << 20

csv.field_size_limit(2 * RECORD_LIMIT)  # the module's own default is 128 KiB; our bounds stand above


class Row(NamedTuple):
    """One row: its first physical line, its cells, and why it is refused (with the column, from 0, where known)."""

    line: int
    cells: list[str]
    fault: Reason | None = None
    column: int | None = None

    def __repr__(self) -> str:
        return f"Row(line={self.line}, fault={self.fault}, …)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a file is written: its encoding, delimiter and headers, in order."""

    encoding: str
    delimiter: str
    headers: tuple[str, ...]


class Table:
    """An open file of rows. Use as a context; `rows()` may be called again and starts over on the same open file."""

    def __init__(self, path: Path, *, encoding: str | None = None) -> None:
        self.path = path
        self._stream = _open(path)
        try:
            self.size = os.fstat(self._stream.fileno()).st_size
            self._encoding = _encoding_of(self._stream, path, encoding)
            self.shape = self._read_shape()
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def position(self) -> int:
        """How many bytes have been read in this round."""
        return min(self._stream.tell(), self.size)

    def rows(self) -> Iterator[Row]:
        """Every row after the header. Raises ImportFileError for bytes that are not text or a quote that never closes."""
        width = len(self.shape.headers)
        text = self._text()
        try:
            lines = _Lines(text, self.shape.delimiter)
            for row in islice(_records(lines, str(self.path)), 1, None):
                if row.fault is None and len(row.cells) != width:
                    yield Row(row.line, row.cells, Reason.ROW_RAGGED, min(len(row.cells), width - 1))
                else:
                    yield row
        except UnicodeDecodeError:
            raise _undecodable(self._stream, self.path, self._encoding) from None
        finally:
            text.detach()

    def _text(self) -> io.TextIOWrapper:
        self._stream.seek(0)
        return io.TextIOWrapper(self._stream, encoding=self._encoding, newline="")

    def _read_shape(self) -> Shape:
        where = str(self.path)
        text = self._text()
        try:
            delimiter = _sniff(text.read(RECORD_LIMIT // 16))
        except UnicodeDecodeError:
            raise _undecodable(self._stream, self.path, self._encoding) from None
        finally:
            text.detach()
        text = self._text()
        try:
            first = next(_records(_Lines(text, delimiter), where), None)
        except UnicodeDecodeError:
            raise _undecodable(self._stream, self.path, self._encoding) from None
        finally:
            text.detach()
        if first is None:
            raise ImportFileError("the file is empty", where=where, remedy="export it again with its header line")
        return Shape(encoding=self._encoding, delimiter=delimiter, headers=_headers(first, where))


class _Lines:
    """Physical lines for `csv.reader`, bounded: an over-long record is read to its end and handed on as an empty line."""

    def __init__(self, text: TextIO, delimiter: str) -> None:
        self._text = text
        self.delimiter = delimiter
        self.line = 0
        self.ended = False
        self.begin()

    def begin(self) -> None:
        """A record begins at the next line."""
        self.pulls = 0
        self.size = 0
        self.fault: Reason | None = None
        self.column: int | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        text = self._text.readline(RECORD_LIMIT + 1)
        if not text:
            self.ended = True
            raise StopIteration
        self.line += 1
        self.pulls += 1
        self.size += len(text)
        if "\0" in text:
            self.fault = Reason.ROW_NUL
        return text if self.size <= RECORD_LIMIT else self._skip(text)

    def _skip(self, text: str) -> str:
        quoted_at_start = self.pulls > 1  # csv.reader asks for a second line only inside a quoted cell
        self.fault = Reason.CELL_TOO_LARGE
        before_it = [] if quoted_at_start else _cells_of(text, self.delimiter)
        self.column = None if quoted_at_start else _widest(before_it)
        quoted, before = quoted_at_start, self.delimiter
        while True:
            quoted, before = _quoted_after(text, self.delimiter, quoted=quoted, before=before)
            if not quoted and text.endswith(("\n", "\r")):
                break
            ends_line = text.endswith(("\n", "\r"))
            text = self._text.readline(RECORD_LIMIT + 1)
            if not text:
                self.ended = quoted
                break
            self.line += ends_line
        return '"\n' if quoted_at_start else _line_of(before_it[: self.column], self.delimiter)


def _quoted_after(text: str, delimiter: str, *, quoted: bool, before: str) -> tuple[bool, str]:
    """Whether a quoted cell is open after `text`, and its last character. `before` is the character before the text."""
    place = 0
    while (quote := text.find('"', place)) >= 0:
        if quoted and text[quote + 1 : quote + 2] == '"':
            place = quote + 2
            continue
        previous = text[quote - 1] if quote else before
        if quoted:
            quoted = False
        elif previous == delimiter or previous in "\r\n" or (quote == 0 and previous == '"'):
            quoted = True
        place = quote + 1
    return quoted, text[-1:] or before


def _cells_of(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text[:RECORD_LIMIT]], delimiter=delimiter), [""])


def _widest(cells: list[str]) -> int:
    return max(range(len(cells)), key=lambda index: len(cells[index]), default=0)


def _line_of(cells: list[str], delimiter: str) -> str:
    """What stands before an over-long cell, as a line again: it may hold the key that names the row."""
    if sum(map(len, cells)) > CELL_LIMIT:
        return "\n"
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue() if "\n" not in line.getvalue()[:-1] else "\n"


def _records(lines: _Lines, where: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=lines.delimiter)
    while True:
        lines.begin()
        line = lines.line + 1
        cells = next(reader, None)
        if lines.ended and lines.pulls:
            what = f"the quote that opens in the row of line {line} never closes"
            raise ImportFileError(what, where=where, remedy="close it, or double a quote that belongs to the text")
        if cells is None:
            return
        if lines.fault is not None:
            yield Row(line, cells, lines.fault, lines.column)
        elif lines.size > CELL_LIMIT and (wide := [i for i, cell in enumerate(cells) if len(cell) > CELL_LIMIT]):
            yield Row(line, cells, Reason.CELL_TOO_LARGE, wide[0])
        elif cells:  # a blank line is no row
            yield Row(line, cells)


def _open(path: Path) -> io.BufferedReader:
    where = str(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        what = f"the file cannot be opened ({(error.strerror or 'unknown fault').lower()})"
        raise ImportFileError(what, where=where, remedy="check its name and who may read it") from None
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise ImportFileError("this is not a file", where=where, remedy="write it to a file first: it is read twice")
    return stream


_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


_START = 4096
_WORKBOOK = "open it in the program that made it and save it as CSV UTF-8"
_UNPACK = "unpack it first"
_SIGNATURES = (
    (b"PK\x03\x04", "a workbook (.xlsx, .ods) or an archive", _WORKBOOK),
    (b"\xd0\xcf\x11\xe0", "a workbook (.xls)", _WORKBOOK),
    (b"\x1f\x8b", "compressed (gzip)", _UNPACK),
    (b"BZh", "compressed (bzip2)", _UNPACK),
    (b"\xfd7zXZ", "compressed (xz)", _UNPACK),
    (b"7z\xbc\xaf", "an archive (7z)", _UNPACK),
    (b"%PDF-", "a document (PDF)", "export its table as CSV UTF-8"),
    (b"PAR1", "a table (Parquet)", "write it as CSV UTF-8"),
    (b"SQLite format 3\0", "a database (SQLite)", "export its table as CSV UTF-8"),
)
_CONTROL = frozenset(range(1, 32)) - {9, 10, 12, 13, 26, 27}
_BINARY_SHARE = 20


def _refuse_binary(start: bytes, path: Path) -> None:
    """Refuse what is no text: by its signature, or because control bytes are more than one in `_BINARY_SHARE`."""
    for signature, what, remedy in _SIGNATURES:
        if start.startswith(signature):
            told = f"this is {what}, not a text file of rows"
            raise ImportFileError(told, where=str(path), remedy=remedy)
    if not start.startswith(tuple(mark for mark, _ in _MARKS)) and sum(b in _CONTROL for b in start) * _BINARY_SHARE > len(start):
        raise ImportFileError("this is a binary file, not a text file of rows", where=str(path), remedy=_WORKBOOK)


def _encoding_of(stream: io.BufferedReader, path: Path, asked: str | None) -> str:
    if asked is not None:
        try:
            name = codecs.lookup(asked).name
            "".encode(name)
        except (LookupError, UnicodeError, ValueError):
            what = f"the encoding `{asked}` is not known"
            raise ImportFileError(what, where=str(path), remedy="name one, such as utf-8, utf-16 or windows-1252") from None
        return "utf-8-sig" if name == "utf-8" else name
    start = stream.read(_START)
    stream.seek(0)
    _refuse_binary(start, path)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig")


def _undecodable(stream: io.BufferedReader, path: Path, encoding: str) -> ImportFileError:
    """Where the bytes stop being text: found by decoding again, only once that is known."""
    decoder = codecs.getincrementaldecoder(encoding)()
    stream.seek(0)
    offset, line, cut = 0, 1, False
    while True:
        chunk = stream.read(_CHUNK)
        waiting = len(decoder.getstate()[0])
        try:
            line += decoder.decode(chunk, final=not chunk).count("\n")
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            offset += error.start - waiting
            cut = not chunk
            break
        offset += len(chunk)
        if not chunk:
            break
    name = "utf-8" if encoding == "utf-8-sig" else encoding
    if cut:
        return ImportFileError(
            f"the file is truncated: it ends in the middle of a character of {name.upper()}, in line {line}",
            where=str(path),
            remedy="export or copy it again; if it is whole, name its own encoding with `--encoding`",
        )
    return ImportFileError(
        f"byte {offset}, in line {line}, is not {name.upper()}",
        where=str(path),
        remedy="name the file's own encoding, for example `--encoding windows-1252`",
    )


def _sniff(start: str) -> str:
    """The delimiter that cuts the first line into the most cells; a comma when none does."""
    counts = {}
    for delimiter in _DELIMITERS:
        cells: list[str] = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])
        counts[delimiter] = len(cells)
    return max(_DELIMITERS, key=lambda delimiter: counts[delimiter])


def _headers(first: Row, where: str) -> tuple[str, ...]:
    if first.fault is not None:
        remedy = "the file may be UTF-16: try `--encoding utf-16`" if first.fault is Reason.ROW_NUL else "export it again"
        raise ImportFileError("the header line cannot be read", where=f"{where}:{first.line}", remedy=remedy)
    headers = tuple(cell.strip() for cell in first.cells)
    place = f"{where}:{first.line}"
    seen: dict[str, int] = {}
    for number, header in enumerate(headers, start=1):
        if not header:
            what = f"column {number} has no header"
            raise ImportFileError(what, where=place, remedy="name every column")
        if not header.isprintable():
            what = f"the header of column {number} has control characters"
            raise ImportFileError(what, where=place, remedy="write it in plain text on one line")
        if header.casefold() in seen:
            what = f"columns {seen[header.casefold()]} and {number} are both called `{header[:60]}`"
            raise ImportFileError(what, where=place, remedy="give every column a name of its own")
        seen[header.casefold()] = number
    return headers
