"""The policies that are in force at a node, compiled once and again when something changes. Without valid ones, none.

What decides is a base, the region's own stricter overlay, and the flows that are stopped. The base is the newest signed bundle that
has begun; until a first one has, it is the folder of policies in the home (bootstrap). Nothing invalid falls back to what was in
force before it: an expired bundle, a damaged one, an overlay that permits, a folder that does not check: with any, nothing leaves.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from policies.engine.document import Documents
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, compile_policies, load_policies
from policies.engine.parser import YAML_ENDINGS
from regional_node.egress.policy_overlay import Stamp, load_overlay, overlay_stamp, together
from regional_node.egress.policy_stops import stops_as_documents
from regional_node.usecases.policies import Accepted, Mode, PoliciesKept, Standing, Stop, newest_begun

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
"""How long another copy of this node, on the same store, may not have heard of a change. In its own home it is at once."""
_FAULT_SECONDS = 1.0
_ENDINGS = tuple(YAML_ENDINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What decides now, and by which digests: of the base as signed, of the overlay (empty without one), of all together."""

    mode: Mode
    policies: Policies
    base_digest: str
    overlay_digest: str = ""
    stops: tuple[Stop, ...] = ()
    bundle: Accepted | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRules:
    """Where the region's own part comes from: its overlay's folder, what it keeps of bundles and stops, whose law it is under.

    `opened` reads a signed bundle's policies (its signatures were verified when it was accepted).
    """

    overlay: Path
    kept: PoliciesKept
    jurisdiction: str
    opened: Callable[[bytes], Documents]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is looked at on every call, so it is cheap. `over`: time alone has changed what decides."""

    folder: Hashable = None
    kept: Hashable = None
    overlay: Hashable = None
    generation: int = 0
    over: bool = False


class PolicySource:
    """Calling it gives the current `Policies`, or None when none is valid; `fault` then says why. Threads may share it."""

    def __init__(
        self,
        folder: Path,
        *,
        load: Callable[[Path], Policies] = load_policies,
        local: LocalRules | None = None,
        clock: Callable[[], datetime] = _now,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._load = load
        self._local = local
        self._clock = clock
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._seen: _Look | None = None
        self._asked_at = -_LOOK_SECONDS
        self._generation = 0
        self._refused_at = 0.0
        self._from_home: tuple[Hashable, Policies | DomicileError] | None = None
        self._in_force: InForce | None = None
        self.fault: DomicileError | None = None

    def __call__(self) -> Policies | None:
        """The policies in force now."""
        found = self.in_force()
        return found.policies if found is not None else None

    def in_force(self) -> InForce | None:
        """What decides now, with where it comes from; None when nothing valid does."""
        with self._lock:
            at = self._clock()
            seen: _Look | None = None
            try:
                seen = self._look(at)
                if seen != self._seen or self._trying_again():
                    self._in_force = None  # whatever fails from here on: nothing
                    self._compose(seen, at)
            except DomicileError as error:
                self._refuse(error, seen)
            except Exception:  # a fault of a store, a disk or a compiler denies like any other
                _log.exception("the policies could not be read")
                self._refuse(_fault("the policies cannot be read", self._folder, "look into the log", Code.POLICY_INVALID), seen)
            return self._in_force

    def _trying_again(self) -> bool:
        """What is refused is looked into again after a moment, though nothing changed here: a store may be back."""
        return self.fault is not None and self._elapsed() - self._refused_at >= _FAULT_SECONDS

    def _refuse(self, error: DomicileError, seen: _Look | None) -> None:
        if self.fault is None or str(self.fault) != str(error):  # said once; `regional-node policy status` tells it again
            _log.warning("the policies are not valid, so nothing leaves", extra={"code": error.code})
        self._in_force, self._seen, self.fault = None, seen, error
        self._refused_at = self._elapsed()

    def _look(self, at: datetime) -> _Look:
        present = self._in_force
        folder = None if present is not None and present.mode is Mode.BUNDLE else _folder_stamp(self._folder)
        over = present is not None and present.until is not None and at >= present.until
        if self._local is None:
            return _Look(folder=folder, over=over)
        return _Look(
            folder=folder,
            kept=self._local.kept.stamp(),
            overlay=_overlay_stamp(self._local.overlay),
            generation=self._heard(self._local.kept),
            over=over,
        )

    def _heard(self, kept: PoliciesKept) -> int:
        """The store's generation, asked anew after a second: another copy of this node may have changed something."""
        if self._elapsed() - self._asked_at >= _LOOK_SECONDS:
            self._generation = kept.generation()
            self._asked_at = self._elapsed()
        return self._generation

    def _compose(self, seen: _Look, at: datetime) -> None:
        """Take up what was seen. Whatever changes while this runs differs from what was seen before it, and is taken up next."""
        found, self._generation = self._composed(at)
        folder = None if found.mode is Mode.BUNDLE else seen.folder
        self._in_force, self.fault = found, None
        self._seen = replace(seen, folder=folder, generation=self._generation, over=False)

    # What decides, composed anew.

    def _composed(self, at: datetime) -> tuple[InForce, int]:
        """The base, the region's overlay, what is stopped; and at which generation of the store that was."""
        if self._local is None:
            base = self._from_folder()
            return InForce(mode=Mode.FOLDER, policies=base, base_digest=base.digest), 0
        standing = self._local.kept.standing()
        bundle = newest_begun(standing.accepted, at=at)
        documents = self._from_bundle(self._local, bundle, at) if bundle is not None else self._from_folder().documents
        overlay = load_overlay(self._local.overlay, documents)
        stops = stops_as_documents(standing.stops, jurisdiction=self._local.jurisdiction, registry=documents.registry)
        whole = together(documents, overlay, stops)
        untouched = bundle is None and whole is documents
        found = InForce(
            mode=Mode.FOLDER if bundle is None else Mode.BUNDLE,
            policies=self._from_folder() if untouched else compile_policies(whole),
            base_digest=documents.digest,
            overlay_digest=overlay.digest if overlay.policies else "",
            stops=standing.stops,
            bundle=bundle,
            until=_next_change(standing, bundle, at),
        )
        return found, standing.generation

    def _from_bundle(self, local: LocalRules, bundle: Accepted, at: datetime) -> Documents:
        if at >= bundle.expires:
            raise DomicileError(
                what=f"bundle {bundle.version} expired at {bundle.expires.isoformat()}",
                where="policies",
                remedy="have headquarters publish the next one, then run `regional-node policy fetch`",
                code=Code.POLICY_MISSING,
            )
        documents = local.opened(local.kept.envelope(bundle))
        if documents.digest != bundle.policy_digest:
            raise DomicileError(
                what=f"bundle {bundle.version} is read as other policies than were signed",
                where="policies",
                remedy="install the release that the bundle was made for",
                code=Code.POLICY_INVALID,
            )
        if bundle.begun_at is None:
            local.kept.begin(bundle.version, at=at)
        return documents

    def _from_folder(self) -> Policies:
        """The home's own copy, read again only when a file of it changed. Raises what is wrong with it."""
        stamp = _folder_stamp(self._folder)
        if self._from_home is None or self._from_home[0] != stamp:
            self._from_home = (stamp, self._loaded())
        if isinstance(found := self._from_home[1], DomicileError):
            raise found
        return found

    def _loaded(self) -> Policies | DomicileError:
        try:
            policies = self._load(self._folder)
        except DomicileError as error:
            return error
        except (OSError, UnicodeDecodeError):
            return _fault("a policy cannot be read", self._folder, "", Code.POLICY_INVALID)
        if not policies.documents.policies:
            return _fault("there is no policy", self._folder, "put the region's policies there", Code.POLICY_MISSING)
        return policies


def _next_change(standing: Standing, bundle: Accepted | None, at: datetime) -> datetime | None:
    """The next instant at which time alone changes what decides: a bundle begins, or the present one expires."""
    moments = [each.active_from for each in standing.accepted if not each.begun(at=at)]
    if bundle is not None:
        moments.append(bundle.expires)
    return min(moments, default=None)


def _fault(what: str, where: Path, remedy: str, code: Code) -> DomicileError:
    return DomicileError(what, where=str(where), remedy=remedy, code=code)


def _overlay_stamp(folder: Path) -> Stamp:
    try:
        return overlay_stamp(folder)
    except OSError:
        raise _fault("the region's own overlay cannot be read", folder, "check the folder's owner", Code.POLICY_INVALID) from None


def _folder_stamp(folder: Path) -> Hashable:
    """Name, time and size of every YAML file in the folder and below it; None for a folder that cannot be read."""
    found: list[tuple[str, int, int, int]] = []
    waiting = [str(folder)]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.name.lower().endswith(_ENDINGS):
                        stat = entry.stat()
                        found.append((entry.path, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    except OSError:
        return None
    return tuple(sorted(found))
