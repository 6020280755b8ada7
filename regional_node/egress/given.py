"""What the gate is given by those who build it: policies, people, chance. Nothing here decides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from policies.engine.errors import DomicileError
from policies.engine.evaluator import Policies
from regional_node.crm.records import Record
from regional_node.egress.noise import Below


class PoliciesInForce(Protocol):
    """Calling it gives the policies in force, or None; `fault` then says why."""

    fault: DomicileError | None

    def __call__(self) -> Policies | None:
        """The policies in force now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person found by pseudonym. `mark` gives the HMAC (hex, 64 digits) that stands for the person in the ledger.

    Its key is the person's own, so that an erasure, which destroys it, leaves nobody behind the mark.
    """

    record: Record
    mark: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomness:
    """Where the gate takes chance from: `below(n)` uniform in [0, n), `nonce()` at least 8 random bytes in hex."""

    below: Below
    nonce: Callable[[], str]
