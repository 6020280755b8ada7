"""The decider beside Cedar: the same fifty rules and the same requests in one run; both must give the same verdicts first.

Cedar is general and answers which policies decided; ours answers with reasons, rules, citations and obligations as well.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from policies.engine.evaluator import Policies, compile_policies, decide
from policies.engine.memo import Memo
from policies.engine.parser import parse_text
from policies.engine.registry_parser import read_registry
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Kind
from tests.bench.measuring import Figure, Measure, Setting, medians

RULES, REQUESTS = 50, 2_000
AT = date(2026, 11, 22)
REGIONS = tuple(f"R{number}" for number in range(25))
WORDS = ("sales", "marketing", "analytics", "employment", "support")
LAWFUL = ("contract", "consent", "interest")
REGISTRY = {
    "facts": """facts:
  exporter.region: {type: text, means: where from}
  importer.region: {type: text, means: where to}
  use: {type: text, means: what for}
  ground: {type: text, means: by what right}
  consent.given: {type: boolean, means: whether the person agreed}
""",
    "obligations": "obligations:\n  record: {kind: duty, node: true, means: it is recorded}\n",
    "reasons": "reasons:\n  permitted: a rule permits it\n  objected: a rule forbids it\n",
    "release": "release: {dominance_n: 2, dominance_k: 85, p_percent: 10, difference: 10}\n",
    "laws/eu": "law: EU\nname: the law\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One rule in both languages: a region, some uses, a ground, and for a prohibition no consent."""

    number: int
    region: str
    uses: tuple[str, ...]
    ground: str

    @property
    def permits(self) -> bool:
        return self.number % 2 == 0

    def ours(self) -> str:
        when = f"{{importer.region: {self.region}, use: {{in: [{', '.join(self.uses)}]}}, ground: {self.ground}"
        when += "}" if self.permits else ", consent.given: false}"
        effect = "permit" if self.permits else "prohibit"
        tail = "obligations: [record]\nreasons: [permitted]" if self.permits else "reasons: [objected]"
        head = f"policy: rule-{self.number}\nlaw: EU\ntitle: rule\ncite: [Art. {self.number}]\nkind: transfer"
        return f"{head}\neffect: {effect}\nwhen: {when}\n{tail}\n"

    def cedar(self) -> str:
        uses = " || ".join(f'context.use == "{use}"' for use in self.uses)
        when = f'resource == Region::"{self.region}" && ({uses}) && context.ground == "{self.ground}"'
        if not self.permits:
            when += " && !context.consent"
        return f'@id("rule-{self.number}") {"permit" if self.permits else "forbid"}(principal, action, resource) when {{ {when} }};'


def decide_peer(setting: Setting) -> list[Figure]:
    """Verdicts on requests that come again and again, as a node's do, and on requests never seen before."""
    import cedarpy  # noqa: PLC0415 - a peer of this benchmark alone

    chance = random.Random(20261122)  # noqa: S311 - a workload, no secret
    rules = [
        _Rule(number=n, region=REGIONS[n // 2], uses=tuple(chance.sample(WORDS, 2)), ground=chance.choice(LAWFUL))
        for n in range(RULES)
    ]
    drawn = [(chance.choice(REGIONS), chance.choice(WORDS), chance.choice(LAWFUL), chance.random() < 0.5) for _ in range(REQUESTS)]
    policies = compile_policies(
        parse_text("---\n".join(rule.ours() for rule in rules), "rules.yaml", registry=read_registry(REGISTRY))
    )
    ours = [_request(*one) for one in drawn]
    theirs = [_cedar_request(*one) for one in drawn]
    parsed = cedarpy.PolicySet.from_str("\n".join(rule.cedar() for rule in rules))
    nobody = cedarpy.Entities.from_json_str("[]")
    for mine, peer in zip(ours, theirs, strict=True):
        if decide(policies, mine, at=AT).outcome.permits is not cedarpy.is_authorized(peer, parsed, nobody).allowed:
            message = f"the two disagree on {peer}"
            raise AssertionError(message)
    rounds = setting.of(15, 5)
    found = medians(
        {
            "ours": lambda: _each(lambda: [decide(policies, request, at=AT) for request in ours]),
            "fresh": lambda: _fresh(policies, ours),
            "cedar": lambda: _each(lambda: [cedarpy.is_authorized(request, parsed, nobody) for request in theirs]),
        },
        rounds=rounds,
    )
    what = f"a verdict by {RULES} rules on {REQUESTS:,} requests"
    return [
        Figure(
            id=name, what=f"{what} {how}", ours=found[ours_is], against=found["cedar"], name="cedarpy, pre-parsed", target=target,
            measure=Measure.TIME, unit="us", n=rounds,
        )
        for name, ours_is, how, target in (
            ("decide.cedarpy", "ours", "that came before on the same day", ">= 50"),
            ("decide.cedarpy.fresh", "fresh", "each seen for the first time", ">= 5"),
        )
    ]  # fmt: skip


def _request(region: str, use: str, ground: str, agreed: bool) -> TransferRequest:
    facts: dict[str, Any] = {
        "exporter": {"region": "EU"},
        "importer": {"region": region},
        "use": use,
        "ground": ground,
        "consent": {"given": agreed},
    }
    return TransferRequest(kind=Kind.TRANSFER, facts=facts)


def _cedar_request(region: str, use: str, ground: str, agreed: bool) -> dict[str, Any]:
    return {
        "principal": {"type": "Exporter", "id": "EU"},
        "action": {"type": "Action", "id": "transfer"},
        "resource": {"type": "Region", "id": region},
        "context": {"use": use, "ground": ground, "consent": agreed},
    }


def _each(run: Callable[[], object]) -> float:
    """Microseconds a verdict."""
    began = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - began) / 1_000 / REQUESTS


def _fresh(policies: Policies, requests: list[TransferRequest]) -> float:
    bundle = replace(policies, memo=Memo())
    return _each(lambda: [_forgotten(bundle, request) for request in requests])


def _forgotten(bundle: Policies, request: TransferRequest) -> object:
    verdict = decide(bundle, request, at=AT)
    bundle.memo.verdicts.clear()
    return verdict
