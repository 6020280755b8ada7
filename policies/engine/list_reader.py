"""Reads and writes the file of a dated list: strict YAML or CSV, every fault at its line and column. It opens no file itself."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from policies.engine.diagnostics import Diagnostic, PolicyError, use_one_of
from policies.engine.facts import day_number
from policies.engine.lists import Cover, DatedList, ListEntry, ListName, asked_by
from policies.engine.strict_yaml import MAX_BYTES, Entry, Place, Plain, Scalar, parse_documents, plain
from policies.engine.strict_yaml import Mapping as MappingNode
from policies.engine.strict_yaml import Sequence as SequenceNode

_TOP = ("list", "as_of", "source", "entries")
_CERTIFICATE = ("name", "id", "covers", "from", "to")
_KEYS: Mapping[ListName, tuple[str, ...]] = {
    ListName.DPF: (*_CERTIFICATE, "uk_extension", "swiss"),
    ListName.DPF_UK: _CERTIFICATE,
    ListName.DPF_CH: _CERTIFICATE,
    ListName.COVERED_PERSONS: ("name", "id", "from", "to"),
}
_LONGEST = 200
_MARK = re.compile(r"# *([a-z_]+): *(.*?) *\Z")
_CELL = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^",]*)(?=,|\Z)')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A value, where it stands, and where its key does; in a table they are one."""

    value: Plain
    place: Place
    key: Place | None = None


_Row = tuple[Place, dict[str, _Cell]]


def read_list(text: str, filename: str, *, today: date) -> DatedList:
    """The list of a text; CSV when the file is named so. Raises PolicyError with every finding, also for a date after `today`."""
    findings: list[Diagnostic] = []
    start = Place(filename, 1, 1)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        remedy = "keep the organisations that your register of importers names"
        raise PolicyError([start.finding(f"the file is larger than {MAX_BYTES} bytes", remedy)])
    top, rows = (_csv if filename.lower().endswith(".csv") else _yaml)(text, filename, findings)
    name, as_of = _name(top, start, findings), _as_of(top, start, today, findings)
    source = _text(top["source"], "source", findings) if "source" in top else ""
    if name is None or as_of is None:
        raise PolicyError(findings)
    entries: list[ListEntry] = []
    taken: dict[str, int] = {}
    for place, cells in rows:
        entry = _entry(name, place, cells, findings)
        if entry is not None:
            findings.extend(_twice(name, entry, cells, taken))
            entries.append(entry)
    if findings:
        raise PolicyError(findings)
    return DatedList(name=name, as_of=as_of, source=source or "", entries=tuple(entries))


def list_text(found: DatedList) -> str:
    """The list as YAML that `read_list` reads back as the same list."""
    lines = [f"list: {found.name.value}", f"as_of: {found.as_of.isoformat()}"]
    if found.source:
        lines.append(f"source: {json.dumps(found.source, ensure_ascii=False)}")
    lines.append("entries:" if found.entries else "entries: []")
    lines += [f"  - {{{', '.join(_pairs(each))}}}" for each in found.entries]
    return "\n".join(lines) + "\n"


def _pairs(entry: ListEntry) -> Iterator[str]:
    yield f"name: {json.dumps(entry.name, ensure_ascii=False)}"
    if entry.id is not None:
        yield f"id: {json.dumps(entry.id, ensure_ascii=False)}"
    if entry.covers:
        yield f"covers: [{', '.join(each.value for each in entry.covers)}]"
    for key, day in (("from", entry.from_day), ("to", entry.to_day)):
        if day is not None:
            yield f"{key}: {day.isoformat()}"
    for key, stated in (("uk_extension", entry.uk_extension), ("swiss", entry.swiss)):
        if stated is not None:
            yield f"{key}: {'true' if stated else 'false'}"


def _yaml(text: str, filename: str, findings: list[Diagnostic]) -> tuple[dict[str, _Cell], list[_Row]]:
    documents = parse_documents(text, filename)
    node = documents[0] if len(documents) == 1 else None
    if not isinstance(node, MappingNode):
        finding = Place(filename, 1, 1).finding("the file is not one list", "write `list:`, `as_of:` and `entries:`")
        raise PolicyError([finding])
    findings.extend(_unknown(node.entries, _TOP))
    listed = node.entries.get("entries")
    if listed is None or not isinstance(listed.value, SequenceNode):
        place = listed.place if listed is not None else node.place
        findings.append(place.finding("`entries` is not a list", "write `entries:` and each organisation as `- {name: ...}`"))
        return _cells(node), []
    rows: list[_Row] = []
    for item in listed.value.items:
        if isinstance(item, MappingNode):
            rows.append((item.place, _cells(item)))
        else:
            findings.append(item.place.finding("an entry is not a mapping", "write `- {name: Acme Inc, covers: [non_hr]}`"))
    return _cells(node), rows


