"""A denial as an error: it carries the whole decision. Nothing here decides."""

from policies.engine.decision import Decision
from policies.engine.errors import Code, DomicileError


class Denied(DomicileError):  # noqa: N818 - a verdict, and the word others import
    """The exporter's policy does not let it leave. `decision` says by which rule, and what would have allowed it."""

    code = Code.TRANSFER_DENIED

    def __init__(self, what: str, *, decision: Decision, where: str = "", remedy: str = "", code: Code | None = None) -> None:
        super().__init__(what, where=where, remedy=remedy, code=code)
        self.decision = decision
