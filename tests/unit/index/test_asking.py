"""Asking regions: one fails, hangs, refuses or is not needed, and the answer comes in time and says so. What is kept
names nobody.
"""

import json
import time
from dataclasses import asdict, replace

import pytest

from global_index.errors import QuestionError
from global_index.queries.answer import Answer, Status, answer_json
from global_index.queries.ask import FanOut
from global_index.queries.desk import Desk, explained_json
from global_index.queries.expect import Advisor, Importer
from global_index.queries.plan import plan_question
from policies.engine.crossing import plan_digest
from policies.engine.errors import Code, DomicileError
from policies.engine.signing import verify_ticket
from tests.unit.index.ordinary import (
    AT,
    CATALOGUE,
    EU,
    KEY,
    QUESTION,
    REGIONS,
    WHO,
    Behaviour,
    FakeAsker,
    FakeDirectory,
    FakeHistory,
    answers,
    breaks,
    hangs,
    here,
    office,
    refuses,
    released,
    share,
)


def fan_out(asker: FakeAsker, seconds: float = 0.3) -> FanOut:
    return FanOut(asker=asker, tickets=office(), seconds=seconds)


async def answered(behaviour: dict[str, Behaviour], text: str = QUESTION) -> Answer:
    return await fan_out(FakeAsker(behaviour)).answer(plan_question(text, CATALOGUE), regions=REGIONS, catalogue=CATALOGUE, who=WHO)


def statuses(answer: Answer) -> dict[str, Status]:
    return {one.region: one.status for one in answer.coverage}


def desk(asker: FakeAsker, history: FakeHistory) -> Desk:
    own = Importer(organisation="acme-hq", jurisdiction="EU", state="IE")
    return Desk(
        directory=FakeDirectory(),
        fan_out=fan_out(asker),
        history=history,
        advisor=Advisor(policies=None, importers={"acme-hq": own}, today=AT.date),
        elsewhere=here,
        new_id=lambda: "0" * 32,
        now=lambda: AT,
    )


async def test_every_region_answers() -> None:
    answer = await answered({})
    assert set(statuses(answer).values()) == {Status.ANSWERED}
    body = answer_json(answer)
    assert set(body) >= {"columns", "rows", "coverage", "budget"}
    assert set(body["coverage"][0]) >= {"region", "status", "reason", "epoch", "suppressed", "noise"}
    assert body["budget"]["charged"] == "0.015"
    assert json.loads(json.dumps(body)) == body


async def test_a_hanging_region_does_not_hold_the_answer() -> None:
    began = time.perf_counter()
    answer = await answered({"br-sp": hangs})
    assert time.perf_counter() - began < 0.6
    assert statuses(answer) == {"br-sp": Status.DOWN, "eu-de": Status.ANSWERED, "us-ca": Status.ANSWERED}
    assert [row.values[0] for row in answer.rows] == ["DE", "US"]


async def test_waiting_for_a_hanging_region_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def patient(self: FanOut, *args: object, **named: object) -> Answer:
        return await real(replace(self, seconds=1.0), *args, **named)  # type: ignore[arg-type]  # passed on as they came

    real = FanOut.answer
    monkeypatch.setattr(FanOut, "answer", patient)
    began = time.perf_counter()
    await answered({"br-sp": hangs})
    assert time.perf_counter() - began > 0.6


async def test_a_refusal_carries_rule_citation_and_what_would_have_allowed_it() -> None:
    told = answer_json(await answered({"br-sp": refuses}))["coverage"][0]
    assert (told["region"], told["status"], told["reason"]) == ("br-sp", "refused", "no_mechanism")
    assert told["rule"] == "eu-anonymous-aggregates"
    assert told["citation"] == ["GDPR Recital 26"]
    assert told["try_instead"] == ["scc_br"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.PEER_UNREACHABLE, Status.DOWN),
        (Code.DEADLINE_EXCEEDED, Status.DOWN),
        (Code.BUDGET_EXHAUSTED, Status.REFUSED),
        (Code.POLICY_MISSING, Status.REFUSED),
        (Code.INTERNAL, Status.UNKNOWN),
        (Code.PEER_REFUSED, Status.UNKNOWN),
    ],
)
async def test_an_error_of_a_region_is_told_by_its_kind(code: Code, status: Status) -> None:
    async def fails(*_: object) -> object:
        raise DomicileError("it failed", code=code)

    answer = await answered({"br-sp": fails})  # type: ignore[dict-item]  # it never returns
    assert answer.coverage[0].status is status
    assert answer.coverage[0].reason == code.value


