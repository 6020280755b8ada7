"""The register of importers: who may be asked for, under which mechanism and for which purposes. Nothing here decides.

`<home>/importers.yaml`, strict YAML, one list. An organisation that is not in it, or a purpose that is not registered for it, is
denied: the register is the exporter's own statement of facts, an importer cannot bring its own.

    importers:
      - id: acme-hq
        name: Acme Headquarters
        jurisdiction: EU
        state: IE
        facts: {group: true, role: controller}
        mechanisms: [{id: adequacy}]
        purposes: {analytics.reporting: A6-1-f}

Three facts stand for duties that people carry out, not this program; each counts only as `true`: `ccpa_contract` (the contract of
Civ. Code 1798.100(d) is on file), `deletion_forwarded` (erasures are passed on to this importer, Civ. Code 1798.105(c)) and
`notice_names_transfer` (the notice to data subjects names the transfer to it and its ground, GDPR Art. 13(1)(f)).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from policies.engine.diagnostics import Diagnostic, PolicyError, use_one_of
from policies.engine.errors import Code, DomicileError
from policies.engine.request import Fact
from policies.engine.strict_yaml import Entry, Node, Scalar, parse_documents, plain
from policies.engine.strict_yaml import Mapping as MappingNode
from policies.engine.strict_yaml import Sequence as SequenceNode
from policies.engine.vocabulary import Purpose

_log = logging.getLogger(__name__)
_KEYS = ("id", "name", "jurisdiction", "state", "facts", "mechanisms", "purposes")
_NEEDED = ("id", "name", "jurisdiction", "purposes")
_RESERVED = {"region", "state", "organisation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """One organisation that may receive. `facts` are what policies read under `importer.`; `purposes` give each its legal basis."""

    id: str
    name: str
    jurisdiction: str
    purposes: Mapping[str, str]
    state: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    mechanisms: tuple[Mapping[str, Fact], ...] = ()


class ImporterRegister:
    """The importers of a file, read again when it changes. A file that cannot be read registers nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Importer] = {}

    def find(self, organisation: str) -> Importer:
        """The importer of that id. Raises IMPORTER_UNKNOWN, or SETTINGS_INVALID when the register cannot be read."""
        self._refresh()
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
        return importer

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            self._known, self._stamp = {}, None
            raise DomicileError(
                "the register of importers cannot be read",
                where=self._path.name,
                remedy="write it as UTF-8 text; until then nobody is registered",
                code=Code.IMPORTER_UNKNOWN,
            ) from None
        self._known, self._stamp = {}, None
        try:
            self._known = {importer.id: importer for importer in parse_importers(text, self._path.name)}
        except DomicileError as error:
            _log.warning("the register of importers is not valid, so nobody is registered", extra={"code": error.code})
            raise
        self._stamp = stamp

    def names(self) -> tuple[str, ...]:
        """Who is registered. Raises DomicileError with place and remedy when the register cannot be read."""
        self._refresh()
        return tuple(sorted(self._known))


def parse_importers(text: str, filename: str) -> tuple[Importer, ...]:
    """The importers of a text. Raises `PolicyError` with every finding."""
    documents = parse_documents(text, filename)
    findings: list[Diagnostic] = []
    if len(documents) != 1 or not isinstance(documents[0], MappingNode) or list(documents[0].entries) != ["importers"]:
        top = Diagnostic(
            file=filename,
            line=1,
            column=1,
            message="the file is not one list of `importers`",
            remedy="write `importers:` and a list",
        )
        raise PolicyError([top])
    listed = documents[0].entries["importers"]
    if not isinstance(listed.value, SequenceNode):
        raise PolicyError([listed.place.finding("`importers` is not a list", "write each importer as `- id: ...`")])
    found: dict[str, Importer] = {}
    for item in listed.value.items:
        importer = _importer(item, findings)
        if importer is None:
            continue
        if importer.id in found:
            findings.append(item.place.finding(f"importer `{importer.id}` stands twice", "keep one"))
        found[importer.id] = importer
    if findings:
        raise PolicyError(findings)
    return tuple(found.values())


def _importer(item: Node, findings: list[Diagnostic]) -> Importer | None:
    if not isinstance(item, MappingNode):
        findings.append(item.place.finding("an importer is not a mapping", "write `id`, `name`, `jurisdiction`, `purposes`"))
        return None
    before = len(findings)
    for key, entry in item.entries.items():
        if key not in _KEYS:
            findings.append(entry.place.finding(f"unknown key `{key}`", use_one_of(key, _KEYS)))
    findings.extend(item.place.finding(f"`{key}` is missing", f"add `{key}:`") for key in _NEEDED if key not in item.entries)
    if len(findings) > before:
        return None
    texts = {key: _text(item.entries[key], key, findings) for key in ("id", "name", "jurisdiction", "state") if key in item.entries}
    facts = _facts(item.entries.get("facts"), findings)
    mechanisms = _mechanisms(item.entries.get("mechanisms"), findings)
    purposes = _purposes(item.entries["purposes"], findings)
    if len(findings) > before:
        return None
    return Importer(
        id=texts["id"],
        name=texts["name"],
        jurisdiction=texts["jurisdiction"],
        state=texts.get("state"),
        facts=facts,
        mechanisms=mechanisms,
        purposes=purposes,
    )


def _text(entry: Entry, key: str, findings: list[Diagnostic]) -> str:
    if isinstance(entry.value, Scalar) and isinstance(entry.value.value, str) and entry.value.value.strip():
        return entry.value.value
    findings.append(entry.place.finding(f"`{key}` is not text", "write one word or a quoted text"))
    return ""


def _facts(entry: Entry | None, findings: list[Diagnostic]) -> dict[str, Fact]:
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


def _purposes(entry: Entry, findings: list[Diagnostic]) -> dict[str, str]:
    if not isinstance(entry.value, MappingNode) or not entry.value.entries:
        findings.append(entry.place.finding("`purposes` is not a mapping", "write `purposes: {analytics.reporting: A6-1-f}`"))
        return {}
    known = [purpose.value for purpose in Purpose]
    for name, basis in entry.value.entries.items():
        if name not in known:
            findings.append(basis.place.finding(f"unknown purpose `{name}`", use_one_of(name, known)))
    return {name: _text(basis, name, findings) for name, basis in entry.value.entries.items()}


def _fact(value: object) -> Fact:
    """What strict YAML gives is a fact already: text, whole numbers, booleans, null, lists and mappings of these."""
    if isinstance(value, dict):
        return {str(key): _fact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fact(item) for item in value]
    return value if isinstance(value, str | int | bool) else None