def _cells(node: MappingNode) -> dict[str, _Cell]:
    return {
        key: _Cell(value=None if key == "entries" else plain(entry.value), place=_stands(entry), key=entry.place)
        for key, entry in node.entries.items()
    }


def _stands(entry: Entry) -> Place:
    empty = isinstance(entry.value, Scalar) and entry.value.value is None
    return entry.place if empty else entry.value.place


def _unknown(entries: Mapping[str, Entry], known: tuple[str, ...]) -> Iterator[Diagnostic]:
    for key, entry in entries.items():
        if key not in known:
            yield entry.place.finding(f"unknown key `{key}`", use_one_of(key, known))


def _csv(text: str, filename: str, findings: list[Diagnostic]) -> tuple[dict[str, _Cell], list[_Row]]:
    """The marks of the first lines, then the header, then a row for each organisation; no cell goes over a line's end."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    top: dict[str, _Cell] = {}
    at = 0
    while at < len(lines) and lines[at].startswith("#"):
        place = Place(filename, at + 1, 1)
        mark = _MARK.match(lines[at])
        if mark is None or mark[1] not in _TOP[:-1]:
            findings.append(place.finding("this line marks nothing", "write `# list:`, `# as_of:` or `# source:` and a value"))
        elif mark[1] in top:
            findings.append(place.finding(f"duplicate mark `{mark[1]}`", "keep one"))
        else:
            top[mark[1]] = _Cell(value=mark[2], place=Place(filename, at + 1, mark.start(2) + 1))
        at += 1
    header = [str(cell.value).strip() for cell in _row(lines[at], filename, at + 1, findings)] if at < len(lines) else []
    if "name" not in header or len(set(header)) != len(header):
        remedy = "write each column once, such as `name,covers,from,to,uk_extension,swiss`"
        findings.append(Place(filename, at + 1, 1).finding("the header does not name the columns", remedy))
        return top, []
    known = _KEYS[ListName.DPF]
    place = Place(filename, at + 1, 1)
    findings.extend(place.finding(f"unknown column `{_short(key)}`", use_one_of(key, known)) for key in header if key not in known)
    rows: list[_Row] = []
    for number, line in enumerate(lines[at + 1 :], start=at + 2):
        if not line.strip():
            continue
        cells = _row(line, filename, number, findings)
        if len(cells) != len(header):
            what = f"{len(cells)} cells under {len(header)} columns"
            findings.append(Place(filename, number, 1).finding(what, "quote a cell that holds a comma; leave none out"))
            continue
        found = {key: _typed(key, cell) for key, cell in zip(header, cells, strict=True) if cell.value != ""}
        rows.append((Place(filename, number, 1), found))
    return top, rows


def _row(line: str, filename: str, number: int, findings: list[Diagnostic]) -> list[_Cell]:
    cells: list[_Cell] = []
    at = 0
    while True:
        place = Place(filename, number, at + 1)
        found = _CELL.match(line, at)
        if found is None:
            findings.append(place.finding("a quote that does not close the cell", 'write a quote within a quoted cell as `""`'))
            return cells
        cells.append(_Cell(value=found[1].replace('""', '"') if found[1] is not None else found[2].strip(), place=place))
        if found.end() == len(line):
            return cells
        at = found.end() + 1


def _typed(key: str, cell: _Cell) -> _Cell:
    """A cell's text as what YAML would have said; a text that is not of the column stays one and is refused there."""
    if key == "covers":
        return _Cell(value=[each for part in str(cell.value).split(";") if (each := part.strip())], place=cell.place)
    value = {"true": True, "false": False}.get(str(cell.value), cell.value) if key in {"uk_extension", "swiss"} else cell.value
    return _Cell(value=value, place=cell.place)


def _name(top: Mapping[str, _Cell], start: Place, findings: list[Diagnostic]) -> ListName | None:
    known = [each.value for each in ListName]
    cell = top.get("list")
    if cell is None:
        findings.append(start.finding("the file does not say which list it is", f"add `list:`; {use_one_of('', known)}"))
        return None
    if isinstance(cell.value, str) and cell.value in known:
        return ListName(cell.value)
    findings.append(cell.place.finding(f"unknown list `{_short(cell.value)}`", use_one_of(_short(cell.value), known)))
    return None


