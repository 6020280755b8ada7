"""Durations of law: months are months, business days know holidays, hours run through; one clock with one thing changed."""

from datetime import date, datetime

import pytest

from policies.engine.calendars import Calendar, Duration, after, before, place_calendar, read_duration, rolled
from policies.engine.counting import window_start
from policies.engine.deadlines import due, extended
from policies.engine.registry import Deadline, Right

SAO_PAULO = Calendar(country="BR")
BRUSSELS = Calendar(rolls=True)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("P1M", Duration(months=1)),
        ("P2Y", Duration(months=24)),
        ("P1Y6M", Duration(months=18)),
        ("P2W", Duration(days=14)),
        ("P30D", Duration(days=30)),
        ("PT72H", Duration(hours=72)),
        ("5BD", Duration(business_days=5)),
        ("P", None),
        ("PT", None),
        ("P1.5M", None),
        ("-P1M", None),
        ("1M", None),
        ("5bd", None),
        (30, None),
        (None, None),
    ],
)
def test_a_duration_is_read_or_refused(text: object, read: Duration | None) -> None:
    assert read_duration(text) == read


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        (date(2026, 1, 31), "P1M", date(2026, 2, 28)),
        (date(2024, 1, 31), "P1M", date(2024, 2, 29)),
        (date(2026, 1, 31), "P3M", date(2026, 4, 30)),
        (date(2026, 11, 30), "P3M", date(2027, 2, 28)),
        (date(2024, 2, 29), "P1Y", date(2025, 2, 28)),
        (date(2026, 3, 2), "P15D", date(2026, 3, 17)),
        (date(2026, 3, 2), "PT25H", date(2026, 3, 4)),
    ],
)
def test_the_last_day_of_a_duration(start: date, text: str, end: date) -> None:
    duration = read_duration(text)
    assert duration is not None
    assert after(start, duration, Calendar()) == end


def test_business_days_skip_weekends_and_the_holidays_of_the_place() -> None:
    three = Duration(business_days=3)
    assert after(date(2026, 11, 19), three, SAO_PAULO) == date(2026, 11, 25)  # 20 November is Consciencia Negra
    assert after(date(2026, 11, 19), three, Calendar()) == date(2026, 11, 24)


def test_business_days_count_back_as_they_count_on() -> None:
    five = Duration(business_days=5)
    assert before(after(date(2026, 11, 3), five, SAO_PAULO), five, SAO_PAULO) == date(2026, 11, 3)


def test_a_last_day_on_a_saturday_moves_to_monday_where_the_law_rolls() -> None:
    month = Duration(months=1)
    found = due(date(2026, 1, 31), month, BRUSSELS)
    assert (found.nominal, found.legal) == (date(2026, 2, 28), date(2026, 3, 2))
    assert due(date(2026, 1, 31), month, Calendar()).legal == date(2026, 2, 28)
    assert rolled(date(2026, 3, 3), BRUSSELS) == date(2026, 3, 3)


def test_hours_run_through_a_weekend_and_keep_the_offset() -> None:
    aware = datetime.fromisoformat("2026-11-20T18:00:00+01:00")
    found = due(aware, Duration(hours=72), BRUSSELS)
    assert found.nominal.isoformat() == "2026-11-23T18:00:00+01:00"
    assert found.legal == found.nominal


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        due(datetime(2026, 11, 20, 18), Duration(hours=72), BRUSSELS)  # noqa: DTZ001 - this is what is refused


def test_an_extension_adds_to_the_first_duration_as_one() -> None:
    deadline = Deadline(
        right=Right.ACCESS, within=Duration(months=1), text="P1M", extension=Duration(months=2), start=date.min, cite=(), note=""
    )
    assert after(date(2026, 1, 31), extended(deadline), Calendar()) == date(2026, 4, 30)


def test_the_holidays_of_a_place_are_those_of_its_part() -> None:
    florida, france = place_calendar("US-FL"), place_calendar("EU-FR")
    assert florida == Calendar(country="US", subdivision="FL")
    assert france is not None
    assert france.holiday(date(2026, 7, 14))
    assert place_calendar("ATLANTIS") is None


@pytest.mark.parametrize(
    ("window", "start"),
    [("year", date(2026, 1, 1)), ("P12M", date(2025, 11, 22)), ("P30D", date(2026, 10, 23)), ("forever", None)],
)
def test_a_window_reaches_back_from_the_day(window: str, start: date | None) -> None:
    assert window_start(window, date(2026, 11, 22)) == start
