"""Reads transfer policies from strict YAML: several per file, separated by `---`. It decides nothing and guesses nothing.

Every finding of a file is collected with its line, column and remedy before PolicyError is raised.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

from policies.engine.decision import RuleRef
from policies.engine.diagnostics import Diagnostic, PolicyError, Severity, use_one_of
from policies.engine.document import FOREVER, Certainty, Documents, Duty, Policy, Review
from policies.engine.facts import CATEGORIES
from policies.engine.obligations import measure
from policies.engine.reading import Reading
from policies.engine.registry import Registry, Strictest
from policies.engine.registry_parser import LAWS, SHARED, registry_of, shipped_registry
from policies.engine.request import Fact
from policies.engine.strict_yaml import MAX_BYTES, Entry, Node, Place, parse_documents, plain
from policies.engine.strict_yaml import Mapping as MappingNode
from policies.engine.strict_yaml import Sequence as SequenceNode
from policies.engine.term_parser import TermParser
from policies.engine.terms import Every
from policies.engine.vocabulary import Effect, Form, Kind

KEYS = (
    "policy", "law", "title", "cite", "valid", "review", "certainty", "kind", "effect", "when", "fields", "obligations",
    "reasons", "try_instead",
)  # fmt: skip
NEEDED = ("policy", "law", "title", "cite", "effect", "when")
CASES_SUFFIX = ".cases.yaml"
YAML_ENDINGS = frozenset({".yaml", ".yml"})
_REGISTRY = frozenset(Path("registry") / f"{name}.yaml" for name in SHARED)
_LAWS = Path("registry") / LAWS


def load(paths: Path | Iterable[Path], *, registry: Registry | None = None) -> Documents:
    """Read policy files and folders (`*.yaml` in it, but no case files). Raises PolicyError with the findings of all files.

    A folder in which other YAML lies about is refused: who wrote a prohibition there means it to be in force.
    """
    given = [paths] if isinstance(paths, Path) else list(paths)
    known = registry or (registry_of(given[0] if given[0].is_dir() else given[0].parent) if given else shipped_registry())
    findings = [finding for path in given if path.is_dir() for finding in _strays(path)]
    parsed: list[Documents] = []
    warnings: list[Diagnostic] = []
    for path in policy_files(given):
        try:
            parsed.append(parse_text(read_text(path), path.name, registry=known))
        except PolicyError as error:
            findings.extend(error.diagnostics)
        else:
            warnings.extend([] if parsed[-1].policies else [_empty(path)])
    documents = Documents(
        policies=tuple(policy for part in parsed for policy in part.policies),
        registry=known,
        content=tuple(body for part in parsed for body in part.content),
        warnings=tuple(warnings),
    )
    findings.extend(_repeated_names(documents.policies))
    if findings:
        raise PolicyError(findings)
    return documents


def policy_files(paths: Iterable[Path]) -> list[Path]:
    """The policy files that paths name: a file itself, a folder's `*.yaml` without its case files."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(p for p in sorted(path.glob("*.yaml")) if not p.name.endswith(CASES_SUFFIX))
        else:
            found.append(path)
    return found


def _empty(path: Path) -> Diagnostic:
    """A file that holds no policy loads, but whoever emptied it may not have meant its law to be silent."""
    remedy = "restore it, or remove it; where no policy speaks, nothing leaves"
    return replace(Place(path.name, 1, 1).finding("the file holds no policy", remedy), severity=Severity.WARNING)


def _strays(folder: Path) -> list[Diagnostic]:
    """Every YAML file of a folder that would not be read: with another ending, in a folder below, beside the registry's own."""
    findings: list[Diagnostic] = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if (
            path.suffix.lower() not in YAML_ENDINGS
            or path.name.endswith(CASES_SUFFIX)
            or inner in _REGISTRY
            or inner.parent == _LAWS
        ):
            continue
        start = Place(inner.as_posix(), 1, 1)
        if len(inner.parts) > 1:
            remedy = "move it into the folder of the policies itself, or remove it"
            findings.append(start.finding("a policy in a folder below is not in force", remedy))
        elif path.suffix != ".yaml":
            findings.append(start.finding("a policy with this ending is not in force", "rename it to end in `.yaml`, or remove it"))
    return findings


