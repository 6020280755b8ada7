"""Puts the policy rooms of the index together: its keys in the home, the store, the comparison. It decides nothing.

`keys/policy-root.key` signs the list of keys and belongs away from this machine (give it with `--root-key` when it is needed);
`keys/policy-publisher.key` is the index's own and stays.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

import policies as shipped
from chassis.web.accounts import Accounts
from global_index.catalogue.regions import RegionDirectory
from global_index.catalogue.roles import Role
from global_index.policy.approving import Approving, Bound
from global_index.policy.drafting import Comparison, Drafting
from global_index.policy.keyring import Keyring
from global_index.policy.offering import Offering
from global_index.policy.rooms import PolicyRooms, Rehearse
from global_index.policy.stopping import Stopping
from global_index.settings import IndexSettings
from global_index.storage.policies import SqlPolicyStore
from policies.engine.bundle_files import registry_in
from policies.engine.evaluator import Policies
from policies.engine.key_file import make_key_file, read_key_file
from policies.engine.registry import Registry
from policies.engine.vocabulary import Effect

if TYPE_CHECKING:
    from policies.engine.difference import Difference

ROOT_KEY = Path("keys") / "policy-root.key"
PUBLISHER_KEY = Path("keys") / "policy-publisher.key"


def make_policy_keys(home: Path) -> None:
    """Make the root and the publisher key of a home, where they are missing."""
    for name in (ROOT_KEY, PUBLISHER_KEY):
        if not (home / name).exists():
            make_key_file(home / name, Ed25519PrivateKey.generate())


def found_policies(home: Path, settings: IndexSettings, engine: Engine, *, at: datetime) -> None:
    """Make the keys and the first version of the root document, where there is none yet."""
    keyring = Keyring(store=SqlPolicyStore(engine), federation=settings.federation)
    if keyring.envelope():
        return
    make_policy_keys(home)
    root_key = read_key_file(home / ROOT_KEY)
    keyring.found(root_key=root_key, publisher=read_key_file(home / PUBLISHER_KEY).public_key(), at=at)


def policies_folder(settings: IndexSettings) -> Path:
    """The folder that was in force before the first bundle."""
    return Path(settings.policies_folder) if settings.policies_folder else Path(shipped.__file__).parent


def policy_rooms(
    home: Path,
    settings: IndexSettings,
    *,
    engine: Engine,
    accounts: Accounts,
    directory: RegionDirectory,
    new_id: Callable[[], str],
    rehearse: Rehearse | None = None,
) -> PolicyRooms:
    """The use cases over one house."""
    store = SqlPolicyStore(engine)
    keyring = Keyring(store=store, federation=settings.federation)
    drafting = Drafting(store=store, shipped=policies_folder(settings), differ=compared, new_id=new_id)

    def bound() -> tuple[Bound, ...]:
        return tuple(Bound(region=each.name, jurisdiction=each.jurisdiction) for each in directory.regions() if each.active)

    def active(account_id: str) -> bool:
        return any(
            each.account_id == account_id and not each.disabled and Role.COMPLIANCE_OFFICER.value in each.roles
            for each in accounts.list()
        )

    def publisher() -> Ed25519PrivateKey:
        return read_key_file(home / PUBLISHER_KEY)

    def registry() -> Registry:
        return registry_in(drafting.live())

    return PolicyRooms(
        store=store,
        drafting=drafting,
        approving=Approving(
            store=store,
            drafting=drafting,
            keyring=keyring,
            federation=settings.federation,
            regions=bound,
            active=active,
            publisher=publisher,
        ),
        keyring=keyring,
        stopping=Stopping(store=store, federation=settings.federation, publisher=publisher, registry=registry),
        offering=Offering(store=store, regions=bound),
        regions=bound,
        rehearse=rehearse,
    )


def compared(old: Policies, new: Policies) -> Comparison:
    """The semantic difference on any day: a permit that begins later widens too.

    Where the search stopped early, every law that permits counts as widened: better asked than missed.

    Raises ANALYSIS_MISSING where the solver is not installed.
    """
    from policies.engine.diff import diff  # noqa: PLC0415 - the solver is heavy, and only those who compare need it

    found: Difference = diff(old, new, at=None)
    widens = set(found.widened_laws)
    if found.bounded:
        widens |= {policy.law for policy in new.documents.policies if policy.effect is Effect.PERMIT}
    return Comparison(text=found.as_text(), body=found.as_json(), widens=tuple(sorted(widens)))
