"""What each rule was asked and answered while a request was decided: for explanations and coverage. It changes no verdict.

The decision is the evaluator's own: its rules are wrapped, never re-implemented. Rules that it passes over unheard, since what they
ask for first is not so, are heard here too: what they ask belongs to the explanation.
"""

from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from policies.engine.conditions import Verdict, compile_term
from policies.engine.counting import Counters
from policies.engine.decision import Decision
from policies.engine.evaluator import Policies, decide
from policies.engine.memo import Memo
from policies.engine.request import TransferRequest
from policies.engine.rules import Rule, Section
from policies.engine.terms import Every, NoneOf, Some, Term, Test


@dataclass(frozen=True, slots=True)
class Heard:
    """One rule in force, what it answered, and the facts it was asked with (by slot)."""

    section: Section
    rule: Rule
    verdict: Verdict
    values: tuple[Any, ...]

    def of(self, term: Term) -> Verdict:
        """What a part of the rule answers on these facts."""
        return compile_term(term, self.section.slots)(self.values)

    def fact(self, path: str) -> Any:
        """A fact as conditions compare it, None when it is not known."""
        number = self.section.slots.numbers.get(path)
        return None if number is None or number >= len(self.values) else self.values[number]

    def open_tests(self, term: Term, *, wanted: bool = True) -> list[Test]:
        """The tests because of which a part does not come out as wanted, in order."""
        if isinstance(term, Test):
            return [] if self.of(term) is wanted else [term]
        if self.of(term) is wanted:
            return []
        inner = wanted is not isinstance(term, NoneOf)
        found = [test for part in term.terms for test in self.open_tests(part, wanted=inner)]
        return list(dict.fromkeys(found))

    def decisive_tests(self, term: Term) -> list[Test]:
        """The tests on which a part that holds rests, in order."""
        if isinstance(term, Test):
            return [term]
        if isinstance(term, Every):
            parts = list(term.terms)
        elif isinstance(term, Some):
            parts = [part for part in term.terms if self.of(part) is True][:1]
        else:
            parts = [test for part in term.terms for test in self.open_tests(part)]
        return list(dict.fromkeys(test for part in parts for test in self.decisive_tests(part)))


class Listener:
    """A bundle whose rules are listened to; made once, it serves many requests, one at a time."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._heard: list[Heard] = []
        self._listened = replace(
            policies, sections=MappingProxyType({key: self._section(section) for key, section in policies.sections.items()})
        )

    def decide(self, request: TransferRequest, *, at: date, counters: Counters | None = None) -> tuple[Decision, tuple[Heard, ...]]:
        """The decision, with every rule that was in force and asked, in order."""
        self._heard.clear()
        afresh = replace(self._listened, memo=Memo())  # an answer from memory would ask no rule
        decide(afresh, request, at=at, counters=counters)
        return decide(self._policies, request, at=at, counters=counters), tuple(self._heard)

    def _section(self, section: Section) -> Section:
        def wrapped(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
            return tuple(self._rule(section, rule) for rule in rules)

        return replace(
            section,
            objections=wrapped(section.objections),
            reviews=wrapped(section.reviews),
            permits=wrapped(section.permits),
            duties=wrapped(section.duties),
            touches=None,
            days={},
        )

    def _rule(self, section: Section, rule: Rule) -> Rule:
        def holds(values: Any) -> Verdict:
            verdict = rule.holds(values)
            self._heard.append(Heard(section, rule, verdict, tuple(values)))
            return verdict

        return replace(rule, holds=holds, term=Every((Some((rule.term,)),)))  # a term that shows no value to sort rules by