def parse_text(text: str, filename: str, *, registry: Registry | None = None) -> Documents:
    """Read the policies of one text. Raises PolicyError with all findings."""
    known = registry or shipped_registry()
    nodes = parse_documents(text, filename)
    reading = Reading()
    policies = [_PolicyReader(reading, known, node).read() for node in nodes]
    reading.findings.extend(_repeated_names(policies))
    reading.finish()
    return Documents(policies=tuple(policies), registry=known, content=tuple(plain(node) for node in nodes))


def read_text(path: Path) -> str:
    """The text of a policy file. Raises PolicyError when it is too large, not UTF-8 or cannot be read."""
    start = Place(path.name, 1, 1)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PolicyError([start.finding(f"the file is larger than {MAX_BYTES} bytes", "split it")])
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PolicyError([start.finding("the file is not UTF-8 text", "save it as UTF-8")]) from None
    except OSError:
        raise PolicyError([start.finding("the file cannot be read", "check the path and its permissions")]) from None


def _repeated_names(policies: Iterable[Policy]) -> list[Diagnostic]:
    first: dict[str, RuleRef] = {}
    findings: list[Diagnostic] = []
    for policy in policies:
        if not policy.name:
            continue
        seen = first.setdefault(policy.name, policy.ref)
        if seen is not policy.ref:
            file, _, line = policy.ref.place.rpartition(":")
            place = Place(file, int(line), 1)
            findings.append(place.finding(f"policy `{policy.name}` exists already", f"rename it; the first is at {seen.place}"))
    return findings


