"""The domains of a region: which values a term may have. A value outside its domain is never guessed at."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from babel import Locale
from babel.numbers import list_currencies

from policies.engine.readings import OTHER
from regional_node.crm.fields import FieldSpec

_ALPHA_2 = 2
UNDECLARED = frozenset({"owner"})
"""Terms that no domain lists: who keeps a record is an account of this node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """What a region declares, each in its settings' order.

    Countries, currencies, languages and time zones are admitted from the world's own lists too (ISO 3166, ISO 4217, CLDR, tz):
    a customer may live anywhere. Analysts then read `other` for what the region has not declared. Pipelines, stages and products
    are the region's own: what it has not declared is not admitted.
    """

    countries: Sequence[str] = ()
    currencies: Sequence[str] = ()
    languages: Sequence[str] = ()
    time_zones: Sequence[str] = ()
    pipelines: Sequence[str] = ()
    stages: Sequence[str] = ()
    products: Sequence[str] = ()
    _folded: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, spec: FieldSpec) -> tuple[str, ...] | None:
        """The values that the field may have, `other` among them; None when it has no domain."""
        if spec.domain is not None:
            return spec.domain
        declared = self._declared().get(spec.name)
        if declared is None:
            return None
        return tuple(declared) if spec.name == "currency" or OTHER in declared else (*declared, OTHER)

    def match(self, spec: FieldSpec, text: str) -> str | None:
        """The value of the domain that is meant by `text`, whatever its case, spaces or hyphens; None when there is none."""
        known = self._folded.get(spec.name) if spec.domain is None else None
        if known is None:
            known = {fold(member): member for member in self.of(spec) or ()}
            if spec.domain is None:
                self._folded[spec.name] = known
        folded = fold(text)
        return known.get(folded) or (_world().get(spec.name, {}).get(folded) if spec.domain is None else None)

    def nearest(self, spec: FieldSpec, text: str) -> str:
        """A remedy that names what would be acceptable."""
        members = self.of(spec) or ()
        close = difflib.get_close_matches(fold(text), members, n=1)
        shown = close or list(members[:12])
        return f"use one of: {', '.join(f'`{member}`' for member in shown)}" if shown else "declare it in the settings"

    def _declared(self) -> dict[str, Sequence[str]]:
        return {
            "country": self.countries,
            "currency": self.currencies,
            "language": self.languages,
            "time_zone": self.time_zones,
            "pipeline": self.pipelines,
            "stage": self.stages,
            "product": self.products,
        }


@cache
def _world() -> dict[str, dict[str, str]]:
    english = Locale("en")
    lists: dict[str, Iterable[str]] = {
        "country": (code for code in map(str, english.territories) if len(code) == _ALPHA_2 and code.isalpha()),
        "currency": list_currencies(),
        "language": (str(code).replace("_", "-") for code in english.languages),
        "time_zone": available_timezones(),
    }
    return {name: {fold(member): member for member in members} for name, members in lists.items()}


def fold(text: str) -> str:
    """The form in which terms are compared."""
    return "_".join(text.strip().casefold().replace("-", " ").replace("_", " ").split())
