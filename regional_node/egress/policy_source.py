"""The policies that are in force at a node: its folder, compiled once and again when a file changes. Without a valid one, none.

An invalid folder does not fall back to the policies before it: what a region last wrote is what it meant to say.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, load_policies
from policies.engine.parser import YAML_ENDINGS

_log = logging.getLogger(__name__)
_Stamp = tuple[tuple[str, int, int], ...]


class PolicySource:
    """Calling it gives the current `Policies`, or None when none is valid; `fault` then says why."""

    def __init__(self, folder: Path, *, load: Callable[[Path], Policies] = load_policies) -> None:
        self._folder = folder
        self._load = load
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._policies: Policies | None = None
        self.fault: DomicileError | None = None

    def __call__(self) -> Policies | None:
        """The policies in force now."""
        with self._lock:
            try:
                stamp = self._present()
            except OSError:
                self._stamp, self._policies = None, None
                self.fault = DomicileError(
                    "the folder of policies cannot be read", where=str(self._folder), code=Code.POLICY_MISSING
                )
                return None
            if stamp != self._stamp:
                self._policies, self.fault = self._loaded()
                self._stamp = stamp
                if self.fault is not None:  # said once a change; what is wrong, `regional-node policy status` tells
                    _log.warning("the policies are not valid, so nothing leaves", extra={"code": self.fault.code})
            return self._policies

    def _loaded(self) -> tuple[Policies | None, DomicileError | None]:
        try:
            policies = self._load(self._folder)
        except DomicileError as error:
            return None, error
        except (OSError, UnicodeDecodeError):
            return None, DomicileError("a policy cannot be read", where=str(self._folder), code=Code.POLICY_INVALID)
        if not policies.documents.policies:
            remedy = "put the region's policies there"
            return None, DomicileError("there is no policy", where=str(self._folder), remedy=remedy, code=Code.POLICY_MISSING)
        return policies, None

    def _present(self) -> _Stamp:
        """Name, time and size of every YAML file in the folder and below it: a cheap look at each decision."""
        found = []
        for path in sorted(self._folder.rglob("*")):
            if path.suffix.lower() not in YAML_ENDINGS:
                continue
            stat = path.stat()
            found.append((path.relative_to(self._folder).as_posix(), stat.st_mtime_ns, stat.st_size))
        return tuple(found)
