"""What somebody looks for, read from a form: words become an e-mail address, a phone number or the beginnings of a name.

Words travel in the body of a request only: an address stands in the history of browsers and in logs, where nobody's name belongs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from regional_node.console.kinds import Face
from regional_node.crm.contact import name_words, prefixes
from regional_node.crm.fields import FieldType
from regional_node.usecases.records import Search

PAGE = 25
LONGEST_WORDS = 200
_PHONE = re.compile(r"[+()\d\s./\-\u00a0]{3,40}")
_FEWEST_DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A page of a list: words, filters by open fields, and where it begins."""

    face: Face
    words: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    cursor: str = ""

    @property
    def too_short(self) -> bool:
        """Whether the words can find nothing yet: no letter, or a single one where one says little."""
        if not self.words or _searches(self.face, self.words) != FieldType.TEXT:
            return False
        words = name_words(self.words)
        return not words or any(not prefixes(word) for word in words)

    def search(self) -> Search:
        """The search itself."""
        found: dict[str, str] = {}
        if self.words:
            named = {FieldType.EMAIL: "email", FieldType.PHONE: "phone", FieldType.TEXT: "name"}
            found[named[_searches(self.face, self.words)]] = self.words
        return Search(record_type=self.face.kind, equals=self.filters, cursor=self.cursor or None, limit=PAGE, **found)

    def address(self, cursor: str = "") -> str:
        """The address of this list without its words."""
        asked = [*self.filters, *([("cursor", cursor)] if cursor else [])]
        return self.face.path + (f"?{urlencode(asked)}" if asked else "")


def wanted(face: Face, given: Mapping[str, object], *, words: bool) -> Wanted:
    """What a query or a form asks for; names that are no filter of this list are left alone."""
    texts = {name: value.strip() for name, value in given.items() if isinstance(value, str) and value.strip()}
    open_texts = {name: text[:LONGEST_WORDS] for name, text in texts.items() if text.isprintable()}
    kept = (*face.filters, *face.pointers)
    return Wanted(
        face=face,
        words=texts.get("q", "")[:LONGEST_WORDS] if words and face.searched else "",
        filters=tuple((name, open_texts[name]) for name in kept if name in open_texts),
        cursor=open_texts.get("cursor", ""),
    )


def _searches(face: Face, words: str) -> FieldType:
    kinds = {spec.type for spec in face.specs.values() if spec.searchable}
    if "@" in words and FieldType.EMAIL in kinds:
        return FieldType.EMAIL
    digits = sum(sign.isdigit() for sign in words)
    if digits >= _FEWEST_DIGITS and _PHONE.fullmatch(words) and FieldType.PHONE in kinds:
        return FieldType.PHONE
    return FieldType.TEXT
