"""The projection counts as plain Python does, bounds what one subject adds, forgets the erased, and keeps nothing in clear."""

import random
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from policies.engine.crossing import (
    Aggregate,
    AggregateKind,
    AllOf,
    AnyOf,
    Comparison,
    DatePart,
    GroupKey,
    Membership,
    Not,
    Operator,
    Plan,
)
from policies.engine.errors import Code, DomicileError
from policies.engine.readings import OTHER
from regional_node.crm.fields import RecordType
from regional_node.storage import projection as projection_module
from regional_node.storage import projection_compiler
from regional_node.storage.projection_rates import load_rates
from regional_node.storage.tables import RECORDS, outbox
from tests.unit.egress.ordinary import AT, COUNT, PLAN, RATES, SPENT, fill, projection, seeded, store, write

ORDERS = Plan(
    table="orders",
    group_by=(GroupKey(column="status"),),
    aggregates=(COUNT, Aggregate(kind=AggregateKind.SUM, column="amount", currency="EUR")),
)
ROOT = Path(__file__).parents[3]
BORN = int(AT.timestamp() * 10**6)


@pytest.fixture
def engine(tmp_path):
    return store(tmp_path)


def opened(engine, folder, **changed):
    return projection(engine, folder, **changed)


def measured(readings, plan, at=AT):
    return {cell.keys: (cell.totals, cell.subjects) for cell in readings.measure(plan, readings.epoch(at=at))}


def order(number: int, subject: int, **values):
    row = {"id": f"{10**6 + number:032x}", "subject_id": f"{subject:032x}", "version": 1, "created_at": BORN, "updated_at": BORN}
    return row | {"envelope": b"x", "status": "paid", "amount": 1_000, "currency": "EUR", "ordered_at": date(2026, 5, 5)} | values


def counted_by_hand(engine):
    """Rows and euro cents by country and segment, as plain Python has them from the store."""
    expected = defaultdict(lambda: [0, 0])
    with engine.connect() as connection:
        for row in connection.execute(RECORDS[RecordType.PEOPLE].select()):
            country = row.country if row.country in {"DE", "AT"} else OTHER
            dollar = 110_000_000 if row.last_activity_at >= date(2026, 11, 20) else 105_000_000
            rate = 100_000_000 if row.currency == "EUR" else dollar
            euro = (row.lifetime_value * 2 * 100_000_000 + rate) // (2 * rate)
            expected[(country, row.segment)][0] += 1
            expected[(country, row.segment)][1] += min(euro, 500_000)
    return {keys: tuple(totals) for keys, totals in expected.items()}


def test_it_counts_as_plain_python_does(engine, tmp_path):
    fill(engine, people=500)
    found = measured(opened(engine, tmp_path), PLAN)
    assert {keys: totals for keys, (totals, _) in found.items()} == counted_by_hand(engine)


def test_a_foreign_currency_is_converted_at_the_rows_own_date(engine, tmp_path):
    person = {"country": "DE", "segment": "consumer", "lifetime_value": 10_500, "currency": "USD"}
    fill(engine, people=1, **person, last_activity_at=date(2026, 1, 3))
    readings = opened(engine, tmp_path)
    assert measured(readings, replace(PLAN, group_by=()))[()][0] == (1, 10_000)
    dollars = replace(PLAN, group_by=(), aggregates=(Aggregate(kind=AggregateKind.SUM, column="lifetime_value", currency="USD"),))
    assert measured(readings, dollars)[()][0] == (10_500,)


def test_a_row_whose_currency_has_no_rate_adds_nothing_and_refuses_nothing(engine, tmp_path):
    fill(engine, people=3, lifetime_value=100, currency="XTS", last_activity_at=None)
    assert measured(opened(engine, tmp_path), replace(PLAN, group_by=()))[()] == ((3, 0), 3)


def test_nothing_is_not_made_an_amount(engine, tmp_path):
    fill(engine, people=4, lifetime_value=None)
    assert measured(opened(engine, tmp_path), replace(PLAN, group_by=()))[()][0] == (4, 0)


