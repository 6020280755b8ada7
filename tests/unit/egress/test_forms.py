"""A form shows what it is for and nothing more; what no form is known for does not leave."""

from datetime import UTC, date, datetime

import pytest

from policies.engine.vocabulary import Form
from regional_node.crm.fields import PEOPLE, RecordType, field_of
from regional_node.egress.forms import put_into_form
from tests.unit.egress.ordinary import PERSON

CLEAR_STATE = {"state": Form.CLEAR}


def put(name, form, value=..., forms=CLEAR_STATE, **others):
    spec = field_of(RecordType.PEOPLE, name)
    values = PERSON | others | ({} if value is ... else {name: value})
    return put_into_form(spec, form, values, forms=forms, pseudonym_key=lambda: b"k" * 32)


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("email", "ada@example.co.uk", "a•••@e•••.uk"),
        ("email", "a@b.de", "•••@•••.de"),
        ("email", "not an address", None),
        ("email", "@example.de", None),
        ("email", "ada@localhost", None),
        ("email", "ada@10.0.0.1", None),
        ("phone", "+49 30 1234567", "•••67"),
        ("phone", "110", None),
        ("given_name", "Wilhelmina", "W•••"),
        ("given_name", "Al", "•••"),
        ("street", "Canarystreet 17", None),
        ("notes", "canary", None),
        ("date_of_birth", date(1984, 3, 17), None),
        ("lifetime_value", 100, None),
    ],
)
def test_a_mask(name, value, left):
    assert put(name, Form.MASK, value) == left


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("date_of_birth", date(1984, 3, 17), "1980s"),
        ("postal_code", "10115", "10•••"),
        ("postal_code", "AB1", None),
        ("city", "Canarytown", "Berlin"),
        ("time_zone", "Europe/Berlin", "Europe"),
        ("time_zone", "UTC", None),
        ("acquired_at", date(2024, 5, 6), "2024"),
        ("acquired_at", datetime(2024, 5, 6, tzinfo=UTC), "2024"),
        ("email", "ada@example.org", None),
        ("lifetime_value", 12_345, None),
        ("notes", "canary", None),
    ],
)
def test_a_generalisation(name, value, left):
    assert put(name, Form.GENERALISE, value) == left


def test_a_city_without_a_state_stays():
    assert put("city", Form.GENERALISE, state=None) is None


@pytest.mark.parametrize("forms", [{}, *({"state": form} for form in Form if form is not Form.CLEAR)])
def test_a_city_is_not_generalised_to_a_state_that_may_not_leave_clear(forms):
    assert put("city", Form.GENERALISE, forms=forms) is None


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.CLEAR])
@pytest.mark.parametrize("spec", PEOPLE, ids=lambda spec: spec.name)
def test_no_form_but_clear_shows_a_whole_value(spec, form):
    value = date(1984, 3, 17) if spec.type in {"date", "timestamp"} else "Wilhelmina.Canarybird+1234567@canary.example"
    left = put_into_form(spec, form, {spec.name: value, "state": "Berlin"}, forms=CLEAR_STATE, pseudonym_key=lambda: b"k" * 32)
    assert left is None or str(value) not in left


def test_clear_is_text():
    assert put("date_of_birth", Form.CLEAR) == "1984-03-17"
    assert put("lifetime_value", Form.CLEAR, 12_345) == "12345"


@pytest.mark.parametrize("form", Form)
def test_what_is_not_held_is_empty_in_every_form(form):
    assert put("email", form, None) is None
    assert put("email", form, "") is None


def test_a_pseudonym_differs_by_field_and_value():
    assert (
        len({put("email", Form.PSEUDONYM), put("email", Form.PSEUDONYM, "x"), put("phone", Form.PSEUDONYM, PERSON["email"])}) == 3
    )
