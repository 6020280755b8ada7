"""The gRPC face translates and asks the gate; what is not `Released` cannot become a response."""

import ast
import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from global_index.requests import persons
from policies.engine.crossing import person_digest, plan_digest
from policies.engine.denial import Denied
from policies.engine.record import from_bytes
from protos import wire
from protos.v1 import questions_pb2 as pb
from regional_node.egress import gate
from regional_node.egress.payload import batch_bytes, person_bytes, share_bytes
from regional_node.rpc.entries import EntriesServicer
from regional_node.rpc.persons import PersonsServicer
from regional_node.rpc.questions import QuestionsServicer
from regional_node.storage.feed import StoredFeed
from regional_node.storage.tables import pseudonyms
from tests.unit.egress.ordinary import AT, PLAN, PSEUDONYM, house

TOWER = Path(__file__).parents[3] / "regional_node"


@pytest.fixture
def ordinary(tmp_path):
    made = house(tmp_path)
    yield made
    made.readings.close()


@pytest.fixture
def executor():
    with ThreadPoolExecutor(max_workers=1) as made:
        yield made


def accounted(h, receipt, payload: bytes) -> bool:
    return from_bytes(h.leaves()[receipt.leaf.index]).payload_digest == hashlib.sha256(payload).hexdigest()


def test_a_share_crosses_whole_and_its_bytes_are_those_recorded(ordinary, executor):
    servicer = QuestionsServicer(ordinary.gate(), executor)
    asked = wire.question_to_message(wire.Question(plan=PLAN, ticket=ordinary.ticket(plan_digest(PLAN))))
    answered = asyncio.run(servicer.AnswerQuestion(asked, None))
    share, receipt = wire.answer_from_message(pb.AnswerQuestionResponse.FromString(answered.SerializeToString()), PLAN)
    assert share.region == "eu-de"
    assert accounted(ordinary, receipt, share_bytes(share))


def test_a_person_crosses_whole_and_its_bytes_are_those_recorded(ordinary, executor):
    servicer = PersonsServicer(ordinary.gate(), executor)
    fields = ("given_name", "email", "street")
    ticket = ordinary.ticket(person_digest(PSEUDONYM, fields), purpose="essential.service.operations.support")
    asked = wire.PersonQuestion(pseudonym=PSEUDONYM, fields=fields, ticket=ticket)
    answered = asyncio.run(servicer.ReadPerson(wire.person_question_to_message(asked), None))
    assert b"Canarystreet" not in answered.SerializeToString()
    view, receipt = wire.person_from_message(answered)
    assert accounted(ordinary, receipt, person_bytes(view))


def test_a_denial_is_raised_with_its_decision(ordinary, executor):
    servicer = PersonsServicer(ordinary.gate(), executor)
    ticket = ordinary.ticket(
        person_digest(PSEUDONYM, ["email"]), importer="acme-us", purpose="essential.service.operations.support"
    )
    asked = wire.PersonQuestion(pseudonym=PSEUDONYM, fields=("email",), ticket=ticket)
    with pytest.raises(Denied) as denied:
        asyncio.run(servicer.ReadPerson(wire.person_question_to_message(asked), None))
    assert denied.value.decision.rules or denied.value.decision.reasons


def test_entries_are_pulled_to_the_end_and_only_what_leaves_is_recorded(ordinary, executor):
    with ordinary.engine.begin() as connection:
        connection.execute(pseudonyms.insert(), [{"subject_id": "1" * 32, "pseudonym": PSEUDONYM, "created_at": 1}])
    feed = StoredFeed(ordinary.engine, region="eu-de")
    feed.seal(at=AT)
    servicer = EntriesServicer(ordinary.gate(), feed, executor, importer=lambda: "acme-hq")

    def pull(epoch, cursor):
        return asyncio.run(servicer.PullEntries(wire.pull_to_message(wire.Pull(feed_epoch=epoch, cursor=cursor)), None))

    batch, receipt = wire.batch_from_message(pull("", 0))
    assert [entry.pseudonym for entry in batch.entries] == [PSEUDONYM]
    assert accounted(ordinary, receipt, batch_bytes(batch))
    nothing, none = wire.batch_from_message(pull(batch.feed_epoch, batch.cursor))
    assert (nothing.entries, none) == ((), None)
    assert len(ordinary.leaves()) == 1


def makers_of_released(source: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and "Released" in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}
    ]


def test_only_the_gate_makes_released():
    makers = {path.relative_to(TOWER).as_posix() for path in TOWER.rglob("*.py") if makers_of_released(path.read_text())}
    assert makers == {"egress/gate.py"}
    assert makers_of_released("x = crossing.Released(1, 2, 3)")


def test_index_and_node_bind_a_ticket_for_a_person_to_the_same_bytes():
    assert gate.person_digest is persons.person_digest is person_digest
    assert person_digest(PSEUDONYM, ["email", "phone"]) == person_digest(PSEUDONYM, ("email", "phone"))
    assert person_digest(PSEUDONYM, ["email", "phone"]) != person_digest(PSEUDONYM, ["phone", "email"])
