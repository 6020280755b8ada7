"""Records, checkpoints and tickets: what is signed is exactly what is read, or it is refused."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.engine import signing
from policies.engine.checkpoint import (
    Checkpoint,
    CheckpointError,
    cosign_note,
    key_id,
    open_checkpoint,
    sign_checkpoint,
    verify_note,
)
from policies.engine.errors import Code, DomicileError
from policies.engine.merkle import (
    ProofError,
    Tree,
    consistency_proof,
    inclusion_proof,
    range_root,
    subtree_consistency_proof,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
)
from policies.engine.record import DecisionRecord, canonical_bytes, from_bytes
from policies.engine.signing import Ticket, sign_ticket, verify_ticket
from policies.engine.vocabulary import Form, Kind, Outcome, Shape

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECORD = DecisionRecord(
    kind=Kind.TRANSFER,
    at=NOW,
    exporter_region="br-sp",
    exporter_jurisdiction="BR",
    importer="hq-ie",
    importer_jurisdiction="EU",
    analyst="a-17",
    role="analyst",
    purpose="analytics.reporting",
    shape=Shape.RECORD,
    categories=("user.contact.email",),
    fields=(("email", Form.MASK),),
    outcome=Outcome.REDACT,
    reasons=("data_minimisation",),
    rules=("br-data-minimisation",),
    inputs={"importer.region": "EU", "importer.group": True, "importer.dpf.covers": ("hr",), "data.persons": 1},
    policy_digest="ab" * 32,
    payload_digest="cd" * 32,
    payload_length=120,
    subject="ef" * 32,
    nonce="01" * 16,
)
TICKET = Ticket(
    analyst="a-17",
    role="analyst",
    purpose="analytics.reporting",
    importer="hq-ie",
    region="br-sp",
    request_digest="ab" * 32,
    nonce="01" * 16,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=2),
)


def opened(signed, **changes):
    asked = {"at": NOW, "region": "br-sp", "request_digest": "ab" * 32} | changes
    return verify_ticket(signed, KEY.public_key(), **asked)


def test_a_record_reads_back_from_its_canonical_bytes():
    assert from_bytes(canonical_bytes(RECORD)) == RECORD


@pytest.mark.parametrize(
    "personal",
    [
        {"analyst": "ana@example.com"},
        {"importer": "Ana Souza"},
        {"subject": "Ana"},
        {"purpose": "ask about Ana"},
        {"reasons": ("Ana Souza",)},
        {"fields": (("Ana Souza", Form.CLEAR),)},
        {"categories": ("Ana",)},
        {"inputs": {"subject.age": 31}},
        {"inputs": {"importer.region": "Ana Souza"}},
        {"rho": "much"},
        {"at": NOW.replace(tzinfo=None)},
    ],
)
def test_nothing_outside_the_allow_list_fits_into_a_record(personal):
    with pytest.raises(DomicileError):
        replace(RECORD, **personal)


def test_a_key_that_is_not_on_the_list_cannot_be_read_in():
    with pytest.raises(DomicileError):
        from_bytes(canonical_bytes(RECORD)[:-1] + b',"zname":"Ana"}')


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(canonical_bytes(RECORD)) - 1), st.integers(0, 255))
def test_damaged_record_bytes_are_refused_or_are_another_record(position, byte):
    raw = bytearray(canonical_bytes(RECORD))
    raw[position] = byte
    try:
        read = from_bytes(bytes(raw))
    except DomicileError:
        return
    assert canonical_bytes(read) == bytes(raw)


def test_a_checkpoint_opens_for_its_own_log_and_key():
    checkpoint = Checkpoint(origin="br-sp/ledger", size=3, root=Tree([b"a", b"b", b"c"]).root())
    note = sign_checkpoint(checkpoint, KEY)
    assert open_checkpoint(note, origin="br-sp/ledger", public_key=KEY.public_key()) == checkpoint
    witness = Ed25519PrivateKey.generate()
    cosigned = cosign_note(note, name="witness", private_key=witness)
    keys = {"br-sp/ledger": KEY.public_key(), "witness": witness.public_key()}
    assert verify_note(cosigned, keys, needed=["witness"])[1] == ("br-sp/ledger", "witness")


def test_a_checkpoint_with_one_byte_changed_is_refused():
    note = sign_checkpoint(Checkpoint(origin="br-sp/ledger", size=3, root=bytes(32)), KEY)
    with pytest.raises(CheckpointError):
        open_checkpoint(note.replace("\n3\n", "\n4\n"), origin="br-sp/ledger", public_key=KEY.public_key())
    with pytest.raises(CheckpointError):
        open_checkpoint(note, origin="br-sp/ledger", public_key=Ed25519PrivateKey.generate().public_key())
    with pytest.raises(CheckpointError):
        open_checkpoint(note[:-3], origin="br-sp/ledger", public_key=KEY.public_key())


def test_the_key_id_is_as_in_the_published_signed_note_example():
    # golang.org/x/mod/sumdb/note: verifier key PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
    raw = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    assert key_id("PeterNeumann", Ed25519PublicKey.from_public_bytes(raw)).hex() == "c74f20a3"


def test_a_ticket_verifies_for_its_own_request():
    assert opened(sign_ticket(TICKET, KEY)) == TICKET


@pytest.mark.parametrize(
    "changes",
    [
        {"at": NOW + timedelta(minutes=2)},
        {"at": NOW - timedelta(minutes=1)},
        {"region": "eu-de"},
        {"request_digest": "00" * 32},
    ],
)
def test_a_ticket_for_another_time_region_or_request_is_refused(changes):
    with pytest.raises(DomicileError) as caught:
        opened(sign_ticket(TICKET, KEY), **changes)
    assert caught.value.code is Code.TICKET_REFUSED


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 3000, b'{"ticket": 1, "signature": "x"}', b"x" * 5000])
def test_what_is_not_a_ticket_is_refused(raw):
    with pytest.raises(DomicileError) as caught:
        opened(raw)
    assert caught.value.code is Code.TICKET_REFUSED


def test_a_forged_ticket_is_refused_and_a_build_that_skips_the_signature_would_take_it(monkeypatch):
    forged = sign_ticket(TICKET, KEY).replace(b'"analyst":"a-17"', b'"analyst":"a-18"')
    with pytest.raises(DomicileError):
        opened(forged)
    monkeypatch.setattr(signing, "verify", lambda *_, **__: True)
    assert opened(forged).analyst == "a-18"


def test_a_ticket_that_lives_too_long_cannot_be_signed():
    with pytest.raises(DomicileError):
        sign_ticket(replace(TICKET, expires_at=NOW + timedelta(hours=1)), KEY)


def test_every_proof_of_every_small_tree_verifies_and_no_damaged_one_does():
    for size in range(1, 18):
        tree = Tree(bytes([n]) for n in range(size))
        for leaf in range(size):
            proof = inclusion_proof(leaf, size, tree.hash_at)
            assert verify_inclusion(leaf, size, tree.hash_at(0, leaf), proof, tree.root())
        for first in range(1, size + 1):
            proof = consistency_proof(first, size, tree.hash_at)
            assert verify_consistency(first, size, proof, tree.root(first), tree.root())
        for width in range(1, size + 1):
            _subtrees(tree, width)


def _subtrees(tree, width):
    for start in range(0, tree.size - width + 1, 1 << (width - 1).bit_length()):
        root = range_root(start, start + width, tree.hash_at)
        proof = subtree_consistency_proof(start, start + width, tree.size, tree.hash_at)
        assert verify_subtree_consistency(start, start + width, tree.size, proof, root1=root, root2=tree.root())
        for place in range(len(proof)):
            damaged = [*proof[:place], bytes(32), *proof[place + 1 :]]
            with pytest.raises(ProofError):
                verify_subtree_consistency(start, start + width, tree.size, damaged, root1=root, root2=tree.root())


def test_a_leaf_says_recorded_only_when_it_is_and_older_leaves_keep_their_bytes():
    assert b"recorded" not in canonical_bytes(RECORD)
    again = replace(RECORD, recorded=True)
    assert b'"recorded":true' in canonical_bytes(again)
    assert [from_bytes(canonical_bytes(each)) for each in (RECORD, again)] == [RECORD, again]
    with pytest.raises(DomicileError):
        from_bytes(canonical_bytes(again).replace(b'"recorded":true', b'"recorded":false'))
