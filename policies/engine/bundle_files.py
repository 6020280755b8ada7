"""The files of a bundle: gathered from a folder, and read into documents from their texts. It never signs or decides."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path

from policies.engine.bundle import FILE_NAME, MAX_FILE, MAX_FILES, Bundle
from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.document import Documents
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.parser import CASES_SUFFIX, parse_text, policy_files
from policies.engine.registry import Registry
from policies.engine.registry_parser import SHIPPED, read_registry, registry_files
from policies.engine.strict_yaml import Place
from policies.engine.vocabulary import Effect

_REGISTRY = "registry/"
_YAML = ".yaml"


def files_of(folder: Path) -> dict[str, str]:
    """Policy, case and registry files of a folder by their names in a bundle; without a registry of its own, the shipped one.

    Raises FILE_INVALID for a file that cannot be read or stand in a bundle. What the files say is not checked here.
    """
    paths = {path.name: path for path in policy_files([folder])}
    paths |= {path.name: path for path in sorted(folder.glob(f"*{CASES_SUFFIX}"))}
    own = folder / "registry"
    named = registry_files(own if own.is_dir() else SHIPPED)
    paths |= {f"{_REGISTRY}{name}{_YAML}": path for name, path in named.items()}
    if not any(is_policy(name) for name in paths):
        raise _unfit(folder.name, "it holds no policy", "choose the folder that holds the policies, such as `policies/`")
    if len(paths) > MAX_FILES:
        raise _unfit(folder.name, f"it holds more than {MAX_FILES} files", "split the bundle")
    return {name: _text(name, path) for name, path in sorted(paths.items())}


def is_policy(name: str) -> bool:
    """Whether a file of a bundle holds policies: neither cases nor the registry."""
    return not name.startswith(_REGISTRY) and not name.endswith(CASES_SUFFIX)


def registry_in(files: Mapping[str, str]) -> Registry:
    """The registry among the files. Raises PolicyError with every finding."""
    return _registry(tuple(sorted((name, text) for name, text in files.items() if name.startswith(_REGISTRY))))


@lru_cache(maxsize=4)
def _registry(texts: tuple[tuple[str, str], ...]) -> Registry:
    """A registry is read once for the texts it has: drafts mostly share theirs with what is live."""
    return read_registry({name.removeprefix(_REGISTRY).removesuffix(_YAML): text for name, text in texts})


def documents_of(files: Mapping[str, str]) -> Documents:
    """The documents of a bundle's files, read against the registry among them. Raises PolicyError with all findings."""
    registry = registry_in(files)
    findings: list[Diagnostic] = []
    parts: list[Documents] = []
    for name in sorted(filter(is_policy, files)):
        try:
            parts.append(parse_text(files[name], name, registry=registry))
        except PolicyError as error:
            findings.extend(error.diagnostics)
    documents = Documents(
        policies=tuple(policy for part in parts for policy in part.policies),
        registry=registry,
        content=tuple(body for part in parts for body in part.content),
    )
    findings.extend(_repeated(documents))
    if findings:
        raise PolicyError(findings)
    return documents


def policies_of(bundle: Bundle) -> Policies:
    """The bundle's policies, compiled. Raises PolicyError, and BUNDLE_ALTERED when they have not the digest that was signed."""
    policies = compile_policies(documents_of(bundle.files))
    if policies.digest != bundle.policy_digest:
        raise DomicileError(
            "its files do not have the policy digest that was signed",
            where=f"policy-bundle {bundle.version}",
            remedy="run the release of the program that it was made with, or have it published again",
            code=Code.BUNDLE_ALTERED,
        )
    return policies


def permitting(bundle: Bundle, laws: Collection[str]) -> frozenset[str]:
    """Those of the laws under which the bundle permits anything; all of them where its files cannot be read."""
    try:
        policies = documents_of(bundle.files).policies
    except DomicileError:
        return frozenset(laws)
    return frozenset(laws) & {each.ref.law for each in policies if each.effect is Effect.PERMIT}


def _repeated(documents: Documents) -> list[Diagnostic]:
    first: dict[str, str] = {}
    findings: list[Diagnostic] = []
    for policy in documents.policies:
        seen = first.setdefault(policy.name, policy.ref.place)
        if seen != policy.ref.place:
            file, _, line = policy.ref.place.rpartition(":")
            place = Place(file, int(line), 1)
            findings.append(place.finding(f"policy `{policy.name}` exists already", f"rename it; the first is at {seen}"))
    return findings


def _text(name: str, path: Path) -> str:
    if not FILE_NAME.match(name):
        raise _unfit(name, "it has a name that no file of a bundle may have", "use lowercase letters, digits, `-` and `_`")
    try:
        if path.stat().st_size > MAX_FILE:
            raise _unfit(name, f"it is larger than {MAX_FILE} bytes", "split it")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise _unfit(name, "it cannot be read as UTF-8 text", "check the file and its permissions") from None


def _unfit(where: str, what: str, remedy: str) -> DomicileError:
    return DomicileError(what, where=where, remedy=remedy, code=Code.FILE_INVALID)
