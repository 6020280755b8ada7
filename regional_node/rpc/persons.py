"""Serves the fields of one person as the gate lets them out. It keeps nothing: no cache, no log line, no trace."""

import asyncio
from concurrent.futures import Executor
from typing import Any

from grpc import aio

from policies.engine.crossing import PersonView, Released
from protos.v1 import persons_pb2 as pb
from protos.v1 import persons_pb2_grpc
from protos.wire import person_question_from_message, person_to_message
from regional_node.egress.gate import Gate


def answer(released: Released[PersonView]) -> pb.ReadPersonResponse:
    """The response to a request for a person. Its type is the permit."""
    return person_to_message(released)


class PersonsServicer(persons_pb2_grpc.PersonsServicer):
    """`executor` keeps the store's work off the event loop."""

    def __init__(self, gate: Gate, executor: Executor) -> None:
        self._gate = gate
        self._executor = executor

    async def ReadPerson(  # noqa: N802 - the contract's name
        self, request: pb.ReadPersonRequest, _context: "aio.ServicerContext[Any, Any]"
    ) -> pb.ReadPersonResponse:
        """Decide field by field, transform, record and release."""
        asked = person_question_from_message(request)
        loop = asyncio.get_running_loop()
        released = await loop.run_in_executor(
            self._executor, self._gate.release_person, asked.pseudonym, asked.fields, asked.ticket
        )
        return answer(released)