@dataclass(slots=True)
class _PolicyReader:
    """Reads one document into one policy."""

    reading: Reading
    registry: Registry
    node: Node

    def read(self) -> Policy:
        body = self.reading.mapping(self.node, "a policy", known=KEYS, needed=NEEDED)
        effect = self._effect(body)
        start, end = self._valid(body)
        policy = Policy(
            ref=self._ref(body),
            title=self._text(body, "title"),
            effect=effect,
            kinds=self._kinds(body, effect),
            start=start,
            end=end,
            when=self._when(body),
            categories=MappingProxyType(self._forms(body)),
            duties=self._duties(body),
            reasons=self.reading.terms(body["reasons"].value, "reason", self.registry.reasons) if "reasons" in body else (),
            try_instead=self.reading.texts(body["try_instead"].value, "a mechanism or fact") if "try_instead" in body else (),
            review=self._review(body),
            certainty=self._certainty(body),
        )
        self._fits(policy, body)
        return policy

    def _text(self, body: Mapping[str, Entry], key: str) -> str:
        return self.reading.text(body[key].value, f"a {key}") if key in body else ""

    def _ref(self, body: Mapping[str, Entry]) -> RuleRef:
        name = self._text(body, "policy")
        law = self.reading.term(body["law"].value, "law", self.registry.jurisdictions) if "law" in body else ""
        cite = self.reading.texts(body["cite"].value, "a citation") if "cite" in body else ()
        if "cite" in body and not cite:
            self.reading.wrong(body["cite"].place, "a policy without a citation", "name the article it expresses")
        place = body["policy"].place if "policy" in body else self.node.place
        return RuleRef(policy=name, law=law, place=str(place), cite=cite)

    def _effect(self, body: Mapping[str, Entry]) -> Effect:
        word = self.reading.term(body["effect"].value, "effect", [e.value for e in Effect]) if "effect" in body else ""
        return Effect(word) if word else Effect.PROHIBIT

    def _kinds(self, body: Mapping[str, Entry], effect: Effect) -> tuple[Kind, ...]:
        """What it speaks of. Unsaid, a permit speaks of transfers only and anything else of every kind: silence never widens."""
        if "kind" not in body:
            return (Kind.TRANSFER,) if effect is Effect.PERMIT else tuple(Kind)
        words = [kind.value for kind in Kind]
        node = body["kind"].value
        if not isinstance(node, SequenceNode):
            word = self.reading.term(node, "kind", words)
            return (Kind(word),) if word else ()
        return tuple(Kind(word) for word in self.reading.terms(node, "kind", words) if word)

    def _valid(self, body: Mapping[str, Entry]) -> tuple[date, date]:
        if "valid" not in body:
            return date.min, FOREVER
        span = self.reading.mapping(body["valid"].value, "valid", known=["from", "to"])
        start = self.reading.day(span["from"].value, "from") if "from" in span else None
        end = self.reading.day(span["to"].value, "to") if "to" in span else None
        if start and end and start >= end:
            self.reading.wrong(span["to"].place, "a policy that ends before it begins", "`to` is exclusive and lies after `from`")
        return start or date.min, end or FOREVER

    def _when(self, body: Mapping[str, Entry]) -> Every:
        if "when" not in body:
            return Every(())
        term = TermParser(self.registry.facts, self.reading).every(body["when"].value, "when")
        node = body["when"].value
        if isinstance(node, MappingNode) and not node.entries:
            self.reading.wrong(body["when"].place, "an empty `when` would hold always", "give it at least one condition")
        return term

    def _forms(self, body: Mapping[str, Entry]) -> dict[str, Form]:
        if "fields" not in body:
            return {}
        forms: dict[str, Form] = {}
        words = [form.value for form in Form]
        for category, entry in self.reading.mapping(body["fields"].value, "fields").items():
            if category not in CATEGORIES and category not in {"user", "organization", "system"}:
                self.reading.wrong(entry.place, f"unknown data category `{category}`", use_one_of(category, sorted(CATEGORIES)))
                continue
            word = self.reading.term(entry.value, "form", words)
            if word:
                forms[category] = Form(word)
        return forms

    def _duties(self, body: Mapping[str, Entry]) -> tuple[Duty, ...]:
        if "obligations" not in body:
            return ()
        duties: list[Duty] = []
        for item in self.reading.items(body["obligations"].value, "obligations"):
            if not isinstance(item, MappingNode):
                name = self.reading.term(item, "obligation", self.registry.obligations)
                duties.append(Duty(name=name, arguments=MappingProxyType({})))
                continue
            for name, entry in item.entries.items():
                if name not in self.registry.obligations:
                    self.reading.wrong(entry.place, f"unknown obligation `{name}`", use_one_of(name, self.registry.obligations))
                    continue
                duties.append(Duty(name=name, arguments=MappingProxyType(self._arguments(name, entry))))
        return tuple(duty for duty in duties if duty.name)

    def _arguments(self, name: str, entry: Entry) -> dict[str, Fact]:
        known = self.registry.obligations[name].arguments
        found: dict[str, Fact] = {}
        for key, inner in self.reading.mapping(entry.value, f"obligation `{name}`", known=known).items():
            value = plain(inner.value)
            if key not in known:
                continue
            if measure(value, known[key]) is None:
                self.reading.wrong(inner.place, f"`{key}` of `{name}` cannot be read", _ARGUMENT_REMEDY[known[key]])
            found[key] = value
        return found

    def _review(self, body: Mapping[str, Entry]) -> Review | None:
        if "review" not in body:
            return None
        keys = ("by", "last", "again_before", "watch")
        inner = self.reading.mapping(body["review"].value, "review", known=keys, needed=keys[:3])
        last = self.reading.day(inner["last"].value, "last") if "last" in inner else None
        again = self.reading.day(inner["again_before"].value, "again_before") if "again_before" in inner else None
        return Review(
            by=self.reading.text(inner["by"].value, "a role") if "by" in inner else "",
            last=last or date.min,
            again_before=again or FOREVER,
            watch=self.reading.texts(inner["watch"].value, "what to watch") if "watch" in inner else (),
        )

    def _certainty(self, body: Mapping[str, Entry]) -> Certainty:
        if "certainty" not in body:
            return Certainty.FIRM
        word = self.reading.term(body["certainty"].value, "certainty", [c.value for c in Certainty])
        return Certainty(word) if word else Certainty.DOUBTFUL

    def _fits(self, policy: Policy, body: Mapping[str, Entry]) -> None:
        """What only the whole policy can tell."""
        jurisdiction = self.registry.jurisdictions.get(policy.law)
        if jurisdiction and jurisdiction.overlay and policy.effect is Effect.PERMIT:
            self.reading.wrong(body["effect"].place, f"`{policy.law}` only objects or obliges", "use prohibit, oblige or review")
        if "fields" in body and policy.effect in {Effect.PROHIBIT, Effect.REVIEW}:
            self.reading.wrong(
                body["fields"].place, f"`fields` on a policy whose effect is {policy.effect.value}", "use permit or oblige"
            )
        if policy.effect in {Effect.PROHIBIT, Effect.REVIEW} and not policy.reasons:
            self.reading.wrong(self.node.place, f"a policy whose effect is {policy.effect.value} gives no reason", "add `reasons`")


_ARGUMENT_REMEDY = {
    Strictest.LEAST: 'write an integer or a fraction such as "1/400"',
    Strictest.GREATEST: 'write an integer or a fraction such as "1/400"',
    Strictest.SHORTEST: "write a duration in days such as P1D",
    Strictest.SAME: "write one plain value",
}
