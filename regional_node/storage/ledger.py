"""The exporter's log in the region's store: an RFC 9162 tree whose every append is durable and closed by a signed checkpoint.

Leaves are never updated or removed. The checkpoint covers the whole log after every append, so that whoever has only the
database can take leaves out, change or reorder them, but cannot make the rest verify. What it cannot find alone is the whole
database put back to an earlier state: for that others keep checkpoints (witnesses).
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import BigInteger, Connection, Engine, Integer, LargeBinary, Table, Text, insert, select, update

from chassis.database import classified, reading, writing
from policies.engine.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from policies.engine.crossing import LeafRef
from policies.engine.errors import Code, DomicileError
from policies.engine.merkle import EMPTY_ROOT, HASH_SIZE, CompactRange, leaf_hash
from policies.engine.vocabulary import DataCategory
from regional_node.storage.bulk import insert_rows
from regional_node.storage.metadata import metadata
from regional_node.usecases.ledger import Verification

MAX_LEAF = 1024 * 1024
_SYSTEM = DataCategory.SYSTEM_OPERATIONS
_LOCK = 0x444F4D4C4F47  # an arbitrary constant: appends stand in one line on PostgreSQL
_PAGE = 10_000
_COLUMNS = ("number", "leaf", "hash", "appended_at")

ledger_leaves = Table(
    "ledger_leaves",
    metadata,
    classified("number", BigInteger, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("leaf", LargeBinary, category=_SYSTEM, nullable=False),  # impersonal by the record's allow-list
    classified("hash", LargeBinary, category=_SYSTEM, nullable=False),
    classified("appended_at", Text, category=_SYSTEM, nullable=False),
)
ledger_state = Table(
    "ledger_state",
    metadata,
    classified("id", Integer, category=_SYSTEM, primary_key=True, autoincrement=False),
    classified("size", BigInteger, category=_SYSTEM, nullable=False),
    classified("frontier", LargeBinary, category=_SYSTEM, nullable=False),
    classified("checkpoint", Text, category=_SYSTEM, nullable=False),
)


class CheckpointSigner(Protocol):
    """Signs and opens checkpoints (C2SP tlog-checkpoint in a signed note) under the node's ledger key."""

    def sign(self, size: int, root: bytes) -> str:
        """A signed note over the size and root."""
        ...

    def open(self, note: str) -> tuple[int, bytes]:
        """Size and root of a note. Raises `DomicileError` when it is not signed by this log."""
        ...


