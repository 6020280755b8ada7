"""A node's home: made, migrated, opened, with what stands on its store and keys alone. It opens no door out: `doors` does."""

import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import uuid_utils
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

import policies as shipped
from chassis.database import migrate, open_database, require_current
from chassis.settings import write_settings
from chassis.web.accounts import Accounts
from chassis.web.sessions import Sessions, Tokens
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import load_policies
from policies.engine.readings import SubjectClass
from protos.certificates import write_private
from regional_node.bootstrap.policies import PolicyRooms, policies_kept, policy_source
from regional_node.crm.domains import Domains
from regional_node.crm.roles import Role
from regional_node.egress.importers import Exporter, ImporterRegister
from regional_node.egress.policy_source import PolicySource
from regional_node.egress.requests import NodeIdentity
from regional_node.settings import NodeSettings
from regional_node.storage.accounts import StoredPrivacyAccount
from regional_node.storage.counters import StoredCounters
from regional_node.storage.feed import StoredFeed
from regional_node.storage.imports import SqlImportJournal
from regional_node.storage.keys import INDEX_SECRET, PSEUDONYM_SECRET, FileKeys, create_keys, require_private
from regional_node.storage.ledger import LedgerKey, StoredLedger
from regional_node.storage.reads import SqlReadTrail
from regional_node.storage.sealing import Indexer, Sealer
from regional_node.storage.tables import sign_in
from regional_node.storage.units import SqlUnits
from regional_node.usecases.collecting import Collecting, Collector
from regional_node.usecases.counters import Counting
from regional_node.usecases.editing import Editing
from regional_node.usecases.imports.run import Progress, Tools
from regional_node.usecases.imports.values import Region

MIGRATIONS = Path(__file__).parents[1] / "storage" / "migrations"
PROGRAM = "regional-node"
_OVERLAYS = {"PCI"}  # rules of an industry, nobody's jurisdiction
RUNNING_FILE = Path("run") / "node.json"
_LEDGER_KEY = Path("keys") / "ledger.key"
_EMPTY_REGISTER = """# Who may receive what leaves this region. An organisation that is not here is denied.
#
# exporter:                             # optional: what the region states of itself
#   facts: {role: controller}           # what policies read under `exporter.` in every request, such as `sector: health`
#   purpose: sales                      # what its own records are kept for, and on which legal basis, where a law asks
#   legal_basis: contract
# importers:
#   - id: acme-hq                       # the organisation that runs the index, as `regional-node join` said
#     name: Acme Headquarters
#     jurisdiction: EU                  # whose law binds it
#     state: IE
#     facts: {group: true, role: controller, can_resolve_pseudonym: true}   # what policies read under `importer.`; kept duties too:
#                                       # notice_names_transfer, tia_kept_current, clauses_copied_on_request, ccpa_contract,
#                                       # tra_kept_current, notice_39_given, pipia_kept, cisa_controls_kept,
#                                       # deletion_forwarded: each counts only as `true`
#     lists: {dpf: Acme Inc}            # its exact name on dated lists (dpf, dpf_uk, dpf_ch, covered_persons), which then state the
#                                       # facts; `regional-node lists load` takes a list
#     mechanisms: []                    # across a border, such as [{id: adequacy}]; see policies/registry/laws
#     purposes:                         # each with its legal basis; who runs the index receives every answer, so it needs
#                                       # the purposes of all who ask through it
#       functional.federation_index: A6-1-f     # the pseudonymous entries that the index pulls
#       analytics.reporting: A6-1-f
#
# `regional-node policy status` says whether this file can be read.
importers: []
"""


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """A UUIDv7 as 32 hexadecimal digits."""
    return uuid_utils.uuid7().hex


def domains_of(settings: NodeSettings) -> Domains:
    """What the region declares."""
    return Domains(
        countries=settings.countries,
        currencies=settings.currencies,
        languages=settings.languages,
        time_zones=settings.time_zones,
        pipelines=settings.pipelines,
        stages=settings.stages,
        products=settings.products,
    )


