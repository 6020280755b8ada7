"""How long a verdict takes on what nodes really ask: a share, a record field by field, a pull of keys, under one and two laws.

Each request is decided as never seen before, and then as one that comes again. The verdicts of the shipped cases are checked first.
"""

import time
from datetime import date

from policies.engine.cases import SUFFIX, load_cases, run
from policies.engine.evaluator import Policies, decide, load_policies
from policies.engine.readings import PEOPLE as PEOPLE_TABLE
from policies.engine.registry_parser import SHIPPED
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Purpose
from regional_node.crm.fields import PEOPLE
from regional_node.egress.importers import Importer, parse_importers
from regional_node.egress.requests import NodeIdentity, for_entries, for_person, for_share
from tests.bench.measuring import Figure, Measure, Setting, medians, quantile
from tests.federation.houses import PLACES, importers_of

LIMIT_US = 50.0
AT = date(2026, 11, 22)
FIELDS = tuple(PEOPLE)[:8]
COLUMNS = ("country", "segment", "lifetime_value")


def decide_p99(setting: Setting) -> list[Figure]:
    """p99 over all requests of three nodes to two importers each, first seen and seen again."""
    folder = SHIPPED.parent
    policies = load_policies(folder)
    cases = [case for path in sorted(folder.glob(f"*{SUFFIX}")) for case in load_cases(path, policies.registry).cases]
    wrong = [result.case.id for result in run(policies, cases) if not result.passed]
    if wrong:
        message = f"verdicts are wrong, so their time says nothing: {', '.join(wrong)}"
        raise AssertionError(message)
    requests = _requests(policies)
    calls, rounds = setting.of(200, 50), setting.of(21, 5)
    found = medians(
        {
            "first": lambda: quantile(_times(policies, requests, calls, forget=True), 0.99),
            "again": lambda: quantile(_times(policies, requests, calls, forget=False), 0.99),
        },
        rounds=rounds,
    )
    held = len(policies.documents.policies)
    what = f"p99 of {calls * len(requests):,} verdicts on {len(requests)} requests of three nodes by {held} policies"
    return [
        Figure(
            id=name, what=f"{what}, {how}", ours=found[key], against=LIMIT_US, name="limit", target="<= 1", measure=Measure.TIME,
            unit="us", n=rounds,
        )
        for name, key, how in (("decide.p99", "again", "as they come"), ("decide.p99.first", "first", "each for the first time"))
    ]  # fmt: skip


def _requests(policies: Policies) -> list[TransferRequest]:
    found: list[TransferRequest] = []
    for place in PLACES:
        node = NodeIdentity(
            region=place.region, jurisdiction=place.jurisdiction, state=place.state, organisation=place.organisation
        )
        for importer in parse_importers(importers_of(place), "importers.yaml", policies.registry):
            found += _of(node, importer)
    return found


def _of(node: NodeIdentity, importer: Importer) -> list[TransferRequest]:
    purpose = Purpose.ANALYTICS_REPORTING.value
    return [
        for_share(node, importer, PEOPLE_TABLE, COLUMNS, purpose),
        for_person(node, importer, None, FIELDS, purpose, at=AT),
        for_entries(node, importer, 1_000),
    ]


def _times(policies: Policies, requests: list[TransferRequest], calls: int, *, forget: bool) -> list[float]:
    """Microseconds of each verdict."""
    taken = []
    for _ in range(calls):
        for request in requests:
            if forget:
                policies.memo.verdicts.clear()
            began = time.perf_counter_ns()
            decide(policies, request, at=AT)
            taken.append((time.perf_counter_ns() - began) / 1_000)
    return taken
