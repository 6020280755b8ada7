"""A claim proves something only by a yes, a day that has come, or a number or reference where one is declared."""

from datetime import date

import pytest

from policies.engine.facts import FactType
from policies.engine.mechanisms import proves
from policies.engine.strict_yaml import parse_documents, plain

DAY = date(2026, 11, 22).toordinal()
KINDS = [None, FactType.BOOLEAN, FactType.DATE, FactType.TEXT, FactType.INTEGER]


def written(text: str):
    """The value as a register of importers gives it."""
    (document,) = parse_documents(f"it: {text}\n", "claim.yaml")
    return plain(document)["it"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", ["no", "off", "none", "pending", "false", "2027-1-5", "2027-01-05", "2026-11-23", "0", "-1", '""', "[1]"]
)
def test_these_prove_nothing_under_any_declaration(text, kind):
    assert not proves(written(text), kind, DAY)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_stated_proves_nothing(kind):
    assert not proves(None, kind, DAY)


@pytest.mark.parametrize("kind", KINDS)
def test_yes_proves(kind):
    assert proves(written("true"), kind, DAY)


@pytest.mark.parametrize("text", ["2026-11-22", "2026-05-01", "1999-12-31"])
@pytest.mark.parametrize("kind", [None, FactType.DATE, FactType.TEXT])
def test_a_day_that_has_come_proves(text, kind):
    assert proves(written(text), kind, DAY)


def test_a_number_proves_where_one_is_declared_and_nowhere_else():
    assert proves(written("2"), FactType.INTEGER, DAY)
    assert not any(proves(written("2"), kind, DAY) for kind in KINDS if kind is not FactType.INTEGER)
    assert not proves(written('"2"'), FactType.INTEGER, DAY)


def test_a_reference_with_a_digit_proves_where_a_text_is_declared_and_nowhere_else():
    assert proves(written("ANPD-2025/17"), FactType.TEXT, DAY)
    assert not any(proves(written("ANPD-2025/17"), kind, DAY) for kind in KINDS if kind is not FactType.TEXT)
    assert not proves(written("applied for"), FactType.TEXT, DAY)
