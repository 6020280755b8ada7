"""The policy files that the index reads for its advice: what is in them, what is due, and a check of a draft. It never writes one.

A draft is checked as a file, and as part of the bundle with the cases that stand beside it, in memory only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from policies.engine.cases import SUFFIX, Result, load_cases, run
from policies.engine.checker import check_text, has_errors
from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.document import FOREVER, Documents, Policy
from policies.engine.evaluator import compile_policies
from policies.engine.parser import KEYS, parse_text, policy_files
from policies.engine.registry import Mechanism, Registry
from policies.engine.registry_parser import registry_of
from policies.engine.vocabulary import DataCategory, Effect, Form, Kind, Purpose

SOON = timedelta(days=183)
"""How long before its end a mechanism is named, and before its day a review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """One file. `policies` is empty and `findings` is not when it does not load."""

    name: str
    text: str
    policies: tuple[Policy, ...]
    findings: tuple[Diagnostic, ...]
    cases: int

    @property
    def laws(self) -> tuple[str, ...]:
        """The laws it expresses, once each."""
        return tuple(dict.fromkeys(policy.law for policy in self.policies))

    @property
    def next_review(self) -> date | None:
        """The first day before which somebody must look at it again."""
        days = [p.review.again_before for p in self.policies if p.review and p.review.again_before != FOREVER]
        return min(days, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A mechanism that ends soon, or whose standing is in doubt."""

    mechanism: Mechanism
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The whole folder: its files, and the digest that nodes report when they run the same; none while a file does not load."""

    files: tuple[PolicyFile, ...]
    digest: str
    endings: tuple[Ending, ...]
    watched: tuple[Mechanism, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of a draft found. `cases` is None when the draft, or another file, does not load."""

    findings: tuple[Diagnostic, ...]
    policies: int
    cases: tuple[Result, ...] | None

    @property
    def passes(self) -> bool:
        """Whether it loads and every case answers as expected."""
        return not has_errors(self.findings) and all(result.passed for result in self.cases or ())

    @property
    def failed(self) -> tuple[Result, ...]:
        """The cases that do not answer as expected."""
        return tuple(result for result in self.cases or () if not result.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The folder. `shipped` says that it is the one that comes with the program."""

    folder: Path
    shipped: bool
    today: Callable[[], date]
    _known: dict[object, Standing] = field(default_factory=dict, init=False, repr=False, compare=False)

    def names(self) -> tuple[str, ...]:
        """The files by name."""
        return tuple(path.name for path in policy_files([self.folder]))

    def registry(self) -> Registry:
        """The registry that the files are read against. Raises PolicyError."""
        return registry_of(self.folder)

    def sentences(self) -> dict[str, str]:
        """Reasons, obligations and mechanisms in words, by code: what a decision names. Empty when the registry does not load."""
        try:
            registry = self.registry()
        except PolicyError:
            return {}
        grounds = {m.id: ", ".join(m.cite) for m in registry.mechanisms if m.start <= self.today() < m.end and m.cite}
        duties = {name: spec.means for name, spec in registry.obligations.items()}
        return {**grounds, **duties, **registry.reasons}

    def standing(self) -> Standing:
        """Every file as it is now, read again when a file or the day has changed. Raises PolicyError for a broken registry."""
        stamp = (self.today(), *(_stamp(path) for path in sorted(self.folder.rglob("*.yaml"))))
        known = self._known.get(stamp)
        if known is None:
            known = self._read()
            self._known.clear()
            self._known[stamp] = known
        return known

    def _read(self) -> Standing:
        registry, today = self.registry(), self.today()
        files = tuple(self._file(name, registry) for name in self.names())
        laws = {law for file in files for law in file.laws}
        mechanisms = [m for m in registry.mechanisms if m.law in laws and m.start <= today < m.end]
        endings = [Ending(mechanism=m, days=(m.end - today).days) for m in mechanisms if m.end - today <= SOON]
        return Standing(
            files=files,
            digest=_digest(files, registry),
            endings=tuple(sorted(endings, key=lambda one: one.days)),
            watched=tuple(m for m in mechanisms if m.watch),
        )

    def file(self, name: str) -> PolicyFile | None:
        """One file, None when the folder has none of that name: a name never becomes a path of its own."""
        return self._file(name, self.registry()) if name in self.names() else None

    def findings(self, name: str, text: str) -> list[Diagnostic]:
        """What is wrong with a text, at line and column, while somebody types."""
        return check_text(text, name, registry=self.registry(), at=self.today())

    def check(self, name: str, text: str) -> Checked:
        """The same, and how the cases beside the file answer if the bundle held this text."""
        registry = self.registry()
        findings = self.findings(name, text)
        if has_errors(findings):
            return Checked(findings=tuple(findings), policies=0, cases=None)
        draft = parse_text(text, name, registry=registry)
        try:
            others = [parse_text(self._text(n), n, registry=registry) for n in self.names() if n != name]
            results = self._run(name, _together([draft, *others], registry))
        except PolicyError as error:
            return Checked(findings=(*findings, *error.diagnostics), policies=len(draft.policies), cases=None)
        repeated = _repeated(draft, others)
        return Checked(findings=(*repeated, *findings), policies=len(draft.policies), cases=tuple(results))

    def _run(self, name: str, documents: Documents) -> list[Result]:
        beside = self.folder / (name.removesuffix(".yaml") + SUFFIX)
        if not beside.is_file():
            return []
        return run(compile_policies(documents), load_cases(beside, documents.registry).cases)

    def _file(self, name: str, registry: Registry) -> PolicyFile:
        text = self._text(name)
        findings = check_text(text, name, registry=registry, at=self.today())
        policies = () if has_errors(findings) else parse_text(text, name, registry=registry).policies
        return PolicyFile(name=name, text=text, policies=policies, findings=tuple(findings), cases=self._cases(name, registry))

    def _cases(self, name: str, registry: Registry) -> int:
        beside = self.folder / (name.removesuffix(".yaml") + SUFFIX)
        try:
            return len(load_cases(beside, registry).cases) if beside.is_file() else 0
        except PolicyError:
            return 0

    def _text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")


def words_of(registry: Registry) -> dict[str, list[str]]:
    """Key -> the values it may have, for completion in the editor."""
    facts = {path: list(spec.one_of) for path, spec in registry.facts.items()}
    forms = {category.value: [form.value for form in Form] for category in DataCategory}
    return {
        **{key: [] for key in KEYS},
        **forms,
        **facts,
        "law": list(registry.jurisdictions),
        "effect": [effect.value for effect in Effect],
        "kind": [kind.value for kind in Kind],
        "purpose": [purpose.value for purpose in Purpose],
        "reasons": list(registry.reasons),
        "obligations": list(registry.obligations),
    }


def _stamp(path: Path) -> tuple[str, int, int]:
    facts = path.stat()
    return path.name, facts.st_mtime_ns, facts.st_size


def _together(parts: Sequence[Documents], registry: Registry) -> Documents:
    return Documents(
        policies=tuple(policy for part in parts for policy in part.policies),
        registry=registry,
        content=tuple(body for part in parts for body in part.content),
    )


def _digest(files: Sequence[PolicyFile], registry: Registry) -> str:
    if not files or any(has_errors(file.findings) for file in files):
        return ""
    return _together([parse_text(file.text, file.name, registry=registry) for file in files], registry).digest


def _repeated(draft: Documents, others: Iterable[Documents]) -> list[Diagnostic]:
    known = {policy.name: policy.ref.place for part in others for policy in part.policies}
    found: list[Diagnostic] = []
    for policy in draft.policies:
        if policy.name in known:
            file, _, line = policy.ref.place.rpartition(":")
            message, remedy = f"policy `{policy.name}` exists already", f"rename it; the first is at {known[policy.name]}"
            found.append(Diagnostic(file=file, line=int(line), column=1, message=message, remedy=remedy))
    return found
