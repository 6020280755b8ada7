"""Stop notices: what they cover, that only the index's key makes one, that none is hidden by a gap, and what is not one."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine.errors import Code, DomicileError
from policies.engine.roots import KeyRole
from policies.engine.stops import ANY, Act, Stop, in_force, next_number, open_stop
from tests.unit.policies.ordinary_bundle import APPROVER, AT, INDEX, ROOT, enrolled, private_key

STOP = Stop(
    federation="demo", number=3, act=Act.STOP, exporter="EU", importer="US", purpose="marketing", reason="court order", issued=AT
)
RAW = STOP.signed(private_key(INDEX))


def refused(raw: bytes, root=ROOT) -> DomicileError:  # type: ignore[no-untyped-def]  # a test's shorthand
    with pytest.raises(DomicileError) as caught:
        open_stop(raw, root)
    assert caught.value.code is Code.STOP_REFUSED
    return caught.value


def test_a_notice_comes_back_as_it_was_signed() -> None:
    assert open_stop(RAW, ROOT) == STOP


@pytest.mark.parametrize("name", [APPROVER, "mallory"])
def test_nobody_but_the_index_signs_one(name: str) -> None:
    assert "not signed by a publisher" in refused(STOP.signed(private_key(name))).what


def test_a_revoked_publisher_signs_nothing_and_a_rotated_one_nothing_new() -> None:
    key = next(each for each in ROOT.keys if each.holder == INDEX)
    refused(RAW, ROOT.revoked(key.id, at=AT))
    successor = replace(enrolled("index-2", KeyRole.PUBLISHER), holder=INDEX, enrolled=AT)
    refused(RAW, ROOT.rotated(key.id, successor))
    assert open_stop(replace(STOP, issued=AT).signed(private_key("index-2")), ROOT.rotated(key.id, successor)) == STOP


@pytest.mark.parametrize(
    ("change", "covers"),
    [
        ({}, True), ({"laws": {"BR"}}, False), ({"importers": {"GB"}}, False), ({"purpose": "sales"}, False),
        ({"purpose": "marketing"}, True), ({"purpose": "marketingish"}, False), ({"laws": {"PCI", "EU"}}, True),
    ],
)  # fmt: skip
def test_what_a_stop_covers(change: dict[str, Any], covers: bool) -> None:
    flow = {"laws": {"EU"}, "importers": {"US", "US-CA"}, "purpose": "marketing.communications.email", **change}
    assert STOP.covers(**flow) is covers


def test_a_stop_of_everything_covers_everything() -> None:
    every = replace(STOP, exporter=ANY, importer=ANY, purpose="")
    assert every.covers(laws=set(), importers=set(), purpose="")


def test_a_resumption_ends_its_own_stop_and_no_other() -> None:
    other = replace(STOP, number=4)
    ended = replace(STOP, number=5, act=Act.RESUME, ends=3)
    assert in_force([ended, other, STOP]) == (other,)


def test_a_gap_between_notices_is_refused() -> None:
    next_number([STOP, replace(STOP, number=4)], 2)
    for wrong in ([replace(STOP, number=4)], [STOP, replace(STOP, number=5)], [STOP, STOP]):
        with pytest.raises(DomicileError) as caught:
            next_number(wrong, 2)
        assert caught.value.code is Code.STOP_REFUSED


@pytest.mark.parametrize(
    "change",
    [
        {"exporter": "eu"}, {"importer": ""}, {"purpose": "Marketing"}, {"reason": ""}, {"reason": "a\nb"}, {"number": 0},
        {"ends": 1}, {"act": Act.RESUME}, {"act": Act.RESUME, "ends": 3}, {"federation": "Demo"},
    ],
)  # fmt: skip
def test_a_notice_that_no_reader_would_take_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(DomicileError):
        replace(STOP, **change).signed(private_key(INDEX))


@given(cut=st.integers(0, len(RAW) - 1), junk=st.binary(max_size=8))
def test_a_truncated_or_padded_notice_is_refused(cut: int, junk: bytes) -> None:
    if RAW[:cut] + junk != RAW:
        refused(RAW[:cut] + junk)


def test_another_kind_of_document_is_no_notice() -> None:
    body = json.loads(RAW)
    assert body["payload_type"] == "application/vnd.domicile.policy-stop.v1+json"
    refused(RAW.replace(b"policy-stop", b"policy-root"))
    assert "another federation" in refused(RAW, replace(ROOT, federation="other")).what
