"""Every ledger keeps what it says it kept, in order and for good, and finds whatever was done to it behind its back."""

import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from policies.engine.checkpoint import open_checkpoint
from policies.engine.errors import Code, DomicileError
from policies.engine.merkle import Tree, leaf_hash
from regional_node.storage.ledger import LedgerKey, StoredLedger
from tests.contract.backends import fixture_engine, fixture_postgres_address  # noqa: F401 - fixtures
from tests.unit.egress.ordinary import AT

KEY = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
ORIGIN = "domicile.test/eu-de"
LEAVES = [f"leaf {n}".encode() for n in range(13)]


def opened(engine):
    return StoredLedger(engine, signer=LedgerKey(origin=ORIGIN, key=KEY))


@pytest.fixture
def ledger(engine):
    return opened(engine)


def tamper(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_leaf_is_kept_where_it_says(ledger):
    refs = [ledger.append(leaf, at=AT) for leaf in LEAVES]
    assert [ref.index for ref in refs] == list(range(13))
    assert [ref.leaf_hash for ref in refs] == [leaf_hash(leaf) for leaf in LEAVES]
    assert list(ledger.leaves(3, 4)) == list(enumerate(LEAVES))[3:7]
    assert ledger.size() == 13


def test_the_root_is_that_of_rfc_9162(ledger):
    ledger.append_all(LEAVES, at=AT)
    found = ledger.verify()
    assert found.sound
    assert (found.size, found.root) == (13, Tree(LEAVES).root())
    signed = open_checkpoint(ledger.checkpoint(at=AT), origin=ORIGIN, public_key=KEY.public_key())
    assert (signed.size, signed.root) == (13, Tree(LEAVES).root())


def test_an_empty_ledger_is_sound_and_has_a_checkpoint(ledger):
    assert ledger.verify().sound
    assert open_checkpoint(ledger.checkpoint(at=AT), origin=ORIGIN, public_key=KEY.public_key()).size == 0


def test_it_goes_on_after_a_restart(engine, ledger):
    ledger.append_all(LEAVES[:5], at=AT)
    opened(engine).append_all(LEAVES[5:], at=AT)
    assert opened(engine).verify().root == Tree(LEAVES).root()


def test_several_leaves_are_kept_all_or_none(engine, ledger):
    ledger.append(LEAVES[0], at=AT)
    with pytest.raises(DomicileError) as large:
        ledger.append_all([LEAVES[1], b"x" * (2 * 1024 * 1024)], at=AT)
    assert large.value.code is Code.INPUT_TOO_LARGE
    assert ledger.size() == 1
    assert ledger.verify().sound


def test_many_writers_stand_in_one_line(engine):
    copies = [opened(engine) for _ in range(4)]
    refs = []

    def write(copy, name):
        for number in range(10):
            refs.append(copy.append(f"{name} {number}".encode(), at=AT).index)

    threads = [threading.Thread(target=write, args=(copy, name)) for name, copy in enumerate(copies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refs) == list(range(40))
    assert opened(engine).verify().sound


TAMPERED = {
    "altered": ["UPDATE ledger_leaves SET leaf = (SELECT leaf FROM ledger_leaves WHERE number = 2) WHERE number = 4"],
    "altered with its hash": [
        "UPDATE ledger_leaves SET (leaf, hash) = (SELECT leaf, hash FROM ledger_leaves WHERE number = 2) WHERE number = 4"
    ],
    "last leaf taken": ["DELETE FROM ledger_leaves WHERE number = 12"],
    "a leaf taken": ["DELETE FROM ledger_leaves WHERE number = 6"],
    "a leaf taken and the rest moved up": [
        "DELETE FROM ledger_leaves WHERE number = 11",
        "UPDATE ledger_leaves SET number = 11 WHERE number = 12",
    ],
    "two exchanged": [
        "UPDATE ledger_leaves SET number = 100 WHERE number = 3",
        "UPDATE ledger_leaves SET number = 3 WHERE number = 5",
        "UPDATE ledger_leaves SET number = 5 WHERE number = 100",
    ],
    "one put in": ["INSERT INTO ledger_leaves SELECT 13, leaf, hash, appended_at FROM ledger_leaves WHERE number = 1"],
    "the size lowered": ["UPDATE ledger_state SET size = 12"],
    "the checkpoint changed": ["UPDATE ledger_state SET checkpoint = 'domicile.test/eu-de'"],
    "the frontier changed": ["UPDATE ledger_state SET frontier = (SELECT hash FROM ledger_leaves WHERE number = 0)"],
    "the state lost": ["DELETE FROM ledger_state"],
    "everything lost": ["DELETE FROM ledger_state", "DELETE FROM ledger_leaves"],
}


@pytest.mark.parametrize("done", TAMPERED, ids=str)
def test_whatever_was_done_to_the_store_is_found(engine, ledger, done):
    ledger.append_all(LEAVES, at=AT)
    tamper(engine, *TAMPERED[done])
    found = ledger.verify()
    assert not found.sound
    assert found.fault


@pytest.mark.parametrize("done", ["last leaf taken", "one put in", "the size lowered", "the checkpoint changed", "the state lost"])
def test_nothing_is_appended_to_a_ledger_that_disagrees_with_itself(engine, ledger, done):
    ledger.append_all(LEAVES, at=AT)
    tamper(engine, *TAMPERED[done])
    with pytest.raises(DomicileError) as broken:
        ledger.append(b"next", at=AT)
    assert broken.value.code is Code.LEDGER_BROKEN


def test_a_log_written_again_under_another_key_is_found(engine, ledger):
    ledger.append_all(LEAVES, at=AT)
    forger = LedgerKey(origin=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"f" * 32))
    tamper(engine, "DELETE FROM ledger_state", "DELETE FROM ledger_leaves")
    StoredLedger(engine, signer=forger).append_all(LEAVES[:-1], at=AT)
    assert opened(engine).verify().fault == "the checkpoint is not signed by this log"


def test_a_log_put_back_while_it_runs_is_found(engine, ledger):
    ledger.append_all(LEAVES[:5], at=AT)
    with engine.connect() as connection:
        earlier = connection.execute(text("SELECT size, frontier, checkpoint FROM ledger_state")).one()
    ledger.append_all(LEAVES[5:], at=AT)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_leaves WHERE number >= 5"))
        put_back = text("UPDATE ledger_state SET size = :size, frontier = :frontier, checkpoint = :checkpoint")
        connection.execute(put_back, dict(earlier._mapping))
    assert not ledger.verify().sound
    with pytest.raises(DomicileError):
        ledger.append(b"next", at=AT)