@dataclass(frozen=True)
class House:
    """A node's home, opened: settings, store and keys, and what stands on them alone."""

    home: Path
    settings: NodeSettings
    engine: Engine
    keys: FileKeys

    @cached_property
    def accounts(self) -> Accounts:
        """Who may sign in."""
        return Accounts(self.engine, sign_in, roles=Role, importer=self.settings.organisation, now=now, new_id=new_id)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return Sessions(self.engine, sign_in, now=now, random=secrets.token_bytes)

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens of machines."""
        return Tokens(
            self.engine,
            sign_in,
            roles=Role,
            importer=self.settings.organisation,
            now=now,
            random=secrets.token_bytes,
            new_id=new_id,
        )

    @cached_property
    def indexer(self) -> Indexer:
        """Keyed look-ups."""
        return Indexer(self.keys, country=self.settings.phone_country())

    @cached_property
    def units(self) -> SqlUnits:
        """The sealed store of records."""
        sealer = Sealer(self.keys, random=secrets.token_bytes)
        return SqlUnits(self.engine, sealer=sealer, indexer=self.indexer, random=secrets.token_bytes, now=now)

    @cached_property
    def editing(self) -> Editing:
        """The use cases on records."""
        trail = SqlReadTrail(self.engine, new_id=new_id)
        return Editing(
            unit_of_work=self.units,
            trail=trail,
            domains=domains_of(self.settings),
            now=now,
            new_id=new_id,
            collecting=self.collecting,
        )

    @cached_property
    def collecting(self) -> Collecting:
        """What the region's policies say of keeping a field."""
        return Collecting(policies=self.policies, collector=self._collector)

    def _collector(self) -> Collector:
        """The region as it collects, by its settings and by what its register states."""
        stated = Exporter()
        with suppress(DomicileError):  # a register that cannot be read states nothing, and unknown facts refuse where they decide
            policies = self.policies()
            stated = self.importers.exporter(policies.registry if policies is not None else None)
        party = {"role": "controller", **stated.facts, "organisation": self.settings.organisation}
        if self.settings.state:
            party["state"] = self.settings.state
        more = {"purpose": stated.purpose, "legal_basis": stated.legal_basis}
        return Collector(
            jurisdiction=self.settings.jurisdiction, party=party, more={k: v for k, v in more.items() if v is not None}
        )

    @cached_property
    def ledger(self) -> StoredLedger:
        """The log of what left."""
        origin = f"domicile/{self.settings.organisation}/{self.settings.region}"
        return StoredLedger(self.engine, signer=LedgerKey(origin=origin, key=_ledger_key(self.home)))

    @cached_property
    def account(self) -> StoredPrivacyAccount:
        """The region's one privacy account."""
        caps = {
            SubjectClass.PERSON: Fraction(self.settings.privacy_budget_rho_person),
            SubjectClass.COMPANY: Fraction(self.settings.privacy_budget_rho_company),
        }
        return StoredPrivacyAccount(self.engine, caps=caps)

    @cached_property
    def counters(self) -> StoredCounters:
        """Whom data went out of, counted for the rules that count."""
        return StoredCounters(self.engine)

    @cached_property
    def counting(self) -> Counting:
        """Reservations of these counts."""
        secret = _derived(self.keys.secret(PSEUDONYM_SECRET), b"domicile: digests of counted persons")
        return Counting(self.counters, secret=secret, zone=ZoneInfo(self.settings.time_zone))

    @cached_property
    def importers(self) -> ImporterRegister:
        """Who may receive, and what the region states of itself."""
        return ImporterRegister(self.home / "importers.yaml")

    @cached_property
    def feed(self) -> StoredFeed:
        """The feed of pseudonymous keys."""
        return StoredFeed(self.engine, region=self.settings.region)

    @cached_property
    def policies(self) -> PolicySource:
        """The policies in force."""
        return self.policy_rooms.source

    @cached_property
    def policy_rooms(self) -> PolicyRooms:
        """All that is done with policies: fetched, stopped, rehearsed."""
        kept = policies_kept(self.home, self.engine)
        return PolicyRooms(
            home=self.home,
            settings=self.settings,
            node=self.node,
            kept=kept,
            source=policy_source(self.home, self.settings, kept, clock=now),
            importers=self.importers,
            ledger=self.ledger,
            clock=now,
            new_id=new_id,
        )

    @property
    def node(self) -> NodeIdentity:
        """Who exports from here."""
        return NodeIdentity(
            region=self.settings.region,
            jurisdiction=self.settings.jurisdiction,
            organisation=self.settings.organisation,
            state=self.settings.state or None,
        )

    @cached_property
    def journal(self) -> SqlImportJournal:
        """The journal of imports."""
        return SqlImportJournal(self.engine)

    @property
    def tls(self) -> Path:
        """The folder of the node's membership."""
        return self.home / "tls"

    def import_tools(self, *, progress: Callable[[Progress], None]) -> Tools:
        """What an import works with."""
        currencies = self.settings.currencies
        region = Region(
            domains=domains_of(self.settings),
            default_country=self.settings.phone_country(),
            default_currency=currencies[0] if currencies else "EUR",
        )
        return Tools(
            unit_of_work=self.units,
            journal=self.journal,
            region=region,
            secret=_derived(self.keys.secret(INDEX_SECRET), b"domicile: digests of imported rows"),
            collecting=self.collecting,
            new_id=new_id,
            clock=now,
            progress=progress,
        )


