"""The log: durable appends, and proofs as it grows. The log is verified before its figures count."""

import math
import secrets
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.database import migrate, open_database
from policies.engine.merkle import Tree, inclusion_proof, verify_inclusion
from policies.engine.record import DecisionRecord, canonical_bytes
from policies.engine.vocabulary import Form, Kind, Outcome, Shape
from regional_node.bootstrap.home import MIGRATIONS
from regional_node.storage.ledger import LedgerKey, StoredLedger
from tests.bench.measuring import Figure, Measure, Setting, medians, seconds

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BAR, BATCH = 5_000.0, 100
SMALL_LOG = 1_000
RECORD = DecisionRecord(
    kind=Kind.TRANSFER,
    at=AT,
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
    inputs={"importer.region": "EU", "importer.group": True, "data.persons": 1},
    policy_digest="ab" * 32,
    payload_digest="cd" * 32,
    payload_length=120,
    subject="ef" * 32,
    nonce="01" * 16,
)


def ledger_append(setting: Setting) -> list[Figure]:
    """Batches of decision records into the embedded store, each batch durable and closed by a signed checkpoint."""
    engine = open_database(f"sqlite:///{setting.folder / 'node.db'}", synchronous="FULL")
    try:
        migrate(engine, MIGRATIONS)
        key = LedgerKey(origin="domicile.bench/br-sp", key=Ed25519PrivateKey.generate())
        ledger = StoredLedger(engine, signer=key)
        batches, rounds = setting.of(20, 5), setting.of(21, 4)
        leaves = [[_leaf() for _ in range(BATCH)] for _ in range(batches)]

        def rate() -> float:
            return batches * BATCH / seconds(lambda: [ledger.append_all(batch, at=AT) for batch in leaves])

        rate()
        found = medians({"ours": rate}, rounds=rounds)["ours"]
        verified = ledger.verify()
        if not verified.sound or verified.size != (rounds + 1) * batches * BATCH:
            message = f"the log is not sound: {verified.fault or verified.size}"
            raise AssertionError(message)
    finally:
        engine.dispose()
    size = len(leaves[0][0])
    what = f"appends of {size}-byte records in batches of {BATCH}, SQLite synchronous=FULL, checkpoint signed per batch, one writer"
    return [
        Figure(
            id="ledger.append", what=what, ours=found, against=BAR, name="bar", target=">= 1", measure=Measure.RATE, unit="1/s",
            n=rounds,
        )
    ]  # fmt: skip


def _leaf() -> bytes:
    return canonical_bytes(replace(RECORD, nonce=secrets.token_hex(16)))


def ledger_proof(setting: Setting) -> list[Figure]:
    """A proof of inclusion made and verified: it may grow with the logarithm of the log, not with the log."""
    large_log, proofs, rounds = setting.of(100_000, 20_000), setting.of(500, 200), setting.of(21, 5)
    whole = Tree(secrets.token_bytes(32) for _ in range(large_log))

    def microseconds(size: int) -> float:
        root = whole.root(size)
        asked = [secrets.randbelow(size) for _ in range(proofs)]
        return 1e6 / proofs * seconds(lambda: [_prove(whole, index, size, root) for index in asked])

    found = medians({"large": lambda: microseconds(large_log), "small": lambda: microseconds(SMALL_LOG)}, rounds=rounds)
    growth = math.log2(large_log) / math.log2(SMALL_LOG)
    what = (
        f"inclusion proof made and verified, tree in memory, {large_log:,} leaves against {SMALL_LOG:,} "
        f"({found['small']:.1f} us) times {growth:.2f}"
    )
    return [
        Figure(
            id="ledger.proof", what=what, ours=found["large"], against=found["small"] * growth, name="growth by log2",
            target="<= 1.5", measure=Measure.TIME, unit="us", n=rounds,
        )
    ]  # fmt: skip


def _prove(tree: Tree, index: int, size: int, root: bytes) -> bool:
    proof = inclusion_proof(index, size, tree.hash_at)
    return verify_inclusion(index, size, tree.hash_at(0, index), proof, root)
