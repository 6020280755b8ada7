"""Every one-token change of the GDPR, French, LGPD and CCPA policies is caught by a case of that file, or listed with why not."""

import json
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest

from policies.engine import terms
from policies.engine.cases import load_cases, run
from policies.engine.diagnostics import PolicyError
from policies.engine.evaluator import load_policies
from policies.engine.memo import Memo
from policies.engine.parser import parse_text
from policies.engine.registry_parser import SHIPPED
from policies.engine.rules import compile_section
from policies.engine.strict_yaml import parse_documents, plain
from tests.mutants import DESCRIBES, Mutator

LAWS = ("gdpr", "fr", "lgpd", "ccpa")


def without_parents(policies):
    """Each law by itself: where the law above says the same, it would hide what a change of this one does."""
    registry = policies.registry
    alone = {code: replace(jurisdiction, parent=None) for code, jurisdiction in registry.jurisdictions.items()}
    return replace(policies, registry=replace(registry, jurisdictions=alone), memo=Memo())


BUNDLE = without_parents(load_policies(SHIPPED.parent))


class Bench:
    """The shipped bundle with one policy of one file replaced, asked the cases of that file. Compiles only what changed."""

    def __init__(self, name):
        self.file = SHIPPED.parent / f"{name}.yaml"
        self.cases = load_cases(SHIPPED.parent / f"{name}.cases.yaml", BUNDLE.registry).cases
        self.results = run(BUNDLE, self.cases)
        assert all(result.passed for result in self.results)

    def mutants(self):
        text = self.file.read_text(encoding="utf-8")
        own = parse_text(text, self.file.name, registry=BUNDLE.registry).policies
        read = sorted({test.path for policy in own for test in terms.tests_of(policy.when)})
        for node in parse_documents(text, self.file.name):
            yield from Mutator(BUNDLE.registry, plain(node), read=read).all()

    def verdict(self, mutant):
        """`refused` by the checker, `caught` by a case, or `survived`."""
        try:
            (changed,) = parse_text(json.dumps(mutant.body, ensure_ascii=False), self.file.name, registry=BUNDLE.registry).policies
        except PolicyError:
            return "refused"
        policies = self._with(mutant.policy, changed)
        near = sorted(self.results, key=lambda r: mutant.policy not in {rule.policy for rule in r.decision.rules})
        return "caught" if any(not run(policies, [result.case])[0].passed for result in near) else "survived"

    def _with(self, name, changed):
        documents = tuple(changed if policy.name == name else policy for policy in BUNDLE.documents.policies)
        old = next(policy for policy in BUNDLE.documents.policies if policy.name == name)
        sections = dict(BUNDLE.sections)
        for law, kind in {(policy.law, kind) for policy in (old, changed) for kind in policy.kinds}:
            section = [policy for policy in documents if policy.law == law and kind in policy.kinds]
            sections.pop((law, kind), None)
            if section:
                sections[law, kind] = compile_section(section, BUNDLE.registry.jurisdictions[law], BUNDLE.registry)
        laws = {policy.law for policy in documents}
        overlays = tuple(sorted(law for law in laws if BUNDLE.registry.jurisdictions[law].overlay))
        return replace(BUNDLE, sections=MappingProxyType(sections), overlays=overlays, memo=Memo())


@cache
def judged(name):
    bench = Bench(name)
    return tuple((mutant.id, bench.verdict(mutant)) for mutant in bench.mutants())


def listed():
    (node,) = parse_documents((Path(__file__).parent / "equivalents.yaml").read_text(encoding="utf-8"), "equivalents.yaml")
    return plain(node)


def matching(entry, names):
    return {name for name in names for pattern in entry["changes"] if fnmatchcase(name, pattern)}


@pytest.mark.parametrize("name", LAWS)
def test_every_change_of_one_token_is_caught_or_listed_as_equivalent(name):
    survivors = {mutant for mutant, verdict in judged(name) if verdict == "survived"}
    excused = {mutant for entry in listed()["equivalents"] for mutant in matching(entry, survivors)}
    counts = Counter(verdict for _, verdict in judged(name))
    assert not survivors - excused, f"no case tells these changes of {name}.yaml: {sorted(survivors - excused)}"
    assert counts["caught"] > 150


def test_every_listed_change_exists_and_is_still_not_caught():
    verdicts = {mutant: verdict for name in LAWS for mutant, verdict in judged(name)}
    assert tuple(listed()["describes"]["keys"]) == DESCRIBES
    for entry in listed()["equivalents"]:
        assert entry["because"]
        found = matching(entry, verdicts)
        assert found, entry["changes"]
        assert all(any(fnmatchcase(mutant, pattern) for mutant in verdicts) for pattern in entry["changes"])
        assert {verdicts[mutant] for mutant in found} == {"survived"}, entry["changes"]


def test_without_the_case_of_its_boundary_a_change_survives():
    bench = Bench("gdpr")
    earlier = next(mutant for mutant in bench.mutants() if mutant.id == "eu-child-consent-valid: when.subject.age.< -1")
    assert bench.verdict(earlier) == "caught"
    bench.results = [result for result in bench.results if result.case.id != "child-seventeen"]
    assert bench.verdict(earlier) == "survived"
