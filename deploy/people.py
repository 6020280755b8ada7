"""Draws made-up people: identities known in one region or two, and each region's record of them. Nothing here is anyone real.

Names come from Faker's lists, drawn with our own generator (calling Faker itself for each name takes a hundred times as long).
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from itertools import accumulate, combinations
from random import Random
from unicodedata import normalize

from deploy.places import REGIONS
from deploy.places.shapes import City, Country, Language, Region, Speakers
from deploy.terms import LEAD_SOURCES, LIFECYCLE, draw, fill, pick, stream

SHARED = 0.03
"""The part of each region's people that one other region knows too."""
HISTORY_DAYS = 2900
_YEAR = 365.25
_OWNERS = 6
_NOTED, _MAILED, _TITLED = 0.12, 0.97, 0.8
_GERMAN_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What stays the same about a person whichever region knows them."""

    given_name: str
    family_name: str
    female: bool
    email: str
    date_of_birth: date
    language: str


@dataclass(slots=True, kw_only=True)
class Person:
    """A person as one region knows them; `row` becomes a line of people.csv once orders and activities are known."""

    row: dict[str, str]
    language: Language
    country: str
    stage: str
    segment: str
    acquired: date
    active_until: date
    last_activity: date
    company: str = ""
    spent_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NameList:
    """Names with cumulative weights (None: all alike)."""

    names: Sequence[str]
    cumulative: Sequence[float] | None

    def draw(self, rng: Random) -> str:
        """One name."""
        return rng.choices(self.names, cum_weights=self.cumulative)[0]


@cache
def name_lists(locale: str) -> tuple[NameList, NameList, NameList]:
    """Faker's given names of women, of men, and the family names of a locale."""
    provider = import_module(f"faker.providers.person.{locale}").Provider
    return (
        _name_list(provider.first_names_female),
        _name_list(provider.first_names_male),
        _name_list(provider.last_names),
    )


def _name_list(found: "Sequence[str] | OrderedDict[str, float]") -> NameList:
    if isinstance(found, dict):
        return NameList(names=list(found), cumulative=list(accumulate(found.values())))
    return NameList(names=list(found), cumulative=None)


def ascii_word(text: str) -> str:
    """The text as lower-case ASCII letters and digits, as a mail address would spell it."""
    plain = normalize("NFKD", text.lower().translate(_GERMAN_ASCII)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "", plain)


def draw_identity(rng: Random, region: Region, speakers: Speakers, *, taken: set[str], today: date) -> Identity:
    """A new identity whose mail address nobody in `taken` has; the address is added there."""
    female = rng.random() < 0.5  # noqa: PLR2004 - as many women as men
    women, men, families = name_lists(pick(rng, speakers.locales))
    given = (women if female else men).draw(rng)
    family = families.draw(rng)
    if rng.random() < speakers.two_surnames and (second := families.draw(rng)) != family:
        family = f"{family} {second}"
    age_days = int((18 + 70 * rng.betavariate(1.6, 2.4)) * _YEAR)
    return Identity(
        given_name=given,
        family_name=family,
        female=female,
        email=_address(rng, region, given, family, taken),
        date_of_birth=today - timedelta(days=age_days),
        language=speakers.language.code,
    )


def _address(rng: Random, region: Region, given: str, family: str, taken: set[str]) -> str:
    local = f"{ascii_word(given)}.{ascii_word(family)}"
    domain = pick(rng, region.mail_domains)
    address, number = f"{local}@{domain}", 1
    while address in taken:
        number += 1 + int(rng.random() * 7)
        address = f"{local}{number}@{domain}"
    taken.add(address)
    return address


def shared_identities(seed: int, people: int, today: date) -> dict[tuple[str, str], list[Identity]]:
    """For each pair of regions, the people both know: half at home in one, half in the other. Every region draws the same ones."""
    taken: set[str] = set()
    found: dict[tuple[str, str], list[Identity]] = {}
    for pair in combinations(REGIONS, 2):
        rng = stream(seed, "shared", *pair)
        found[pair] = [
            draw_identity(rng, home, draw_speakers(rng, draw_country(rng, home)), taken=taken, today=today)
            for home in (REGIONS[pair[index % 2]] for index in range(round(people * SHARED / 2)))
        ]
    return found


