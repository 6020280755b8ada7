"""Which facts two bundles declare otherwise, and under which laws rules rest on them. It never says which is the looser.

The formulas take a fact for what it is called: they cannot tell that a counter counts fewer than before.
"""

from collections.abc import Collection, Iterator
from dataclasses import fields

from policies.engine.difference import Redeclared
from policies.engine.evaluator import Policies
from policies.engine.facts import FactSpec
from policies.engine.registry import Registry
from policies.engine.vocabulary import Kind

_SILENT = frozenset({"path", "means", "satisfied", "counter", "name"})
"""Parts of a declaration that decide nothing by themselves."""


def redeclared(old: Policies, new: Policies, kinds: Collection[Kind]) -> tuple[Redeclared, ...]:
    """Every fact that rules of these kinds rest on in either bundle and that both declare, not alike."""
    readers: dict[str, set[str]] = {}
    for policies in (old, new):
        for (law, kind), section in policies.sections.items():
            if kind in kinds:
                for path in section.slots.numbers:
                    for each in _rests_on(policies.registry, path):
                        readers.setdefault(each, set()).add(law)
    found: list[Redeclared] = []
    for path, laws in sorted(readers.items()):
        was, now = old.registry.facts.get(path), new.registry.facts.get(path)
        if was is None or now is None:
            continue
        before, after = _declared(was, old.registry), _declared(now, new.registry)
        what = tuple(name for name in {**before, **after} if before.get(name) != after.get(name))
        if what:
            found.append(Redeclared(path=path, what=what, laws=tuple(sorted(laws))))
    return tuple(found)


def _rests_on(registry: Registry, path: str) -> Iterator[str]:
    """A fact, and those that supply it."""
    yield path
    spec = registry.facts.get(path)
    if spec is not None and spec.counter is not None and spec.counter.stated is not None:
        yield spec.counter.stated
    if spec is not None and spec.lasting is not None:
        yield ".".join(spec.lasting.of)


def _declared(spec: FactSpec, registry: Registry) -> dict[str, object]:
    """What decides of a declaration, part by part."""
    parts: dict[str, object] = {
        each.name: _unordered(getattr(spec, each.name)) for each in fields(spec) if each.name not in _SILENT
    }
    if spec.counter is not None:
        for each in fields(spec.counter):
            if each.name not in _SILENT:
                parts[f"counter {each.name}"] = _unordered(getattr(spec.counter, each.name))
        special = spec.counter.special
        if special is not None and special in registry.jurisdictions:
            parts[f"special categories of {special}"] = frozenset(registry.jurisdictions[special].special)
    return parts


def _unordered(part: object) -> object:
    return frozenset(part) if isinstance(part, tuple) else part
