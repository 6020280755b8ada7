"""The day and clock of a contact where the person is, for rules on quiet hours and holidays. It sends nothing."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from policies.engine.errors import Code, DomicileError


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment as the person lives it: `at` is the day to decide for, `local_time` the fact `HH:MM`."""

    at: date
    local_time: str


def moment(instant: datetime, time_zone: str) -> Moment:
    """The day and clock of an instant in an IANA time zone. Raises INPUT_INVALID without an offset or for an unknown zone.

    Where the zone of a person is not known there is no local time, and a rule on hours then denies.
    """
    if instant.tzinfo is None:
        raise DomicileError("an instant without its offset", remedy="give it in UTC or with an offset", code=Code.INPUT_INVALID)
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        what = f"unknown time zone `{time_zone[:40]}`"
        raise DomicileError(what, remedy="use an IANA name such as Europe/Paris", code=Code.INPUT_INVALID) from None
    there = instant.astimezone(zone)
    return Moment(at=there.date(), local_time=there.strftime("%H:%M"))