def test_absurd_amounts_are_cut_not_an_error(engine, tmp_path):
    fill(engine, people=2, lifetime_value=2**63 - 1, currency="USD")
    assert measured(opened(engine, tmp_path), replace(PLAN, group_by=()))[()][0] == (2, 2 * 500_000)


def test_one_subject_counts_with_at_most_its_rows_and_groups(engine, tmp_path):
    statuses = ["placed", "paid", "shipped", "delivered", "returned", "cancelled"]
    rows = [order(n, subject=1, status=statuses[n % 6], amount=90_000) for n in range(100)]
    write(engine, RecordType.ORDERS, rows)
    found = measured(opened(engine, tmp_path), ORDERS)
    assert sum(totals[0] for totals, _ in found.values()) <= 10
    assert len(found) <= 4
    assert all(totals[1] <= 100_000 and subjects == 1 for totals, subjects in found.values())


def test_a_build_without_bounding_is_caught_by_the_same_count(engine, tmp_path, monkeypatch):
    def careless(table, *, source, where, selected, joins, **_):
        return f"SELECT {selected}, 1 AS subject FROM {source} {joins} WHERE {where}"  # noqa: S608 - names from the catalogue

    monkeypatch.setattr(projection_compiler, "_bounded", careless)
    write(engine, RecordType.ORDERS, [order(n, subject=1) for n in range(100)])
    found = measured(opened(engine, tmp_path), ORDERS)
    assert sum(totals[0] for totals, _ in found.values()) > 10


def test_whose_rows_are_kept_does_not_depend_on_others(engine, tmp_path):
    write(engine, RecordType.ORDERS, [order(n, subject=1, amount=n) for n in range(30)])
    readings = opened(engine, tmp_path, reading_epoch_seconds=60)
    alone = measured(readings, ORDERS)
    write(engine, RecordType.ORDERS, [order(100 + n, subject=2, amount=7, status="shipped") for n in range(30)])
    assert measured(readings, ORDERS, at=AT + timedelta(minutes=2))[("paid",)] == alone[("paid",)]


def test_neighbouring_regions_differ_by_no_more_than_the_declared_sensitivity(engine, tmp_path):
    chance = seeded(3)
    statuses = ["placed", "paid", "shipped", "delivered", "returned"]
    rows = [
        order(n, subject=chance.randrange(12), status=chance.choice(statuses), amount=chance.randrange(300_000)) for n in range(400)
    ]
    write(engine, RecordType.ORDERS, rows)
    readings = opened(engine, tmp_path, reading_epoch_seconds=60)
    whole = measured(readings, ORDERS)
    with engine.begin() as connection:
        gone = [r for r in rows if r["subject_id"] == f"{5:032x}"]
        connection.execute(RECORDS[RecordType.ORDERS].delete().where(RECORDS[RecordType.ORDERS].c.subject_id == f"{5:032x}"))
        told = [{"type": "orders", "subject_id": r["subject_id"], "record_id": r["id"], "kind": "erased"} for r in gone]
        connection.execute(outbox.insert(), told)
    without = measured(readings, ORDERS, at=AT + timedelta(minutes=2))
    zero = ((0, 0), 0)
    pairs = [(whole.get(k, zero), without.get(k, zero)) for k in {*whole, *without}]
    assert sum((a[0][0] - b[0][0]) ** 2 for a, b in pairs) <= 10**2
    assert sum((a[0][1] - b[0][1]) ** 2 for a, b in pairs) <= 4 * 100_000**2
    assert sum((a[1] - b[1]) ** 2 for a, b in pairs) <= 4


def test_an_erased_person_is_gone_from_the_frozen_epoch_too(engine, tmp_path):
    fill(engine, people=5)
    write(engine, RecordType.ORDERS, [order(1, subject=0), order(2, subject=1)])
    readings = opened(engine, tmp_path)
    assert measured(readings, replace(PLAN, group_by=()))[()][1] == 5
    first = f"{0:032x}"
    with engine.begin() as connection:
        for kind in (RecordType.PEOPLE, RecordType.ORDERS):
            connection.execute(RECORDS[kind].delete().where(RECORDS[kind].c.subject_id == first))
        connection.execute(outbox.insert(), [{"type": "people", "subject_id": first, "record_id": first, "kind": "erased"}])
    assert readings.catch_up() == 0
    assert measured(readings, replace(PLAN, group_by=()))[()][1] == 4
    assert measured(readings, ORDERS)[("paid",)][1] == 1


