"""The text of a question before any parser sees it: size, characters, one statement. Nothing is quoted, hidden or look-
alike after this.

A question is short and plain. What is not needed to ask one (quoted names, comments, letters that only look like ours, escapes,
parameters) is refused here, so that what is checked later is what a reader sees.
"""

import string
from dataclasses import dataclass

from global_index.errors import QuestionError
from policies.engine.errors import Code

LONGEST = 20_000
MOST_WORDS = 1_500
DEEPEST = 24
MOST_NEGATIONS = 40

_PLAIN = frozenset(string.ascii_letters + string.digits + "_ \t\r\n,().*=<>!-'")
_NAMING = frozenset(string.ascii_letters + string.digits + "_")
_REASONS = {
    '"': ("a quoted name is not accepted", "write column names without quotes, and text in single quotes"),
    "`": ("a quoted name is not accepted", "write column names without quotes, and text in single quotes"),
    "[": ("brackets are not accepted", "write lists as `in (...)`"),
    ";": ("only one statement can be asked", "ask one SELECT at a time"),
    "#": ("a comment is not accepted", "remove it"),
    "/": ("arithmetic and comments are not accepted", "ask for the parts and compute with the answer"),
    "+": ("arithmetic is not accepted", "ask for the parts and compute with the answer"),
    "%": ("arithmetic is not accepted", "ask for the parts and compute with the answer"),
    "|": ("joining text is not accepted", "ask for the columns one by one"),
    ":": ("casts and parameters are not accepted", "write the value itself"),
    "?": ("parameters are not accepted", "write the value itself"),
    "$": ("parameters are not accepted", "write the value itself"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A text that passed; `place` turns an offset into line and column."""

    text: str

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def refuse(self, offset: int, what: str, remedy: str = "", *, unsupported: bool = False) -> QuestionError:
        """The error for something at `offset`."""
        line, column = self.place(offset)
        code = Code.QUESTION_UNSUPPORTED if unsupported else Code.QUESTION_INVALID
        return QuestionError(what, line=line, column=column, remedy=remedy, code=code)


def accept(text: str) -> Source:
    """The text as a Source. Raises QuestionError at the first thing that a question may not contain."""
    if len(text) > LONGEST:
        raise QuestionError(
            what=f"the question has {len(text)} characters, {LONGEST} at most are read",
            line=1,
            column=1,
            remedy="ask for less at once",
            code=Code.INPUT_TOO_LARGE,
        )
    source = Source(_without_end(text))
    if not source.text.strip():
        raise source.refuse(0, "the question is empty", "ask for example `SELECT country, count(*) FROM people GROUP BY country`")
    bare = _outside_literals(source)
    _measure(source, bare)
    first = bare.split(None, 1)[0]
    if first.lower() != "select":
        raise source.refuse(bare.index(first), "only SELECT can be asked", "begin with SELECT", unsupported=True)
    return source


def _without_end(text: str) -> str:
    """The text without white space and one semicolon at its end, which many tools add."""
    return text.rstrip().removesuffix(";")


def _outside_literals(source: Source) -> str:
    """The text with the inside of literals blanked, same length. Raises at the first character that may not stand there."""
    text, out, at = source.text, list(source.text), 0
    while at < len(text):
        char = text[at]
        if char == "'":
            end = _end_of_literal(source, at)
            out[at + 1 : end] = " " * (end - at - 1)
            at = end + 1
            continue
        if char not in _PLAIN:
            what, remedy = _REASONS.get(
                char, ("a character is not part of any question", "use plain letters, digits and SQL signs")
            )
            raise source.refuse(at, what, remedy, unsupported=char in _REASONS)
        if char == "-" and text[at : at + 2] == "--":
            raise source.refuse(at, "a comment is not accepted", "remove it", unsupported=True)
        at += 1
    return "".join(out)


def _end_of_literal(source: Source, start: int) -> int:
    """Where the closing quote stands; `''` inside is one quote."""
    text = source.text
    if start and text[start - 1] in _NAMING:
        raise source.refuse(
            start, "a prefix before a text is not accepted", "write the text in single quotes alone", unsupported=True
        )
    at = start + 1
    while True:
        at = text.find("'", at)
        if at < 0:
            raise source.refuse(start, "the text in single quotes does not end", "close it with a single quote")
        if text[at : at + 2] != "''":
            break
        at += 2
    inside = text[start + 1 : at]
    if "\\" in inside or not inside.isprintable():
        raise source.refuse(start, "a text may not hold escapes or control characters", "write the value as the catalogue lists it")
    return at


def _measure(source: Source, bare: str) -> None:
    depth = 0
    for at, char in enumerate(bare):
        depth += (char == "(") - (char == ")")
        if depth > DEEPEST:
            raise source.refuse(at, "the question is nested too deeply", f"use at most {DEEPEST} levels", unsupported=True)
    words = bare.replace("(", " ( ").replace(",", " , ").lower().split()
    if len(words) > MOST_WORDS or words.count("not") > MOST_NEGATIONS:
        raise source.refuse(0, "the question has too many parts", "ask for less at once", unsupported=True)
