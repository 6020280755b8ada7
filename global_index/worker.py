"""What the index does by itself on a clock: pulling entries, sweeping old sessions. A region that fails does not hold
up the others.
"""

import logging
from collections.abc import Callable

from chassis.worker import Task
from global_index.catalogue.regions import LEFT, RegionDirectory
from global_index.transfers.entries import Cursor, EntrySource, EntryStore, Pulled, pull
from policies.engine.errors import Code, DomicileError

PULL = "pull-entries"
_SWEEP_SECONDS = 600.0
_log = logging.getLogger(__name__)


class EntryPuller:
    """Pulls every active region, and drops what a region that has left still has here: a pull was under way, or a crash."""

    def __init__(self, *, directory: RegionDirectory, source: EntrySource, store: EntryStore) -> None:
        self._directory = directory
        self._source = source
        self._store = store

    def pull_all(self) -> tuple[Pulled, ...]:
        """One run over all regions; those that cannot be reached are left for the next."""
        done: list[Pulled] = []
        for region in self._directory.regions():
            if region.state == LEFT and self._store.cursor(region.name) != Cursor():
                self._store.forget(region.name)
            if not region.active or not region.address:
                continue
            try:
                done.append(pull(region, source=self._source, store=self._store))
            except DomicileError as error:
                level = logging.INFO if error.code is Code.PEER_UNREACHABLE else logging.WARNING
                _log.log(level, "entries were not pulled", extra={"region": region.name, "code": error.code})
        for one in done:
            if one.entries:
                _log.info("entries pulled", extra={"region": one.region, "rows": one.entries, "count": one.batches})
        return tuple(done)

    def round(self) -> bool:
        """One run for the worker: True when a region has more waiting."""
        return any(one.more for one in self.pull_all())


def tasks(*, puller: EntryPuller, sweep: Callable[[], int], entries_seconds: float) -> tuple[Task, ...]:
    """The index's tasks."""

    def swept() -> bool:
        sweep()
        return False

    return (
        Task(name=PULL, run=puller.round, every=entries_seconds),
        Task(name="sweep-sessions", run=swept, every=_SWEEP_SECONDS),
    )
