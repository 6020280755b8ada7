"""Typed reading of strict YAML nodes: keys, texts, dates, lists. It collects findings instead of stopping at the first."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches

from policies.engine.diagnostics import Diagnostic, PolicyError, use_one_of
from policies.engine.strict_yaml import Entry, Mapping, Node, Place, Scalar, Sequence

_NAMES = {str: "text", int: "an integer", bool: "true or false", type(None): "nothing"}


def kind_of(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, Scalar):
        return _NAMES[type(node.value)]
    return "a mapping" if isinstance(node, Mapping) else "a list"


@dataclass(slots=True)
class Reading:
    """One file being read; `findings` grows, and `finish` raises when there are any."""

    findings: list[Diagnostic] = field(default_factory=list)

    def finish(self) -> None:
        """Raise PolicyError with all findings in the order of the file."""
        if self.findings:
            raise PolicyError(sorted(self.findings, key=lambda d: (d.file, d.line, d.column)))

    def wrong(self, place: Place, message: str, remedy: str = "") -> None:
        """Note an error."""
        self.findings.append(place.finding(message, remedy))

    def expected(self, node: Node, what: str, remedy: str = "") -> None:
        """Note that something else stands where `what` belongs."""
        shown = f" `{node.value}`" if isinstance(node, Scalar) and node.value is not None else ""
        self.wrong(node.place, f"expected {what}, found {kind_of(node)}{shown}", remedy or f"write {what}")

    def mapping(self, node: Node, what: str, *, known: Iterable[str] | None = None, needed: Iterable[str] = ()) -> dict[str, Entry]:
        """The entries of a mapping; unknown and missing keys are noted."""
        if not isinstance(node, Mapping):
            self.expected(node, f"a mapping for {what}")
            return {}
        names = None if known is None else tuple(known)
        for key, entry in node.entries.items():
            if names is not None and key not in names:
                self.wrong(entry.place, f"unknown key `{key}` in {what}", use_one_of(key, names))
        unknown = [key for key in node.entries if names is not None and key not in names]
        for key in needed:
            if key not in node.entries and not get_close_matches(key, unknown, n=1):  # a misspelt key is told once
                self.wrong(node.place, f"{what} lacks `{key}`", f"add `{key}`")
        return node.entries

    def text(self, node: Node, what: str) -> str:
        """A non-empty text."""
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
            return node.value
        self.expected(node, what, f"write {what} as text, in quotes where it looks like a number or a boolean")
        return ""

    def term(self, node: Node, what: str, known: Iterable[str]) -> str:
        """One word of a closed list."""
        names = tuple(known)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            if node.value in names:
                return node.value
            self.wrong(node.place, f"unknown {what} `{node.value}`", use_one_of(node.value, names))
            return ""
        self.expected(node, f"a {what}", use_one_of("", names))
        return ""

    def integer(self, node: Node, what: str) -> int:
        """A plain decimal integer."""
        if isinstance(node, Scalar) and type(node.value) is int:
            return node.value
        self.expected(node, f"an integer for {what}")
        return 0

    def boolean(self, node: Node, what: str) -> bool:
        """`true` or `false`, nothing else."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.expected(node, f"true or false for {what}")
        return False

    def day(self, node: Node, what: str) -> date | None:
        """An ISO date that exists."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            try:
                if len(node.value) == len("2026-01-01"):
                    return date.fromisoformat(node.value)
            except ValueError:
                pass
            self.wrong(node.place, f"impossible date `{node.value}` for {what}", "write it as YYYY-MM-DD")
            return None
        self.expected(node, f"a date for {what}", "write it as YYYY-MM-DD")
        return None

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        """The items of a list."""
        if isinstance(node, Sequence):
            return node.items
        self.expected(node, f"a list of {what}", "put it in square brackets")
        return ()

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self.text(item, what) for item in self.items(node, what))

    def terms(self, node: Node, what: str, known: Iterable[str]) -> tuple[str, ...]:
        """A list of words from a closed list."""
        names = tuple(known)
        return tuple(self.term(item, what, names) for item in self.items(node, what))