def draw_country(rng: Random, region: Region) -> Country:
    """A country of the region, as often as its share."""
    return rng.choices(region.countries, weights=[c.weight for c in region.countries])[0]


def draw_speakers(rng: Random, country: Country) -> Speakers:
    """One of the country's languages, as often as it is spoken."""
    return rng.choices(country.speakers, weights=[s.weight for s in country.speakers])[0]


@cache
def _city_weights(country: Country) -> list[int]:
    return list(accumulate(city.weight for city in country.cities))


def draw_city(rng: Random, country: Country) -> City:
    """A city of the country, as often as people live there."""
    return rng.choices(country.cities, cum_weights=_city_weights(country))[0]


def draw_place(rng: Random, country: Country, city: City) -> dict[str, str]:
    """A street, city, postal code and state that belong together."""
    return {
        "street": country.address.format(street=pick(rng, country.streets), number=1 + int(rng.random() ** 2 * 180)),
        "city": city.name,
        "postal_code": fill(rng, pick(rng, city.postal_codes)),
        "state": city.state,
    }


def _numbers(rng: Random, country: Country, city: City) -> dict[str, str]:
    landline = pick(rng, city.landlines) if city.landlines else ""
    mobile = pick(rng, country.mobiles)
    if "{area}" in mobile:
        mobile = mobile.format(area=re.split(r"[ -]", landline)[1])
    has_landline = bool(landline) and rng.random() < country.landline_share
    number = {"mobile": fill(rng, mobile) if rng.random() < country.mobile_share else ""}
    return {"phone": fill(rng, landline) if has_landline else number["mobile"], **number}


def draw_people(seed: int, region: Region, *, count: int, today: date) -> list[Person]:
    """So many people of the region; SHARED of them are known to another region too. Firms and trade are not yet theirs."""
    rng = stream(seed, "people", region.name)
    pairs = shared_identities(seed, count, today)
    taken = {identity.email for identities in pairs.values() for identity in identities}
    known: list[Identity | None] = [i for pair, identities in pairs.items() if region.name in pair for i in identities]
    known += [None] * (count - len(known))
    rng.shuffle(known)
    stages = draw(rng, LIFECYCLE, count)
    sources = draw(rng, LEAD_SOURCES, count)
    return [
        _draw_person(rng, region, known[n], number=n + 1, stage=stages[n], source=sources[n], taken=taken, today=today)
        for n in range(count)
    ]


def _draw_person(
    rng: Random, region: Region, known: Identity | None, *, number: int, stage: str, source: str, taken: set[str], today: date
) -> Person:
    country = draw_country(rng, region)
    speakers = draw_speakers(rng, country)
    identity = known or draw_identity(rng, region, speakers, taken=taken, today=today)
    language = next((s.language for s in country.speakers if s.language.code == identity.language), speakers.language)
    city = draw_city(rng, country)
    acquired = today - timedelta(days=2 + int(HISTORY_DAYS * rng.random() ** 1.3))
    row = {
        "external_id": f"{region.name}-p-{number:06d}",
        "given_name": identity.given_name,
        "family_name": identity.family_name,
        "honorific": language.honorifics[0 if identity.female else 1] if rng.random() < _TITLED else "",
        "email": identity.email if known or rng.random() < _MAILED else "",
        **_numbers(rng, country, city),
        **draw_place(rng, country, city),
        "date_of_birth": identity.date_of_birth.isoformat(),
        "birth_decade": f"{identity.date_of_birth.year // 10 * 10}s",
        "notes": pick(rng, language.notes) if rng.random() < _NOTED else "",
        "country": country.code,
        "language": language.code,
        "time_zone": city.time_zone,
        "lifecycle_stage": stage,
        "lead_source": source,
        "currency": region.currency,
        "acquired_at": acquired.isoformat(),
        "owner": f"sales-{1 + int(rng.random() * _OWNERS)}",
    }
    return Person(
        row=row,
        language=language,
        country=country.code,
        stage=stage,
        segment="consumer",
        acquired=acquired,
        active_until=today - timedelta(days=1),
        last_activity=acquired,
    )
