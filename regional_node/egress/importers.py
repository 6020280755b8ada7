"""The register of importers: who may be asked for, under which mechanism and for which purposes. Nothing here decides.

`<home>/importers.yaml`, strict YAML. An organisation that is not in it, or a purpose that is not registered for it, is denied: the
register is the exporter's own statement of facts, an importer cannot bring its own. What the region states of itself stands there
too, under `exporter` (optional): facts for every request, and for what and on which ground it keeps its own records.

    exporter:
      facts: {sector: health}
      purpose: sales
      legal_basis: contract
    importers:
      - id: acme-hq
        name: Acme Headquarters
        jurisdiction: EU
        state: IE
        facts: {group: true, role: controller}
        mechanisms: [{id: adequacy}]
        purposes: {analytics.reporting: A6-1-f}

An importer may be named on dated lists, such as `lists: {dpf: Acme Inc}`: then what they state of it on the day, and their date,
come from the lists that `regional-node lists load` put into the home, and nothing of it is stated here by hand.

Whoever runs the index receives what is let out to others through it, so it stands here too, with the purposes of all who ask.

Some facts stand for duties that people carry out, not this program; each counts only as `true`: `ccpa_contract` (the contract of
Civ. Code 1798.100(d) is on file), `deletion_forwarded` (erasures are passed on to this importer, Civ. Code 1798.105(c)),
`notice_names_transfer` (the notice to data subjects names the transfer to it and its ground, GDPR Art. 13(1)(f)),
`tia_kept_current` (the transfer impact assessment is kept current, Decision (EU) 2021/914 cl. 14) and `clauses_copied_on_request`
(a data subject gets a copy of the clauses, Decision (EU) 2021/914 cl. 8.3, Res. CD/ANPD 19/2024). So does, beside the list of
covered persons, `not_covered_by_ownership` (its owners and seat were examined, 28 CFR 202.211(a)(1) to (4)).
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from policies.engine.diagnostics import Diagnostic, PolicyError, use_one_of
from policies.engine.errors import Code, DomicileError
from policies.engine.lists import DatedList, ListName
from policies.engine.registry import Registry
from policies.engine.request import Fact
from policies.engine.strict_yaml import Entry, Node, Scalar, parse_documents, plain
from policies.engine.strict_yaml import Mapping as MappingNode
from policies.engine.strict_yaml import Sequence as SequenceNode
from policies.engine.vocabulary import Purpose
from regional_node.egress.listed import FOLDER, Consulted, HeldLists, named_lists, over, said_twice
from regional_node.egress.stated import check_basis, check_facts, check_jurisdiction, check_state

_log = logging.getLogger(__name__)
_KEYS = ("id", "name", "jurisdiction", "state", "facts", "lists", "mechanisms", "purposes")
_NEEDED = ("id", "name", "jurisdiction", "purposes")
_TOP = ("exporter", "importers")
_EXPORTER = ("facts", "purpose", "legal_basis")
_RESERVED = {"region", "state", "organisation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """One organisation that may receive. `facts` are what policies read under `importer.`; `purposes` give each its legal basis.

    `lists` says under which name it stands on which list; what was `consulted` of them is empty until a day is given.
    """

    id: str
    name: str
    jurisdiction: str
    purposes: Mapping[str, str]
    state: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    mechanisms: tuple[Mapping[str, Fact], ...] = ()
    lists: Mapping[ListName, str] = field(default_factory=dict)
    consulted: tuple[Consulted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """What the region states of itself: `facts` under `exporter.`, and the purpose and legal basis of its own records."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    purpose: str | None = None
    legal_basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What a register says."""

    importers: tuple[Importer, ...] = ()
    exporter: Exporter = Exporter()


class ImporterRegister:
    """The importers of a file, read again when it changes. A file that cannot be read registers nobody.

    It is held against the registry that was last given; without one its words are not checked. The lists lie beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lists = HeldLists(path.parent / FOLDER)
        self._stamp: tuple[int, int, str] | None = None
        self._registry: Registry | None = None
        self._known: dict[str, Importer] = {}
        self._exporter = Exporter()

    def find(self, organisation: str, registry: Registry | None = None, *, on: date | None = None) -> Importer:
        """The importer of that id, with what its lists say of it `on` a day; without a day they say nothing.

        Raises IMPORTER_UNKNOWN, or POLICY_INVALID when the register says what cannot be.
        """
        self._refresh(registry)
        importer = self._known.get(organisation)
        if importer is None:
            near = get_close_matches(organisation[:64], self._known, n=1, cutoff=0.6)
            hint = f" (did you mean `{near[0]}`)" if near else ""
            what = f"organisation `{organisation[:64]}` is not registered as an importer{hint}"
            raise DomicileError(
                what,
                where=self._path.name,
                remedy="register it with its jurisdiction, mechanisms and purposes",
                code=Code.IMPORTER_UNKNOWN,
            )
        if not importer.lists or on is None:
            return importer
        listing = self._lists.listing(importer.lists, importer.facts, on)
        return replace(importer, facts=over(importer.facts, listing.facts), consulted=listing.consulted)

    def names(self, registry: Registry | None = None) -> tuple[str, ...]:
        """Who is registered. Raises DomicileError with place and remedy when the register cannot be read."""
        self._refresh(registry)
        return tuple(sorted(self._known))

    def held(self, name: ListName) -> DatedList | None:
        """A list of the home, None when there is none. Raises DomicileError when it cannot be read."""
        return self._lists.held(name)

    def exporter(self, registry: Registry | None = None) -> Exporter:
        """What the region states of itself. Raises as `names` does."""
        self._refresh(registry)
        return self._exporter

    def _refresh(self, registry: Registry | None) -> None:
        registry = self._registry = registry or self._registry
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, registry.digest if registry else "")
            if stamp == self._stamp:
                return
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            self._forget()
            raise DomicileError(
                "the register of importers cannot be read",
                where=self._path.name,
                remedy="write it as UTF-8 text; until then nobody is registered",
                code=Code.IMPORTER_UNKNOWN,
            ) from None
        self._forget()
        try:
            register = parse_register(text, self._path.name, registry)
        except DomicileError as error:
            _log.warning("the register of importers is not valid, so nobody is registered", extra={"code": error.code})
            raise
        self._known, self._exporter = {importer.id: importer for importer in register.importers}, register.exporter
        self._stamp = stamp

    def _forget(self) -> None:
        self._known, self._exporter, self._stamp = {}, Exporter(), None


