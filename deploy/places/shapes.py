"""The shape of a place: region, country, city, language. Nothing here holds a fact of its own.

In a template `#` stands for a digit and `?` for a capital letter.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A city, its state, its share of the country's people, its postal codes and its landline numbers (templates)."""

    name: str
    state: str
    weight: int
    time_zone: str
    postal_codes: tuple[str, ...]
    landlines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What is said in a language: titles before a name (woman, man), jobs, remarks, and the subjects of conversations."""

    code: str
    honorifics: tuple[str, str]
    jobs: tuple[str, ...]
    notes: tuple[str, ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speakers:
    """The part of a country that speaks a language, its name lists (locales of Faker), and how many bear two surnames."""

    language: Language
    weight: int
    locales: tuple[str, ...]
    two_surnames: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country: its share of the region, how people are addressed and reached, and what firms are called."""

    code: str
    weight: int
    speakers: tuple[Speakers, ...]
    cities: tuple[City, ...]
    mobiles: tuple[str, ...]
    landline_share: float
    mobile_share: float
    streets: tuple[str, ...]
    address: str
    firms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of the federation. `price_level` is what a price of one euro is called there, in `currency`."""

    name: str
    currency: str
    price_level: float
    time_zone: str
    countries: tuple[Country, ...]
    mail_domains: tuple[str, ...]
    order_prefix: str

    @property
    def languages(self) -> tuple[str, ...]:
        """The language codes spoken, each once."""
        return tuple(dict.fromkeys(s.language.code for c in self.countries for s in c.speakers))

    @property
    def time_zones(self) -> tuple[str, ...]:
        """The time zones lived in, each once."""
        return tuple(dict.fromkeys(city.time_zone for c in self.countries for city in c.cities))


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text, trimmed, without the empty ones."""
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


def cities(text: str, *, time_zone: str = "") -> tuple[City, ...]:
    """Read a table: name | state | weight | landlines, by comma | postal codes, by blank (`_`: a blank inside) [| time zone]."""
    return tuple(_city(line, time_zone) for line in lines(text))


def _city(line: str, time_zone: str) -> City:
    name, state, weight, landlines, codes, *zone = (cell.strip() for cell in line.split("|"))
    return City(
        name=name,
        state=state,
        weight=int(weight),
        time_zone=zone[0] if zone else time_zone,
        postal_codes=tuple(code.replace("_", " ") for code in codes.split()),
        landlines=tuple(number.strip() for number in landlines.split(",") if number.strip()),
    )
