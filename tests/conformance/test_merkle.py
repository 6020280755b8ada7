"""Published RFC 9162 vectors. They are read where they lie, beside the repository, and never copied."""

import base64
import json
from collections import Counter
from pathlib import Path

import pytest

from policies.engine.merkle import (
    EMPTY_ROOT,
    CompactRange,
    ProofError,
    Tree,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "merkle"
KINDS = {"inclusion": (98, 92), "consistency": (98, 92), "subtreeinclusion": (204, 192), "subtreeconsistency": (118, 106)}

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the merkle conformance vectors are not beside this repository")


def _bytes(text):
    return base64.b64decode(text) if text else b""


def _accepted(kind, vector):
    proof = [_bytes(item) for item in vector["proof"] or ()]
    try:
        if kind == "inclusion":
            return verify_inclusion(
                vector["leafIdx"], vector["treeSize"], _bytes(vector["leafHash"]), proof, _bytes(vector["root"])
            )
        if kind == "consistency":
            roots = _bytes(vector["root1"]), _bytes(vector["root2"])
            return verify_consistency(vector["size1"], vector["size2"], proof, *roots)
        if kind == "subtreeinclusion":
            leaf, root = _bytes(vector["leafHash"]), _bytes(vector["root"])
            return verify_subtree_inclusion(vector["leafIdx"], vector["start"], vector["end"], leaf, proof, root=root)
        roots = _bytes(vector["root1"]), _bytes(vector["root2"])
        return verify_subtree_consistency(vector["start"], vector["end"], vector["size"], proof, root1=roots[0], root2=roots[1])
    except ProofError:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_every_published_proof_is_accepted_or_refused_as_published(kind):
    files = sorted((VECTORS / kind).rglob("*.json"))
    outcomes, wrong = Counter(), []
    for file in files:
        vector = json.loads(file.read_text(encoding="utf-8"))
        outcomes[vector["wantErr"]] += 1
        if _accepted(kind, vector) is vector["wantErr"]:
            wrong.append((str(file.relative_to(VECTORS)), vector["desc"]))
    assert not wrong
    assert (len(files), outcomes[True]) == KINDS[kind]


def test_roots_nodes_and_frontiers_of_every_size_are_as_published():
    published = json.loads((VECTORS / "roots.json").read_text(encoding="utf-8"))
    leaves = [bytes.fromhex(leaf) for leaf in published["leaf_inputs"]]
    assert bytes.fromhex(published["empty_root_hash"]) == EMPTY_ROOT
    for size in range(len(leaves) + 1):
        tree = Tree(leaves[:size])
        assert tree.root().hex() == published["root_hashes_by_tree_size"][size]
        assert [h.hex() for h in tree.frontier.hashes] == published["compact_range_hashes_by_tree_size"][size]
    whole = Tree(leaves)
    for level, hashes in enumerate(published["node_hashes_by_level"]):
        assert [whole.hash_at(level, index).hex() for index in range(len(hashes))] == hashes


def test_a_frontier_alone_appends_to_the_same_root():
    leaves = [bytes([n]) for n in range(40)]
    frontier = CompactRange()
    for leaf in leaves:
        frontier, _ = frontier.append(leaf_hash(leaf))
    assert frontier.root == Tree(leaves).root()


def test_a_verifier_that_checks_nothing_is_caught_by_the_damaged_vectors(monkeypatch):
    damaged = [json.loads(f.read_text()) for f in sorted((VECTORS / "inclusion").rglob("*.json"))]
    damaged = [v for v in damaged if v["wantErr"]]
    assert not any(_accepted("inclusion", v) for v in damaged)
    monkeypatch.setitem(globals(), "verify_inclusion", lambda *_: True)
    assert all(_accepted("inclusion", v) for v in damaged)
