"""When the store has no room, no time or no twin to give: one clear error, nothing half-kept, and it goes on afterwards."""

import threading

import pytest

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.usecases.editing import Idempotency
from tests.builders import person
from tests.unit.node.conftest import Node


def keep(node: Node, records: list[Record]) -> None:
    with node.units() as unit:
        unit.records.add(records)
        unit.commit()


def test_a_full_disk_is_told_and_nothing_is_half_kept(node: Node) -> None:
    keep(node, [person()])
    node.engine.dispose()
    with node.engine.connect() as connection:  # one connection, whose file may not grow
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 1}")
    many = [person(email=f"p{n}@example.net", notes="x" * 4_000) for n in range(200)]
    with pytest.raises(DomicileError) as raised:
        keep(node, many)
    assert raised.value.code is Code.STORE_FULL
    assert raised.value.remedy
    node.engine.dispose()
    assert node.editing.count(RecordType.PEOPLE) == 1
    keep(node, many)
    assert node.rows("SELECT count(*) FROM outbox") == [(201,)]


def test_requests_with_one_key_at_the_same_moment_make_one_record(node: Node) -> None:
    key = Idempotency(key_digest="k", request_hmac="h")
    together, made = threading.Barrier(4), []

    def create() -> None:
        together.wait()
        made.append(node.editing.create(RecordType.PEOPLE, {"family_name": "Müller"}, idempotency=key))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.record.id for one in made}) == 1
    assert sorted(one.replayed for one in made) == [False, True, True, True]


def test_many_readers_share_the_trail_and_none_is_lost(node: Node) -> None:
    kept = person()
    keep(node, [kept])
    threads = [threading.Thread(target=lambda: node.editing.read(RecordType.PEOPLE, kept.id, reader_id="r")) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert node.rows("SELECT count(*), count(DISTINCT id) FROM record_reads") == [(24, 24)]
