"""How the benchmarks measure: shuffled rounds, medians, ratios to a named peer or limit. It measures nothing itself."""

import secrets
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_CHANCE = secrets.SystemRandom()
AT_MOST, AT_LEAST = "<=", ">="


class Measure(StrEnum):
    """What a figure counts. Grammar: one noun."""

    TIME = "time"
    RATE = "rate"
    SIZE = "size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of `bench.json`. `ours` and `against` are medians of `n` rounds, or None where one could not be measured."""

    id: str
    what: str
    ours: float | None
    against: float | None
    name: str
    target: str
    measure: Measure
    unit: str
    n: int

    @property
    def ratio(self) -> float | None:
        """Ours to theirs, as the target reads: the larger the better for `>=`, the smaller the better for `<=`."""
        if not self.ours or not self.against:
            return None
        if self.target.startswith(AT_LEAST) and self.measure is Measure.TIME:
            return self.against / self.ours
        return self.ours / self.against

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; None without a ratio."""
        if self.ratio is None:
            return None
        sign, bound = self.target.split()
        return self.ratio <= float(bound) if sign == AT_MOST else self.ratio >= float(bound)

    def as_json(self) -> dict[str, Any]:
        """The line."""
        return {
            "id": self.id,
            "what": self.what,
            "ours": _rounded(self.ours),
            "against": _rounded(self.against),
            "name": self.name,
            "ratio": _rounded(self.ratio),
            "target": self.target,
            "holds": self.holds,
            "unit": self.unit,
            "n": self.n,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a benchmark runs. `folder` is its own, on a real disk, removed afterwards; `quick` asks for a short look only."""

    folder: Path
    quick: bool

    def of(self, full: int, quick: int) -> int:
        """A size or a number of rounds."""
        return quick if self.quick else full


def medians(cases: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """The median of each case over the rounds; the order of cases is drawn anew in every round."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        order = list(cases)
        _CHANCE.shuffle(order)
        for name in order:
            taken[name].append(cases[name]())
    return {name: statistics.median(found) for name, found in taken.items()}


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
