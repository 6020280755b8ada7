"""What a run of cases comes to: passed and failed, firm and doubtful apart, allow-recall and deny-recall apart. It runs no case."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from policies.engine.cases import Result
from policies.engine.deadline_cases import DeadlineResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Of the cases whose answer must be of one side (permitted, or not), how many were answered so."""

    right: int
    asked: int

    @property
    def share(self) -> float | None:
        """Between 0 and 1, or None when nothing was asked."""
        return self.right / self.asked if self.asked else None

    def __str__(self) -> str:
        """`12 of 12`, with a percentage where anything was asked."""
        share = f" ({self.right * 1000 // self.asked / 10:.1f} %)" if self.asked else ""
        return f"{self.right} of {self.asked}{share}"


def recall(results: Iterable[Result], *, permits: bool) -> Recall:
    """The recall of one side: `permits` asks of what must be permitted, else of what must be denied or reviewed."""
    asked = [result for result in results if result.case.expected.outcome.permits is permits]
    return Recall(right=sum(result.decision.outcome.permits is permits for result in asked), asked=len(asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The results of transfer cases and of deadline cases, in order."""

    results: tuple[Result, ...]
    deadlines: tuple[DeadlineResult, ...] = ()

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(not result.passed for result in self.results) + sum(not found.passed for found in self.deadlines)

    @property
    def passed(self) -> int:
        """How many passed."""
        return len(self.results) + len(self.deadlines) - self.failed

    def as_json(self) -> dict[str, Any]:
        """As `transfer-policy test --json` prints it; doubtful cases are told by their ids."""
        doubtful = [result for result in self.results if result.case.doubtful]
        return {
            "passed": self.passed,
            "failed": self.failed,
            "allow_recall": recall(self.results, permits=True).share,
            "deny_recall": recall(self.results, permits=False).share,
            "firm": _side([result for result in self.results if not result.case.doubtful]),
            "doubtful": {**_side(doubtful), "ids": [result.case.id for result in doubtful]},
            "deadlines": {
                "passed": sum(result.passed for result in self.deadlines),
                "failed": sum(not result.passed for result in self.deadlines),
            },
            "cases": [*(result.as_json() for result in self.results), *(found.as_json() for found in self.deadlines)],
        }

    def __str__(self) -> str:
        """Every failed case with its place, then the sums."""
        lines = [line for result in self.results if not result.passed for line in _failure(result)]
        lines.extend(line for found in self.deadlines if not found.passed for line in _late(found))
        doubtful = [result for result in self.results if result.case.doubtful]
        firm = [result for result in self.results if not result.case.doubtful]
        lines.append(f"firm: {_sum(firm)}")
        if doubtful:
            lines.append(f"doubtful: {_sum(doubtful)}")
        if self.deadlines:
            lines.append(f"deadlines: {sum(d.passed for d in self.deadlines)} of {len(self.deadlines)} right")
        lines.append(f"{self.passed} passed, {self.failed} failed")
        return "\n".join(lines)


def _side(results: list[Result]) -> dict[str, Any]:
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "allow_recall": recall(results, permits=True).share,
        "deny_recall": recall(results, permits=False).share,
    }


def _sum(results: list[Result]) -> str:
    passed = sum(result.passed for result in results)
    allowed, denied = recall(results, permits=True), recall(results, permits=False)
    return f"{passed} of {len(results)} right; allow-recall {allowed}, deny-recall {denied}"


def _failure(result: Result) -> list[str]:
    case, decision = result.case, result.decision
    mark = " (doubtful)" if case.doubtful else ""
    return [
        f"{case.place}: {case.id}{mark} {case.title}".rstrip(),
        f"  expected {', '.join(result.missing)}; got {decision.outcome.value} {', '.join(decision.reasons)}",
    ]


def _late(found: DeadlineResult) -> list[str]:
    case = found.case
    legal = f", at law {case.due_legal}" if case.due_legal else ""
    return [f"{case.place}: {case.id}", f"  expected {case.due}{legal}; got {found.due}, at law {found.due_legal}"]
