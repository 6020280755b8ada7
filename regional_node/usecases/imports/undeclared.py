"""Words of a file that the region has not declared: the most frequent of them, and the settings line that would declare them.

Only of columns that the dialect reads as terms of trade (products, stages, pipelines, languages), never of free text: short,
printable, without a contact point, and found in two rows at least, so that a name that slipped into the column once is not told.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from regional_node.crm.domains import Domains

SETTINGS: Mapping[str, str] = {"product": "products", "stage": "stages", "pipeline": "pipelines", "language": "languages"}
"""Field -> the setting that declares its words."""

_SHOWN = 20
_LONGEST = 60
_REMEMBERED = 1_000
_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeclared:
    """Counts words by field while a file is read; a bounded number of them."""

    domains: Domains
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, name: str, word: str) -> None:
        """Count a word of a field, where it may be told at all."""
        if name not in SETTINGS or len(word) > _LONGEST or not word.isprintable() or "@" in word:
            return
        counted = self.counts.setdefault(name, Counter())
        if word in counted or len(counted) < _REMEMBERED:
            counted[word] += 1

    def words(self, name: str) -> list[tuple[str, int]]:
        """The most frequent words of a field with their rows."""
        return [(word, rows) for word, rows in self.counts.get(name, Counter()).most_common(_SHOWN) if rows >= _FEWEST_ROWS]

    def facts(self) -> dict[str, dict[str, object]]:
        """By field: the words with their rows, and the line of `settings.toml` that declares them beside those known."""
        return {
            name: {"values": dict(self.words(name)), "settings": self._line(name)}
            for name in sorted(self.counts)
            if self.words(name)
        }

    def lines(self) -> Iterator[str]:
        """The same as lines of text."""
        for name, facts in self.facts().items():
            told = ", ".join(f"`{word}` {rows:,}" for word, rows in self.words(name))
            yield f"  not declared as `{name}`: {told}"
            yield f"    to keep them, set this in settings.toml and import again: {facts['settings']}"

    def _line(self, name: str) -> str:
        setting = SETTINGS[name]
        declared: tuple[str, ...] = getattr(self.domains, setting)
        words = json.dumps([*declared, *(word for word, _ in self.words(name))], ensure_ascii=False)
        return f"{setting} = {words}"
