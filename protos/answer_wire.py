"""Shares of an answer between `policies.engine.crossing` and the wire. Only a `Released` share can be put on it."""

import re
from datetime import datetime

from policies.engine.crossing import Noise, Plan, Released, Share
from protos.cells import cells_from_arrow, cells_to_arrow
from protos.decision_wire import Receipt, decision_to_message, leaf_to_message, receipt_from_messages
from protos.strictness import at_most, refusal, region, text
from protos.v1 import questions_pb2 as pb

MAX_DIGITS = 1024
_DECIMAL = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")
_RHO = re.compile(r"[0-9]{1,64}(?:/[0-9]{1,64}|\.[0-9]{1,64})?")


def answer_to_message(released: Released[Share], plan: Plan) -> pb.AnswerQuestionResponse:
    """A released share, as it travels. `plan` says how many keys and values a cell has."""
    share = released.value
    return pb.AnswerQuestionResponse(
        region=share.region,
        reading_epoch=share.reading_epoch,
        frozen_at=share.frozen_at.isoformat(),
        cells_arrow=cells_to_arrow(share.cells, keys=len(plan.group_by), values=len(plan.aggregates)),
        noise=[
            pb.Noise(variance_numerator=str(each.variance_numerator), variance_denominator=str(each.variance_denominator))
            for each in share.noise
        ],
        suppressed=share.suppressed,
        rho=share.rho,
        recorded=share.recorded,
        decision=decision_to_message(released.decision),
        leaf=leaf_to_message(released.leaf),
    )


def answer_from_message(message: pb.AnswerQuestionResponse, plan: Plan) -> tuple[Share, Receipt]:
    """A share from outside, read against the plan that was asked, and its receipt. Raises MESSAGE_TRUNCATED."""
    noise = tuple(_noise(each) for each in at_most(message.noise, "noise", most=len(plan.aggregates)))
    if len(noise) != len(plan.aggregates):
        raise refusal("noise", "it does not say the noise of every measure")
    if not _RHO.fullmatch(message.rho) or message.rho.endswith("/0"):
        raise refusal("rho", "it is not a fraction")
    share = Share(
        region=region(message.region, "region"),
        reading_epoch=text(message.reading_epoch, "reading_epoch", most=64),
        frozen_at=moment(message.frozen_at, "frozen_at"),
        cells=cells_from_arrow(message.cells_arrow, keys=len(plan.group_by), values=len(plan.aggregates)),
        noise=noise,
        suppressed=message.suppressed,
        rho=message.rho,
        recorded=message.recorded,
    )
    return share, receipt_from_messages(message.decision, message.leaf)


def moment(value: str, where: str) -> datetime:
    """An RFC 3339 time with its offset."""
    try:
        parsed = datetime.fromisoformat(text(value, where, most=40))
    except ValueError:
        raise refusal(where, "it is not a time") from None
    if parsed.tzinfo is None:
        raise refusal(where, "it has no offset from UTC")
    return parsed


def _noise(message: pb.Noise) -> Noise:
    if not _DECIMAL.fullmatch(message.variance_numerator) or not _DECIMAL.fullmatch(message.variance_denominator):
        raise refusal("noise", "a variance is not a fraction of whole numbers")
    denominator = int(message.variance_denominator)
    if denominator == 0:
        raise refusal("noise", "a variance divides by zero")
    return Noise(variance_numerator=int(message.variance_numerator), variance_denominator=denominator)
