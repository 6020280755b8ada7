"""What a register states, held against the vocabulary: facts, jurisdictions, legal bases. It reads the registry and states nothing.

An unknown fact would be silence to every policy and deny without a word, so it is an error at its line.
"""

from collections.abc import Iterator
from functools import cache

from babel import Locale

from policies.engine.diagnostics import Diagnostic, use_one_of
from policies.engine.facts import UNREADABLE, FactSpec, FactType, reader_of
from policies.engine.registry import Registry
from policies.engine.strict_yaml import Entry, Scalar, plain
from policies.engine.strict_yaml import Mapping as MappingNode

DUTY_FACTS = {
    "transparency_13_1_f": "notice_names_transfer",
    "honour_deletion_downstream": "deletion_forwarded",
    "service_provider_terms": "ccpa_contract",
    "keep_tia_current": "tia_kept_current",
    "copy_on_request": "clauses_copied_on_request",
    "keep_tra_current": "tra_kept_current",
    "notice_39": "notice_39_given",
    "pipia_55": "pipia_kept",
    "cisa_controls": "cisa_controls_kept",
}
"""The duties that people carry out outside this program, each with the fact of an importer that says they do, read by the gate."""

OWNERSHIP = "not_covered_by_ownership"
"""The fact of an importer that its owners and its seat were examined and make it no covered person (28 CFR 202.211(a)(1) to (4)).

The list of covered persons cannot tell this: it names those that were designated, (a)(5).
"""

_ALPHA_2 = 2
_WRITTEN = {
    FactType.TEXT: "write one word or a quoted text",
    FactType.BOOLEAN: "write true or false",
    FactType.INTEGER: "write a whole number",
    FactType.DATE: "write a day as 2026-11-22",
    FactType.TIME: 'write a time as "12:00"',
    FactType.LIST: "write a list, such as [hr, non_hr]",
    FactType.CATEGORIES: "write a list of data categories",
    FactType.PURPOSE: "write a purpose, such as analytics.reporting",
}


def check_facts(side: str, entry: Entry, registry: Registry) -> Iterator[Diagnostic]:
    """Every fact of `side` (`exporter` or `importer`) that the registry does not declare, or not with such a value."""
    known = {path.removeprefix(f"{side}."): spec for path, spec in registry.facts.items() if path.startswith(f"{side}.")}
    if isinstance(entry.value, MappingNode):
        yield from _facts(side, "", entry.value, known)


def _facts(side: str, head: str, node: MappingNode, known: dict[str, FactSpec]) -> Iterator[Diagnostic]:
    for key, entry in node.entries.items():
        path = f"{head}{key}"
        spec = known.get(path)
        if spec is not None and not spec.derived:
            value = plain(entry.value)
            if value is not None and reader_of(spec)(value) is UNREADABLE:
                words = f": {use_one_of('', spec.one_of)}" if spec.one_of else ""
                yield entry.place.finding(f"`{side}.{path}` cannot have this value", f"{_WRITTEN[spec.type]}{words}")
        elif side == "importer" and path in (*DUTY_FACTS.values(), OWNERSHIP):
            if not isinstance(plain(entry.value), bool):
                yield entry.place.finding(f"`{path}` is not true or false", _WRITTEN[FactType.BOOLEAN])
        elif isinstance(entry.value, MappingNode) and any(name.startswith(f"{path}.") for name in known):
            yield from _facts(side, f"{path}.", entry.value, known)
        else:
            yield entry.place.finding(f"unknown fact `{side}.{path}`", use_one_of(path, sorted(known)))


def check_jurisdiction(entry: Entry, code: str, registry: Registry) -> Iterator[Diagnostic]:
    """A jurisdiction is one of the registry, a place that it belongs to, or a country of ISO 3166-1."""
    head = code.partition("-")[0]
    if registry.law_of(code) is None and head not in _countries() and not any(m.importer == code for m in registry.mechanisms):
        known = sorted({*registry.jurisdictions, *_countries()})
        yield entry.place.finding(f"unknown jurisdiction `{code}`", use_one_of(code, known))


def check_state(entry: Entry, state: str, jurisdiction: str, registry: Registry) -> Iterator[Diagnostic]:
    """A state of a jurisdiction with members is one of them."""
    law = registry.jurisdictions.get(jurisdiction)
    if law is not None and law.members and state not in law.members:
        yield entry.place.finding(f"`{state}` is no member of `{jurisdiction}`", use_one_of(state, law.members))


def check_basis(entry: Entry, registry: Registry) -> Iterator[Diagnostic]:
    """A legal basis is one that conditions can read."""
    spec = registry.facts.get("legal_basis")
    basis = entry.value.value if isinstance(entry.value, Scalar) else None
    if spec is not None and spec.one_of and isinstance(basis, str) and basis not in spec.one_of:
        yield entry.place.finding(f"unknown legal basis `{basis}`", use_one_of(basis, spec.one_of))


@cache
def _countries() -> frozenset[str]:
    return frozenset(code for code in map(str, Locale("en").territories) if len(code) == _ALPHA_2 and code.isalpha())
