"""Rules of the house that no linter knows, as code: sizes, words, what is committed, who constructs the permit."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policies", "protos", "chassis", "regional_node", "global_index", "deploy")
BANNED_WORDS = {"master", "slave", "whitelist", "blacklist", "manager", "helper", "helpers", "util", "utils"}
GATE = Path("regional_node/egress/gate.py")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def our_modules() -> Iterator[Path]:
    for path in tracked():
        if path.suffix == ".py" and path.parts[0] in PACKAGES and "_pb2" not in path.name:
            yield path


PERMIT = "Released"


def named(node: ast.expr) -> str:
    """The last name of `a.b.Name` or `Name[...]`; empty for anything else."""
    inner = node.value if isinstance(node, ast.Subscript) else node
    return inner.attr if isinstance(inner, ast.Attribute) else inner.id if isinstance(inner, ast.Name) else ""


def constructions_of_the_permit(source: str) -> list[int]:
    """Lines where `Released(...)` or `Released[...](...)` is called, or where the permit is given another name.

    Telling it as a type is none of these; an alias, and handing it on as a value, are findings themselves.
    """
    lines = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=called) if named(called) == PERMIT:
                lines.add(node.lineno)
            case ast.ImportFrom(names=names) if any(each.name == PERMIT and each.asname not in {None, PERMIT} for each in names):
                lines.add(node.lineno)
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value) | ast.NamedExpr(value=value):
                if any(named(each) == PERMIT for each in ast.walk(value) if isinstance(each, ast.expr)):
                    lines.add(node.lineno)
            case ast.Call(args=args, keywords=keywords):
                given = [*args, *(keyword.value for keyword in keywords)]
                texts = [each.value for each in given if isinstance(each, ast.Constant)]
                if any(named(each) == PERMIT for each in given) or (named(node.func) == "getattr" and PERMIT in texts):
                    lines.add(node.lineno)
            case _:
                pass
    return sorted(lines)


def test_only_the_gate_constructs_released() -> None:
    found = {str(p): lines for p in our_modules() if (lines := constructions_of_the_permit((ROOT / p).read_text(encoding="utf-8")))}
    assert list(found) == [str(GATE)]


def test_the_search_for_constructions_sees_every_way_to_write_one() -> None:
    assert constructions_of_the_permit("x = Released(1, d, l)\ny = crossing.Released[int](1, d, l)\nz = c.Released(1, d, l)") == [
        1,
        2,
        3,
    ]


@pytest.mark.parametrize(
    "source",
    [
        "from policies.engine.crossing import Released as R\nR(1, d, l)",
        "import policies.engine.crossing as x\nK = x.Released\nK(1, d, l)",
        "K: type = Released",
        "(K := crossing.Released)(1, d, l)",
        "K = [Released[int]]",
        "partial(Released, 1)(d, l)",
        "make(kind=crossing.Released)",
        "getattr(crossing, 'Released')(1, d, l)",
    ],
)
def test_another_name_for_the_permit_is_seen(source: str) -> None:
    assert constructions_of_the_permit(source)


@pytest.mark.parametrize(
    "source", ["from x import Released", "def f(a: Released[int]) -> Released[str]: ...", "K: Released[int] = f()"]
)
def test_telling_the_permit_as_a_type_is_no_construction(source: str) -> None:
    assert constructions_of_the_permit(source) == []


def test_no_module_works_around_the_gate_by_replace_or_new() -> None:
    """`dataclasses.replace(released, ...)`, `object.__new__` and `Released.__new__` would forge a permit."""
    forged = re.compile(r"Released\.__new__|object\.__new__\(|replace\(\s*released")
    assert not [p for p in our_modules() if forged.search((ROOT / p).read_text(encoding="utf-8"))]


@pytest.mark.parametrize("limit", [400])
def test_no_module_is_longer_than_it_can_be_read(limit: int) -> None:
    long = {str(p): n for p in our_modules() if (n := (ROOT / p).read_text(encoding="utf-8").count("\n")) > limit}
    assert not long


def test_every_module_opens_with_a_sentence() -> None:
    silent = [str(p) for p in our_modules() if not ast.get_docstring(ast.parse((ROOT / p).read_text(encoding="utf-8")))]
    assert not silent


def names_of(path: Path) -> Iterator[tuple[int, str]]:
    """Identifiers that a module itself makes up, with their lines, split at underscores; not what others called theirs."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def test_words_that_say_nothing_are_not_used() -> None:
    hits = [
        f"{path}:{line}: {name}"
        for path in our_modules()
        for line, name in [*names_of(path), (0, path.stem)]
        if BANNED_WORDS & set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))
        or name.startswith(("handle_", "process_"))
    ]
    assert not hits


def test_nothing_is_left_undone() -> None:
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|raise NotImplementedError")
    assert not [str(p) for p in our_modules() if mark.search((ROOT / p).read_text(encoding="utf-8"))]


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js", "/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/")
    hits = []
    for path in tracked():
        if path.suffix in {".png", ".ico", ".woff2"}:
            continue
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        hits += [f"{path}: {host}" for host in hosts if host in text]
    assert not hits


def test_every_requirement_is_pinned_and_hashed() -> None:
    for name in ("run.txt", "build.txt", "test.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        entries = re.split(r"\n(?=[A-Za-z0-9])", text)
        bare = [e.splitlines()[0] for e in entries if e[0].isalnum() and ("==" not in e or "--hash=sha256:" not in e)]
        assert not bare, f"requirements/{name}"
        assert "--index-url" not in text
        assert "--find-links" not in text


def test_the_npm_lock_records_no_address() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_what_runs_is_permissively_licensed() -> None:
    text = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    refused = []
    for name in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE):
        facts = metadata.metadata(name)
        said = " ".join([facts.get("License-Expression") or "", facts.get("License") or "", *(facts.get_all("Classifier") or [])])
        if re.search(r"\bA?L?GPL|General Public", said):
            refused.append(f"{name}: {said[:80]}")
    assert not refused


def test_nothing_third_party_is_committed() -> None:
    suffixes = {".min.js", ".woff", ".woff2", ".ttf", ".whl", ".so", ".jar"}
    assert not [str(p) for p in tracked() if any(p.name.endswith(s) for s in suffixes) or "node_modules" in p.parts]
