"""The one place that knows all rooms of the index: it opens the store, wires use cases, serves. Nothing imports it but
the commands.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import uuid_utils
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

import policies as shipped
from chassis.database import migrate, open_database, require_current
from chassis.settings import write_settings
from chassis.telemetry import current_request_id
from chassis.web.accounts import Accounts
from chassis.web.sessions import Sessions, Tokens
from global_index.catalogue.roles import Role
from global_index.policy.rooms import PolicyRooms, Rehearse
from global_index.policy_house import found_policies, make_policy_keys, policy_rooms
from global_index.queries.ask import FanOut
from global_index.queries.desk import Desk
from global_index.queries.expect import Advisor, Importer
from global_index.queries.rooms import Rooms
from global_index.requests.callers import Callers
from global_index.requests.membership import Memberships, Terms
from global_index.requests.persons import Persons
from global_index.requests.tickets import TicketOffice
from global_index.rpc.loop import PulledEntries, WireLoop
from global_index.rpc.regions import RegionLinks
from global_index.settings import IndexSettings
from global_index.storage.authority import FileAuthority, make_authority_files
from global_index.storage.entries import Entries
from global_index.storage.history import Histories
from global_index.storage.membership import SqlMembershipStore, SqlRegionDirectory
from global_index.storage.tables import sign_in
from global_index.worker import EntryPuller
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, load_policies
from policies.engine.lifecycle import RehearsalCounts
from protos.certificates import write_private
from protos.channel import Credentials

MIGRATIONS = Path(__file__).parent / "storage" / "migrations"
PROGRAM = "global-index"
_LOOKED_AT_SECONDS = 60.0
_REHEARSAL_SECONDS = 120.0
_TICKET_KEY = Path("keys") / "ticket.key"


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def today() -> date:
    """The day by the clock, UTC."""
    return now().date()


def new_id() -> str:
    """A UUIDv7 as 32 hexadecimal digits."""
    return uuid_utils.uuid7().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The index's home, opened: settings and store, and what stands on the store alone."""

    home: Path
    settings: IndexSettings
    engine: Engine
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    store: SqlMembershipStore
    directory: SqlRegionDirectory
    entries: Entries
    history: Histories

    def authority(self) -> FileAuthority:
        """The federation's certificate authority."""
        return FileAuthority(self.home / "tls", federation=self.settings.federation, random=secrets.token_bytes, store=self.store)

    def memberships(self, *, address: str) -> Memberships:
        """The use cases of membership; `address` is where regions reach this index."""
        terms = Terms(
            federation=self.settings.federation,
            address=address,
            organisation=self.settings.organisation,
            ticket_key=self.ticket_key().public_key().public_bytes_raw(),
        )
        return Memberships(
            store=self.store, issuer=self.authority(), terms=terms, random=secrets.token_bytes, forget=self.entries.forget
        )

    def policies(self, rehearse: Rehearse | None = None) -> PolicyRooms:
        """The use cases of the policies; `rehearse` asks a region over the wire."""
        return policy_rooms(
            self.home,
            self.settings,
            engine=self.engine,
            accounts=self.accounts,
            directory=self.directory,
            new_id=new_id,
            rehearse=rehearse,
        )

    def ticket_key(self) -> Ed25519PrivateKey:
        """The key under which tickets are signed. Raises KEY_MISSING."""
        path = self.home / _TICKET_KEY
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise DomicileError(
                "the ticket key cannot be read", where=str(path), remedy="restore it from a backup", code=Code.KEY_MISSING
            )
        return key


def found(home: Path, settings: IndexSettings) -> None:
    """Make a home: settings, ticket key, certificate authority, store. Raises RECORD_CONFLICT when there is one already."""
    if (home / "settings.toml").exists():
        raise DomicileError(
            "there is an index in this folder already", where=str(home), remedy="choose another home", code=Code.RECORD_CONFLICT
        )
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_authority_files(home / "tls", federation=settings.federation, at=now(), random=secrets.token_bytes)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(home / _TICKET_KEY, pem)
    make_policy_keys(home)
    bring_up(home, settings)
    write_settings(home, settings)  # last: a home with settings is whole


def database_url(home: Path, settings: IndexSettings) -> str:
    """Where the store is."""
    return settings.database_url or f"sqlite:///{(home / 'index.db').absolute()}"


