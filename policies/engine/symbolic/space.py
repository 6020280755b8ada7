"""What a request may state, as z3 variables: one variable for each thing that a policy or the registry could tell apart.

Nothing here knows what a policy says. A request is abstracted without loss for the bundles that the space was made from: texts
that none of them names are one value, `OTHER`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from policies.engine.facts import FactType
from policies.engine.symbolic.library import TRUE, Expr, every, negated, some, z3

OTHER = "(other)"
"""The text that stands for every text which no policy and no registry names; no vocabulary holds it."""
DAY = "day"

WORDS = frozenset({FactType.TEXT, FactType.PURPOSE})
LISTS = frozenset({FactType.LIST, FactType.CATEGORIES})
_NUMBERS = frozenset({FactType.INTEGER, FactType.DATE, FactType.TIME})
_RANGE = {
    FactType.INTEGER: (-(10**9), 10**9),
    FactType.DATE: (date(1900, 1, 1).toordinal(), date(2200, 1, 1).toordinal()),
    FactType.TIME: (0, 24 * 60 - 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One stated value. At most one of `wrong`, `tags` and `texts` holds; none of them means that nothing is stated.

    `wrong` is a value that no declared type of the path can read; `above` are the flags of mappings over it that are no mappings.
    """

    path: str
    wrong: Expr
    tags: Mapping[FactType, Expr]
    true: Expr
    numbers: Mapping[FactType, Expr]
    texts: Mapping[str, Expr]
    members: Mapping[str, Expr]
    above: tuple[Expr, ...]

    @property
    def stated(self) -> Expr:
        """Whether anything stands there."""
        return some([self.wrong, *self.tags.values(), *self.texts.values()])

    @property
    def hidden(self) -> Expr:
        """Whether something else stands where a mapping that leads to it belongs."""
        return some(list(self.above))

    def text(self, word: str) -> Expr:
        """Whether it is this text."""
        return self.texts[word]

    def tag(self, kind: FactType) -> Expr:
        """Whether it is of a type that is no text."""
        return self.tags[kind]


@dataclass(slots=True, kw_only=True)
class Declared:
    """What is known of a path before its variables are made."""

    types: set[FactType] = field(default_factory=set)
    words: dict[str, None] = field(default_factory=dict)

    def says(self, words: Iterable[str]) -> None:
        """Add texts, in order."""
        self.words.update(dict.fromkeys(words))


@dataclass(slots=True)
class Space:
    """The variables of a request. `rules` are the constraints that every request fulfils; `claims` maps what may be claimed to the
    evidence that is looked for in it.
    """

    raws: dict[str, Raw] = field(default_factory=dict)
    flags: dict[str, Expr] = field(default_factory=dict)
    numbers: dict[str, Expr] = field(default_factory=dict)
    rules: list[Expr] = field(default_factory=list)
    claims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_day: dict[str, Callable[[int], int]] = field(default_factory=dict)
    by_date: dict[str, tuple[str, Callable[[int], int]]] = field(default_factory=dict)

    @property
    def day(self) -> Expr:
        """The day of the transfer, as an ordinal."""
        return self.number(DAY)

    def on_day(self, name: str, of: Callable[[int], int]) -> Expr:
        """What the calendar makes of the day; whoever gives the day gives this with it."""
        self.by_day[name] = of
        return self.number(name)

    def on_date(self, name: str, date: Expr, of: Callable[[int], int]) -> Expr:
        """What the calendar makes of a date that a request states."""
        self.by_date[name] = (date.decl().name(), of)
        return self.number(name)

    def flag(self, name: str) -> Expr:
        """A plain yes or no, made on first use."""
        if name not in self.flags:
            self.flags[name] = z3.Bool(name)
        return self.flags[name]

    def number(self, name: str) -> Expr:
        """A plain integer, made on first use."""
        if name not in self.numbers:
            self.numbers[name] = z3.Int(name)
        return self.numbers[name]

    def declare(self, path: str, declared: Declared, *, parents: bool = True) -> Raw:
        """The variables of one path."""
        kinds = sorted(declared.types - WORDS)
        words = [*declared.words, OTHER] if declared.types & WORDS or declared.words else []
        lists = bool(declared.types & LISTS)
        raw = Raw(
            path=path,
            wrong=self.flag(wrong_name(path)),
            tags={kind: self.flag(tag_name(path, kind)) for kind in kinds},
            true=self.flag(true_name(path)),
            numbers={kind: self.number(number_name(path, kind)) for kind in kinds if kind in _NUMBERS},
            texts={word: self.flag(text_name(path, word)) for word in dict.fromkeys(words)} if declared.types & WORDS else {},
            members={word: self.flag(member_name(path, word)) for word in dict.fromkeys(words)} if lists else {},
            above=self._above(path) if parents else (),
        )
        self.raws[path] = raw
        choices = [raw.wrong, *raw.tags.values(), *raw.texts.values()]
        if len(choices) > 1:
            self.rules.append(z3.AtMost(*choices, 1))
        if raw.above:
            self.rules.append(z3.Implies(raw.hidden, negated(raw.stated)))
        self.rules += [z3.And(number >= _RANGE[kind][0], number <= _RANGE[kind][1]) for kind, number in raw.numbers.items()]
        return raw

    def _above(self, path: str) -> tuple[Expr, ...]:
        keys = path.split(".")
        return tuple(self.flag(broken(".".join(keys[:end]))) for end in range(1, len(keys)))

    def tidy(self) -> Expr:
        """That every value is of a declared type and every text is named somewhere: what a person would write."""
        odd = [raw.wrong for raw in self.raws.values()]
        odd += [flag for name, flag in self.flags.items() if name.endswith("~")]
        return every([negated(flag) for flag in odd]) if odd else TRUE


def wrong_name(path: str) -> str:
    """The name of the flag that a value is of no declared type."""
    return f"{path}!"


def tag_name(path: str, kind: FactType) -> str:
    """The name of the flag that a value is of a type."""
    return f"{path}:{kind.value}"


def true_name(path: str) -> str:
    """The name of the flag that a yes or no is yes."""
    return f"{path}?"


def number_name(path: str, kind: FactType) -> str:
    """The name of a number, ordinal or minute."""
    return f"{path}:{kind.value}#"


def text_name(path: str, word: str) -> str:
    """The name of the flag that a text is this one."""
    return f"{path}={word}"


def member_name(path: str, word: str) -> str:
    """The name of the flag that a list holds a text."""
    return f"{path}+{word}"


def broken(path: str) -> str:
    """The name of the flag that something else stands where a mapping belongs."""
    return f"{path}~"
