"""Reads the declarations of facts: their types, closed values, and the counters that supply some of them. It states no fact."""

from collections.abc import Mapping

from policies.engine.calendars import Duration, read_duration
from policies.engine.counting import YEAR, Counted, CounterSpec
from policies.engine.facts import FactSpec, FactType, Lasting
from policies.engine.reading import Reading
from policies.engine.strict_yaml import Entry, Place, plain
from policies.engine.vocabulary import DataCategory, Kind

_KEYS = ("type", "means", "one_of", "derived", "satisfied", "counter", "lasting")
_COUNTER = ("of", "window", "per", "kinds", "channels", "categories", "special", "stated")


def read_facts(reading: Reading, declared: Mapping[str, Entry]) -> list[tuple[str, FactSpec, Place]]:
    """Every declaration with where it stands."""
    return [(path, _fact(reading, path, entry), entry.place) for path, entry in declared.items()]


def _fact(reading: Reading, path: str, entry: Entry) -> FactSpec:
    body = reading.mapping(entry.value, f"fact `{path}`", known=_KEYS, needed=["type", "means"])
    kind = reading.term(body["type"].value, "type", [t.value for t in FactType]) if "type" in body else ""
    counter = _counter(reading, path, body["counter"]) if "counter" in body else None
    if counter is not None and kind != FactType.INTEGER:
        reading.wrong(body["counter"].place, f"`{path}` has a counter and is no integer", "write `type: integer`")
    return FactSpec(
        path=path,
        type=FactType(kind) if kind else FactType.TEXT,
        means=reading.text(body["means"].value, "a meaning") if "means" in body else "",
        one_of=reading.texts(body["one_of"].value, "a value") if "one_of" in body else (),
        derived=reading.boolean(body["derived"].value, "derived") if "derived" in body else False,
        satisfied=plain(body["satisfied"].value) if "satisfied" in body else None,
        counter=counter,
        lasting=_lasting(reading, path, kind, body["lasting"]) if "lasting" in body else None,
    )


def _lasting(reading: Reading, path: str, kind: str, entry: Entry) -> Lasting:
    body = reading.mapping(entry.value, f"`lasting` of `{path}`", known=["of", "lasts"], needed=["of", "lasts"])
    if kind != FactType.BOOLEAN:
        reading.wrong(entry.place, f"`{path}` lasts and is no boolean", "write `type: boolean`")
    text = reading.text(body["lasts"].value, "a duration") if "lasts" in body else ""
    duration = read_duration(text)
    if text and duration is None:
        reading.wrong(body["lasts"].place, f"impossible duration `{text}`", "write P2Y, P6M or P30D")
    of = reading.text(body["of"].value, "a path") if "of" in body else ""
    return Lasting(of=tuple(of.split(".")), lasts=duration or Duration())


def _counter(reading: Reading, path: str, entry: Entry) -> CounterSpec:
    body = reading.mapping(entry.value, f"counter of `{path}`", known=_COUNTER, needed=["of", "window", "per"])
    of = reading.term(body["of"].value, "thing to count", [c.value for c in Counted]) if "of" in body else ""
    window = reading.text(body["window"].value, "a window") if "window" in body else YEAR
    if window and window != YEAR and read_duration(window) is None:
        reading.wrong(body["window"].place, f"impossible window `{window}`", "write `year` or a duration such as P12M, P30D, PT24H")
    kinds = reading.terms(body["kinds"].value, "kind", [k.value for k in Kind]) if "kinds" in body else ()
    known = [category.value for category in DataCategory]
    return CounterSpec(
        name=path,
        of=Counted(of) if of else Counted.PERSONS,
        window=window,
        per=reading.texts(body["per"].value, "a path") if "per" in body else (),
        kinds=tuple(Kind(kind) for kind in kinds),
        channels=reading.texts(body["channels"].value, "a channel") if "channels" in body else (),
        categories=reading.terms(body["categories"].value, "data category", known) if "categories" in body else (),
        special=reading.text(body["special"].value, "a law") if "special" in body else None,
        stated=reading.text(body["stated"].value, "a path") if "stated" in body else None,
    )