def parse_importers(text: str, filename: str, registry: Registry | None = None) -> tuple[Importer, ...]:
    """The importers of a text. Raises `PolicyError` with every finding."""
    return parse_register(text, filename, registry).importers


def parse_register(text: str, filename: str, registry: Registry | None = None) -> Register:
    """What a text registers, its words held against the registry where one is given. Raises `PolicyError` with every finding."""
    documents = parse_documents(text, filename)
    findings: list[Diagnostic] = []
    top = documents[0].entries if len(documents) == 1 and isinstance(documents[0], MappingNode) else {}
    if "importers" not in top:
        whole = Diagnostic(
            file=filename,
            line=1,
            column=1,
            message="the file is not one list of `importers`",
            remedy="write `importers:` and a list",
        )
        raise PolicyError([whole])
    findings.extend(_unknown(top, _TOP))
    exporter = _exporter(top["exporter"], findings, registry) if "exporter" in top else Exporter()
    importers = _importers(top["importers"], findings, registry)
    if findings:
        raise PolicyError(findings)
    return Register(importers=importers, exporter=exporter)


def _importers(listed: Entry, findings: list[Diagnostic], registry: Registry | None) -> tuple[Importer, ...]:
    if not isinstance(listed.value, SequenceNode):
        findings.append(listed.place.finding("`importers` is not a list", "write each importer as `- id: ...`"))
        return ()
    found: dict[str, Importer] = {}
    for item in listed.value.items:
        importer = _importer(item, findings, registry)
        if importer is None:
            continue
        if importer.id in found:
            findings.append(item.place.finding(f"importer `{importer.id}` stands twice", "keep one"))
        found[importer.id] = importer
    return tuple(found.values())


def _exporter(entry: Entry, findings: list[Diagnostic], registry: Registry | None) -> Exporter:
    if not isinstance(entry.value, MappingNode):
        findings.append(entry.place.finding("`exporter` is not a mapping", "write `exporter: {facts: {sector: health}}`"))
        return Exporter()
    stated = entry.value.entries
    findings.extend(_unknown(stated, _EXPORTER))
    facts = _facts(stated.get("facts"), findings, side="exporter", registry=registry)
    texts = {key: _text(stated[key], key, findings) for key in ("purpose", "legal_basis") if key in stated}
    known = [purpose.value for purpose in Purpose]
    if "purpose" in texts and texts["purpose"] and texts["purpose"] not in known:
        what = f"unknown purpose `{texts['purpose']}`"
        findings.append(stated["purpose"].place.finding(what, use_one_of(texts["purpose"], known)))
    if "legal_basis" in stated and registry is not None:
        findings.extend(check_basis(stated["legal_basis"], registry))
    return Exporter(facts=facts, purpose=texts.get("purpose"), legal_basis=texts.get("legal_basis"))


