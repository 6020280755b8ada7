"""Questions that are refused: at their place, with the reason and what works instead, and without a literal in sight."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from global_index.errors import QuestionError
from global_index.queries.plan import plan_question
from policies.engine.errors import Code, DomicileError
from tests.unit.index.ordinary import CATALOGUE

CANARY = "jane.canary@example.org"


def counted(condition: str) -> str:
    return " ".join(["select count(*) from people where", condition])


REFUSED = [
    ("select contry from people", "1:8: unknown column `contry`; did you mean `country`"),
    ("select count(*) from poeple", "1:22: unknown table `poeple`; did you mean `people`"),
    ("select * from people", "SELECT * is not answered"),
    ("select country from people group by country", "rows never leave"),
    ("select country, count(*) from people", "1:8: `country` is shown and not grouped by; add GROUP BY country"),
    ("select count(distinct country) from people", "count(distinct ...) is not answered yet; use count(*)"),
    ("select median(lead_score) from people", "this function is not answered; use count(*)"),
    ("select sum(lifetime_value) from people", "convert with in_currency(lifetime_value, 'EUR') or group by currency"),
    ("select sum(in_currency(lead_score, 'EUR')) from people", "not an amount of money"),
    ("select sum(segment) from people", "not a number that can be added"),
    ("select count(*) from people where lifetime_value > 5", "amounts of different currencies"),
    ("select count(*) from people join leads on true", "reads one table"),
    ("select count(*) from people, companies", "reads one table"),
    ("with p as (select 1) select count(*) from people", "only SELECT can be asked"),
    ("select count(*) from (select 1) as p", "reads a table of the catalogue"),
    ("select count(*) over () from people", "window functions are not answered"),
    ("select distinct country, count(*) from people group by 1", "use GROUP BY"),
    ("select count(*) from people where country in (select 1)", "takes a list of constants"),
    ("select count(*) from people where exists (select 1)", "not answered"),
    ("select count(*) from people where segment like 'c%'", "not answered"),
    ("select count(*) from people where segment > 'consumer'", "has no order"),
    ("select count(*) from people where segment = country", "with a constant only"),
    ("select count(*) from people where segment = null", "is null"),
    ("select count(*) from people where country = 'DE' or region = 'eu-de'", "cannot stand under OR"),
    ("select count(*) from people where region = 'eu-de' and region = 'br-sp'", "no region is left"),
    ("select count(*) from people union select count(*) from people", "only a plain SELECT"),
    ("select count(*) from people; select 1", "only one statement"),
    ("drop table people", "only SELECT"),
    ("explain select count(*) from people", "only SELECT"),
    ("select count(*) from people -- where", "comment"),
    ("select count(*) from people /* x */", "comments"),
    ('select "country", count(*) from people group by 1', "quoted name"),
    ("select `country`, count(*) from people group by 1", "quoted name"),
    ("select c\u043euntry, count(*) from people group by 1", "not part of any question"),
    ("select count(*) from people where segment = E'consumer'", "prefix before a text"),
    ("select count(*) from main.people", "no schema"),
    ("select count(*) from people where lead_score::text = '1'", "casts"),
    ("select count(*) from people where lead_score + 1 = 2", "arithmetic"),
    ("select count(*) from people where 1 = 1", "about a column"),
    ("select count(*) from people where lead_score = 1e9", "number is wanted"),
    ("select count(*) from people where churn_risk > 0.12345", "decimals at most"),
    ("select count(*) from people where created_at > '2026-02-30'", "a day is wanted"),
    (
        "select count(*) from people where lead_score > 101",
        "1:48: this number is outside the bounds of `lead_score`; use a number from 0 to 100",
    ),
    ("select count(*) from people where lead_score > -5", "use a number from 0 to 100"),
    ("select count(*) from people where churn_risk > 1.001", "use a number from 0.000 to 1.000"),
    ("select count(*) from people where currency = 'EUR' and lifetime_value > 5000.01", "use a number from 0.00 to 5000.00"),
    (
        "select count(*) from people where created_at > '2009-12-31'",
        "1:48: this day is outside what can be asked about; use a day from '2010-01-01' to '2035-12-31'",
    ),
    ("select created_at, count(*) from people group by 1", "use date_trunc('month', created_at)"),
    ("select lead_score, count(*) from people group by 1", "no list of values"),
    ("select date_trunc('week', created_at), count(*) from people group by 1", "a year, a quarter or a month"),
    ("select count(*) from people limit 99999999", "LIMIT takes"),
    ("select count(*) from people limit 1 offset 5", "OFFSET"),
    ("select count(*) from people group by rollup(country)", "ROLLUP"),
    ("select case when country = 'DE' then 1 end, count(*) from people group by 1", "CASE"),
    ("select count(*) from people order by country", "not grouped by"),
    ("select count(*) filter (where country = 'DE') from people", "FILTER"),
    ("select count(*) from people where", "cannot be read"),
    ("select", "names no table"),
    ("", "empty"),
    ("select count(*) from people where segment = 'consumer", "does not end"),
]


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_it_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(QuestionError) as refusal:
        plan_question(text, CATALOGUE)
    assert told in str(refusal.value)
    assert refusal.value.code in {Code.QUESTION_INVALID, Code.QUESTION_UNSUPPORTED}
    assert refusal.value.line >= 1
    assert refusal.value.column >= 1


@pytest.mark.parametrize(
    "text",
    [
        "select count(*) from people where country = 'CANARY'",
        "select count(*) from people where country in ('DE', 'CANARY')",
        "select count(*) from people where created_at = 'CANARY'",
        "select count(*) from people where lead_score = 'CANARY'",
        "select count(*) from people where region = 'CANARY'",
        "select sum(in_currency(lifetime_value, 'CANARY')) from people",
        "select date_trunc('CANARY', created_at), count(*) from people group by 1",
        "select country, count(*) from people group by 1 having country = 'CANARY'",
        "select count(*) from people where country = 'CANARY' and",
        "select 'CANARY' from people",
        "select count(*) from people order by 'CANARY'",
        "select count(*) from people limit 'CANARY'",
        "select count(*) from people where 'CANARY'",
        "select count(*) from 'CANARY'",
        "select count(*) as 'CANARY' from people",
        "select count(*) from people as 'CANARY'",
    ],
)
def test_a_literal_is_never_repeated(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), pytest.raises(QuestionError) as refusal:
        plan_question(text.replace("CANARY", CANARY), CATALOGUE)
    told = " ".join([str(refusal.value), repr(refusal.value.args), caplog.text, str(refusal.value.__cause__)])
    assert "canary" not in told.lower()


def test_a_literal_of_the_domain_is_taken_as_it_stands() -> None:
    with pytest.raises(QuestionError):
        plan_question("select count(*) from people where country = 'de'", CATALOGUE)


@pytest.mark.parametrize("joint", ["and", "or"])
def test_ten_thousand_predicates_are_refused_at_once(joint: str) -> None:
    text = counted(f" {joint} ".join(f"lead_score > {n}" for n in range(10_000)))
    began = time.perf_counter()
    with pytest.raises(QuestionError, match="characters"):
        plan_question(text, CATALOGUE)
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize(
    "condition",
    [
        " or ".join("lead_score>1" for _ in range(300)),
        "(" * 200 + "lead_score > 1" + ")" * 200,
        "not " * 1000 + "lead_score > 1",
        "lead_score in (" + ",".join("1" for _ in range(600)) + ")",
        "- " * 3000 + "1 < lead_score",
    ],
)
def test_what_is_too_much_is_refused_quickly(condition: str) -> None:
    began = time.perf_counter()
    with pytest.raises(QuestionError):
        plan_question(counted(condition), CATALOGUE)
    assert time.perf_counter() - began < 1


WORDS = [
    "select", "from", "people", "deals", "where", "group by", "having", "order by",
    "limit", "count(*)", "sum(", "avg(", ")", "(", ",", "*",
    "country", "segment", "region", "created_at", "lifetime_value",
    "lead_score", "currency", "in_currency(", "'EUR'", "'DE'", "'eu-de'",
    "and", "or", "not", "in", "between", "is", "null", "=",
    "<>", "<", ">=", "1", "2.5", "-3", "'2026-01-01'", "date_trunc('month',", "as x",
    "distinct", "union", "join", "over", "case", "when", "end",
    "cast(", "interval", "exists", "any", "desc", "nulls first", "p.", "date",
    "true", "lateral", "with", "array", "struct", "{", "}", ";", "--",
    "/*", '"', "$1", "unnest(", "pivot", "values", "tablesample", "@", "\u200b",
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
def test_any_words_in_any_order_give_a_plan_or_an_error_of_ours(text: str) -> None:
    for whole in (text, counted(text), " ".join(["select", text, "from people group by 1"])):
        try:
            question = plan_question(whole, CATALOGUE)
        except DomicileError:
            continue
        assert question.plans
        assert {column for plan in question.plans for column in (k.column for k in plan.group_by)} <= {
            c.name for table in CATALOGUE.tables.values() for c in table.columns
        }


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_an_error_of_ours(text: str) -> None:
    with pytest.raises(DomicileError):
        plan_question(text, CATALOGUE)