async def test_a_fault_is_told_without_its_message() -> None:
    body = json.dumps(answer_json(await answered({"br-sp": breaks})))
    assert '"unknown"' in body
    assert "canary" not in body


async def test_an_answer_of_another_shape_is_no_answer() -> None:
    async def lies(_region: object, plan: object, _ticket: object) -> object:
        return released(share("eu-de", plan_question(QUESTION, CATALOGUE).plans[0], {}))

    assert statuses(await answered({"br-sp": lies}))["br-sp"] is Status.UNKNOWN  # type: ignore[dict-item]  # a liar's types


async def test_a_region_that_cannot_have_such_rows_is_not_asked() -> None:
    asker = FakeAsker()
    question = plan_question("select count(*) from people where country = 'BR'", CATALOGUE)
    answer = await fan_out(asker).answer(question, regions=REGIONS, catalogue=CATALOGUE, who=WHO)
    assert {name for name, _ in asker.asked} == {"br-sp"}
    assert statuses(answer) == {"br-sp": Status.ANSWERED, "eu-de": Status.NOT_ASKED, "us-ca": Status.NOT_ASKED}


async def test_each_try_has_a_fresh_ticket_bound_to_region_and_plan() -> None:
    seen: list[bytes] = []

    async def twice(one: object, plan: object, ticket: object) -> object:
        seen.extend([ticket(), ticket()])  # type: ignore[operator]  # it is callable
        return await answers(one, plan, ticket)  # type: ignore[arg-type]  # passed on as they came

    await answered({"eu-de": twice})  # type: ignore[dict-item]  # the same shape
    digest = plan_digest(plan_question(QUESTION, CATALOGUE).plans[0])
    first, second = (verify_ticket(one, KEY.public_key(), at=AT, region=EU.name, request_digest=digest) for one in seen)
    assert first.nonce != second.nonce
    assert (first.analyst, first.importer, first.purpose) == (WHO.analyst, "acme-hq", "analytics.reporting")
    with pytest.raises(DomicileError):
        verify_ticket(seen[0], KEY.public_key(), at=AT, region="br-sp", request_digest=digest)


async def test_history_and_log_hold_plans_and_never_what_was_typed(caplog: pytest.LogCaptureFixture) -> None:
    history = FakeHistory()
    text = "select country as jane_canary, count(*) from people where segment = 'consumer' group by 1 having count(*) > 7777"
    with caplog.at_level("DEBUG"):
        given = await desk(FakeAsker({"br-sp": breaks}), history).ask(text, WHO)
        with pytest.raises(QuestionError):
            await desk(FakeAsker(), history).ask("select count(*) from people where country = 'jane.canary'", WHO)
    (line,) = history.lines
    kept = json.dumps(asdict(line), default=str) + caplog.text
    assert "canary" not in kept.lower()
    assert "select" not in kept.lower()
    assert "7777" not in kept
    assert given.answer.columns[0].name == "jane_canary"
    assert {t.region: (t.status, t.code) for t in line.told}["br-sp"] == ("unknown", Code.INTERNAL.value)
    assert line.digests == tuple(plan_digest(plan) for plan in plan_question(text, CATALOGUE).plans)


async def test_explaining_asks_nobody() -> None:
    asker = FakeAsker()
    body = explained_json(desk(asker, FakeHistory()).explain(QUESTION, WHO))
    assert not asker.asked
    assert body["advice"] is True
    assert [one["outcome"] for one in body["expected"]] == ["unknown"] * 3
