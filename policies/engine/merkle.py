"""The Merkle tree of RFC 9162 section 2.1 over SHA-256: roots, proofs and their verification. It never stores a leaf.

Sizes and indices are unsigned 64-bit numbers. A verifier answers True or raises ProofError with the reason; what it does not
check is who signed the root: that is the checkpoint's part.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from policies.engine.errors import Code, DomicileError

HASH_SIZE = 32
MAX_SIZE = (1 << 64) - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()

HashAt = Callable[[int, int], bytes]
"""The hash of the complete subtree at (level, index): level 0 is a leaf, (k, i) covers leaves i * 2^k up to (i + 1) * 2^k."""


class ProofError(DomicileError):
    """A proof that does not verify, or a tree that is asked for what it does not hold."""

    code = Code.LEDGER_BROKEN


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162: SHA-256 of 0x00 and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162: SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The frontier of a tree: the roots of its complete subtrees, largest first. It is all that appending needs."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a frontier that does not belong to its size."""
        if not 0 <= self.size <= MAX_SIZE or len(self.hashes) != self.size.bit_count():
            message = f"a frontier of {len(self.hashes)} hashes does not belong to {self.size} leaves"
            raise ProofError(message)
        if any(len(h) != HASH_SIZE for h in self.hashes):
            message = f"a hash is not {HASH_SIZE} bytes"
            raise ProofError(message)

    def append(self, leaf: bytes) -> tuple["CompactRange", tuple[tuple[int, int, bytes], ...]]:
        """The range with one more leaf hash, and the complete subtrees it finished as (level, index, hash), leaf first."""
        if len(leaf) != HASH_SIZE:
            message = f"a leaf hash is not {HASH_SIZE} bytes"
            raise ProofError(message)
        stack = list(self.hashes)
        finished = [(0, self.size, leaf)]
        current, index, level = leaf, self.size, 0
        while index & 1:
            current = node_hash(stack.pop(), current)
            index, level = index >> 1, level + 1
            finished.append((level, index, current))
        return CompactRange(self.size + 1, (*stack, current)), tuple(finished)

    @property
    def root(self) -> bytes:
        """The root hash of the tree."""
        return _fold(self.hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees given largest first."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


class Tree:
    """A tree in memory that keeps every complete subtree's hash: for tests, for a witness, and for rebuilding from leaves."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self._range = CompactRange()
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._range.size

    @property
    def frontier(self) -> CompactRange:
        """What appending needs."""
        return self._range

    def append(self, data: bytes) -> int:
        """Append a leaf's data; returns its index."""
        return self.append_hash(leaf_hash(data))

    def append_hash(self, leaf: bytes) -> int:
        """Append a leaf hash; returns its index."""
        index = self._range.size
        self._range, finished = self._range.append(leaf)
        for level, _, value in finished:
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(value)
        return index

    def hash_at(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        if level >= len(self._levels) or not 0 <= index < len(self._levels[level]):
            message = f"no complete subtree at level {level}, index {index}"
            raise ProofError(message)
        return self._levels[level][index]

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves (all of them when None)."""
        wanted = self.size if size is None else size
        if not 0 <= wanted <= self.size:
            message = f"the tree has {self.size} leaves, not {wanted}"
            raise ProofError(message)
        return range_root(0, wanted, self.hash_at)


def range_root(start: int, end: int, hash_at: HashAt) -> bytes:
    """MTH of leaves [start, end) as RFC 9162 defines it, from complete subtrees. `start` is aligned to the range's width."""
    if start == end:
        return EMPTY_ROOT
    return _fold([hash_at(level, index) for level, index in _complete(start, end)])


def _complete(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees that make up [start, end), largest first."""
    parts: list[tuple[int, int]] = []
    position = start
    while position < end:
        level = (end - position).bit_length() - 1
        parts.append((level, position >> level))
        position += 1 << level
    return parts


def _split(width: int) -> int:
    """The largest power of two below a width of two or more."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion_proof(leaf_index: int, tree_size: int, hash_at: HashAt) -> tuple[bytes, ...]:
    """RFC 9162 section 2.1.3.1: the siblings from the leaf up to the root of `tree_size` leaves."""
    if not 0 <= leaf_index < tree_size <= MAX_SIZE:
        message = f"leaf {leaf_index} does not lie in a tree of {tree_size}"
        raise ProofError(message)
    return _path(leaf_index, 0, tree_size, hash_at)


def subtree_inclusion_proof(leaf_index: int, start: int, end: int, hash_at: HashAt) -> tuple[bytes, ...]:
    """The siblings from a leaf up to the root of the subtree [start, end)."""
    _aligned(start, end)
    if not start <= leaf_index < end:
        message = f"leaf {leaf_index} does not lie in [{start}, {end})"
        raise ProofError(message)
    return _path(leaf_index, start, end, hash_at)


def _path(leaf: int, start: int, end: int, hash_at: HashAt) -> tuple[bytes, ...]:
    siblings: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            siblings.append(range_root(middle, end, hash_at))
            end = middle
        else:
            siblings.append(range_root(start, middle, hash_at))
            start = middle
    return tuple(reversed(siblings))


def consistency_proof(size1: int, size2: int, hash_at: HashAt) -> tuple[bytes, ...]:
    """RFC 9162 section 2.1.4.1: that the first `size1` leaves of `size2` are unchanged."""
    if not 0 < size1 <= size2 <= MAX_SIZE:
        message = f"no consistency proof from {size1} to {size2} leaves"
        raise ProofError(message)
    return subtree_consistency_proof(0, size1, size2, hash_at)


def subtree_consistency_proof(start: int, end: int, size: int, hash_at: HashAt) -> tuple[bytes, ...]:
    """That the subtree [start, end) is part of the tree of `size` leaves (draft-ietf-plants-merkle-tree-certs)."""
    _aligned(start, end)
    if not start < end <= size <= MAX_SIZE:
        message = f"[{start}, {end}) does not lie in a tree of {size}"
        raise ProofError(message)
    proof: list[bytes] = []
    low, high = 0, size
    known = True  # whether the subtree's own root may be taken from the verifier
    while (low, high) != (start, end) and not (high == end and known and low == start):
        middle = low + _split(high - low)
        if start >= middle:
            proof.append(range_root(low, middle, hash_at))
            low = middle
        elif end <= middle:
            proof.append(range_root(middle, high, hash_at))
            high = middle
        else:  # the subtree straddles the split, which alignment allows only from its very start
            proof.append(range_root(low, middle, hash_at))
            low, start, known = middle, middle, False
    if not known:
        proof.append(range_root(start, end, hash_at))
    return tuple(reversed(proof))


def _aligned(start: int, end: int) -> None:
    if not 0 <= start <= end <= MAX_SIZE:
        message = f"[{start}, {end}) is not a range of leaves"
        raise ProofError(message)
    width = end - start
    if width and start % (1 << (width - 1).bit_length()):
        message = f"[{start}, {end}) is not a subtree: its start is not aligned to its width"
        raise ProofError(message)


def verify_inclusion(leaf_index: int, tree_size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2. Returns True, or raises ProofError."""
    if not 0 <= leaf_index < tree_size <= MAX_SIZE:
        message = f"leaf {leaf_index} does not lie in a tree of {tree_size}"
        raise ProofError(message)
    _hashes([leaf, root, *proof])
    node, last, current = leaf_index, tree_size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if current != root:
        raise ProofError("the inclusion proof leads to another root")
    return True


def verify_subtree_inclusion(leaf_index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], *, root: bytes) -> bool:
    """Inclusion in the subtree [start, end). Returns True, or raises ProofError."""
    _aligned(start, end)
    if not start <= leaf_index < end:
        message = f"leaf {leaf_index} does not lie in [{start}, {end})"
        raise ProofError(message)
    return verify_inclusion(leaf_index - start, end - start, leaf, proof, root)


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> bool:
    """RFC 9162 section 2.1.4.2. Size 0 is refused. Returns True, or raises ProofError."""
    if not 0 < size1 <= size2 <= MAX_SIZE:
        message = f"no consistency from {size1} to {size2} leaves"
        raise ProofError(message)
    return verify_subtree_consistency(0, size1, size2, proof, root1=root1, root2=root2)


def verify_subtree_consistency(start: int, end: int, size: int, proof: Sequence[bytes], *, root1: bytes, root2: bytes) -> bool:
    """That `root1` of [start, end) is part of `root2` of `size` leaves. Returns True, or raises ProofError."""
    _aligned(start, end)
    _hashes(proof)  # a root of another length never equals a hash, and equal trees need no hashing
    if end > size or size > MAX_SIZE:
        message = f"[{start}, {end}) does not lie in a tree of {size}"
        raise ProofError(message)
    if start == end:
        if proof or root1 != EMPTY_ROOT:
            raise ProofError("an empty subtree has the empty root and no proof")
        return True
    if (start, end) == (0, size):
        if proof or root1 != root2:
            raise ProofError("equal sizes need equal roots and no proof")
        return True
    climb = _Climb(first=start, node=end - 1, last=size - 1, one=root1, two=root1)
    return _rebuild(climb, proof, root1, root2)


@dataclass(slots=True)
class _Climb:
    """A walk up the tree: the subtree's `first` and `node` (its last), the tree's `last`, at one level; both roots so far."""

    first: int
    node: int
    last: int
    one: bytes
    two: bytes

    def skip(self) -> None:
        """Up to where the subtree stops being complete below, or is one node."""
        while self.node != self.first and (self.node & 1 or self.node == self.last):
            self.up()

    def up(self) -> None:
        self.first, self.node, self.last = self.first >> 1, self.node >> 1, self.last >> 1

    def join(self, sibling: bytes) -> None:
        """Take one sibling; one on the left inside the subtree belongs to both roots."""
        if self.node & 1 or self.node == self.last:
            if self.first < self.node:
                self.one = node_hash(sibling, self.one)
            self.two = node_hash(sibling, self.two)
            while not self.node & 1 and self.node:
                self.up()
        else:
            self.two = node_hash(self.two, sibling)
        self.up()


def _rebuild(climb: _Climb, proof: Sequence[bytes], root1: bytes, root2: bytes) -> bool:
    """Rebuild both roots from the proof."""
    # (1) skip what is complete below
    climb.skip()
    # (2) the subtree is one complete node: its root is known; else the proof opens with the node to start from
    rest = list(proof)
    if climb.first != climb.node:
        if not rest:
            raise ProofError("the consistency proof is too short")
        climb.one = climb.two = rest.pop(0)
    # (3) climb, joining siblings
    for sibling in rest:
        if climb.last == 0:
            raise ProofError("the consistency proof is too long")
        climb.join(sibling)
    # (4) both roots must come out, with nothing left to climb
    if climb.last:
        raise ProofError("the consistency proof is too short")
    if climb.one != root1 or climb.two != root2:
        raise ProofError("the consistency proof leads to another root")
    return True


def _hashes(hashes: Sequence[bytes]) -> None:
    if any(len(h) != HASH_SIZE for h in hashes):
        message = f"a hash is not {HASH_SIZE} bytes"
        raise ProofError(message)
