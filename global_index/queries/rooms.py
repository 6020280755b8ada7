"""What the doors of the index open on: the use cases that the HTTP API and the console offer, in one frozen value. It
does nothing itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chassis.web.accounts import Accounts
from global_index.catalogue.regions import RegionDirectory
from global_index.policy.rooms import PolicyRooms
from global_index.queries.desk import Desk
from global_index.requests.callers import Callers
from global_index.requests.history import History
from global_index.requests.membership import Memberships
from global_index.requests.persons import Persons
from global_index.transfers.entries import EntryStore, Pulled


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The use cases. `pull_all` pulls the entries of every region now."""

    desk: Desk
    persons: Persons
    callers: Callers
    accounts: Accounts
    directory: RegionDirectory
    memberships: Memberships
    entries: EntryStore
    history: History
    policies: PolicyRooms
    pull_all: Callable[[], tuple[Pulled, ...]]
    now: Callable[[], datetime]
