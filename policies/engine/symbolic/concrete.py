"""From a request to the variables of a space, and back from a solver's model to a request. Neither way is anything assumed."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from policies.engine.facts import CATEGORIES, FactType, day_number, look_up, minute_of_day
from policies.engine.mechanisms import NO_CLAIM, proves
from policies.engine.request import Fact, FieldAsked, TransferRequest
from policies.engine.symbolic.claims import REFERENCE, claim_flag, evidence_path
from policies.engine.symbolic.derived import AMOUNTS, EARLIER, SAMPLES, field_flag, sample_flag, there_flag
from policies.engine.symbolic.space import (
    DAY,
    LISTS,
    OTHER,
    Raw,
    Space,
    broken,
    member_name,
    number_name,
    tag_name,
    text_name,
    true_name,
    wrong_name,
)
from policies.engine.symbolic.verdict import law_flag
from policies.engine.vocabulary import Kind

Assignment = dict[str, int | bool]
_SAMPLES = {sample: number for number, sample in enumerate(SAMPLES)}
_HOUR = 60


def encode(space: Space, request: TransferRequest, at: date) -> Assignment:
    """The variables that a request sets (flags that are absent are false). Raises KeyError for contributions that are no sample."""
    found: Assignment = {DAY: at.toordinal()}
    for path, raw in space.raws.items():
        if not path.startswith("claims."):
            _encode(raw, look_up(request.facts, tuple(path.split("."))), found)
            _parents(path, request.facts, found)
    for claim in request.mechanisms:
        _encode_claim(space, claim, found)
    for asked in request.fields:
        found[field_flag(asked.category if asked.category in CATEGORIES else OTHER)] = True
    for law in request.laws:
        found[law_flag(law if law_flag(law) in space.flags else OTHER)] = True
    _encode_amounts(request, found)
    if isinstance(look_up(request.facts, tuple(EARLIER.split("."))), Mapping):
        found[there_flag(EARLIER)] = True
    complete(space, found)
    return found


def complete(space: Space, found: Assignment) -> None:
    """Add what the calendar makes of the day and of the dates."""
    day = int(found[DAY])
    found.update({name: of(day) for name, of in space.by_day.items()})
    found.update({name: of(int(found[date_])) for name, (date_, of) in space.by_date.items() if date_ in found})


def _parents(path: str, facts: Mapping[str, Fact], found: Assignment) -> None:
    keys = path.split(".")
    for end in range(1, len(keys)):
        over = look_up(facts, tuple(keys[:end]))
        if over is not None and not isinstance(over, Mapping):
            found[broken(".".join(keys[:end]))] = True


def _encode(raw: Raw, stated: Fact, found: Assignment) -> None:
    """One value: the type that reads it, else `wrong`."""
    if stated is None:
        return
    for read in (_yes_or_no, _number, _list, _word):
        names = read(raw, stated)
        if names is not None:
            found.update(names)
            return
    found[wrong_name(raw.path)] = True


def _yes_or_no(raw: Raw, stated: Fact) -> Assignment | None:
    if FactType.BOOLEAN not in raw.tags or not isinstance(stated, bool):
        return None
    return {tag_name(raw.path, FactType.BOOLEAN): True, true_name(raw.path): stated}


def _number(raw: Raw, stated: Fact) -> Assignment | None:
    readers: tuple[tuple[FactType, Callable[[Any], int | None]], ...] = (
        (FactType.INTEGER, lambda value: value if type(value) is int else None),
        (FactType.DATE, day_number),
        (FactType.TIME, minute_of_day),
    )
    for kind, read in readers:
        value = read(stated) if kind in raw.tags else None
        if value is not None:
            return {tag_name(raw.path, kind): True, number_name(raw.path, kind): value}
    return None


def _list(raw: Raw, stated: Fact) -> Assignment | None:
    kinds = [kind for kind in raw.tags if kind in LISTS]
    if not kinds or not isinstance(stated, list | tuple) or not all(isinstance(item, str) for item in stated):
        return None
    members = {member_name(raw.path, str(item) if item in raw.members else OTHER): True for item in stated}
    return {tag_name(raw.path, kinds[0]): True, **members}


def _word(raw: Raw, stated: Fact) -> Assignment | None:
    if not raw.texts or not isinstance(stated, str):
        return None
    return {text_name(raw.path, stated if stated in raw.texts else OTHER): True}


def _encode_claim(space: Space, claim: Mapping[str, Fact], found: Assignment) -> None:
    name = claim.get("id")
    known = name if isinstance(name, str) and name in space.claims else OTHER
    if name is None or (isinstance(name, str) and name in NO_CLAIM and name != known):
        return
    found[claim_flag(known)] = True
    for key in space.claims[known]:
        raw, stated = space.raws[evidence_path(known, key)], claim.get(key)
        unnamed = isinstance(stated, str) and stated not in raw.texts and proves(stated, FactType.TEXT, 0)
        _encode(raw, REFERENCE if unnamed and day_number(stated) is None else stated, found)


def _encode_amounts(request: TransferRequest, found: Assignment) -> None:
    stated = look_up(request.facts, tuple(AMOUNTS.split(".")))
    if stated is None:
        return
    if not isinstance(stated, list | tuple) or not all(type(item) is int and item >= 0 for item in stated):
        found[f"{AMOUNTS}!"] = True
        return
    found[sample_flag(_SAMPLES[tuple(item for item in stated if isinstance(item, int))])] = True


def decode(space: Space, kind: Kind, assigned: Callable[[str], int | bool]) -> tuple[TransferRequest, date]:
    """The request of a model without values of a wrong type, and its day."""
    facts: dict[str, Any] = {}
    if assigned(there_flag(EARLIER)):
        _write(facts, EARLIER, {})
    for path, raw in space.raws.items():
        if not path.startswith("claims.") and (stated := _decode(raw, assigned)) is not None:
            _write(facts, path, stated)
    for number, sample in enumerate(SAMPLES):
        if assigned(sample_flag(number)):
            _write(facts, AMOUNTS, list(sample))
    claims = tuple(_decode_claim(space, name, assigned) for name in space.claims if assigned(claim_flag(name)))
    fields = tuple(FieldAsked(name=word, category=word) for word in sorted(CATEGORIES) if assigned(field_flag(word)))
    laws = tuple(
        name.removeprefix("laws.")
        for name in space.flags
        if name.startswith("laws.") and name != law_flag(OTHER) and assigned(name)
    )
    request = TransferRequest(kind=kind, facts=facts, mechanisms=claims, fields=fields, laws=laws)
    return request, date.fromordinal(int(assigned(DAY)))


def _write(facts: dict[str, Any], path: str, stated: Fact) -> None:
    node = facts
    *above, last = path.split(".")
    for key in above:
        node = node.setdefault(key, {})
    node[last] = stated


def _decode(raw: Raw, assigned: Callable[[str], int | bool]) -> Fact:
    for word in raw.texts:
        if assigned(text_name(raw.path, word)):
            return word
    for kind in raw.tags:
        if not assigned(tag_name(raw.path, kind)):
            continue
        if kind is FactType.BOOLEAN:
            return bool(assigned(true_name(raw.path)))
        if kind in LISTS:
            return [word for word in raw.members if assigned(member_name(raw.path, word))]
        return _as_written(kind, int(assigned(number_name(raw.path, kind))))
    return None


def _as_written(kind: FactType, value: int) -> Fact:
    if kind is FactType.DATE:
        return date.fromordinal(value).isoformat()
    if kind is FactType.TIME:
        return f"{value // _HOUR:02d}:{value % _HOUR:02d}"
    return value


def _decode_claim(space: Space, name: str, assigned: Callable[[str], int | bool]) -> dict[str, Fact]:
    claim: dict[str, Fact] = {"id": name}
    for key in space.claims[name]:
        if (stated := _decode(space.raws[evidence_path(name, key)], assigned)) is not None:
            claim[key] = stated
    return claim
