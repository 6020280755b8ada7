"""Serves a region's part of answers. It translates and calls the gate: only what is `Released` becomes a response."""

import asyncio
from concurrent.futures import Executor
from typing import Any

from grpc import aio

from policies.engine.crossing import Plan, Released, Share
from protos.v1 import questions_pb2 as pb
from protos.v1 import questions_pb2_grpc
from protos.wire import answer_to_message, question_from_message
from regional_node.egress.gate import Gate


def answer(released: Released[Share], plan: Plan) -> pb.AnswerQuestionResponse:
    """The response to a question. Its type is the permit."""
    return answer_to_message(released, plan)


class QuestionsServicer(questions_pb2_grpc.QuestionsServicer):
    """`executor` has one thread: the projection's connection is used by one question at a time."""

    def __init__(self, gate: Gate, executor: Executor) -> None:
        self._gate = gate
        self._executor = executor

    async def AnswerQuestion(  # noqa: N802 - the contract's name
        self, request: pb.AnswerQuestionRequest, _context: "aio.ServicerContext[Any, Any]"
    ) -> pb.AnswerQuestionResponse:
        """Decide, compute, noise, record and release one share."""
        question = question_from_message(request)
        loop = asyncio.get_running_loop()
        released = await loop.run_in_executor(self._executor, self._gate.release_share, question.plan, question.ticket)
        return answer(released, question.plan)
