"""Contact points, names, domains and fields in their normal form."""

import random
from datetime import date

import phonenumbers
import pytest

from regional_node.crm import contact
from regional_node.crm.domains import fold
from regional_node.crm.fields import RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.validation import FaultCode, check
from tests.builders import DOMAINS

TODAY = date(2026, 11, 22)


def test_the_short_way_to_read_a_phone_agrees_with_the_library() -> None:
    drawn = random.Random(7)  # noqa: S311 - numbers for a test
    compared = 0
    for country, prefixes in {
        "DE": ["0", "+49"],
        "FR": ["0", "+33"],
        "GB": ["0", "+44"],
        "US": ["", "+1"],
        "BR": ["", "+55"],
        "IT": ["+39"],
    }.items():
        for _ in range(400):
            digits = "".join(drawn.choice("0123456789") for _ in range(drawn.randint(8, 11)))
            text = drawn.choice(prefixes) + digits
            try:
                read = phonenumbers.parse(text, country)
                expected = phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)
            except phonenumbers.NumberParseException:
                expected = None
            assert contact.normal_phone(text, country) == expected, (text, country)
            compared += 1
    assert compared == 2400


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" a.b@Example.COM ", "a.b@example.com"),
        ("josé@exämple.de", "josé@exämple.de"),
        ("x@expressl&t.net", None),
        ("a@b", None),
        ("a..b@example.net", None),
        ("@example.net", None),
        ("a@-x.net", None),
        ("a b@example.net", None),
        ("x" * 65 + "@example.net", None),
        ("a@" + "x." * 130 + "net", None),
    ],
)
def test_an_address_is_told_from_what_is_none(text: str, normal: str | None) -> None:
    assert contact.normal_email(text) == normal


def test_the_words_of_a_name() -> None:
    assert contact.name_words("O\u2019Brien-Strauß  José ﬁ") == ("obrien", "strauss", "jose", "fi")
    assert contact.name_words("O'Brien, J.") == ("obrien", "j")
    assert contact.name_words("مُحَمَّد") == ("محمد",)
    assert contact.prefixes("schneidermeister")[0::10] == ("sc", "schneidermei"[:12])


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("segment", " Small-Business", "small_business"),
        ("country", "at", "AT"),
        ("country", "fr", "FR"),
        ("currency", "usd", "USD"),
        ("language", "PT-br", "pt-BR"),
        ("time_zone", "america/sao_paulo", "America/Sao_Paulo"),
        ("owner", " Ada ", "Ada"),
        ("street", "a\r\nb", "a\r\nb"),
        ("acquired_at", "2024-02-29", date(2024, 2, 29)),
        ("churn_risk", 1000, 1000),
    ],
)
def test_a_value_is_put_in_its_normal_form(name: str, given: object, kept: object) -> None:
    checked = check(RecordType.PEOPLE, {name: given}, domains=DOMAINS, today=TODAY)
    value = checked.values[name]
    assert (value.reveal() if isinstance(value, Personal) else value) == kept
    assert not checked.faults


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("given_name", "a\x07", FaultCode.CONTROL_CHARACTER),
        ("given_name", "a\nb", FaultCode.CONTROL_CHARACTER),
        ("given_name", "\ud800", FaultCode.CONTROL_CHARACTER),
        ("given_name", 5, FaultCode.WRONG_TYPE),
        ("notes", "x" * 32_001, FaultCode.TOO_LONG),
        ("phone", "call me", FaultCode.NOT_A_PHONE),
        ("date_of_birth", "2030-01-01", FaultCode.IN_THE_FUTURE),
        ("date_of_birth", "20-1-1", FaultCode.NOT_A_DATE),
        ("lifetime_value", True, FaultCode.WRONG_TYPE),
        ("lifetime_value", 10**16, FaultCode.TOO_LARGE),
        ("churn_risk", 1001, FaultCode.TOO_LARGE),
        ("currency", "ZZZ", FaultCode.OUTSIDE_DOMAIN),
        ("time_zone", "Mars/Base", FaultCode.OUTSIDE_DOMAIN),
        ("company_id", "abc", FaultCode.NO_SUCH_RECORD),
        ("b\nad", 1, FaultCode.UNKNOWN),
    ],
)
def test_what_a_field_may_not_hold(name: str, given: object, code: FaultCode) -> None:
    checked = check(RecordType.PEOPLE, {name: given}, domains=DOMAINS, today=TODAY)
    assert [fault.code for fault in checked.faults] == [code]
    assert "\n" not in checked.faults[0].field


def test_a_product_that_the_region_does_not_declare_is_refused() -> None:
    checked = check(RecordType.DEALS, {"product": "GTX", "stage": "WON"}, domains=DOMAINS, today=TODAY)
    assert [(fault.field, fault.code) for fault in checked.faults] == [("product", FaultCode.OUTSIDE_DOMAIN)]
    assert checked.values["stage"] == "won"


def test_the_decade_of_birth_follows_the_date() -> None:
    given = {"date_of_birth": date(1879, 3, 14), "birth_decade": "1990s"}
    assert check(RecordType.PEOPLE, given, domains=DOMAINS, today=TODAY).values["birth_decade"] == "other"
    emptied = check(RecordType.PEOPLE, {"date_of_birth": None}, domains=DOMAINS, today=TODAY)
    assert {"date_of_birth", "birth_decade"} <= emptied.emptied


def test_terms_are_compared_without_case_space_or_hyphen() -> None:
    assert fold(" Small - Business ") == fold("small_business")
