"""Why a row was refused or remarked on, as closed codes with a remedy each. Nothing here holds what a cell said."""

from enum import StrEnum

from policies.engine.errors import Code, DomicileError


class Reason(StrEnum):
    """Why. Grammar: `subject:state`, the subject being what the row or the cell holds."""

    ROW_RAGGED = "row:ragged"
    ROW_EMPTY = "row:empty"
    ROW_REPEATED = "row:repeated"
    ROW_NUL = "row:nul"
    CELL_TOO_LARGE = "cell:too-large"
    KEY_MISSING = "key:missing"
    KEY_REPEATED = "key:repeated"
    TEXT_TOO_LONG = "text:too-long"
    TEXT_CONTROL = "text:control-character"
    DATE_INVALID = "date:invalid"
    TIME_INVALID = "time:invalid"
    NUMBER_INVALID = "number:invalid"
    FLAG_INVALID = "flag:invalid"
    CURRENCY_UNKNOWN = "currency:unknown"
    PERSON_UNKNOWN = "person:unknown"
    FIELD_NOT_TO_BE_KEPT = "field:not-to-be-kept"
    CONSENT_NEEDED = "consent:needed"

    CELL_FORMULA = "cell:formula"
    EMAIL_UNVERIFIED = "email:unverified"
    PHONE_UNVERIFIED = "phone:unverified"
    URL_UNVERIFIED = "url:unverified"
    TERM_OTHER = "term:other"
    TERM_UNDECLARED = "term:undeclared"
    COUNTRY_UNKNOWN = "country:unknown"
    COMPANY_UNKNOWN = "company:unknown"
    PARENT_UNKNOWN = "parent:unknown"
    EMAIL_SHARED = "email:shared"
    LEAD_CONVERTED = "lead:converted"
    RECORD_DELETED = "record:deleted"
    RECORD_ERASED = "record:erased"
    ROW_NO_RECORD = "row:no-record"
    FIELD_DISCOURAGED = "field:discouraged"


REMEDIES: dict[Reason, str] = {
    Reason.ROW_RAGGED: "give the row as many cells as the header, and quote cells that hold the delimiter",
    Reason.ROW_EMPTY: "fill at least one cell that names the record, or delete the row",
    Reason.ROW_REPEATED: "delete the repeated row, or add a column with a key of its own for each row",
    Reason.ROW_NUL: "remove the NUL character; a file full of them is UTF-16 and wants `--encoding utf-16`",
    Reason.CELL_TOO_LARGE: "shorten the cell to under 1 MiB",
    Reason.KEY_MISSING: "fill the key of the row",
    Reason.KEY_REPEATED: "keep one row for each key",
    Reason.TEXT_TOO_LONG: "shorten the text",
    Reason.TEXT_CONTROL: "remove the control character",
    Reason.DATE_INVALID: "write the date as YYYY-MM-DD",
    Reason.TIME_INVALID: "write the time as YYYY-MM-DDTHH:MM:SSZ",
    Reason.NUMBER_INVALID: "write the number with a point and without separators, as in 1234.50",
    Reason.FLAG_INVALID: "write `true` or `false`",
    Reason.CURRENCY_UNKNOWN: "write an ISO 4217 code such as EUR",
    Reason.PERSON_UNKNOWN: "import the people first, then this file again",
    Reason.CELL_FORMULA: "kept as written; a file of refused rows has an apostrophe before it, so that no spreadsheet runs it",
    Reason.FIELD_NOT_TO_BE_KEPT: "leave the column out of the file, or empty in this row: the region's policies refuse it",
    Reason.CONSENT_NEEDED: "record the person's consent first, or leave the cell empty",
    Reason.EMAIL_UNVERIFIED: "kept sealed as `email_unverified`; correct it in the record",
    Reason.PHONE_UNVERIFIED: "kept sealed as `…_unverified`; correct it in the record",
    Reason.URL_UNVERIFIED: "kept sealed as `website_unverified`; correct it in the record",
    Reason.TERM_OTHER: "kept as `other`, the original sealed beside it",
    Reason.TERM_UNDECLARED: "kept as `other`, the original sealed beside it; declare it in `settings.toml`, then import again",
    Reason.COUNTRY_UNKNOWN: "kept sealed as written; write an ISO 3166 code such as DE",
    Reason.COMPANY_UNKNOWN: "kept without its company; import the companies, then this file again",
    Reason.PARENT_UNKNOWN: "kept without its parent; import the parent company, then this file again",
    Reason.EMAIL_SHARED: "kept, not merged; compare the two records",
    Reason.LEAD_CONVERTED: "left out: the person is here already as the contact it became",
    Reason.RECORD_DELETED: "left out: the other system had deleted it",
    Reason.RECORD_ERASED: "left out: the record was erased here and does not come back by an import",
    Reason.FIELD_DISCOURAGED: "kept, though the region's policies discourage it; leave it out where it is not needed",
    Reason.ROW_NO_RECORD: "left out: no record is made of rows like this",
}

COUNTED_ONLY = frozenset({Reason.TERM_UNDECLARED, Reason.ROW_NO_RECORD, Reason.FIELD_DISCOURAGED})
"""Remarks that would repeat on every row: counted by field, never listed by row."""


class ImportFileError(DomicileError):
    """A file cannot be taken as it is; nothing of it was imported."""

    code = Code.FILE_INVALID


class CellError(ValueError):
    """A cell that cannot be taken. Carries the reason only, never what the cell said."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
