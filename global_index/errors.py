"""The index's own errors: a question that is refused at its place, a region that cannot be used. None repeats a literal.

`where` is `line:column` in the text that was asked. Names of columns and tables are repeated to the one who wrote them;
string literals never are, because they may name a person.
"""

from policies.engine.errors import Code, DomicileError


class QuestionError(DomicileError):
    """A question that cannot be answered as it is written; `line` and `column` count from 1."""

    code = Code.QUESTION_INVALID

    def __init__(self, what: str, *, line: int, column: int, remedy: str = "", code: Code | None = None) -> None:
        super().__init__(what, where=f"{line}:{column}", remedy=remedy, code=code)
        self.line = line
        self.column = column


class RegionError(DomicileError):
    """A region that is named but cannot be used."""

    code = Code.INPUT_UNKNOWN
