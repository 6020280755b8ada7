"""Every store feeds the projection the same rows: what it measures does not depend on which one keeps the records."""

from datetime import date, timedelta

from regional_node.crm.fields import RecordType
from regional_node.storage.tables import RECORDS, outbox
from tests.contract.backends import fixture_engine, fixture_postgres_address  # noqa: F401 - fixtures
from tests.unit.egress.ordinary import AT, PLAN, fill, projection, write
from tests.unit.egress.test_projection import ORDERS, counted_by_hand, measured, order


def test_people_are_measured_alike(engine, tmp_path):
    fill(engine, people=120)
    readings = projection(engine, tmp_path)
    assert {keys: totals for keys, (totals, _) in measured(readings, PLAN).items()} == counted_by_hand(engine)
    readings.close()


def test_changes_and_erasures_are_followed(engine, tmp_path):
    write(engine, RecordType.ORDERS, [order(n, subject=n % 5, ordered_at=date(2026, 5, 1)) for n in range(20)])
    readings = projection(engine, tmp_path, reading_epoch_seconds=60)
    assert measured(readings, ORDERS)[("paid",)] == ((20, 20_000), 5)
    orders = RECORDS[RecordType.ORDERS]
    told = []
    with engine.begin() as connection:
        connection.execute(orders.update().where(orders.c.subject_id == f"{1:032x}").values(status="returned"))
        connection.execute(orders.delete().where(orders.c.subject_id == f"{2:032x}"))
        for n in range(20):
            told.append({"type": "orders", "subject_id": f"{n % 5:032x}", "record_id": f"{10**6 + n:032x}", "kind": "updated"})
        connection.execute(outbox.insert(), told)
    assert readings.lag() == 20
    assert readings.catch_up() == 0
    later = measured(readings, ORDERS, at=AT + timedelta(minutes=2))
    assert later == {("paid",): ((12, 12_000), 3), ("returned",): ((4, 4_000), 1)}
    readings.close()
