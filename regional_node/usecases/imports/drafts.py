"""A row on its way to being a record: values, custom fields, and the keys of what it refers to. Nothing here has an id yet.

A dialect says, header by header, what a column is (`Target`); `Drafting` turns that into one function per column, once per file,
so that a row costs a loop over its filled cells.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import partial

from policies.engine.readings import OTHER
from regional_node.crm.contact import normal_email
from regional_node.crm.fields import FieldSpec, FieldType, RecordType, field_of
from regional_node.crm.records import Plain
from regional_node.crm.validation import birth_decade
from regional_node.usecases.imports import values
from regional_node.usecases.imports.places import country_code
from regional_node.usecases.imports.reading import Row
from regional_node.usecases.imports.reasons import CellError, Reason
from regional_node.usecases.imports.undeclared import Undeclared
from regional_node.usecases.imports.values import Region, Terms


class Part(StrEnum):
    """What a column is. Grammar: one noun."""

    FIELD = "field"  # of our model; `name` says which
    SPARE = "spare"  # a second way to say a field: taken only where the first is empty
    CUSTOM = "custom"  # kept sealed under `name`
    KEY = "key"  # the key of the row in the other system
    COMPANY = "company"  # the key of the company it refers to
    PERSON = "person"
    PARENT = "parent"
    ALSO = "also"  # another key of the same record
    CREATED = "created"
    FLAG = "flag"  # seen by the object's own rule only
    IGNORED = "ignored"  # `name` says why


@dataclass(frozen=True, slots=True)
class Target:
    """What one column is, and the name that goes with it."""

    part: Part
    name: str = ""


@dataclass(slots=True, kw_only=True, repr=False)
class Draft:
    """One row, read. `problems` refuse it, `remarks` do not; both are (column from 0, or None, reason)."""

    line: int
    cells: list[str]
    key: str = ""
    company_key: str = ""
    person_key: str = ""
    parent_key: str = ""
    also_key: str = ""
    created_at: datetime | None = None
    values: dict[str, Plain] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    amounts: list[tuple[int, str, str]] = field(default_factory=list)
    problems: list[tuple[int | None, Reason]] = field(default_factory=list)
    remarks: list[tuple[int | None, Reason]] = field(default_factory=list)
    left_out: Reason | None = None

    def __repr__(self) -> str:
        return f"Draft(line={self.line}, …)"

    @property
    def filled(self) -> list[str]:
        """The fields of the record that the row fills, by itself or by what it refers to."""
        keys = (("company_id", self.company_key), ("person_id", self.person_key), ("parent_id", self.parent_key))
        more = [name for name, key in keys if key]
        return [*self.values, *more]


Rule = Callable[[Draft], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportObject:
    """One kind of file of a dialect. `signature` are the headers without which it is not this one.

    `record_type` None: its rows make no record; `advice` then says what to do with them. `constants` are set where the row is
    silent; `spellings` are what the system writes in two ways,
    by field. `rule` sees the whole draft last, and may change it or leave it out.
    """

    dialect: str
    name: str
    record_type: RecordType | None
    signature: frozenset[str]
    columns: Mapping[str, Target]
    constants: Mapping[str, Plain] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rule: Rule | None = None
    keeps_custom: Callable[[str], str | None] = lambda _header: None
    advice: str = ""
    after: int = 0

    @property
    def key_header(self) -> str | None:
        """The column that holds the key, if there is one."""
        return next((header for header, target in self.columns.items() if target.part is Part.KEY), None)

    def target(self, header: str) -> Target | None:
        """What the column of that header is; None when the dialect does not know it."""
        if (known := self.columns.get(header)) is not None:
            return known
        custom = self.keeps_custom(header)
        return Target(Part.CUSTOM, custom) if custom else None


_KNOWN_BY = {
    RecordType.PEOPLE: frozenset({"given_name", "family_name", "email", "phone", "mobile"}),
    RecordType.COMPANIES: frozenset({"name"}),
}
UNKNOWN_COLUMN = "the dialect does not know this column"

_FORMULA = re.compile(r"[=@]|[+-](?![0-9 ])")  # +49 and -1 are none, and a list in a note begins with "- "

_FILLS = {
    Part.FIELD: "",
    Part.SPARE: "",
    Part.CUSTOM: "",
    Part.COMPANY: "company_id",
    Part.PERSON: "person_id",
    Part.PARENT: "parent_id",
}
"""Parts that fill a field of the record, and which where the target names none."""

_Put = Callable[[Draft, int, str], None]
_FIRST = ("country", "currency")  # the others are read in their light


class Drafting:
    """Rows of one file to drafts. `ignored` names the columns that are not taken, with the reason."""

    def __init__(self, kind: ImportObject, headers: tuple[str, ...], region: Region, *, today: date) -> None:
        if kind.record_type is None:
            msg = "rows of this kind make no record"
            raise ValueError(msg)
        self.kind = kind
        self.record_type = kind.record_type
        self.region = region
        self.today = today
        self.ignored: dict[str, str] = {}
        self.undeclared = Undeclared(domains=region.domains)
        self.key_column: int | None = None
        self.parts: dict[int, Part] = {}
        self.columns: dict[str, int] = {}
        self.has_money = False
        self.has_currency = False
        self._plan = self._plan_of(headers)

    def draft(self, row: Row) -> Draft:
        """The draft of a row that was read whole."""
        found = Draft(line=row.line, cells=row.cells)
        cells = row.cells
        for column, put in self._plan:
            cell = cells[column]
            if cell:
                cell = cell.strip()
                if cell:
                    if cell[0] in "=+-@" and _FORMULA.match(cell):
                        found.remarks.append((column, Reason.CELL_FORMULA))
                    try:
                        put(found, column, cell)
                    except CellError as error:
                        found.problems.append((column, error.reason))
        if not (found.values or found.custom or found.amounts or found.problems):
            found.problems.append((None, Reason.ROW_EMPTY))
            return found
        self._finish(found)
        return found

    def _finish(self, found: Draft) -> None:
        held = found.values
        for name, constant in self.kind.constants.items():
            held.setdefault(name, constant)
        if found.amounts:
            self._add_amounts(found)
        if isinstance(born := held.get("date_of_birth"), date):
            if born > self.today:
                found.problems.append((None, Reason.DATE_INVALID))
            held["birth_decade"] = birth_decade(born)
        if self.record_type is RecordType.COMPANIES and isinstance(employees := held.get("employees"), int):
            held.setdefault("size_band", values.size_band(employees))
        if self.key_column is not None and not found.key:
            found.problems.append((self.key_column, Reason.KEY_MISSING))
        if self.kind.rule is not None:
            self.kind.rule(found)
        known_by = _KNOWN_BY.get(self.record_type)
        if known_by is not None and known_by.isdisjoint(held):
            found.problems.append((None, Reason.ROW_EMPTY))

    def _add_amounts(self, found: Draft) -> None:
        currency = found.values.setdefault("currency", self.region.default_currency)
        places = values.currency_places(str(currency))
        for column, name, cell in found.amounts:
            try:
                found.values[name] = values.scaled(cell, places)
            except CellError as error:
                found.problems.append((column, error.reason))

    def _plan_of(self, headers: tuple[str, ...]) -> list[tuple[int, _Put]]:
        first: list[tuple[int, _Put]] = []
        main: list[tuple[int, _Put]] = []
        spare: list[tuple[int, _Put]] = []
        names: dict[int, str] = {}
        for column, header in enumerate(headers):
            target = self.kind.target(header)
            if target is None or target.part is Part.IGNORED:
                self.ignored[header] = target.name if target else UNKNOWN_COLUMN
                continue
            self.parts[column] = target.part
            names[column] = target.name
            if target.part in _FILLS:
                self.columns.setdefault(target.name or _FILLS[target.part], column)
            put = self._put_of(column, target)
            if target.part is Part.SPARE:
                spare.append((column, put))
            elif target.name in _FIRST:
                first.append((column, put))
            else:
                main.append((column, put))
        spare_first = [item for item in spare if names[item[0]] in _FIRST]
        return first + spare_first + main + [item for item in spare if item not in spare_first]

    def _put_of(self, column: int, target: Target) -> _Put:
        if target.part in {Part.FIELD, Part.SPARE}:
            spec = field_of(self.record_type, target.name)
            if spec is None:
                msg = f"{self.record_type} has no field {target.name}"
                raise ValueError(msg)
            put = self._put_field(spec)
            return partial(_put_spare, put, target.name) if target.part is Part.SPARE else put
        if target.part is Part.KEY:
            self.key_column = column
        if target.part is Part.CUSTOM:
            return partial(_put_custom, target.name)
        if target.part is Part.FLAG:
            return partial(_put_flag, target.name)
        return _OTHER_PARTS[target.part]

    def _put_field(self, spec: FieldSpec) -> _Put:
        name = spec.name
        if spec.type in {FieldType.TEXT, FieldType.LONG_TEXT}:
            lines = spec.type is FieldType.LONG_TEXT or name == "street"
            return partial(_put_text, name, spec.max_length, lines)
        if spec.type is FieldType.EMAIL:
            return partial(_put_email, name)
        if spec.type is FieldType.URL:
            return partial(_put_url, name, spec.max_length)
        if spec.type is FieldType.PHONE:
            return partial(_put_phone, spec, self.region.default_country)
        if spec.type is FieldType.MONEY:
            self.has_money = True
            return partial(_put_amount, name)
        if spec.type is FieldType.TERM:
            self.has_currency = self.has_currency or name == "currency"
            terms = Terms(spec=spec, domains=self.region.domains, spellings=self.kind.spellings.get(name, {}))
            return partial(_put_term, terms, self.undeclared)
        return partial(_put_read, name, _READERS[spec.type])


_READERS: dict[FieldType, Callable[[str], Plain]] = {
    FieldType.DATE: values.day,
    FieldType.TIMESTAMP: values.instant,
    FieldType.INTEGER: values.integer,
    FieldType.DECIMAL: values.fraction,
}


def _put_text(name: str, max_length: int, lines: bool, draft: Draft, _column: int, cell: str) -> None:  # noqa: FBT001 - bound once by partial
    if len(cell) <= max_length and cell.isascii() and cell.isprintable():
        draft.values[name] = cell
    else:
        draft.values[name] = values.text(cell, max_length=max_length, lines=lines)


def _put_email(name: str, draft: Draft, column: int, cell: str) -> None:
    if (address := normal_email(cell)) is not None:
        draft.values[name] = address
    else:
        draft.custom[f"{name}_unverified"] = values.custom_text(cell)
        draft.remarks.append((column, Reason.EMAIL_UNVERIFIED))


def _put_url(name: str, max_length: int, draft: Draft, column: int, cell: str) -> None:
    if values.is_web_address(cell):
        draft.values[name] = values.text(cell, max_length=max_length)
    else:
        draft.custom[f"{name}_unverified"] = values.custom_text(cell)
        draft.remarks.append((column, Reason.URL_UNVERIFIED))


def _put_phone(spec: FieldSpec, default_country: str, draft: Draft, column: int, cell: str) -> None:
    country = draft.values.get("country")
    if not country or country == OTHER:
        country = draft.custom.get("country_written", "")
        country = country_code(country) or default_country
    number = values.phone(cell, country=str(country))
    if number is not None and len(number) <= spec.max_length:
        draft.values[spec.name] = number
    else:
        draft.custom[f"{spec.name}_unverified"] = values.custom_text(cell)
        draft.remarks.append((column, Reason.PHONE_UNVERIFIED))


def _put_amount(name: str, draft: Draft, column: int, cell: str) -> None:
    draft.amounts.append((column, name, cell))


def _put_term(terms: Terms, undeclared: Undeclared, draft: Draft, column: int, cell: str) -> None:
    name = terms.spec.name
    term, remark = terms.read(cell)
    draft.values[name] = term
    if remark is not None:
        if remark is Reason.TERM_UNDECLARED:
            undeclared.add(name, terms.spellings.get(cell, cell))
        draft.custom[f"{name}_written"] = values.custom_text(cell)
        draft.remarks.append((column, remark))


def _put_read(name: str, read: Callable[[str], Plain], draft: Draft, _column: int, cell: str) -> None:
    draft.values[name] = read(cell)


def _put_spare(put: _Put, name: str, draft: Draft, column: int, cell: str) -> None:
    if draft.values.get(name) in {None, OTHER}:
        put(draft, column, cell)


def _put_custom(name: str, draft: Draft, _column: int, cell: str) -> None:
    draft.custom[name] = values.custom_text(cell)


def _put_flag(name: str, draft: Draft, _column: int, cell: str) -> None:
    draft.flags[name] = cell


def _put_key(draft: Draft, _column: int, cell: str) -> None:
    draft.key = values.text(cell, max_length=500)


def _put_company(draft: Draft, _column: int, cell: str) -> None:
    draft.company_key = values.text(cell, max_length=500)


def _put_person(draft: Draft, _column: int, cell: str) -> None:
    draft.person_key = values.text(cell, max_length=500)


def _put_parent(draft: Draft, _column: int, cell: str) -> None:
    draft.parent_key = values.text(cell, max_length=500)


def _put_also(draft: Draft, _column: int, cell: str) -> None:
    draft.also_key = values.text(cell, max_length=500)


def _put_created(draft: Draft, _column: int, cell: str) -> None:
    draft.created_at = values.instant(cell)


_OTHER_PARTS: dict[Part, _Put] = {
    Part.KEY: _put_key,
    Part.COMPANY: _put_company,
    Part.PERSON: _put_person,
    Part.PARENT: _put_parent,
    Part.ALSO: _put_also,
    Part.CREATED: _put_created,
}