def test_an_epoch_stays_as_it_was_frozen(engine, tmp_path):
    fill(engine, people=5)
    readings = opened(engine, tmp_path)
    frozen = readings.epoch(at=AT)
    fill_more = [
        {"id": f"{99:032x}", "subject_id": f"{99:032x}", "version": 1, "created_at": BORN, "updated_at": BORN, "envelope": b"x"}
    ]
    write(engine, RecordType.PEOPLE, fill_more)
    assert readings.catch_up() == 0
    assert measured(readings, replace(PLAN, group_by=()))[()][1] == 5
    assert readings.epoch(at=AT + timedelta(hours=3)) == frozen
    tomorrow = readings.epoch(at=AT + timedelta(hours=11, minutes=1))
    assert tomorrow.name == "2026-11-23"
    assert measured(readings, replace(PLAN, group_by=()), at=AT + timedelta(days=1))[()][1] == 6
    assert readings.epoch(at=AT) == tomorrow
    with pytest.raises(DomicileError, match="turned"):
        readings.measure(PLAN, frozen)


def test_strings_outside_their_domain_become_other(engine, tmp_path):
    fill(engine, people=3, country="Canarytown", segment="Canary & Sons")
    assert measured(opened(engine, tmp_path), PLAN)[(OTHER, OTHER)][1] == 3


def test_dates_are_grouped_by_public_periods(engine, tmp_path):
    write(
        engine,
        RecordType.ORDERS,
        [
            order(1, subject=1, ordered_at=date(2026, 5, 9)),
            order(2, subject=2, ordered_at=date(2026, 4, 1)),
            order(3, subject=3, ordered_at=date(1999, 1, 1)),
            order(4, subject=4, ordered_at=date(2031, 1, 1)),
            order(5, subject=5, ordered_at=None),
        ],
    )
    plan = replace(ORDERS, group_by=(GroupKey(column="ordered_at", part=DatePart.QUARTER),))
    assert {k: v[1] for k, v in measured(opened(engine, tmp_path), plan).items()} == {("2026-04-01",): 2, (OTHER,): 2, (None,): 1}


def test_a_deal_begins_when_it_was_opened(engine, tmp_path):
    row = {"id": "d" * 32, "subject_id": "d" * 32, "version": 1, "created_at": BORN, "updated_at": BORN, "envelope": b"x"}
    write(engine, RecordType.DEALS, [row | {"opened_at": date(2026, 3, 1), "closed_at": date(2026, 3, 31)}])
    days = Plan(
        table="deals",
        group_by=(GroupKey(column="created_at", part=DatePart.MONTH),),
        aggregates=(Aggregate(kind=AggregateKind.SUM, column="cycle_days"),),
    )
    assert measured(opened(engine, tmp_path), days) == {("2026-03-01",): ((30,), 1)}


CONDITIONS = [
    (Comparison(column="country", operator=Operator.EQ, value="DE"), lambda r: r.country == "DE"),
    (Comparison(column="country", operator=Operator.NE, value="DE"), lambda r: r.country != "DE"),
    (Comparison(column="lifetime_value", operator=Operator.GE, value=450_000), lambda r: r.lifetime_value >= 450_000),
    (
        Comparison(column="last_activity_at", operator=Operator.LT, value="2026-03-01"),
        lambda r: r.last_activity_at < date(2026, 3, 1),
    ),
    (Comparison(column="churned_at", operator=Operator.IS_NULL), lambda r: True),
    (
        Membership(column="segment", values=("consumer", "enterprise"), negated=True),
        lambda r: r.segment not in ("consumer", "enterprise"),
    ),
    (
        AnyOf(conditions=(
            AllOf(conditions=(
                Comparison(column="country", operator=Operator.EQ, value="AT"),
                Not(condition=Membership(column="segment", values=("consumer",))),
            )),
            Comparison(column="lifetime_value", operator=Operator.LT, value=1_000),
        )),
        lambda r: (r.country == "AT" and r.segment != "consumer") or r.lifetime_value < 1_000,
    ),
]  # fmt: skip


