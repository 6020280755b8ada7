"""The only translation between the frozen values of `policies.engine` and the messages of the contract, gathered in one place.

Strict in both directions: what is unspecified, unknown, oversized or out of shape raises MESSAGE_TRUNCATED and nothing else.
"""

from protos.answer_wire import answer_from_message, answer_to_message
from protos.decision_wire import Receipt, decision_from_message, decision_to_message
from protos.entry_wire import Pull, batch_from_message, batch_to_message, nothing_to_message, pull_from_message, pull_to_message
from protos.person_wire import (
    PersonQuestion,
    person_from_message,
    person_question_from_message,
    person_question_to_message,
    person_to_message,
)
from protos.plan_wire import Question, plan_from_message, plan_to_message, question_from_message, question_to_message

WIRE_VERSION = 1
"""Announced on joining. A peer one version behind is served."""

__all__ = [
    "WIRE_VERSION",
    "PersonQuestion",
    "Pull",
    "Question",
    "Receipt",
    "answer_from_message",
    "answer_to_message",
    "batch_from_message",
    "batch_to_message",
    "decision_from_message",
    "decision_to_message",
    "nothing_to_message",
    "person_from_message",
    "person_question_from_message",
    "person_question_to_message",
    "person_to_message",
    "plan_from_message",
    "plan_to_message",
    "pull_from_message",
    "pull_to_message",
    "question_from_message",
    "question_to_message",
]
