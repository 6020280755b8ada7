"""Reads `policies/registry/` strictly into the dated registry. It fills no gap: a missing key is an error at its line.

`facts`, `obligations`, `reasons` and `release` hold what several laws share; `laws/<code>.yaml` what one law alone needs.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from policies.engine.calendars import HOLIDAYS
from policies.engine.diagnostics import PolicyError, use_one_of
from policies.engine.fact_parser import read_facts
from policies.engine.facts import FactSpec
from policies.engine.law_parser import LAW_KEYS, LawReader
from policies.engine.reading import Reading
from policies.engine.registry import (
    Jurisdiction,
    Mechanism,
    ObligationKind,
    ObligationSpec,
    Registry,
    ReleaseDefaults,
    Strictest,
    content_digest,
)
from policies.engine.strict_yaml import Entry, Node, Place, parse_documents, plain

SHIPPED = Path(__file__).resolve().parent.parent / "registry"
SHARED = ("facts", "obligations", "reasons", "release")
LAWS = "laws"
_RELEASE = ("dominance_n", "dominance_k", "p_percent", "difference")
T = TypeVar("T")


@cache
def shipped_registry() -> Registry:
    """The registry that comes with the product."""
    return load_registry(SHIPPED)


def registry_files(folder: Path) -> dict[str, Path]:
    """The files of a registry folder by their names: the shared ones, which must be there, and one for each law."""
    laws = {f"{LAWS}/{path.stem}": path for path in sorted((folder / LAWS).glob("*.yaml"))}
    return {name: folder / f"{name}.yaml" for name in SHARED} | laws


def load_registry(folder: Path) -> Registry:
    """Read a registry folder. Raises PolicyError with every finding."""
    return read_registry({name: _text(path) for name, path in registry_files(folder).items()})


def read_registry(texts: Mapping[str, str]) -> Registry:
    """Read a registry from the text of its files by their names (`facts`, `laws/eu`). Raises PolicyError with every finding."""
    for name in SHARED:
        if name not in texts:
            raise PolicyError([Place(f"{name}.yaml", 1, 1).finding("the registry lacks this file", "restore it from the release")])
    nodes = {name: _document(f"{name}.yaml", text) for name, text in texts.items()}
    reading = Reading()
    laws = {name: node for name, node in nodes.items() if name.startswith(f"{LAWS}/")}
    bodies = [_law_body(reading, node) for node in laws.values()]
    facts = _facts(reading, nodes["facts"], bodies)
    readers = [LawReader(reading, body, facts) for body in bodies if "law" in body]
    jurisdictions = _unique(reading, [(j.code, j, reader.place) for reader in readers for j in [reader.jurisdiction()]], "law")
    mechanisms: list[Mechanism] = [mechanism for reader in readers for mechanism in reader.mechanisms()]
    registry = Registry(
        facts=facts,
        jurisdictions=jurisdictions,
        mechanisms=tuple(mechanisms),
        obligations=_obligations(reading, nodes["obligations"], bodies),
        reasons=_reasons(reading, nodes["reasons"], bodies),
        release=_release(reading, nodes["release"]),
        digest=content_digest({**{name: plain(node) for name, node in nodes.items()}, "calendars": HOLIDAYS}),
    )
    _parents(reading, readers, jurisdictions)
    reading.finish()
    return registry


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PolicyError(
            [Place(path.name, 1, 1).finding("the registry file cannot be read", "restore it from the release")]
        ) from None


def _document(name: str, text: str) -> Node:
    documents = parse_documents(text, name)
    if len(documents) != 1:
        raise PolicyError([Place(name, 1, 1).finding("a registry file holds one document", "remove the `---` lines")])
    return documents[0]


def _law_body(reading: Reading, node: Node) -> dict[str, Entry]:
    return reading.mapping(node, "the file of a law", known=LAW_KEYS, needed=["law", "name"])


def _unique(reading: Reading, found: Iterable[tuple[str, T, Place]], what: str) -> dict[str, T]:
    known: dict[str, T] = {}
    for name, value, place in found:
        if name in known:
            reading.wrong(
                place, f"{what} `{name}` is declared twice", "keep one of them; what several laws share stands beside `laws`"
            )
        known[name] = value
    return known


def _parents(reading: Reading, readers: Iterable[LawReader], known: Mapping[str, Jurisdiction]) -> None:
    for reader in readers:
        parent = reader.parent
        seen = {reader.code}
        while parent is not None:
            if parent not in known:
                reading.wrong(reader.place, f"unknown parent `{parent}`", use_one_of(parent, known))
                break
            if parent in seen:
                reading.wrong(reader.place, f"`{reader.code}` is its own parent", "remove one `parent`")
                break
            seen.add(parent)
            parent = known[parent].parent


def _facts(reading: Reading, shared: Node, laws: Iterable[Mapping[str, Entry]]) -> dict[str, FactSpec]:
    parts = _parts(reading, shared, laws, "facts")
    return _unique(reading, [found for part in parts for found in read_facts(reading, part)], "fact")


def _parts(reading: Reading, shared: Node, laws: Iterable[Mapping[str, Entry]], key: str) -> list[dict[str, Entry]]:
    """What the shared file and every law declare under a key."""
    top = reading.mapping(shared, "the file", known=[key], needed=[key])
    entries = [top[key]] if key in top else []
    entries += [body[key] for body in laws if key in body]
    return [reading.mapping(entry.value, key) for entry in entries]


def _obligations(reading: Reading, shared: Node, laws: Iterable[Mapping[str, Entry]]) -> dict[str, ObligationSpec]:
    parts = _parts(reading, shared, laws, "obligations")
    found = [(name, _obligation(reading, name, entry), entry.place) for part in parts for name, entry in part.items()]
    return _unique(reading, found, "obligation")


def _obligation(reading: Reading, name: str, entry: Entry) -> ObligationSpec:
    keys = ("kind", "node", "arguments", "means")
    body = reading.mapping(entry.value, f"obligation `{name}`", known=keys, needed=["kind", "node", "means"])
    kind = reading.term(body["kind"].value, "kind", [k.value for k in ObligationKind]) if "kind" in body else ""
    arguments = reading.mapping(body["arguments"].value, "arguments") if "arguments" in body else {}
    words = [s.value for s in Strictest]
    strictest = {key: reading.term(e.value, "way to combine", words) for key, e in arguments.items()}
    return ObligationSpec(
        name=name,
        kind=ObligationKind(kind) if kind else ObligationKind.DUTY,
        node=reading.boolean(body["node"].value, "node") if "node" in body else False,
        arguments={key: Strictest(word) for key, word in strictest.items() if word},
        means=reading.text(body["means"].value, "a meaning") if "means" in body else "",
    )


def _reasons(reading: Reading, shared: Node, laws: Iterable[Mapping[str, Entry]]) -> dict[str, str]:
    parts = _parts(reading, shared, laws, "reasons")
    found = [(name, reading.text(entry.value, "a sentence"), entry.place) for part in parts for name, entry in part.items()]
    return _unique(reading, found, "reason")


def _release(reading: Reading, node: Node) -> ReleaseDefaults:
    top = reading.mapping(node, "the file", known=["release"], needed=["release"])
    body = reading.mapping(top["release"].value, "release", known=_RELEASE, needed=_RELEASE) if "release" in top else {}
    values = {name: reading.integer(body[name].value, name) if name in body else 0 for name in _RELEASE}
    return ReleaseDefaults(**values)


def registry_of(folder: Path) -> Registry:
    """The registry beside the policies of a folder, else the shipped one."""
    own = folder / "registry"
    return load_registry(own) if own.is_dir() and own.resolve() != SHIPPED else shipped_registry()
