"""What a draft widens is judged on every day on which it says something else, not on the day on which it is submitted."""

from datetime import date

import pytest

pytest.importorskip("z3", reason="z3-solver is not installed: pip install --require-hashes -r requirements/analysis.txt")

from global_index.policy_house import compared
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.parser import parse_text
from tests.unit.index.policy_world import AT, DAY, PERMIT

NOW = PERMIT.format(name="eu-reporting", law="EU", to="BR")


def with_another(valid: str) -> Policies:
    more = PERMIT.format(name="eu-more", law="EU", to="US").replace("effect: permit\n", f"valid: {valid}\neffect: permit\n")
    return compile_policies(parse_text(f"{NOW}---\n{more}", "eu.yaml"))


OLD = compile_policies(parse_text(NOW, "eu.yaml"))


@pytest.mark.parametrize("start", [AT.date(), (AT + DAY).date(), date(2031, 1, 1)])
def test_a_permit_widens_whenever_it_begins(start: date) -> None:
    found = compared(OLD, with_another(f"{{from: {start}}}"))
    assert found.widens == ("EU",)
    assert "newly allowed" in found.text


def test_the_same_policies_widen_nothing() -> None:
    assert compared(OLD, OLD).widens == ()
