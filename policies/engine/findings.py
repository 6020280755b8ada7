"""What the laws say of one request, gathered while they are heard. It weighs nothing."""

from policies.engine.decision import Obligation, RuleRef
from policies.engine.rules import Rule


class Findings:
    """What the laws have said so far. Written out by hand: one is made for each verdict, and a dataclass takes twice as long."""

    __slots__ = (
        "counted", "covering", "denials", "denied", "faults", "granted", "objection_duties", "objections", "obligations", "reasons",
        "review_reasons", "reviews", "standing_reasons", "tightening", "try_instead",
    )  # fmt: skip

    def __init__(self) -> None:
        self.denied = False
        self.counted = False
        self.objections: list[RuleRef] = []
        self.reviews: list[RuleRef] = []
        self.granted: list[RuleRef] = []
        self.denials: list[str] = []
        self.review_reasons: list[str] = []
        self.reasons: list[str] = []
        self.standing_reasons: list[str] = []
        self.faults: list[str] = []
        self.obligations: dict[str, Obligation] = {}
        self.objection_duties: list[Obligation] = []
        self.try_instead: list[str] = []
        self.covering: list[list[Rule]] = []
        self.tightening: list[Rule] = []


def fault(found: Findings, what: str) -> None:
    """Note what could not be evaluated: it denies."""
    found.denied = True
    found.faults.append(what)