def test_conditions_mean_what_they_say(engine, tmp_path):
    fill(engine, people=300)
    with engine.connect() as connection:
        rows = connection.execute(RECORDS[RecordType.PEOPLE].select()).all()
    readings = opened(engine, tmp_path)
    for condition, holds in CONDITIONS:
        found = measured(readings, Plan(table="people", aggregates=(COUNT,), where=condition))
        assert found[()][1] == sum(1 for row in rows if holds(row))


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, version=2),
        replace(PLAN, table="accounts"),
        replace(PLAN, group_by=(GroupKey(column="email"),)),
        replace(PLAN, group_by=(GroupKey(column="lifetime_value"),)),
        replace(PLAN, group_by=(GroupKey(column="churned_at"),)),
        replace(PLAN, group_by=(GroupKey(column="segment", part=DatePart.YEAR),)),
        replace(PLAN, group_by=(GroupKey(column='segment" FROM live.people --'),)),
        replace(PLAN, group_by=(GroupKey(column="segment"), GroupKey(column="segment"))),
        replace(PLAN, aggregates=()),
        replace(PLAN, aggregates=(COUNT,) * 2),
        replace(PLAN, aggregates=(Aggregate(kind=AggregateKind.COUNT, column="country"),)),
        replace(PLAN, aggregates=(Aggregate(kind=AggregateKind.SUM, column="country"),)),
        replace(PLAN, aggregates=(Aggregate(kind=AggregateKind.SUM, column="subject_key"),)),
        replace(PLAN, aggregates=(Aggregate(kind=AggregateKind.SUM, column="lifetime_value"),)),
        replace(PLAN, aggregates=(Aggregate(kind=AggregateKind.SUM, column="lead_score", currency="EUR"),)),
        replace(PLAN, aggregates=(replace(SPENT, currency="GBP"),)),
        replace(PLAN, where=Comparison(column="country", operator=Operator.EQ, value="FR")),
        replace(PLAN, where=Comparison(column="country", operator=Operator.LT, value="DE")),
        replace(PLAN, where=Comparison(column="country", operator=Operator.EQ, value=None)),
        replace(PLAN, where=Comparison(column="churned_at", operator=Operator.EQ, value="yesterday")),
        replace(PLAN, where=Comparison(column="churned_at", operator=Operator.EQ, value="20260101")),
        replace(PLAN, where=Comparison(column="lifetime_value", operator=Operator.EQ, value="1")),
        replace(PLAN, where=Comparison(column="lifetime_value", operator=Operator.EQ, value=2**63)),
        replace(PLAN, where=Comparison(column="country", operator=Operator.IS_NULL, value="DE")),
        replace(PLAN, where=AllOf(conditions=())),
        replace(PLAN, where=Membership(column="country", values=())),
        replace(PLAN, where=Membership(column="lifetime_value", values=tuple(range(200)))),
        replace(PLAN, where=AllOf(conditions=(Comparison(column="country", operator=Operator.IS_NULL),) * 200)),
    ],
)  # fmt: skip
def test_a_plan_outside_the_catalogue_is_refused_without_naming_a_constant(engine, tmp_path, plan):
    readings = opened(engine, tmp_path)
    with pytest.raises(DomicileError) as refused:
        readings.clamps(plan)
    assert refused.value.code is Code.QUESTION_UNSUPPORTED
    assert "FR" not in str(refused.value)
    assert "yesterday" not in str(refused.value)
    readings.close()


def test_a_condition_may_not_be_nested_without_end(engine, tmp_path):
    deep = Comparison(column="country", operator=Operator.IS_NULL)
    for _ in range(9):
        deep = Not(condition=deep)
    with pytest.raises(DomicileError, match="deeper"):
        opened(engine, tmp_path).clamps(replace(PLAN, where=deep))


