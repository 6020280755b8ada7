"""Every one-token change of a policy, for a test that demands a case against each. It changes no file and judges no mutant."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from policies.engine.facts import CATEGORIES, PURPOSES, FactSpec, FactType, minute_of_day
from policies.engine.registry import Registry
from policies.engine.term_parser import operand_text
from policies.engine.vocabulary import Effect, Form, Kind

DESCRIBES = ("policy", "title", "cite", "review", "certainty")
"""Keys that say nothing in a verdict: they name, cite and say who reviews."""
GROUPS = {"all": ("any", "none"), "any": ("all", "none"), "none": ("any", "all")}
SWAPPED = {"in": "not", "not": "in", "<": "<=", "<=": "<", "before": "after", "after": "before"}


@dataclass(frozen=True)
class Mutant:
    """One changed policy; `id` says which and how, and stays the same while that policy does."""

    policy: str
    id: str
    body: dict[str, Any]


class Mutator:
    """Makes the mutants of one policy after the other."""

    def __init__(self, registry: Registry, body: dict[str, Any], *, read: Sequence[str]) -> None:
        """`read` are the facts that the policies of this law read, among which a fact is mistaken for another."""
        self.registry = registry
        self.read = read
        self.body = body
        self.law = body["law"]

    def all(self) -> Iterator[Mutant]:
        """Each once: two ways of writing one change count as one."""
        seen: list[dict[str, Any]] = [self.body]
        for what, changed in self._changes():
            if changed not in seen:
                seen.append(changed)
                yield Mutant(self.body["policy"], f"{self.body['policy']}: {what}", changed)

    def _changes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        body = self.body
        for key in body:
            if key not in DESCRIBES and key != "law":
                yield f"{key} dropped", {k: v for k, v in body.items() if k != key}
        for path, what, value in self._values():
            yield f"{'.'.join(map(str, path))} {what}", put(body, path, value)

    def _values(self) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        """Where, what in words, and the new value (DROPPED removes the key or item; a Renamed key keeps its value)."""
        body = self.body
        plain_laws = sorted(code for code, found in self.registry.jurisdictions.items() if not found.overlay)
        yield ("law",), "replaced", neighbour(body["law"], plain_laws)
        for other in Effect:
            yield ("effect",), f"-> {other.value}", other.value
        for end, day in body.get("valid", {}).items():
            yield ("valid", end), "dropped", DROPPED
            for step in (-1, 1):
                yield ("valid", end), f"{step:+d} day", (date.fromisoformat(day) + timedelta(days=step)).isoformat()
        yield from self._kinds()
        yield from self._condition(("when",), body["when"])
        yield from self._forms()
        yield from self._obligations()
        for key, known in (("reasons", sorted(self.registry.reasons)), ("try_instead", ["nothing", "something"])):
            yield from self._listed((key,), body.get(key, ()), known)

    def _kinds(self) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        kinds = self.body.get("kind")
        if isinstance(kinds, list):
            yield from self._listed(("kind",), kinds, [kind.value for kind in Kind])
        elif kinds:
            for other in Kind:
                yield ("kind",), f"-> {other.value}", other.value

    def _listed(self, path: tuple[Any, ...], items: Any, known: list[str]) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        for number, item in enumerate(items):
            yield (*path, number), f"({item}) dropped", DROPPED
            yield (*path, number), f"({item}) replaced", neighbour(item, known)

    def _condition(self, path: tuple[Any, ...], node: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        for key, value in node.items():
            here = (*path, key)
            yield here, "dropped", DROPPED
            if key in GROUPS:
                for other in GROUPS[key]:
                    yield here, f"-> {other}", Renamed(other)
                for number, member in enumerate(value):
                    yield (*here, number), "dropped", DROPPED
                    yield from self._condition((*here, number), member)
            else:
                spec = self.registry.facts[key]
                yield here, "read elsewhere", Renamed(self._sibling(spec))
                yield from self._test(here, spec, value)

    def _test(self, path: tuple[Any, ...], spec: FactSpec, value: Any) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        if not isinstance(value, dict):
            yield path, "negated", {"not": value}
            yield from self._operand(path, spec, value)
            return
        for word, operand in value.items():
            here = (*path, word)
            if len(value) > 1:
                yield here, "dropped", DROPPED
            if word == "not" and not isinstance(operand, list):
                yield path, "affirmed", operand
            elif word in SWAPPED:
                yield here, f"-> {SWAPPED[word]}", Renamed(SWAPPED[word])
            if isinstance(operand, list):
                for number, item in enumerate(operand):
                    yield (*here, number), f"({item}) dropped", DROPPED
                    yield from self._operand((*here, number), spec, item)
            else:
                yield from self._operand(here, spec, operand)

    def _operand(self, path: tuple[Any, ...], spec: FactSpec, value: Any) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        match spec.type:
            case FactType.BOOLEAN:
                yield path, "flipped", not value
            case FactType.INTEGER:
                for step in (-1, 1):
                    yield path, f"{step:+d}", value + step
            case FactType.DATE:
                for step in (-1, 1):
                    yield path, f"{step:+d} day", (date.fromisoformat(value) + timedelta(days=step)).isoformat()
            case FactType.TIME:
                for step in (-1, 1):
                    yield path, f"{step:+d} minute", operand_text(FactType.TIME, (minute_of_day(value) or 0) + step)
            case _:
                yield path, f"({value}) replaced", neighbour(value, self._known(spec))
                head = value.rpartition(".")[0]
                if head in CATEGORIES | PURPOSES:
                    yield path, f"({value}) widened", head

    def _known(self, spec: FactSpec) -> list[str]:
        if spec.one_of:
            return list(spec.one_of)
        if spec.path.startswith("mechanisms."):
            return sorted({m.id for m in self.registry.mechanisms if m.law == self.law})
        if spec.type is FactType.CATEGORIES:
            return sorted(CATEGORIES)
        if spec.type is FactType.PURPOSE:
            return sorted(PURPOSES)
        return sorted({*self.registry.jurisdictions, *self.registry.jurisdictions["EU"].members})

    def _sibling(self, spec: FactSpec) -> str:
        """Another fact of its type that this law reads, or itself."""
        alike = sorted(path for path in self.read if self.registry.facts[path].type is spec.type)
        return neighbour(spec.path, alike)

    def _forms(self) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        for category, form in self.body.get("fields", {}).items():
            yield ("fields", category), "dropped", DROPPED
            yield ("fields", category), "moved", Renamed(neighbour(category, sorted(CATEGORIES)))
            for step in (-1, 1):
                forms = list(Form)
                place = forms.index(Form(form)) + step
                if 0 <= place < len(forms):
                    yield ("fields", category), f"{step:+d} form", forms[place].value

    def _obligations(self) -> Iterator[tuple[tuple[Any, ...], str, Any]]:
        known = sorted(self.registry.obligations)
        for number, item in enumerate(self.body.get("obligations", ())):
            if isinstance(item, str):
                yield ("obligations", number), f"({item}) dropped", DROPPED
                yield ("obligations", number), f"({item}) replaced", neighbour(item, known)
                continue
            for name, arguments in item.items():
                here = ("obligations", number, name)
                yield here[:-1], f"({name}) dropped", DROPPED
                yield here, "replaced", Renamed(neighbour(name, known))
                for key, value in arguments.items():
                    yield (*here, key), "dropped", DROPPED
                    for step in (-1, 1):
                        yield (*here, key), f"{step:+d}", stepped(value, step)


DROPPED = object()


@dataclass(frozen=True)
class Renamed:
    """The key itself becomes another word."""

    key: str


def neighbour(word: str, known: list[str]) -> str:
    """The next word of a closed list, the first after the last."""
    return known[(known.index(word) + 1) % len(known)] if word in known else known[0]


def stepped(value: Any, step: int) -> Any:
    """A number, or the last number in a text such as `1/400` or `P1D`, one up or down."""
    if isinstance(value, int):
        return value + step
    digits = "".join(c if c.isdigit() else " " for c in value).split()
    head, _, tail = value.rpartition(digits[-1])
    return f"{head}{int(digits[-1]) + step}{tail}"


def put(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with one value changed, dropped or its key renamed in place."""
    changed = copy.deepcopy(body)
    node: Any = changed
    for key in path[:-1]:
        node = node[key]
    last = path[-1]
    if value is DROPPED:
        del node[last]
    elif isinstance(value, Renamed):
        if value.key not in node:
            items = [(value.key if key == last else key, inner) for key, inner in node.items()]
            node.clear()
            node.update(items)
    else:
        node[last] = value
    return changed