def _as_of(top: Mapping[str, _Cell], start: Place, today: date, findings: list[Diagnostic]) -> date | None:
    if "as_of" not in top:
        findings.append(start.finding("the list has no date", "add `as_of:` with the day on which it stood so"))
        return None
    day = _day(top["as_of"], "as_of", findings)
    if day is not None and day > today:
        what = f"the list is of {day.isoformat()}, and today is {today.isoformat()}"
        findings.append(top["as_of"].place.finding(what, "write the day on which it stood so, in UTC; no list knows tomorrow"))
    return day


def _entry(of: ListName, place: Place, cells: Mapping[str, _Cell], findings: list[Diagnostic]) -> ListEntry | None:
    before = len(findings)
    for key, cell in cells.items():
        if key not in _KEYS[of]:
            findings.append(
                (cell.key or cell.place).finding(f"an entry of `{of.value}` has no `{key}`", use_one_of(key, _KEYS[of]))
            )
    needed = ("name", "covers") if "covers" in _KEYS[of] else ("name",)
    findings.extend(place.finding(f"`{key}` is missing", f"add `{key}:`") for key in needed if key not in cells)
    if len(findings) > before:
        return None
    texts = {key: _text(cells[key], key, findings) for key in ("name", "id") if key in cells}
    days = {key: _day(cells[key], key, findings) for key in ("from", "to") if key in cells}
    stated = {key: _stated(cells[key], key, findings) for key in ("uk_extension", "swiss") if key in cells}
    covers = _covers(cells["covers"], findings) if "covers" in cells else ()
    first, last = days.get("from"), days.get("to")
    if first is not None and last is not None and first >= last:
        what = f"`to` {last.isoformat()} is not after `from` {first.isoformat()}"
        findings.append(cells["to"].place.finding(what, "write the first day on which the entry no longer holds"))
    if len(findings) > before:
        return None
    return ListEntry(
        name=texts["name"] or "",
        id=texts.get("id"),
        covers=covers,
        from_day=first,
        to_day=last,
        uk_extension=stated.get("uk_extension"),
        swiss=stated.get("swiss"),
    )


def _twice(of: ListName, entry: ListEntry, cells: Mapping[str, _Cell], taken: dict[str, int]) -> Iterator[Diagnostic]:
    """A name or id that an entry before has taken, as name or as id."""
    for key in asked_by(of, entry):
        if key in taken:
            remedy = f"keep one; the first is on line {taken[key]}"
            yield cells["name"].place.finding(f"`{entry.name}` stands twice", remedy)
            return
    taken.update(dict.fromkeys(asked_by(of, entry), cells["name"].place.line))


def _text(cell: _Cell, key: str, findings: list[Diagnostic]) -> str | None:
    value = cell.value
    if not isinstance(value, str):
        findings.append(cell.place.finding(f"`{key}` is not text", "put it in quotes"))
        return None
    sound = value and value == value.strip() and value.isprintable() and len(value) <= _LONGEST
    if not sound or unicodedata.normalize("NFC", value) != value:
        what = f"`{key}` is empty, longer than {_LONGEST} characters, or holds what does not print"
        findings.append(cell.place.finding(what, "write it as the list does, as composed text (NFC) without line breaks"))
        return None
    return value


def _day(cell: _Cell, key: str, findings: list[Diagnostic]) -> date | None:
    number = day_number(cell.value)
    if number is None:
        findings.append(cell.place.finding(f"`{key}` is not a day that exists", "write a day as 2026-11-22"))
        return None
    return date.fromordinal(number)


def _stated(cell: _Cell, key: str, findings: list[Diagnostic]) -> bool | None:
    if isinstance(cell.value, bool):
        return cell.value
    findings.append(cell.place.finding(f"`{key}` is not true or false", "write true or false, or leave it out"))
    return None


def _covers(cell: _Cell, findings: list[Diagnostic]) -> tuple[Cover, ...]:
    known = [each.value for each in Cover]
    values = cell.value if isinstance(cell.value, list) else []
    wrong = next((each for each in values if each not in known), None)
    if not values or wrong is not None or len(set(map(str, values))) != len(values):
        what = f"unknown cover `{_short(wrong)}`" if wrong is not None else "`covers` is not a list of different covers"
        findings.append(cell.place.finding(what, f"write a list, such as [hr, non_hr]; {use_one_of(_short(wrong or ''), known)}"))
        return ()
    return tuple(each for each in Cover if each.value in values)


def _short(value: object) -> str:
    return str(value)[:64]