def test_money_of_one_currency_needs_no_conversion(engine, tmp_path):
    fill(engine, people=10, lifetime_value=100_000, currency="USD")
    readings = opened(engine, tmp_path)
    readings.epoch(at=AT)
    plain = Aggregate(kind=AggregateKind.SUM, column="lifetime_value")
    fixed = Plan(table="people", aggregates=(plain,), where=Comparison(column="currency", operator=Operator.EQ, value="USD"))
    assert readings.clamps(fixed)[0].high == 550_000
    assert measured(readings, fixed)[()][0] == (1_000_000,)
    grouped = Plan(table="people", group_by=(GroupKey(column="currency"),), aggregates=(plain,))
    assert readings.clamps(grouped)[0].high == 550_000
    assert measured(readings, grouped)[("USD",)][0] == (1_000_000,)


def test_the_file_holds_nothing_in_clear(engine, tmp_path):
    fill(engine, people=50, segment="public_sector", country="DE")
    readings = opened(engine, tmp_path)
    readings.epoch(at=AT)
    files = list(tmp_path.glob("projection.duckdb*"))
    assert not readings.in_memory
    assert files
    assert [f.name for f in files if b"public_sector" in f.read_bytes()] == []
    readings.close()
    assert b"public_sector" not in (tmp_path / "projection.duckdb").read_bytes()
    with pytest.raises(duckdb.Error):
        duckdb.connect(str(tmp_path / "projection.duckdb"))


def test_a_build_without_encryption_is_caught_by_the_same_look(engine, tmp_path, monkeypatch):
    def careless(connection, file, key):
        connection.execute(f"ATTACH '{file}' AS home")

    monkeypatch.setattr(projection_module, "_attach_file", careless)
    fill(engine, people=5_000, segment="public_sector", country="DE")
    readings = opened(engine, tmp_path)
    readings.epoch(at=AT)
    readings.close()
    assert b"public_sector" in (tmp_path / "projection.duckdb").read_bytes()


