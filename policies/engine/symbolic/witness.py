"""Holds what the solver found against the decider, and makes it small. A witness that the decider does not confirm is a defect."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from policies.engine.decision import Decision, Obligation
from policies.engine.difference import Change, Direction
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, decide
from policies.engine.facts import CATEGORIES
from policies.engine.obligations import measure
from policies.engine.registry import ObligationKind, Strictest
from policies.engine.request import Fact, FieldAsked, TransferRequest
from policies.engine.symbolic.search import Lead
from policies.engine.vocabulary import Form


class Unconfirmed(DomicileError):  # noqa: N818 - what the decider left the witness
    """The solver and the decider do not read a policy in the same way: a defect of the analysis, never shown as a difference."""

    code = Code.INTERNAL


def change_of(lead: Lead, old: Policies, new: Policies, days: Sequence[int]) -> Change:
    """The change that a lead shows, made small. Raises Unconfirmed."""
    was, now = decide(old, lead.request, at=lead.at), decide(new, lead.request, at=lead.at)
    if (was.outcome, now.outcome) != lead.expected or lead.direction not in goes(was, now, old, new):
        what = f"the decider says {was.outcome.value} and {now.outcome.value} where the solver found `{lead.direction.value}`"
        raise Unconfirmed(what, remedy="report it with both bundles; the difference is not shown")
    request = _smallest(lead, old, new, (was, now))
    was, now = decide(old, request, at=lead.at), decide(new, request, at=lead.at)
    since, until = _stretch(lead, request, old, new, days)
    forms = _forms(request, lead.at, old, new) if was.outcome.permits and now.outcome.permits else {}
    laws = tuple(sorted({cause.law for cause in lead.causes if cause.law}))
    return Change(
        direction=lead.direction,
        kind=request.kind,
        laws=laws,
        causes=lead.causes,
        request=request,
        at=lead.at,
        old=was,
        new=now,
        since=since,
        until=until,
        forms=forms,
    )


def goes(was: Decision, now: Decision, old: Policies, new: Policies) -> set[Direction]:
    """Every direction that two decisions on one request show."""
    if was.outcome.permits is not now.outcome.permits:
        return {Direction.ALLOWED if now.outcome.permits else Direction.DENIED}
    found: set[Direction] = set()
    if was.outcome.permits:
        if _freer(was, now, old, new):
            found.add(Direction.LOOSER)
        if _freer(now, was, new, old):
            found.add(Direction.STRICTER)
    said = (was.outcome, set(was.reasons), {o.name for o in was.obligations})
    if not found and said != (now.outcome, set(now.reasons), {o.name for o in now.obligations}):
        found.add(Direction.OTHERWISE)
    return found


def _freer(was: Decision, now: Decision, old: Policies, new: Policies) -> bool:
    """Whether a field leaves in a freer form, or less is owed."""
    if any(b.form.strictness < a.form.strictness for a, b in zip(was.fields, now.fields, strict=True)):
        return True
    return any(_eased(obligation, now, old, new) for obligation in was.obligations if _binds(obligation, old))


def _binds(obligation: Obligation, policies: Policies) -> bool:
    return policies.registry.obligations[obligation.name].kind is not ObligationKind.ADVICE


def _eased(obligation: Obligation, now: Decision, old: Policies, new: Policies) -> bool:
    kept = now.obligation(obligation.name)
    if kept is None or not _binds(kept, new):
        return True
    arguments = old.registry.obligations[obligation.name].arguments
    return any(
        key not in kept.arguments or _less(kept.arguments[key], value, arguments[key])
        for key, value in obligation.arguments.items()
    )


def _less(now: Fact, was: Fact, how: Strictest) -> bool:
    """Whether an argument is less strict than it was."""
    a, b = measure(now, how), measure(was, how)
    if how is Strictest.SAME or isinstance(a, str | None) or isinstance(b, str | None):
        return a != b
    return a < b if how is Strictest.GREATEST else a > b


def _smallest(lead: Lead, old: Policies, new: Policies, shown: tuple[Decision, Decision]) -> TransferRequest:
    """The request with everything left out that is not needed to show the same."""
    causes = frozenset(cause.name for cause in lead.causes)
    request, wanted = lead.request, tuple(_told(decision, causes) for decision in shown)
    dropped = True
    while dropped:
        dropped = False
        for smaller in _smaller(request):
            was, now = decide(old, smaller, at=lead.at), decide(new, smaller, at=lead.at)
            if (_told(was, causes), _told(now, causes)) == wanted and lead.direction in goes(was, now, old, new):
                request, dropped = smaller, True
                break
    return request


def _told(decision: Decision, causes: frozenset[str]) -> tuple[object, ...]:
    """What a smaller witness must keep: why it is denied, and which of the causes speak in its favour."""
    if not decision.outcome.permits:
        return decision.outcome, decision.reasons, tuple(rule.policy for rule in decision.rules), bool(decision.faults)
    return True, frozenset(rule.policy for rule in decision.rules if rule.policy in causes)


def _smaller(request: TransferRequest) -> Iterator[TransferRequest]:
    """The request with one thing less."""
    for index in range(len(request.mechanisms)):
        yield replace(request, mechanisms=request.mechanisms[:index] + request.mechanisms[index + 1 :])
    for index in range(len(request.fields)):
        yield replace(request, fields=request.fields[:index] + request.fields[index + 1 :])
    for index in range(len(request.laws)):
        yield replace(request, laws=request.laws[:index] + request.laws[index + 1 :])
    for facts in _less_said(request.facts):
        yield replace(request, facts=facts)
    for index, claim in enumerate(request.mechanisms):
        for key in claim:
            if key != "id":
                smaller = {name: value for name, value in claim.items() if name != key}
                plain = {**claim, key: True}
                for other in (smaller, *([plain] if claim[key] is not True else [])):
                    yield replace(request, mechanisms=(*request.mechanisms[:index], other, *request.mechanisms[index + 1 :]))


def _less_said(facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in facts.items():
        rest = {name: inner for name, inner in facts.items() if name != key}
        yield rest
        if isinstance(value, Mapping):
            yield from ({**rest, key: inner} for inner in _less_said(value))
        elif isinstance(value, list) and len(value) > 1:
            yield from ({**rest, key: value[:index] + value[index + 1 :]} for index in range(len(value)))


def _stretch(
    lead: Lead, request: TransferRequest, old: Policies, new: Policies, days: Sequence[int]
) -> tuple[date | None, date | None]:
    """From when until when (exclusive) the witness shows it, among the days that matter."""
    here = lead.at.toordinal()
    shown: dict[int, bool] = {}
    for number in days:
        day = date.fromordinal(number)
        was, now = decide(old, request, at=day), decide(new, request, at=day)
        shown[number] = lead.direction in goes(was, now, old, new)
    ends = [day for day in days if day > here and not shown[day]]
    past = [day for day in days if day < here and not shown[day]]
    since = min((day for day in days if day <= here and (not past or day > max(past))), default=here) if past else None
    return (None if since is None else date.fromordinal(since)), (date.fromordinal(min(ends)) if ends else None)


def _forms(request: TransferRequest, at: date, old: Policies, new: Policies) -> dict[str, tuple[Form, Form]]:
    """The categories that would leave in another form than before, each asked for by itself."""
    found: dict[str, tuple[Form, Form]] = {}
    for category in sorted(CATEGORIES):
        asked = replace(request, fields=(*request.fields, FieldAsked(name="", category=category)))
        was, now = decide(old, asked, at=at), decide(new, asked, at=at)
        one, other = was.fields[-1].form, now.fields[-1].form
        if one is not other and was.outcome.permits and now.outcome.permits:
            found[category] = (one, other)
    return found
