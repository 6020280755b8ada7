"""The gate counts whom it lets out: a rule that counts holds at the gate, and what stays is not counted."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from policies.engine.crossing import Entry, EntryBatch
from policies.engine.denial import Denied
from policies.engine.errors import Code, DomicileError
from regional_node.egress.policy_source import PolicySource
from regional_node.storage.counters import counted_persons
from tests.unit.egress import ordinary
from tests.unit.egress.ordinary import PSEUDONYM, House

FACT = """
  data.persons_this_year:
    type: integer
    means: persons sent this year
    counter: {of: persons, window: year, per: [exporter.organisation], kinds: [transfer]}
"""
RULE = """
policy: eu-no-more-than-LIMIT
law: EU
title: No more persons than so many leave in a year
cite: [a test]
review: {by: dpo, last: 2026-11-22, again_before: 2027-11-22}
kind: transfer
effect: prohibit
when: {none: [{data.persons_this_year: {<=: LIMIT}}]}
reasons: [data_minimisation]
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return ordinary.house(tmp_path, people=30)


def limited(house: House, limit: int) -> None:
    """The region's policies with a limit on persons a year."""
    folder = house.folder / "policies"
    shutil.copytree(ordinary.POLICIES / "registry", folder / "registry", dirs_exist_ok=True)
    shutil.copyfile(ordinary.POLICIES / "gdpr.yaml", folder / "gdpr.yaml")
    facts = ordinary.POLICIES / "registry" / "facts.yaml"
    (folder / "registry" / "facts.yaml").write_text(facts.read_text(encoding="utf-8").rstrip() + FACT, encoding="utf-8")
    (folder / "limit.yaml").write_text(RULE.replace("LIMIT", str(limit)), encoding="utf-8")
    house.policies = PolicySource(folder)


def batch(*numbers: int) -> EntryBatch:
    entries = tuple(Entry(pseudonym=number.to_bytes(16, "big")) for number in numbers)
    return EntryBatch(region="eu-de", feed_epoch="1" * 32, cursor=1, entries=entries, more=False)


def counted(house: House) -> int:
    with house.engine.connect() as connection:
        return len(connection.execute(counted_persons.select()).all())


def test_the_last_person_below_the_limit_leaves_and_the_next_does_not(house):
    limited(house, 3)
    house.gate().release_entries(batch(1, 2), "acme-hq")
    house.read("email")
    with pytest.raises(Denied) as denied:
        house.gate().release_entries(batch(3), "acme-hq")
    assert "data_minimisation" in denied.value.decision.reasons
    assert counted(house) == 3


def test_who_has_left_already_leaves_again(house):
    limited(house, 2)
    for _ in range(2):
        house.gate().release_entries(batch(1, 2), "acme-hq")
    assert counted(house) == 2


def test_a_batch_that_would_pass_the_limit_stays_whole_and_is_not_counted(house):
    limited(house, 2)
    with pytest.raises(Denied):
        house.gate().release_entries(batch(1, 2, 3), "acme-hq")
    assert counted(house) == 0
    house.gate().release_entries(batch(1, 2), "acme-hq")


def test_a_person_that_is_denied_is_not_counted(house):
    limited(house, 0)
    with pytest.raises(Denied):
        house.read("email")
    assert counted(house) == 0


def test_what_the_ledger_cannot_record_is_not_counted(house, monkeypatch):
    limited(house, 5)

    def full(*_: Any, **__: Any) -> None:
        raise DomicileError("the store has no space left", code=Code.STORE_FULL)

    monkeypatch.setattr(house.ledger, "append_all", full)
    monkeypatch.setattr(house.ledger, "append", full)
    with pytest.raises(DomicileError, match="no space"):
        house.read("email")
    assert counted(house) == 0


def test_who_asks_for_nobody_learns_nothing_and_counts_nobody(house):
    limited(house, 1)
    with pytest.raises(Denied) as nobody:
        house.read("email", pseudonym=b"n" * 16)
    assert nobody.value.code is Code.RECORD_NOT_FOUND
    assert counted(house) == 0
    house.read("email", pseudonym=PSEUDONYM)


def test_without_counters_the_same_rule_denies(house):
    limited(house, 5)
    house.counting = Silent  # type: ignore[method-assign]  # a build that forgot to count
    with pytest.raises(Denied) as denied:
        house.read("email")
    assert "indeterminate_input" in denied.value.decision.reasons


class Silent:
    """Counters that know nothing."""

    def reserve(self, *_: Any, **__: Any) -> "Silent":
        return self

    outlook = reserve
    under = reserve

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None: ...

    def count(self, *_: Any) -> None: ...