def bring_up(home: Path, settings: IndexSettings) -> str:
    """Migrate the store and return its revision."""
    engine = open_database(database_url(home, settings))
    try:
        revision = migrate(engine, MIGRATIONS)
        found_policies(home, settings, engine, at=now())
        return revision
    finally:
        engine.dispose()


def open_house(home: Path, settings: IndexSettings) -> House:
    """Open the store, which must be at the program's revision."""
    engine = open_database(database_url(home, settings))
    require_current(engine, MIGRATIONS, program=PROGRAM)
    store = SqlMembershipStore(engine)
    return House(
        home=home,
        settings=settings,
        engine=engine,
        accounts=Accounts(engine, sign_in, roles=Role, importer=settings.organisation, now=now, new_id=new_id),
        sessions=Sessions(engine, sign_in, now=now, random=secrets.token_bytes),
        tokens=Tokens(
            engine, sign_in, roles=Role, importer=settings.organisation, now=now, random=secrets.token_bytes, new_id=new_id
        ),
        store=store,
        directory=SqlRegionDirectory(store, clock=now),
        entries=Entries(engine),
        history=Histories(engine),
    )


def advisor(settings: IndexSettings) -> Advisor:
    """The index's own copy of the policies; none when it cannot be read, and then there is no advice."""
    folder = Path(settings.policies_folder) if settings.policies_folder else Path(shipped.__file__).parent
    known: Policies | None
    try:
        known = load_policies(folder)
    except (DomicileError, OSError):
        known = None
    own = Importer(organisation=settings.organisation, jurisdiction=settings.jurisdiction, state=settings.state)
    others = {
        name: Importer(organisation=name, jurisdiction=facts.get("jurisdiction", ""), state=facts.get("state", ""))
        for name, facts in settings.importers.items()
    }
    return Advisor(policies=known, importers={**others, own.organisation: own}, today=today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """What a serving process has beyond the house: the wire's loop, the channels, the use cases over them."""

    loop: WireLoop
    links: RegionLinks
    rooms: Rooms
    puller: EntryPuller


def wire(house: House, *, loop: WireLoop, memberships: Memberships, operator_token: str) -> Wired:
    """Put the use cases together. The loop must run."""
    seconds = house.settings.question_seconds
    links = RegionLinks(federation=house.settings.federation, credentials=credentials(house), request_id=_request_id)
    tickets = TicketOffice(key=house.ticket_key(), now=now, random=secrets.token_bytes)
    puller = EntryPuller(directory=house.directory, source=PulledEntries(links, loop, seconds=30.0), store=house.entries)
    desk = Desk(
        directory=house.directory,
        fan_out=FanOut(asker=links, tickets=tickets, seconds=seconds),
        history=house.history,
        advisor=advisor(house.settings),
        elsewhere=loop.join,
        new_id=new_id,
        now=now,
    )
    persons = Persons(
        directory=house.directory,
        reader=links,
        tickets=tickets,
        history=house.history,
        elsewhere=loop.join,
        new_id=new_id,
        now=now,
        seconds=seconds,
    )

    async def rehearse(region: str, files: Mapping[str, str], digest: str) -> RehearsalCounts:
        there = next((each for each in house.directory.regions() if each.name == region), None)
        if there is None:
            raise DomicileError("it has left", where=region, remedy="look at the regions again", code=Code.RECORD_NOT_FOUND)
        return await loop.join(links.rehearse(there, files, digest, seconds=_REHEARSAL_SECONDS))

    rooms = Rooms(
        desk=desk,
        persons=persons,
        callers=Callers(accounts=house.accounts, operator_token=operator_token),
        accounts=house.accounts,
        directory=house.directory,
        memberships=memberships,
        entries=house.entries,
        history=house.history,
        policies=house.policies(rehearse),
        pull_all=puller.pull_all,
        now=now,
    )
    return Wired(loop=loop, links=links, rooms=rooms, puller=puller)


def credentials(house: House) -> Callable[[], Credentials]:
    """What the index shows, looked at again every minute and when its file changed: renewing and revoking need no restart."""
    authority = house.authority()
    known: list[tuple[datetime, int, Credentials]] = []

    def shown() -> Credentials:
        at = now()
        over = not known or (at - known[0][0]).total_seconds() > _LOOKED_AT_SECONDS
        if over or known[0][1] != authority.index_mark():
            present = authority.index_credentials(at=at)
            known[:] = [(at, authority.index_mark(), present)]
        return known[0][2]

    return shown


def _request_id() -> str:
    return current_request_id() or ""
