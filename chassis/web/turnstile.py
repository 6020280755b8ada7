"""How many sign-ins are let in: few at once, few waiting, and from one address no faster than people type. It verifies nothing.

A password costs tens of milliseconds and 19 MiB to verify, and anybody may ask: without a bound of its own a burst would take
every thread that pages and the API wait for. Who finds the queue full, or comes too often, is sent away before anything is done.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from policies.engine.errors import Code, DomicileError

T = TypeVar("T")

AT_ONCE = 2
WAITING = 8
BURST = 20  # sign-ins from one address before it is slowed down
REFILL_SECONDS = 1  # one more after each
MOST_ADDRESSES = 4096
_IPV6_SUBSCRIBER = 64  # a subscriber holds a whole /64 (RFC 6177), so it counts as one address


class Turnstile:
    """Belongs to one event loop. A success gives its turn back; behind a proxy all browsers share the proxy's address."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(AT_ONCE)
        self._inside = 0
        self._spent: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def through(self, verify: Callable[[], T], *, address: str, at: int) -> T:
        """What `verify` gives, run in a thread of its own. `at` is in seconds. Raises RATE_LIMITED, and what `verify` raises."""
        network = network_of(address)
        self._spend(network, at)
        if self._inside >= AT_ONCE + WAITING:
            raise DomicileError("too many sign-ins are waiting", remedy="try again in a few seconds", code=Code.RATE_LIMITED)
        self._inside += 1
        try:
            found = await to_thread.run_sync(verify, limiter=self._limiter)
        finally:
            self._inside -= 1
        self._give_back(network)
        return found

    def _spend(self, network: str, at: int) -> None:
        spent, since = self._spent.pop(network, (0.0, at))
        spent = max(0.0, spent - max(0, at - since) / REFILL_SECONDS)
        full = spent + 1 > BURST
        self._spent[network] = (spent if full else spent + 1, at)
        if len(self._spent) > MOST_ADDRESSES:
            self._spent.popitem(last=False)  # the one that was longest away
        if full:
            raise DomicileError(
                "too many sign-ins come from this address", remedy=f"wait {REFILL_SECONDS} seconds", code=Code.RATE_LIMITED
            )

    def _give_back(self, network: str) -> None:
        if network in self._spent:
            spent, since = self._spent[network]
            self._spent[network] = (max(0.0, spent - 1), since)


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, the /64 of an IPv6 one; what is neither is taken as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_SUBSCRIBER), strict=False))
    return str(found)
