"""The signed bytes that policies stand on, in a node's home: bundles, the trust root, and a mark of the last change.

Each file is written whole or not at all, survives a power cut, and is its owner's alone. Nothing here verifies: what is put here
was verified, and a bundle is read back only when it still says what was accepted.
"""

import os
from collections.abc import Callable, Hashable
from datetime import datetime
from pathlib import Path

from policies.engine.bundle import read_bundle
from policies.engine.errors import Code, DomicileError
from protos.certificates import write_private
from regional_node.usecases.policies import Accepted, PolicyBook, Standing, Stop

_CHANGED = "changed"


def signed_digest(raw: bytes) -> str:
    """The digest of what a signed bundle says, whoever has signed it. Raises BUNDLE_ALTERED when it cannot be read."""
    return read_bundle(raw).envelope.digest


class PolicyFiles:
    """The folder `<home>/bundles`, and the file of the trust root, which came with the membership."""

    def __init__(self, folder: Path, *, root: Path) -> None:
        self._folder = folder
        self._root = root

    def root(self) -> bytes | None:
        """The newest trust root that was verified; None before the node joined a federation that has one."""
        return _read(self._root)

    def put_root(self, signed: bytes) -> None:
        """Keep a verified trust root in place of the one before."""
        _put(self._root, signed)

    def bundle(self, version: int) -> bytes | None:
        """The signed bytes of a bundle, as they lie there."""
        return _read(self._folder / _name(version))

    def put_bundle(self, version: int, signed: bytes) -> None:
        """Keep a verified bundle."""
        _put(self._folder / _name(version), signed)

    def stamp(self) -> Hashable:
        """Differs after every `mark`."""
        try:
            stat = os.stat(self._folder / _CHANGED)  # noqa: PTH116 - a third of what Path.stat costs, at each decision
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def mark(self, what: str) -> None:
        """Tell every process on this home that something changed."""
        _put(self._folder / _CHANGED, what.encode())


def _put(path: Path, content: bytes) -> None:
    try:
        write_private(path, content)
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # the name too must survive a power cut
        finally:
            os.close(handle)
    except OSError as error:
        raise DomicileError(
            what=f"a file of the policies cannot be written ({error.strerror})",
            where=str(path),
            remedy="check the folder's owner and space",
            code=Code.STORE_FULL,
        ) from None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DomicileError(
            what=f"a file of the policies cannot be read ({error.strerror})",
            where=str(path),
            remedy="check the folder's owner",
            code=Code.POLICY_MISSING,
        ) from None


class StoredPolicies:
    """Fits PoliciesKept and what changes it: the store's page and the files, always in step.

    A change is durable in the store before the mark is set, so whoever sees the mark sees the change. `digest_of` gives the digest
    of what signed bytes say.
    """

    def __init__(self, book: PolicyBook, files: PolicyFiles, *, digest_of: Callable[[bytes], str] = signed_digest) -> None:
        self.book = book
        self.files = files
        self._digest_of = digest_of

    def stamp(self) -> Hashable:
        """Differs after any change made in this home."""
        return self.files.stamp()

    def generation(self) -> int:
        """How many changes the store has seen."""
        return self.book.generation()

    def standing(self) -> Standing:
        """What the store keeps."""
        return self.book.standing()

    def envelope(self, bundle: Accepted) -> bytes:
        """The signed bytes of an accepted bundle. Raises POLICY_MISSING when they are gone or are not those that were accepted."""
        raw = self.files.bundle(bundle.version)
        where = f"bundles/{_name(bundle.version)}"
        remedy = "run `regional-node policy fetch`, or restore the file from a backup"
        if raw is None:
            what = f"the file of bundle {bundle.version}, which was accepted here, is gone"
            raise DomicileError(what, where=where, remedy=remedy, code=Code.POLICY_MISSING)
        if self._said(raw) != bundle.digest:
            what = f"the file of bundle {bundle.version} is not the one that was accepted here"
            raise DomicileError(what, where=where, remedy=remedy, code=Code.POLICY_MISSING)
        return raw

    def _said(self, raw: bytes) -> str:
        try:
            return self._digest_of(raw)
        except DomicileError:
            return ""

    def begin(self, version: int, *, at: datetime) -> None:
        """Keep that a bundle has been in force from now on."""
        self.book.begin(version, at=at)

    def root(self) -> bytes | None:
        """The newest trust root that was verified."""
        return self.files.root()

    def put_root(self, signed: bytes) -> None:
        """Keep a verified trust root."""
        self.files.put_root(signed)

    def accept(self, bundle: Accepted, signed: bytes) -> None:
        """Keep a verified bundle: first its bytes, then that it was accepted. Raises RECORD_CONFLICT for another of its version."""
        known = {each.version: each.digest for each in self.book.standing().accepted}
        if known.get(bundle.version, bundle.digest) != bundle.digest:
            what = f"bundle {bundle.version} was accepted here with other content"
            raise DomicileError(what, remedy="tell the region's privacy officer and headquarters", code=Code.RECORD_CONFLICT)
        self.files.put_bundle(bundle.version, signed)
        self.book.accept(bundle)
        self.files.mark(f"bundle {bundle.version}")

    def withdraw(self, version: int, *, at: datetime) -> bool:
        """Take back a bundle that has not begun; its file stays, and is read no more."""
        withdrawn = self.book.withdraw(version, at=at)
        self.files.mark(f"withdraw {version}")
        return withdrawn

    def notice(self) -> int:
        """The number of the last stop notice taken from the index."""
        return self.book.notice()

    def noticed(self, number: int) -> None:
        """Keep the number of the last notice taken."""
        self.book.noticed(number)

    def stop(self, stop: Stop) -> None:
        """Keep a stop."""
        self.book.stop(stop)
        self.files.mark(f"stop {stop.id}")

    def lift(self, stop_id: str, *, at: datetime, why: str) -> Stop:
        """End a stop."""
        lifted = self.book.lift(stop_id, at=at, why=why)
        self.files.mark(f"resume {stop_id}")
        return lifted


def _name(version: int) -> str:
    return f"{version:08d}.bundle"
