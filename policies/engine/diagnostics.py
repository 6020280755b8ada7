"""What is wrong with a policy file, at its line and column, with the remedy. Nothing here reads a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from policies.engine.errors import Code, DomicileError

_SHOWN = 6


class Severity(StrEnum):
    """Whether a finding stops the file from loading. Grammar: one noun."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    @property
    def where(self) -> str:
        """`file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        """One line: where, what, remedy."""
        mend = f"; {self.remedy}" if self.remedy else ""
        return f"{self.where}: {self.message}{mend}"


class PolicyError(DomicileError):
    """A policy file that cannot be used. Its text is the first finding; `diagnostics` holds all of them."""

    code = Code.POLICY_INVALID

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        if not diagnostics:
            message = "a policy error needs at least one diagnostic"
            raise ValueError(message)
        first = diagnostics[0]
        super().__init__(first.message, where=first.where, remedy=first.remedy)
        self.diagnostics = list(diagnostics)


def use_one_of(wrong: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the known ones, nearest first, cut to a handful when there are many."""
    names = list(known)
    near = get_close_matches(wrong, names, n=_SHOWN, cutoff=0.5)
    rest = [name for name in names if name not in near]
    shown = (near + rest)[:_SHOWN] if len(names) > 2 * _SHOWN else near + rest
    tail = ", ..." if len(shown) < len(names) else ""
    return "use one of: " + ", ".join(f"`{name}`" for name in shown) + tail
