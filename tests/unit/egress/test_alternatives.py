"""A refused aggregate says by which rule, where it stands, and what would have let it out; the policies were asked, not guessed."""

import pytest

from policies.engine.denial import Denied
from policies.engine.errors import Code
from protos.status import problem_of
from regional_node.egress.policy_source import PolicySource
from tests.unit.egress.ordinary import POLICIES, house

RULE = """policy: {name}
law: EU
title: A rule of a test
cite: ["GDPR Art. 5"]
valid: {{from: 2020-01-01}}
review: {{by: dpo, last: 2026-11-22, again_before: 2027-11-22}}
kind: release
effect: prohibit
when: {when}
reasons: [derogation_not_for_systematic]
"""


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path, people=20)
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "gdpr.yaml").write_text((POLICIES / "gdpr.yaml").read_text())
    made.policies = PolicySource(folder)
    yield made
    made.readings.close()


def under(h, when: str, name: str = "eu-test-stop") -> None:
    (h.folder / "policies" / "extra.yaml").write_text(RULE.format(name=name, when=when))


def denied(h) -> Denied:
    with pytest.raises(Denied) as refused:
        h.ask()
    return refused.value


def test_a_rule_that_forbids_every_aggregate_is_named_with_its_place_and_its_lifting(ordinary):
    under(ordinary, "{data.shape: aggregate}")
    told = denied(ordinary)
    assert [(rule.policy, rule.place) for rule in told.decision.rules] == [("eu-test-stop", "extra.yaml:1")]
    assert told.decision.try_instead == ("lift:eu-test-stop",)
    assert "`lift:eu-test-stop`" in told.remedy
    (ordinary.folder / "policies" / "extra.yaml").unlink()
    ordinary.ask()  # what it says is true


def test_a_permit_turned_into_a_prohibition_would_have_to_be_put_back_too(ordinary):
    law = ordinary.folder / "policies" / "gdpr.yaml"
    before, named, after = law.read_text().partition("policy: eu-anonymous-aggregates")
    law.write_text(before + named + after.replace("effect: permit", "effect: prohibit", 1))
    told = denied(ordinary)
    assert told.decision.rules[0].place.startswith("gdpr.yaml:")
    assert told.decision.try_instead == ("lift:eu-anonymous-aggregates", "permit:EU")


def test_a_rule_about_one_purpose_names_the_purposes_that_would_do(ordinary):
    under(ordinary, "{purpose: analytics.reporting}")
    told = denied(ordinary).decision.try_instead
    assert "essential.service.operations.support" in told
    assert "analytics.reporting" not in told
    ordinary.ask(purpose="essential.service.operations.support")


def test_a_rule_about_one_category_names_the_column(ordinary):
    under(ordinary, "{data.categories: {has: user.behavior.purchase_history}}")
    assert denied(ordinary).decision.try_instead == ("without:lifetime_value",)


def test_a_region_with_a_broken_policy_sends_to_its_operator_and_tells_nothing_of_it(ordinary):
    (ordinary.folder / "policies" / "gdpr.yaml").write_text("policy: [secret-name")
    told = problem_of(denied(ordinary))
    assert (told.code, told.what) == (Code.POLICY_INVALID, "the policy is not valid")
    assert told.remedy == "ask the region's operator to run `regional-node policy status`"
    assert "secret" not in str(told)
    assert str(ordinary.folder) not in str(told)