def test_it_can_neither_reach_out_nor_spill_nor_be_told_to(engine, tmp_path):
    readings = opened(engine, tmp_path)
    told = dict(readings._duck.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert told["temp_directory"] == ""
    assert told["enable_external_access"] == "false"
    assert told["autoinstall_known_extensions"] == told["autoload_known_extensions"] == "false"
    assert told["force_mbedtls_unsafe"] == "false"
    for statement in ("SET enable_external_access = true", f"COPY live.people TO '{tmp_path}/out.csv'", "INSTALL spatial"):
        with pytest.raises(duckdb.Error):
            readings._duck.execute(statement)


def test_it_goes_on_where_it_was_and_starts_afresh_when_it_must(engine, tmp_path):
    fill(engine, people=20)
    first = opened(engine, tmp_path)
    epoch = first.epoch(at=AT)
    first.close()
    again = opened(engine, tmp_path)
    assert again.lag() == 0
    assert again.epoch(at=AT) == epoch
    again.close()
    other = opened(engine, tmp_path, domains={"country": ("AT",), "currency": ("EUR", "USD")})
    assert other.lag() == 20
    assert measured(other, replace(PLAN, group_by=()))[()][1] == 20
    other.close()
    (tmp_path / "keys" / "projection.key").write_bytes(b"n" * 32)
    fresh = opened(engine, tmp_path)
    assert measured(fresh, replace(PLAN, group_by=()))[()][1] == 20
    fresh.close()
    (tmp_path / "projection.duckdb").write_bytes(b"not a database" * 1000)
    mended = opened(engine, tmp_path)
    assert measured(mended, replace(PLAN, group_by=()))[()][1] == 20


def test_without_the_extension_it_lives_in_memory(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(projection_module, "httpfs_extension", lambda: None)
    fill(engine, people=20)
    readings = opened(engine, tmp_path)
    assert readings.in_memory
    assert measured(readings, replace(PLAN, group_by=()))[()][1] == 20
    assert list(tmp_path.glob("projection.duckdb*")) == []


def test_the_key_is_its_owners_alone(engine, tmp_path):
    opened(engine, tmp_path)
    assert (tmp_path / "keys" / "projection.key").stat().st_mode & 0o777 == 0o600


def test_what_the_engine_says_of_a_row_goes_no_further(engine, tmp_path):
    fill(engine, people=3)
    readings = opened(engine, tmp_path)
    epoch = readings.epoch(at=AT)
    readings._duck.execute("DROP TABLE epoch.people")
    with pytest.raises(DomicileError) as failed:
        readings.measure(PLAN, epoch)
    assert failed.value.code is Code.INTERNAL
    assert failed.value.__cause__ is None


def test_the_order_of_rows_in_the_store_does_not_matter(engine, tmp_path):
    rows = [order(n, subject=n % 7, amount=n * 100) for n in range(60)]
    random.Random(1).shuffle(rows)  # noqa: S311 - a test's chance must repeat
    write(engine, RecordType.ORDERS, rows)
    found = measured(opened(engine, tmp_path), ORDERS)
    assert found[("paid",)][1] == 7
    assert Counter(r["subject_id"] for r in rows).most_common(1)[0][1] <= 10


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("", "rates.csv:1", "Date,USD"),
        ("Day,USD\n", "rates.csv:1", "Date,USD"),
        ("Date,USD,USD\n", "rates.csv:1", "currency column"),
        ("Date,EUR\n", "rates.csv:1", "currency column"),
        ("Date,USD\n22.11.2026,1.1\n", "rates.csv:2", "not a date"),
        ("Date,USD\n2026-11-22,1,1\n", "rates.csv:2", "cells"),
        ("Date,USD\n2026-11-22,abc\n", "rates.csv:2", "not a number"),
        ("Date,USD\n2026-11-22,0.0\n", "rates.csv:2", "zero"),
        ("Date,USD\n2026-11-22,1.1\n2026-11-22,1.1\n", "rates.csv:3", "twice"),
    ],
)
def test_a_file_of_rates_says_what_is_wrong_and_where(tmp_path, text, where, says):
    path = tmp_path / "rates.csv"
    path.write_text(text)
    with pytest.raises(DomicileError) as wrong:
        load_rates(path)
    assert wrong.value.code is Code.FILE_INVALID
    assert wrong.value.where == where
    assert says in wrong.value.what


def test_rates_are_whole_numbers_of_their_own_minor_unit(tmp_path):
    path = tmp_path / "rates.csv"
    path.write_text(RATES.replace("USD", "JPY").replace("1.10", "160.5") + ",\n")
    units = {(r.currency, r.day): r.units for r in load_rates(path)}
    assert units[("JPY", date(2026, 11, 20))] == 160_500_000
    assert units[("JPY", date.min)] == 1_050_000
    assert units[("EUR", date.min)] == 100_000_000
    assert load_rates(Path("/nonexistent/rates.csv"))[0].currency == "EUR"


def test_a_file_that_another_process_has_open_is_left_alone(engine, tmp_path):
    fill(engine, people=20)
    readings = opened(engine, tmp_path)
    readings.epoch(at=AT)
    code = (
        "import sys; from pathlib import Path; from tests.unit.egress.ordinary import *\n"
        f"projection(open_database('sqlite:///{tmp_path}/node.db'), Path('{tmp_path}'))"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "open in another process" in other.stderr
    readings.catch_up()
    assert measured(readings, replace(PLAN, group_by=()))[()][1] == 20


def test_a_failing_freeze_says_nothing_of_a_row_and_changes_nothing(engine, tmp_path, monkeypatch):
    fill(engine, people=20)
    readings = opened(engine, tmp_path, reading_epoch_seconds=60)
    before = readings.epoch(at=AT)
    monkeypatch.setattr(projection_module, "freeze", lambda table, owned: "SELECT 'Canarybird'::BIGINT")
    with pytest.raises(DomicileError) as failed:
        readings.epoch(at=AT + timedelta(minutes=2))
    assert failed.value.code is Code.STORE_UNAVAILABLE
    assert "Canarybird" not in str(failed.value)
    assert measured(readings, replace(PLAN, group_by=()))[()][1] == 20
    assert readings.epoch(at=AT) == before
