"""When a clock of law runs out: the nominal last day, and the day to which a weekend or holiday moves it. It keeps no clock.

The nominal day is the cautious one; the rolled day counts only where the law rolls (Reg (EEC, Euratom) 1182/71 Art. 3(4)).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from policies.engine.calendars import Calendar, Duration, after, rolled
from policies.engine.registry import Deadline, Jurisdiction, Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The last day or instant. `nominal` is what to work to; `legal` is later where the law moves it past days off."""

    nominal: date | datetime
    legal: date | datetime


def due(start: date | datetime, duration: Duration, calendar: Calendar) -> Due:
    """The end of a duration that begins on a day or, for hours, at an instant. The day of the event itself does not count.

    An instant keeps its offset: hours run through weekends and through changes of the clock. Raises ValueError without an offset.
    """
    if isinstance(start, datetime) and _of_hours(duration):
        if start.tzinfo is None:
            raise ValueError("an instant without its offset")
        end = (start.astimezone(UTC) + timedelta(hours=duration.hours)).astimezone(start.tzinfo)
        return Due(nominal=end, legal=end)
    day = start.date() if isinstance(start, datetime) else start
    nominal = after(day, duration, calendar)
    return Due(nominal=nominal, legal=rolled(nominal, calendar) if calendar.rolls else nominal)


def _of_hours(duration: Duration) -> bool:
    return bool(duration.hours) and not (duration.months or duration.days or duration.business_days)


def clock(jurisdiction: Jurisdiction, right: Right, on: date) -> Deadline | None:
    """The clock that a law sets for a right on a day: the one that began last, or None when it sets none."""
    running = [deadline for deadline in jurisdiction.deadlines if deadline.right is right and deadline.start <= on]
    return max(running, key=lambda deadline: deadline.start) if running else None


def extended(deadline: Deadline) -> Duration:
    """The whole time a law gives once it is extended: both durations as one, so that months stay months."""
    more = deadline.extension or Duration()
    one = deadline.within
    return Duration(
        months=one.months + more.months,
        days=one.days + more.days,
        hours=one.hours + more.hours,
        business_days=one.business_days + more.business_days,
    )
