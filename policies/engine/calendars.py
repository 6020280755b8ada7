"""Durations of law as calendar arithmetic: a month is a month, and business days know holidays. It never asks what day it is.

ISO 8601 durations of one unit or several (`P1M`, `P15D`, `PT72H`, `P2Y`), and `nBD` for business days of a place.
Holidays come from the package `holidays`, whose version is part of the registry's digest.
"""

import calendar
import re
import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.metadata import version

import holidays

HOLIDAYS = f"holidays {version('holidays')}"
_SATURDAY = 5
_MONTHS_A_YEAR = 12
_BUSINESS = re.compile(r"([0-9]{1,4})BD\Z")
_ISO = re.compile(r"P(?:([0-9]{1,3})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,4})W)?(?:([0-9]{1,5})D)?(?:T([0-9]{1,5})H)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """Calendar months, days, hours and business days; a duration of business days has nothing else."""

    months: int = 0
    days: int = 0
    hours: int = 0
    business_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Whose holidays count: a country's, or a part's; without a country weekends alone. `rolls`: an end on a day off moves on."""

    country: str | None = None
    subdivision: str | None = None
    rolls: bool = False

    def day_off(self, day: date) -> bool:
        """Whether it is a Saturday, a Sunday or a public holiday."""
        return day.weekday() >= _SATURDAY or self.holiday(day)

    def holiday(self, day: date) -> bool:
        """Whether it is a public holiday."""
        return self.country is not None and day in _holidays(self.country, self.subdivision, day.year)


def knows(country: str, subdivision: str | None = None) -> bool:
    """Whether the holidays of a place are known."""
    parts = holidays.list_supported_countries().get(country)
    return parts is not None and (subdivision is None or subdivision in parts)


@cache
def place_calendar(code: str) -> Calendar | None:
    """The calendar of a place code such as `FR`, `US-FL` or `EU-DE`, or None when its holidays are not known."""
    head, _, part = code.partition("-")
    if knows(head):
        return Calendar(country=head, subdivision=part if part and knows(head, part) else None)
    return place_calendar(part) if part else None


@cache
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of some countries not every year is known: then weekends alone are days off
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def read_duration(text: object) -> Duration | None:
    """A duration, or None when it is not one."""
    if not isinstance(text, str):
        return None
    if business := _BUSINESS.match(text):
        return Duration(business_days=int(business[1]))
    found = _ISO.match(text)
    if found is None or not any(found.groups()):
        return None
    years, months, weeks, days, hours = (int(part or 0) for part in found.groups())
    return Duration(months=_MONTHS_A_YEAR * years + months, days=7 * weeks + days, hours=hours)


def after(start: date, duration: Duration, where: Calendar) -> date:
    """The last day of a duration that begins on `start` (not counted itself). Hours are rounded up to days."""
    day = _months_on(start, duration.months) + timedelta(days=duration.days + -(-duration.hours // 24))
    left = duration.business_days
    while left:
        day += timedelta(days=1)
        left -= not where.day_off(day)
    return day


def before(end: date, duration: Duration, where: Calendar) -> date:
    """The day from which a duration reaches up to `end`."""
    day = _months_on(end, -duration.months) - timedelta(days=duration.days + -(-duration.hours // 24))
    left = duration.business_days
    while left:
        day -= timedelta(days=1)
        left -= not where.day_off(day)
    return day


def rolled(day: date, where: Calendar) -> date:
    """The first day from `day` on that is no day off (Reg (EEC, Euratom) 1182/71 Art. 3(4))."""
    while where.day_off(day):
        day += timedelta(days=1)
    return day


def _months_on(day: date, months: int) -> date:
    """The same day of the month, or the last day of a shorter month."""
    index = day.year * _MONTHS_A_YEAR + day.month - 1 + months
    year, month = divmod(index, _MONTHS_A_YEAR)
    if not date.min.year <= year <= date.max.year:
        return date.max if months > 0 else date.min
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
