"""Sealing: what is sealed stays sealed, on disk, in memory's printouts, and when someone moves an envelope."""

import secrets
import traceback
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import FIELDS, FieldType, RecordType
from regional_node.crm.personal import Personal
from regional_node.crm.records import ExternalId, Record
from regional_node.storage import sealing
from regional_node.storage.keys import FileKeys, add_key_encryption_key, create_keys
from regional_node.storage.sealing import Indexer, Sealer, contents
from tests.builders import keys, new_id, person, record
from tests.unit.node.conftest import Node

CANARY = "Q7canary"


def marked(record_type: RecordType) -> Record:
    """A record with a canary in every sealed field, custom field and external key."""
    values: dict[str, object] = {}
    for spec in FIELDS[record_type]:
        if not spec.sealed:
            continue
        text_of = {FieldType.EMAIL: f"{CANARY}@example.net", FieldType.PHONE: "+49 30 98765432", FieldType.DATE: date(1971, 3, 5)}
        values[spec.name] = text_of.get(spec.type, f"{CANARY} {spec.name}")
    return record(
        record_type,
        values,
        custom={"level__c": Personal(CANARY)},
        external_ids=(ExternalId(system="salesforce", key=Personal(CANARY)),),
    )


def leaks(folder: Path) -> list[str]:
    """Files of the store (database, WAL, journal) in which a canary stands in clear, whatever its case."""
    signs = [CANARY.lower().encode(), b"98765432", b"1971-03-05"]
    files = [path for path in folder.iterdir() if path.name.startswith("node.db")]
    assert files
    return [path.name for path in files if any(sign in path.read_bytes().lower() for sign in signs)]


def write_everything(node: Node) -> None:
    records = [marked(record_type) for record_type in RecordType]
    with node.units() as unit:
        unit.records.add(records)
        unit.records.remember(secrets.token_hex(8), "h", 201, records[0].id, at=node.clock())
        unit.commit()
    with node.units() as unit:
        for one in records:
            unit.records.update(
                replace(one, version=2, values={**one.values, "notes": Personal(f"{CANARY} again")}), expected_version=1
            )
        unit.commit()
    for one in records:
        node.editing.read(one.type, one.id, reader_id="r")


def test_no_sealed_value_stands_in_the_database_or_its_log(node: Node) -> None:
    write_everything(node)
    assert (node.folder / "node.db-wal").stat().st_size > 0
    assert leaks(node.folder) == []
    with node.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert leaks(node.folder) == []


def test_a_build_without_sealing_is_caught(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sealer, "seal", lambda _self, record, _version, **_: contents(record))
    with pytest.raises(DomicileError):
        write_everything(node)  # it cannot even be read again
    assert leaks(node.folder) != []


