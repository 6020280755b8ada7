"""The doors out of a node, put together: projection, gate, who stands behind a pseudonym. Only a serving process needs them."""

import secrets
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policies.engine.errors import Code, DomicileError
from regional_node.bootstrap.home import House, now
from regional_node.egress.gate import Gate
from regional_node.egress.given import Randomness, Subject
from regional_node.settings import NodeSettings
from regional_node.storage.accounts import StoredSpentTickets
from regional_node.storage.keys import PSEUDONYM_SECRET
from regional_node.storage.projection import Projection
from regional_node.storage.projection_rates import load_rates

_LEDGER_MESSAGE = b"domicile: this person, in this region's ledger"


def reading_domains(settings: NodeSettings) -> Mapping[str, tuple[str, ...]]:
    """The same by catalogue column, as the projection takes them."""
    return {
        "country": settings.countries,
        "currency": settings.currencies,
        "language": settings.languages,
        "time_zone": settings.time_zones,
        "pipeline": settings.pipelines,
        "stage": settings.stages,
        "product": settings.products,
    }


def open_projection(house: House) -> Projection:
    """The columnar projection, opened by this process alone. Call `close()` at the end."""
    return Projection(
        house.engine,
        file=house.home / "projection.duckdb",
        key_file=house.home / "keys" / "projection.key",
        domains=reading_domains(house.settings),
        time_zone=house.settings.time_zone,
        reading_epoch_seconds=house.settings.reading_epoch_seconds,
        rates=lambda: load_rates(house.home / "rates.csv"),
    )


def open_gate(
    house: House, projection: Projection, *, ticket_key: Callable[[], Ed25519PublicKey], index: Callable[[], str]
) -> Gate:
    """The only door out. `index` gives the organisation that runs the index."""
    return Gate(
        node=house.node,
        policies=house.policies,
        importers=house.importers,
        index=index,
        ticket_key=ticket_key,
        tickets=StoredSpentTickets(house.engine),
        ledger=house.ledger,
        account=house.account,
        counting=house.counting,
        readings=projection,
        people=lambda pseudonym: _subject(house, pseudonym),
        pseudonym_key=lambda importer: _pseudonym_key(house, importer),
        clock=now,
        randomness=Randomness(below=secrets.randbelow, nonce=lambda: secrets.token_hex(16)),
    )


def _subject(house: House, pseudonym: bytes) -> Subject | None:
    with house.units.reading() as unit:
        record = unit.records.by_pseudonym(pseudonym)
    if record is None:
        return None
    return Subject(record=record, mark=lambda: _mark(house, record.subject_id))


def _mark(house: House, subject_id: str) -> str:
    mark = house.units.mark(subject_id, _LEDGER_MESSAGE)
    if mark is None:
        raise DomicileError("the person's key is gone", remedy="the person was erased", code=Code.RECORD_NOT_FOUND)
    return mark.hex()


def _pseudonym_key(house: House, importer: str) -> bytes:
    keyed = hmac.HMAC(house.keys.secret(PSEUDONYM_SECRET), hashes.SHA256())
    keyed.update(b"pseudonymised fields for " + importer.encode())
    return keyed.finalize()
