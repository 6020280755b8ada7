"""Exchange rates for the demo: units per euro on each working day, in the ECB's columns. Illustrative, never the ECB's own."""

import csv
from datetime import date, timedelta
from pathlib import Path

from deploy.terms import stream

FIRST_DAY = date(2015, 1, 1)
CURRENCIES = ("USD", "BRL", "GBP")
# Round figures near each year's mean; the days between are drawn around a straight line from one midsummer to the next.
_YEARLY = {
    2014: (1.24, 3.15, 0.790),
    2015: (1.11, 3.70, 0.726),
    2016: (1.11, 3.86, 0.819),
    2017: (1.13, 3.61, 0.877),
    2018: (1.18, 4.31, 0.885),
    2019: (1.12, 4.41, 0.878),
    2020: (1.14, 5.89, 0.890),
    2021: (1.18, 6.38, 0.860),
    2022: (1.05, 5.44, 0.853),
    2023: (1.08, 5.40, 0.870),
    2024: (1.08, 5.83, 0.847),
    2025: (1.13, 6.32, 0.857),
    2026: (1.16, 6.20, 0.865),
}
_MIDSUMMER = (7, 1)
_FRIDAY = 4
_PULL = 0.02
_DAILY = 0.004


def _anchor(year: int) -> tuple[float, ...]:
    return _YEARLY.get(year) or _YEARLY[max(_YEARLY) if year > max(_YEARLY) else min(_YEARLY)]


def _between(day: date, index: int) -> float:
    start = date(day.year if (day.month, day.day) >= _MIDSUMMER else day.year - 1, *_MIDSUMMER)
    end = date(start.year + 1, *_MIDSUMMER)
    part = (day - start).days / (end - start).days
    return _anchor(start.year)[index] * (1 - part) + _anchor(end.year)[index] * part


def daily_rates(*, seed: int, until: date) -> list[tuple[str, ...]]:
    """A row for each working day from FIRST_DAY to `until`, oldest first: the day, then units of each of CURRENCIES."""
    rng = stream(seed, "rates")
    drift = [0.0] * len(CURRENCIES)
    rows = []
    for offset in range((until - FIRST_DAY).days + 1):
        day = FIRST_DAY + timedelta(days=offset)
        if day.weekday() > _FRIDAY:
            continue
        drift = [d * (1 - _PULL) + rng.gauss(0, _DAILY) for d in drift]
        rows.append((day.isoformat(), *(f"{_between(day, i) * (1 + d):.4f}" for i, d in enumerate(drift))))
    return rows


def write_rates(path: Path, *, seed: int, until: date) -> None:
    """Write the rates as CSV with the header `Date,USD,BRL,GBP`."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("Date", *CURRENCIES))
        writer.writerows(daily_rates(seed=seed, until=until))