def _importer(item: Node, findings: list[Diagnostic], registry: Registry | None) -> Importer | None:
    if not isinstance(item, MappingNode):
        findings.append(item.place.finding("an importer is not a mapping", "write `id`, `name`, `jurisdiction`, `purposes`"))
        return None
    before = len(findings)
    findings.extend(_unknown(item.entries, _KEYS))
    findings.extend(item.place.finding(f"`{key}` is missing", f"add `{key}:`") for key in _NEEDED if key not in item.entries)
    if len(findings) > before:
        return None
    named: tuple[str, ...] = ("id", "name", "jurisdiction", "state")
    texts = {key: _text(item.entries[key], key, findings) for key in named if key in item.entries}
    if registry is not None:
        findings.extend(_places(item, texts, registry))
    facts = _facts(item.entries.get("facts"), findings, side="importer", registry=registry)
    mechanisms = _mechanisms(item.entries.get("mechanisms"), findings)
    lists = named_lists(item.entries.get("lists"), findings)
    findings.extend(said_twice(lists, item.entries))
    purposes = _purposes(item.entries["purposes"], findings, registry)
    if len(findings) > before:
        return None
    return Importer(
        id=texts["id"],
        name=texts["name"],
        jurisdiction=texts["jurisdiction"],
        state=texts.get("state"),
        facts=facts,
        mechanisms=mechanisms,
        lists=lists,
        purposes=purposes,
    )


def _unknown(entries: Mapping[str, Entry], known: tuple[str, ...]) -> Iterator[Diagnostic]:
    for key, entry in entries.items():
        if key not in known:
            yield entry.place.finding(f"unknown key `{key}`", use_one_of(key, known))


def _places(item: MappingNode, texts: Mapping[str, str], registry: Registry) -> Iterator[Diagnostic]:
    if code := texts["jurisdiction"]:
        yield from check_jurisdiction(item.entries["jurisdiction"], code, registry)
    if state := texts.get("state"):
        yield from check_state(item.entries["state"], state, texts["jurisdiction"], registry)


def _text(entry: Entry, key: str, findings: list[Diagnostic]) -> str:
    if isinstance(entry.value, Scalar) and isinstance(entry.value.value, str) and entry.value.value.strip():
        return entry.value.value
    findings.append(entry.place.finding(f"`{key}` is not text", "write one word or a quoted text"))
    return ""


def _facts(entry: Entry | None, findings: list[Diagnostic], *, side: str, registry: Registry | None) -> dict[str, Fact]:
    if entry is None:
        return {}
    facts = _fact(plain(entry.value))
    if not isinstance(facts, dict):
        findings.append(entry.place.finding("`facts` is not a mapping", "write `facts: {role: controller}`"))
        return {}
    taken = sorted(_RESERVED & set(facts))
    if taken:
        findings.append(
            entry.place.finding(f"`{taken[0]}` is not a fact of its own", "write `jurisdiction`, `state` and `id` of the importer")
        )
    elif registry is not None:
        findings.extend(check_facts(side, entry, registry))
    return facts


def _mechanisms(entry: Entry | None, findings: list[Diagnostic]) -> tuple[dict[str, Fact], ...]:
    if entry is None:
        return ()
    claims = _fact(plain(entry.value))
    good = (
        [claim for claim in claims if isinstance(claim, dict) and isinstance(claim.get("id"), str)]
        if isinstance(claims, list)
        else []
    )
    if not isinstance(claims, list) or len(good) != len(claims):
        findings.append(entry.place.finding("`mechanisms` is not a list of claims", "write `mechanisms: [{id: adequacy}]`"))
    return tuple(good)


def _purposes(entry: Entry, findings: list[Diagnostic], registry: Registry | None) -> dict[str, str]:
    if not isinstance(entry.value, MappingNode) or not entry.value.entries:
        findings.append(entry.place.finding("`purposes` is not a mapping", "write `purposes: {analytics.reporting: A6-1-f}`"))
        return {}
    known = [purpose.value for purpose in Purpose]
    for name, basis in entry.value.entries.items():
        if name not in known:
            findings.append(basis.place.finding(f"unknown purpose `{name}`", use_one_of(name, known)))
        if registry is not None:
            findings.extend(check_basis(basis, registry))
    return {name: _text(basis, name, findings) for name, basis in entry.value.entries.items()}


def _fact(value: object) -> Fact:
    """What strict YAML gives is a fact already: text, whole numbers, booleans, null, lists and mappings of these."""
    if isinstance(value, dict):
        return {str(key): _fact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fact(item) for item in value]
    return value if isinstance(value, str | int | bool) else None