class StoredLedger:
    """Fits `Ledger`. Raises LEDGER_BROKEN, and appends nothing, as soon as the store disagrees with itself."""

    def __init__(self, engine: Engine, *, signer: CheckpointSigner) -> None:
        self._engine = engine
        self._signer = signer
        self._lock = threading.Lock()
        self._seen = 0

    def append(self, leaf: bytes, *, at: datetime) -> LeafRef:
        """Keep one leaf durably and return where."""
        return self.append_all([leaf], at=at)[0]

    def append_all(self, leaves: Sequence[bytes], *, at: datetime) -> list[LeafRef]:
        """Keep several leaves in one durable transaction, all or none."""
        if any(len(leaf) > MAX_LEAF for leaf in leaves):
            what = f"a record is larger than {MAX_LEAF} bytes"
            raise DomicileError(what, where="ledger", code=Code.INPUT_TOO_LARGE)
        if not leaves:
            return []
        appended_at = at.astimezone(UTC).isoformat()
        with self._lock:
            with writing(self._engine) as connection:
                frontier = self._present(connection)
                refs, rows = [], []
                for leaf in leaves:
                    digest = leaf_hash(leaf)
                    refs.append(LeafRef(index=frontier.size, leaf_hash=digest))
                    rows.append((frontier.size, leaf, digest, appended_at))
                    frontier, _ = frontier.append(digest)
                insert_rows(connection, ledger_leaves, _COLUMNS, rows)
                note = self._signer.sign(frontier.size, frontier.root)
                kept = {"size": frontier.size, "frontier": b"".join(frontier.hashes), "checkpoint": note}
                connection.execute(update(ledger_state).where(ledger_state.c.id == 1).values(**kept))
            self._seen = frontier.size
        return refs

    def size(self) -> int:
        """How many leaves there are."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(ledger_state.c.size)).scalar() or 0)

    def leaves(self, start: int, count: int) -> Iterator[tuple[int, bytes]]:
        """The leaves from `start`, in order."""
        with reading(self._engine) as connection:
            found = connection.execute(
                select(ledger_leaves.c.number, ledger_leaves.c.leaf)
                .where(ledger_leaves.c.number >= start, ledger_leaves.c.number < start + count)
                .order_by(ledger_leaves.c.number)
            ).all()
        return iter([(int(number), bytes(leaf)) for number, leaf in found])

    def checkpoint(self, *, at: datetime) -> str:  # noqa: ARG002 - a checkpoint says size and root; witnesses add the time
        """The signed note over the present size and root."""
        with reading(self._engine) as connection:
            note = connection.execute(select(ledger_state.c.checkpoint)).scalar()
        return str(note) if note is not None else self._signer.sign(0, EMPTY_ROOT)

    def verify(self) -> Verification:
        """Recompute the whole tree from the leaves and compare it with what was kept and signed. Never raises for a broken log."""
        with reading(self._engine) as connection:
            state = connection.execute(select(ledger_state)).first()
            frontier, fault = self._recomputed(connection)
        if state is None:
            fault = fault or ("there are leaves but no checkpoint" if frontier.size or self._seen else "")
            return _verification(frontier, "", fault)
        fault = fault or self._disagreement(frontier, int(state.size), bytes(state.frontier), str(state.checkpoint))
        return _verification(frontier, str(state.checkpoint), fault)

    def _disagreement(self, frontier: CompactRange, size: int, kept: bytes, note: str) -> str:
        try:
            signed = self._signer.open(note)
        except DomicileError:
            return "the checkpoint is not signed by this log"
        if signed[0] != frontier.size or size != frontier.size:
            return f"the checkpoint covers {signed[0]} leaves, {frontier.size} are there"
        if signed[1] != frontier.root or kept != b"".join(frontier.hashes):
            return "the leaves lead to another root than the one signed"
        if frontier.size < self._seen:
            return f"this process saw {self._seen} leaves, {frontier.size} are there"
        return ""

    @staticmethod
    def _recomputed(connection: Connection) -> tuple[CompactRange, str]:
        frontier, fault = CompactRange(), ""
        while True:
            page = connection.execute(
                select(ledger_leaves.c.number, ledger_leaves.c.leaf, ledger_leaves.c.hash)
                .where(ledger_leaves.c.number >= frontier.size)
                .order_by(ledger_leaves.c.number)
                .limit(_PAGE)
            ).all()
            for number, leaf, kept in page:
                digest = leaf_hash(bytes(leaf))
                if number != frontier.size:
                    return frontier, fault or f"leaf {frontier.size} is missing"
                if digest != bytes(kept):
                    fault = fault or f"leaf {number} was altered"
                frontier, _ = frontier.append(digest)
            if len(page) < _PAGE:
                return frontier, fault

    def _present(self, connection: Connection) -> CompactRange:
        """The frontier to append to, checked against its own signed checkpoint and against what this process has seen."""
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        row = connection.execute(select(ledger_state.c.size, ledger_state.c.frontier, ledger_state.c.checkpoint)).first()
        if row is None:
            if self._seen or connection.execute(select(ledger_leaves.c.number).limit(1)).first() is not None:
                raise _broken("the ledger has lost its state")
            note = self._signer.sign(0, EMPTY_ROOT)
            connection.execute(insert(ledger_state).values(id=1, size=0, frontier=b"", checkpoint=note))
            return CompactRange()
        size, kept = int(row[0]), bytes(row[1])
        frontier = CompactRange(size, tuple(kept[i : i + HASH_SIZE] for i in range(0, len(kept), HASH_SIZE)))
        if self._signer.open(str(row[2])) != (size, frontier.root) or size < self._seen:
            raise _broken("the ledger does not fit its checkpoint")
        last = connection.execute(select(ledger_leaves.c.number).order_by(ledger_leaves.c.number.desc()).limit(1)).scalar()
        if (last if last is not None else -1) != size - 1:
            raise _broken("the ledger has other leaves than its checkpoint")
        return frontier


def _verification(frontier: CompactRange, note: str, fault: str) -> Verification:
    return Verification(size=frontier.size, root=frontier.root, checkpoint=note, sound=not fault, fault=fault)


def _broken(what: str) -> DomicileError:
    return DomicileError(what, where="ledger", remedy="run `regional-node ledger verify`", code=Code.LEDGER_BROKEN)


class LedgerKey:
    """Fits `CheckpointSigner` with the node's Ed25519 ledger key. `origin` names the log, e.g. `domicile.example/region/eu-de`."""

    def __init__(self, *, origin: str, key: Ed25519PrivateKey) -> None:
        self._origin = origin
        self._key = key
        self._public = key.public_key()

    def sign(self, size: int, root: bytes) -> str:
        """A signed note over the size and root."""
        return sign_checkpoint(Checkpoint(origin=self._origin, size=size, root=root), self._key)

    def open(self, note: str) -> tuple[int, bytes]:
        """Size and root of a note that this key signed."""
        found = open_checkpoint(note, origin=self._origin, public_key=self._public)
        return found.size, found.root
