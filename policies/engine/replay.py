"""Rehearses a draft on recorded decisions: which would flip, in counts and names of policies only. Nothing about anyone comes out.

A record keeps the impersonal inputs of a decision and no more. Where what is missing is personal, the record cannot be replayed
and is counted as unreadable; it is never guessed at.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date
from pathlib import Path
from typing import Any

from policies.engine.decision import Decision
from policies.engine.derived import DERIVED
from policies.engine.diagnostics import PolicyError
from policies.engine.errors import DomicileError
from policies.engine.evaluator import Policies, decide
from policies.engine.hearing import Heard, Listener
from policies.engine.lifecycle import FlipCount, RehearsalCounts
from policies.engine.policy_event import is_event
from policies.engine.record import DecisionRecord, from_bytes, is_impersonal
from policies.engine.request import Fact, FieldAsked, TransferRequest
from policies.engine.strict_yaml import Place
from policies.engine.vocabulary import Outcome

NOT_BY_POLICY = frozenset(
    {
        "importer_unknown", "purpose_not_registered", "budget_exhausted", "noise_missing", "form_not_possible",
        "obligation_not_dischargeable",
    }
)  # fmt: skip
"""Reasons for which a node denies by itself: what a policy would have said is not on the record.

Not those that follow from the person (nobody is there, processing is restricted): left out, they would tell by their number.
"""

Rebuild = Callable[[DecisionRecord], TransferRequest]


def rebuilt(record: DecisionRecord) -> TransferRequest:
    """The request as far as the record tells it. A node adds the claims that it holds for the importer."""
    facts: dict[str, Any] = {}
    for path, value in record.inputs.items():
        _put(facts, path, list(value) if isinstance(value, tuple) else value)
    if not record.fields and record.categories:
        _put(facts, "data.categories", list(record.categories))
    # a field's name decides nothing, its category does: the record keeps the categories of all fields together
    asked = tuple(FieldAsked(name=category, category=category) for category in record.categories) if record.fields else ()
    return TransferRequest(kind=record.kind, facts=facts, fields=asked)


def _put(facts: dict[str, Any], path: str, value: Fact) -> None:
    *heads, last = path.split(".")
    for head in heads:
        facts = facts.setdefault(head, {})
    facts[last] = value


def replay(
    draft: Policies,
    records: Iterable[DecisionRecord],
    *,
    live: Policies | None = None,
    at: date | None = None,
    rebuild: Rebuild = rebuilt,
) -> RehearsalCounts:
    """Decide every record under the draft, on its own day or on `at`, and count what flips by outcome and determining policies.

    With `live`, a record counts only when the policies in force give its recorded outcome again from what it keeps.
    """
    listener = Listener(draft)
    flips: Counter[tuple[Outcome, Outcome, tuple[str, ...]]] = Counter()
    decisions = unreadable = 0
    for record in records:
        decisions += 1
        request = rebuild(record)
        if not _replayable(record, request, live):
            unreadable += 1
            continue
        decision, heard = listener.decide(request, at=at or _day(record))
        if _guessed(decision, heard):
            unreadable += 1
        elif decision.outcome is not record.outcome:
            rules = tuple(sorted({rule.policy for rule in decision.rules}))
            flips[record.outcome, decision.outcome, rules] += 1
    return RehearsalCounts(
        policy_digest=draft.digest,
        decisions=decisions,
        unreadable=unreadable,
        flips=tuple(
            FlipCount(before=before, after=after, rules=rules, count=count)
            for (before, after, rules), count in sorted(flips.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def _day(record: DecisionRecord) -> date:
    return record.at.astimezone(UTC).date()


def _replayable(record: DecisionRecord, request: TransferRequest, live: Policies | None) -> bool:
    if record.outcome is Outcome.DENY and NOT_BY_POLICY & set(record.reasons):
        return False
    return live is None or decide(live, request, at=_day(record)).outcome is record.outcome


def _guessed(decision: Decision, heard: Iterable[Heard]) -> bool:
    """Whether the draft denies for a fact that the record could not have kept.

    Why the record itself was denied does not count: nobody's facts are not stated, so that would tell who exists.
    """
    if not decision.faults:
        return False
    missing = {test.path for found in heard if found.verdict is None for test in found.open_tests(found.rule.term)}
    return any(not is_impersonal(path) and path not in DERIVED for path in missing)


def read_records(path: Path) -> Iterator[DecisionRecord]:
    """The decisions of a file: the canonical bytes of one leaf per line; events between them are passed over.

    Raises PolicyError at the line that is neither.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        finding = Place(path.name, 1, 1).finding("the records cannot be read", "check the path and its permissions")
        raise PolicyError([finding]) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or is_event(line):
            continue
        try:
            yield from_bytes(line)
        except DomicileError as error:
            finding = Place(path.name, number, 1).finding(
                f"not a decision record: {error.what}", "write them with `regional-node ledger show --leaves`"
            )
            raise PolicyError([finding]) from None


def rehearsal_json(counts: RehearsalCounts) -> dict[str, Any]:
    """The counts as plain JSON."""
    return {
        "policy_digest": counts.policy_digest,
        "decisions": counts.decisions,
        "unreadable": counts.unreadable,
        "flipped": sum(flip.count for flip in counts.flips),
        "flips": [
            {"before": flip.before.value, "after": flip.after.value, "rules": list(flip.rules), "count": flip.count}
            for flip in counts.flips
        ],
    }


def rehearsal_text(counts: RehearsalCounts) -> str:
    """The counts in lines: flips largest first, then the sum."""
    lines = [
        f"{flip.count} from {flip.before.value} to {flip.after.value}, by {', '.join(flip.rules) or 'no policy'}"
        for flip in counts.flips
    ]
    flipped = sum(flip.count for flip in counts.flips)
    lines.append(f"{flipped} of {counts.decisions} recorded decisions flip; {counts.unreadable} could not be replayed")
    return "\n".join(lines)
