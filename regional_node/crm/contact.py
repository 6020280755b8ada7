"""E-mail addresses, phones and names in the one form in which they are compared. Nothing here asks the network or keeps a value."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

LONGEST_PREFIX = 12
SHORTEST_PREFIX = 2

# The common case, accepted without the library (17,000 a second): a dot-atom of ASCII at a host name of letters. Anything that
# this does not match is left to the library, so it can only be stricter, never laxer.
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}", re.IGNORECASE | re.ASCII
)
_SPECIAL_ENDS = ("test", "local", "localhost", "invalid", "example", "onion", "arpa", "alt")
# Numbers whose reading needs no library (30,000 a second): in E.164 already, or dialled inside a country whose trunk prefix is 0 or
# none. A test compares both with the library on random numbers.
_WRITTEN_E164 = re.compile(
    r"\+(?:(?:49|55(?!90)|44|33|34|31|48|43|41|45|46|47|32|351|353)[1-9][0-9]{6,10}|1[2-9][0-9]{9})", re.ASCII
)
_DIALLED = {
    "DE": ("+49", re.compile(r"0([1-9][0-9]{6,10})", re.ASCII)),
    "FR": ("+33", re.compile(r"0([1-9][0-9]{8})", re.ASCII)),
    "GB": ("+44", re.compile(r"0([1-9][0-9]{8,9})", re.ASCII)),
    "US": ("+1", re.compile(r"([2-9][0-9]{2}[2-9][0-9]{6})", re.ASCII)),
    "BR": ("+55", re.compile(r"((?!90)[1-9][1-9][0-9]{8,9})", re.ASCII)),
}
_PUNCTUATION = {ord(sign): None for sign in " -.()"}
_LONGEST_LOCAL = 64
_LONGEST_EMAIL = 254
_APOSTROPHES = {ord(sign): None for sign in ("'", "`", "\u00b4", "\u02bc", "\u2019")}
_ASCII_WORDS = {**{code: " " for code in range(128) if not chr(code).isalnum()}, **_APOSTROPHES}


def normal_email(text: str) -> str | None:
    """The address in its normal form (host in lower case), None when it is not an address. Syntax only: no DNS is asked."""
    given = text.strip()
    local, _, host = given.rpartition("@")
    end = host.rpartition(".")[2].lower()
    plain = len(given) <= _LONGEST_EMAIL and len(local) <= _LONGEST_LOCAL and "--" not in host and end not in _SPECIAL_ENDS
    if plain and _PLAIN_EMAIL.fullmatch(given):
        return f"{local}@{host.lower()}"
    try:
        return validate_email(given, check_deliverability=False, test_environment=True, strict=True).normalized
    except EmailNotValidError:
        return None


def email_key(text: str) -> str:
    """What two spellings of one address share: it is compared without regard to case, in NFKC."""
    return unicodedata.normalize("NFKC", normal_email(text) or text.strip()).casefold()


def normal_phone(text: str, country: str) -> str | None:
    """The number in E.164, read as dialled in `country` when it has no prefix; None when no number can be read."""
    if _WRITTEN_E164.fullmatch(bare := text.translate(_PUNCTUATION)):
        return bare
    prefix, dialled = _DIALLED.get(country, ("", None))
    if dialled is not None and (found := dialled.fullmatch(bare)):
        return prefix + found[1]
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written}x{number.extension}" if number.extension else str(written)


def phone_key(text: str, country: str) -> str | None:
    """What two spellings of one number share: E.164, else its digits; None when there is no digit."""
    if (normal := normal_phone(text, country)) is not None:
        return normal
    digits = "".join(str(unicodedata.digit(sign)) for sign in text if sign.isdigit())
    return digits or None


def name_words(text: str) -> tuple[str, ...]:
    """The words of a name as they are searched: case-folded, NFKD without marks, split where there is no letter or digit."""
    if text.isascii():
        return tuple(text.translate(_ASCII_WORDS).lower().split())
    bare = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    kept = (sign for sign in unicodedata.normalize("NFKD", bare) if unicodedata.category(sign)[0] != "M")
    return tuple("".join(sign if sign.isalnum() else " " for sign in kept).split())


@lru_cache(maxsize=64)
def _lengths(length: int, shortest: int) -> range:
    return range(min(shortest, length), min(LONGEST_PREFIX, length) + 1)


def prefixes(word: str) -> tuple[str, ...]:
    """The beginnings under which a word is found: of 2 to 12 signs, from 1 in scripts without case, where one sign says much."""
    shortest = 1 if unicodedata.category(word[0]) == "Lo" else SHORTEST_PREFIX
    return tuple(word[:length] for length in _lengths(len(word), shortest))