def test_a_build_that_indexes_in_clear_is_caught(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_digest", lambda _keyed, message: message.rpartition("\0")[2].encode())
    write_everything(node)
    assert leaks(node.folder) != []


def test_nothing_sealed_prints_itself(node: Node) -> None:
    kept = marked(RecordType.PEOPLE)
    with node.units() as unit:
        unit.records.add([kept])
        unit.commit()
        shown = [
            repr(kept),
            str(kept),
            f"{kept}",
            repr(unit),
            repr(unit.records),
            repr(unit.records.get(RecordType.PEOPLE, kept.id)),
        ]
    assert not [one for one in shown if CANARY in one]


def test_an_error_of_the_store_quotes_no_row(node: Node) -> None:
    kept = marked(RecordType.PEOPLE)
    for act in (lambda u: u.records.add([kept, kept]), lambda u: u.records.add([replace(kept, version=None)])):
        with pytest.raises(DomicileError) as raised, node.units() as unit:
            act(unit)
        told = "".join(traceback.format_exception(raised.value))
        assert CANARY not in told
        assert kept.id not in str(raised.value)


def test_an_envelope_opens_in_its_own_place_only(node: Node) -> None:
    one, other = person(), person()
    with node.units() as unit:
        unit.records.add([one, other])
        unit.commit()
        unit.records.update(replace(one, version=2), expected_version=1)
        unit.commit()

    def broken(change: str) -> bool:
        with node.engine.begin() as connection:
            (kept,) = connection.execute(text("SELECT envelope FROM people WHERE id = :id"), {"id": one.id}).one()
            connection.execute(text(change), {"id": one.id, "other": other.id})
        try:
            node.editing.find(RecordType.PEOPLE, one.id)
        except DomicileError as error:
            return error.code is Code.KEY_MISSING
        finally:
            with node.engine.begin() as connection:
                put_back = "UPDATE people SET envelope = :kept, version = 2 WHERE id = :id"
                connection.execute(text(put_back), {"kept": kept, "id": one.id})
        return False

    assert broken("UPDATE people SET envelope = (SELECT envelope FROM people WHERE id = :other) WHERE id = :id")
    assert broken("UPDATE people SET version = 1 WHERE id = :id")
    assert broken("UPDATE people SET envelope = substr(envelope, 1, 60) WHERE id = :id")
    assert broken("UPDATE people SET envelope = x'02' WHERE id = :id")
    assert not broken("UPDATE people SET updated_at = updated_at + 1 WHERE id = :id")


def test_without_its_key_a_person_is_gone(node: Node) -> None:
    kept = person()
    with node.units() as unit:
        unit.records.add([kept])
        unit.commit()
    assert node.units.mark(kept.id, b"m") == node.units.mark(kept.id, b"m") != node.units.mark(kept.id, b"n")
    with node.engine.begin() as connection:
        connection.execute(text("DELETE FROM person_keys"))
    assert node.units.mark(kept.id, b"m") is None
    with node.units.reading() as unit:
        assert unit.records.get(RecordType.PEOPLE, kept.id) is None


def test_digests_of_one_value_differ_by_kind_and_by_node(tmp_path: Path) -> None:
    here, there = (Indexer(keys(tmp_path / name), country="DE") for name in ("a", "b"))
    email = "zoe@example.net"
    assert here.email(RecordType.PEOPLE, email) == here.email(RecordType.PEOPLE, " ZOE@Example.net ")
    assert here.email(RecordType.PEOPLE, email) != there.email(RecordType.PEOPLE, email)
    assert here.external(RecordType.PEOPLE, "x", "1") != here.external(RecordType.DEALS, "x", "1")
    assert here.prefix(RecordType.PEOPLE, "mu") != here.prefix(RecordType.COMPANIES, "mu")


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create_keys(folder, key_id=new_id(), random=secrets.token_bytes)
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    create_keys(folder, key_id=new_id(), random=secrets.token_bytes)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not [value for value in made.values() if repr(value) in repr(FileKeys(folder))]


def test_a_newer_key_wraps_and_the_older_still_opens(tmp_path: Path) -> None:
    old = keys(tmp_path)
    kek_id, wrapped = old.wrap(b"k" * 32)
    add_key_encryption_key(tmp_path, key_id=new_id(), random=secrets.token_bytes)
    new = FileKeys(tmp_path)
    assert new.wrap(b"k" * 32)[0] != kek_id
    assert new.unwrap(kek_id, wrapped) == b"k" * 32


@pytest.mark.parametrize("harm", ["gone", "short", "open"])
def test_a_key_that_is_not_fit_is_refused_with_its_place(tmp_path: Path, harm: str) -> None:
    provider = keys(tmp_path)
    kek_id, wrapped = provider.wrap(b"k" * 32)
    (path,) = tmp_path.glob("*.kek")
    if harm == "gone":
        path.unlink()
    elif harm == "short":
        path.write_bytes(b"short")
    else:
        path.chmod(0o644)
    with pytest.raises(DomicileError) as raised:
        FileKeys(tmp_path).unwrap(kek_id, wrapped)
    assert raised.value.code is Code.KEY_MISSING
    assert str(tmp_path) in str(raised.value)
    assert raised.value.remedy
