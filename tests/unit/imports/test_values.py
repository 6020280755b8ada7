"""Cells as values of our model, and agreement with what the record's own check takes."""

from datetime import UTC, date, datetime

import pytest

from regional_node.crm.fields import RecordType, field_of
from regional_node.usecases.imports import values
from regional_node.usecases.imports.places import country_code
from regional_node.usecases.imports.reasons import CellError, Reason
from regional_node.usecases.imports.values import Terms
from tests.unit.imports.world import REGION


@pytest.mark.parametrize(
    ("written", "code"),
    [("USA", "US"), ("us", "US"), ("Philipines", "PH"), ("Korea", "KR"), ("Deutschland", "DE"), ("Brasil", "BR"), ("Narnia", None)],
)
def test_countries_are_known_by_the_names_people_write(written: str, code: str | None) -> None:
    assert country_code(written) == code


@pytest.mark.parametrize(
    ("cell", "country", "number"),
    [
        ("(014) 427-4427", "FR", "+33144274427"),
        ("886-2-25474189", "TW", "+886225474189"),
        ("+49301234567", "US", "+49301234567"),
        ("call me", "DE", None),
    ],
)
def test_a_phone_is_read_as_one_of_its_country(cell: str, country: str, number: str | None) -> None:
    assert values.phone(cell, country=country) == number


@pytest.mark.parametrize(
    ("cell", "places", "number"), [("1.39E8", 2, 13_900_000_000), ("130.0", 0, 130), ("1234.5", 2, 123_450), ("-3", 3, -3000)]
)
def test_numbers_of_every_spelling_become_integers(cell: str, places: int, number: int) -> None:
    assert values.scaled(cell, places) == number


@pytest.mark.parametrize("cell", ["1,234.50", "12 €", "nan", "inf", "1e99", "0x10", "\uff11\uff12", "9" * 30])
def test_what_is_no_number_is_refused(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        values.scaled(cell, 2)
    assert caught.value.reason is Reason.NUMBER_INVALID
    assert cell not in str(caught.value)


def test_days_and_times_are_iso_and_times_are_utc() -> None:
    assert values.day("1974-08-14") == date(1974, 8, 14)
    assert values.day("2026-09-02T22:07:23.000Z") == date(2026, 9, 2)
    assert values.instant("2023-05-11 00:00:00") == datetime(2023, 5, 11, tzinfo=UTC)
    assert values.instant("2026-09-02T23:30:00-03:00") == datetime(2026, 9, 3, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["2023-02-29", "14/08/1974", "0001-01-01", "9999-12-31T23:59:59-12:00", "yesterday"])
def test_what_is_no_day_is_refused(cell: str) -> None:
    with pytest.raises(CellError) as caught:
        values.day(cell)
    assert caught.value.reason is Reason.DATE_INVALID


def test_text_is_cleaned_of_line_ends_and_refused_for_control_characters() -> None:
    assert values.text("a\r\nb", max_length=9) == "a, b"
    assert values.text("a\r\nb", max_length=9, lines=True) == "a\nb"
    with pytest.raises(CellError):
        values.text("a\x07b", max_length=9)
    with pytest.raises(CellError):
        values.text("x" * 10, max_length=9)


def test_a_formula_stays_text() -> None:
    assert values.text('=HYPERLINK("http://x")', max_length=99) == '=HYPERLINK("http://x")'


@pytest.mark.parametrize(
    ("record_type", "name", "cell", "term", "remark"),
    [
        (RecordType.COMPANIES, "industry", "technolgy", "technology", None),
        (RecordType.COMPANIES, "industry", "Alchemy", "other", Reason.TERM_OTHER),
        (RecordType.COMPANIES, "size_band", "1-9", "1-9", None),
        (RecordType.PEOPLE, "lead_source", "Trade Show", "event", None),
        (RecordType.PEOPLE, "country", "United States", "US", None),
        (RecordType.PEOPLE, "country", "Narnia", "other", Reason.COUNTRY_UNKNOWN),
        (RecordType.PEOPLE, "owner", "Darcel Schlecht", "other", Reason.TERM_OTHER),
        (RecordType.DEALS, "stage", "Proposal/Price Quote", "proposal_price_quote", None),
        (RecordType.DEALS, "product", "gtx pro", "GTX Pro", None),
        (RecordType.DEALS, "product", "Anvil", "other", Reason.TERM_UNDECLARED),
    ],
)
def test_terms_are_those_of_the_domain_or_other(
    record_type: RecordType, name: str, cell: str, term: str, remark: Reason | None
) -> None:
    spec = field_of(record_type, name)
    assert spec is not None
    assert Terms(spec=spec, domains=REGION.domains).read(cell) == (term, remark)


@pytest.mark.parametrize(("code", "places"), [("EUR", 2), ("JPY", 0), ("KWD", 3)])
def test_minor_units_are_those_of_the_currency(code: str, places: int) -> None:
    assert values.currency_places(code) == places
