"""Reads `policies/registry/*.yaml` strictly into the dated registry. It fills no gap: a missing key is an error at its line."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import TypeVar

from policies.engine.diagnostics import PolicyError
from policies.engine.facts import FactSpec, FactType
from policies.engine.reading import Reading
from policies.engine.registry import (
    Jurisdiction,
    Mechanism,
    MechanismKind,
    ObligationKind,
    ObligationSpec,
    Registry,
    ReleaseDefaults,
    Strictest,
    content_digest,
)
from policies.engine.strict_yaml import Entry, Node, Place, parse_documents, plain
from policies.engine.term_parser import TermParser
from policies.engine.vocabulary import DataCategory

SHIPPED = Path(__file__).resolve().parent.parent / "registry"
T = TypeVar("T")
FILES = ("facts", "jurisdictions", "mechanisms", "obligations", "reasons")


@cache
def shipped_registry() -> Registry:
    """The registry that comes with the product."""
    return load_registry(SHIPPED)


def load_registry(folder: Path) -> Registry:
    """Read the five files of a registry folder. Raises PolicyError with every finding."""
    nodes = {name: _document(folder / f"{name}.yaml") for name in FILES}
    reading = Reading()
    facts = {spec.path: spec for spec in _each(reading, nodes["facts"], "facts", _fact)}
    registry = Registry(
        facts=facts,
        jurisdictions={j.code: j for j in _each(reading, nodes["jurisdictions"], "jurisdictions", _jurisdiction)},
        mechanisms=_mechanisms(reading, nodes["mechanisms"], facts),
        obligations={o.name: o for o in _each(reading, nodes["obligations"], "obligations", _obligation)},
        reasons=_reasons(reading, nodes["reasons"]),
        release=_release(reading, nodes["jurisdictions"]),
        digest=content_digest({name: plain(node) for name, node in nodes.items()}),
    )
    for mechanism in registry.mechanisms:
        if mechanism.law not in registry.jurisdictions:
            reading.wrong(nodes["mechanisms"].place, f"mechanism `{mechanism.id}` names the unknown law `{mechanism.law}`")
    reading.finish()
    return registry


def _document(path: Path) -> Node:
    start = Place(path.name, 1, 1)
    try:
        documents = parse_documents(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError):
        raise PolicyError([start.finding("the registry file cannot be read", "restore it from the release")]) from None
    if len(documents) != 1:
        raise PolicyError([start.finding("a registry file holds one document", "remove the `---` lines")])
    return documents[0]


def _each(reading: Reading, node: Node, key: str, read: Callable[[Reading, str, Entry], T]) -> list[T]:
    top = reading.mapping(node, "the file", needed=[key])
    if key not in top:
        return []
    return [read(reading, name, entry) for name, entry in reading.mapping(top[key].value, key).items()]


def _fact(reading: Reading, path: str, entry: Entry) -> FactSpec:
    keys = ("type", "means", "one_of", "derived", "satisfied")
    body = reading.mapping(entry.value, f"fact `{path}`", known=keys, needed=["type", "means"])
    kind = reading.term(body["type"].value, "type", [t.value for t in FactType]) if "type" in body else ""
    return FactSpec(
        path=path,
        type=FactType(kind) if kind else FactType.TEXT,
        means=reading.text(body["means"].value, "a meaning") if "means" in body else "",
        one_of=reading.texts(body["one_of"].value, "a value") if "one_of" in body else (),
        derived=reading.boolean(body["derived"].value, "derived") if "derived" in body else False,
        satisfied=plain(body["satisfied"].value) if "satisfied" in body else None,
    )


def _jurisdiction(reading: Reading, code: str, entry: Entry) -> Jurisdiction:
    keys = ("name", "members", "overlay", "special", "child_age", "status")
    body = reading.mapping(entry.value, f"jurisdiction `{code}`", known=keys, needed=["name"])
    ages = (
        reading.mapping(body["child_age"].value, "child_age", known=["default", "by_state", "cite"]) if "child_age" in body else {}
    )
    states = reading.mapping(ages["by_state"].value, "by_state") if "by_state" in ages else {}
    categories = [category.value for category in DataCategory]
    return Jurisdiction(
        code=code,
        name=reading.text(body["name"].value, "a name") if "name" in body else "",
        members=reading.texts(body["members"].value, "a code") if "members" in body else (),
        overlay=reading.boolean(body["overlay"].value, "overlay") if "overlay" in body else False,
        special=reading.terms(body["special"].value, "data category", categories) if "special" in body else (),
        child_age=reading.integer(ages["default"].value, "default") if "default" in ages else None,
        child_age_by_state={state: reading.integer(e.value, "an age") for state, e in states.items()},
    )


def _mechanisms(reading: Reading, node: Node, facts: dict[str, FactSpec]) -> tuple[Mechanism, ...]:
    parser = TermParser(facts, reading, derived=False)
    found: list[Mechanism] = []
    for law, entry in reading.mapping(node, "the file").items():
        found.extend(_mechanism(reading, parser, law, item) for item in reading.items(entry.value, "mechanisms"))
    return tuple(found)


_MECHANISM_KEYS = ("id", "kind", "importer", "from", "to", "scope", "needs", "occasional_only", "cite", "doubt", "watch")


def _mechanism(reading: Reading, parser: TermParser, law: str, node: Node) -> Mechanism:
    body = reading.mapping(node, "a mechanism", known=_MECHANISM_KEYS, needed=["id", "kind", "cite"])
    kind = reading.term(body["kind"].value, "kind", [k.value for k in MechanismKind]) if "kind" in body else ""
    start = reading.day(body["from"].value, "from") if "from" in body else date.min
    end = reading.day(body["to"].value, "to") if "to" in body else date.max
    if start is not None and end is not None and start >= end:
        reading.wrong(body["to"].place, "a mechanism that ends before it begins", "`to` is exclusive and lies after `from`")
    if (kind == MechanismKind.ADEQUACY) != ("importer" in body):
        reading.wrong(node.place, "adequacy, and only adequacy, names its importer", "add or remove `importer`")
    return Mechanism(
        law=law,
        id=reading.text(body["id"].value, "an id") if "id" in body else "",
        kind=MechanismKind(kind) if kind else MechanismKind.SAFEGUARD,
        importer=reading.text(body["importer"].value, "a region") if "importer" in body else None,
        start=start or date.min,
        end=end or date.max,
        scope=parser.every(body["scope"].value, "scope") if "scope" in body else None,
        needs=reading.texts(body["needs"].value, "evidence") if "needs" in body else (),
        occasional_only=reading.boolean(body["occasional_only"].value, "occasional_only") if "occasional_only" in body else False,
        cite=reading.texts(body["cite"].value, "a citation") if "cite" in body else (),
        doubt=reading.text(body["doubt"].value, "a doubt") if "doubt" in body else "",
        watch=reading.text(body["watch"].value, "what to watch") if "watch" in body else "",
    )


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


def _reasons(reading: Reading, node: Node) -> dict[str, str]:
    return dict(_each(reading, node, "reasons", lambda r, name, entry: (name, r.text(entry.value, "a sentence"))))


def _release(reading: Reading, node: Node) -> ReleaseDefaults:
    top = reading.mapping(node, "the file", known=["jurisdictions", "release"], needed=["release"])
    names = ("dominance_n", "dominance_k", "p_percent", "difference")
    body = reading.mapping(top["release"].value, "release", known=names, needed=names) if "release" in top else {}
    values = {name: reading.integer(body[name].value, name) if name in body else 0 for name in names}
    return ReleaseDefaults(**values)


def registry_of(folder: Path) -> Registry:
    """The registry beside the policies of a folder, else the shipped one."""
    own = folder / "registry"
    return load_registry(own) if own.is_dir() and own.resolve() != SHIPPED else shipped_registry()