def _derived(secret: bytes, label: bytes) -> bytes:
    """A key of its own for one use, so that no two uses share one."""
    keyed = hmac.HMAC(secret, hashes.SHA256())
    keyed.update(label)
    return keyed.finalize()


def found(home: Path, settings: NodeSettings) -> None:
    """Make a home: keys, policies, register, rates, store, settings. Raises RECORD_CONFLICT when there is one already."""
    if (home / "settings.toml").exists():
        raise DomicileError(
            "there is a node in this folder already", where=str(home), remedy="choose another home", code=Code.RECORD_CONFLICT
        )
    _require_law(settings.jurisdiction)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    create_keys(home / "keys", key_id=new_id(), random=secrets.token_bytes)
    if not (home / _LEDGER_KEY).exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(home / _LEDGER_KEY, pem)
    copy_policies(home / "policies")
    for name, content in (("importers.yaml", _EMPTY_REGISTER), ("rates.csv", "Date,USD\n")):
        if not (home / name).exists():
            write_private(home / name, content.encode())
    bring_up(home, settings)
    write_settings(home, settings)  # last: a home with settings is whole


def _require_law(jurisdiction: str) -> None:
    laws = {each.law for each in load_policies(Path(shipped.__file__).parent).documents.policies}
    if jurisdiction not in laws:
        raise DomicileError(
            what=f"there are no policies of the law of `{jurisdiction}`, so nothing could ever leave",
            where="--jurisdiction",
            remedy="use one of: " + ", ".join(sorted(laws - _OVERLAYS)),
            code=Code.INPUT_UNKNOWN,
        )


def copy_policies(folder: Path) -> None:
    """Put the shipped policies and their registry into a node's home, where its own copy is law."""
    origin = Path(shipped.__file__).parent
    shutil.copytree(origin / "registry", folder / "registry", dirs_exist_ok=True)
    for path in sorted(origin.glob("*.yaml")):
        shutil.copyfile(path, folder / path.name)


def bring_up(home: Path, settings: NodeSettings) -> str:
    """Migrate the store and return its revision."""
    engine = open_database(settings.store_url(home.absolute()))
    try:
        return migrate(engine, MIGRATIONS)
    finally:
        engine.dispose()


def load(home: Path, environ: Mapping[str, str]) -> NodeSettings:
    """The settings of a home. Raises SETTINGS_INVALID when there is no node in it."""
    if not (home / "settings.toml").exists():
        raise DomicileError(
            "there is no regional node in this folder",
            where=str(home),
            remedy="run `regional-node init`, or give --home",
            code=Code.SETTINGS_INVALID,
        )
    return NodeSettings.load(home, environ)


def open_house(home: Path, settings: NodeSettings) -> House:
    """Open the store, which must be at the program's revision, and the keys."""
    engine = open_database(settings.store_url(home.absolute()))
    require_current(engine, MIGRATIONS, program=PROGRAM)
    return House(home=home, settings=settings, engine=engine, keys=FileKeys(home / "keys"))


def _ledger_key(home: Path) -> Ed25519PrivateKey:
    path = home / _LEDGER_KEY
    try:
        require_private(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise DomicileError(
            "the ledger key cannot be read", where=str(path), remedy="restore it from the keys' backup", code=Code.KEY_MISSING
        )
    return key
