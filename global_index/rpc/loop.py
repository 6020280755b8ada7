"""The one event loop of the wire, in a thread of its own, so that no page and no store can hold up a call to a region."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from global_index.catalogue.regions import Region
from global_index.rpc.regions import RegionLinks
from global_index.transfers.entries import Cursor
from policies.engine.crossing import EntryBatch
from policies.engine.errors import Code, DomicileError

T = TypeVar("T")


class WireLoop:
    """Runs coroutines for other threads and other loops."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """What `work` returns, for a thread that may wait. Raises DEADLINE_EXCEEDED after `seconds`."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout=seconds)
        except TimeoutError:
            future.cancel()
            raise DomicileError("it did not end in time", remedy="try again later", code=Code.DEADLINE_EXCEEDED) from None

    async def join(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, for a coroutine of another loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def stop(self, *, within: float = 5.0) -> None:
        """End the loop and its thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(within)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        waiting = asyncio.all_tasks(self._loop)
        for task in waiting:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        self._loop.close()


class PulledEntries:
    """The feed of a region for the worker's thread."""

    def __init__(self, links: RegionLinks, loop: WireLoop, *, seconds: float) -> None:
        self._links = links
        self._loop = loop
        self._seconds = seconds

    def pull(self, region: Region, cursor: Cursor) -> EntryBatch:
        """The batch after the cursor. Raises DomicileError."""
        work = self._links.batch(region, cursor, seconds=self._seconds)
        return self._loop.call(work, seconds=self._seconds + 5)
