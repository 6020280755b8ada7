"""How long the verdict on a request takes, on the shipped policies and their own cases. The verdicts are checked first."""

import time

from policies.engine.cases import SUFFIX, Case, load_cases, run
from policies.engine.evaluator import Policies, decide, load_policies
from policies.engine.registry_parser import SHIPPED
from tests.bench.measuring import Figure, Measure, Setting, medians, quantile

LIMIT_US = 50.0


def decide_p99(setting: Setting) -> list[Figure]:
    """The slowest shipped case of each kind of request; the worst kind is told."""
    folder = SHIPPED.parent
    policies = load_policies(folder)
    cases = [case for path in sorted(folder.glob(f"*{SUFFIX}")) for case in load_cases(path, policies.registry).cases]
    wrong = [result.case.id for result in run(policies, cases) if not result.passed]
    if wrong:
        message = f"verdicts are wrong, so their time says nothing: {', '.join(wrong)}"
        raise AssertionError(message)
    slowest: dict[str, tuple[float, Case]] = {}
    for case in cases:
        typical = quantile(_times(policies, case, 60), 0.5)
        kind = case.request.kind.value
        if kind not in slowest or typical > slowest[kind][0]:
            slowest[kind] = (typical, case)
    calls, rounds = setting.of(2_000, 500), setting.of(21, 5)
    found = medians(
        {kind: (lambda case=case: quantile(_times(policies, case, calls), 0.99)) for kind, (_, case) in slowest.items()},
        rounds=rounds,
    )
    worst = max(found, key=lambda kind: found[kind])
    told = ", ".join(f"{kind} `{slowest[kind][1].id}` {found[kind]:.1f}" for kind in sorted(found))
    what = f"p99 of {calls} verdicts on the slowest of {len(cases)} shipped cases of each kind, the worst kind ({told} us)"
    return [
        Figure(
            id="decide.p99", what=what, ours=found[worst], against=LIMIT_US, name="limit", target="<= 1", measure=Measure.TIME,
            unit="us", n=rounds,
        )
    ]  # fmt: skip


def _times(policies: Policies, case: Case, calls: int) -> list[float]:
    """Microseconds of each call."""
    taken = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        decide(policies, case.request, at=case.at)
        taken.append((time.perf_counter_ns() - began) / 1_000)
    return taken
