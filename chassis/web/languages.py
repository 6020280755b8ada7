"""The language of a page: which are there, which one a browser gets, how numbers and dates look in it. It translates no data."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from fastapi import Request

TRANSLATIONS = Path(__file__).parent.parent / "assets" / "translations"
DEFAULT = "en"
COOKIE = "domicile_lang"
_RIGHT_TO_LEFT = "rtl"

Number = int | float | Decimal


@cache
def languages(folder: Path = TRANSLATIONS) -> Mapping[str, str]:
    """Code -> its own name, of every catalogue in `folder`; the default first."""
    codes = sorted({path.parent.parent.name for path in folder.glob("*/LC_MESSAGES/messages.po")} | {DEFAULT})
    codes.sort(key=lambda code: code != DEFAULT)
    return {code: (_locale(code).get_display_name(code) or code).capitalize() for code in codes}


def choose(request: Request) -> str:
    """The language of an answer: `?lang=`, then the cookie, then Accept-Language, then English."""
    offered = languages()
    for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if wanted in offered:
            return str(wanted)
    ranked = [part.split(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")[:10]]
    return negotiate_locale([code for code in ranked if code], list(offered), sep="-") or DEFAULT


def direction(lang: str) -> str:
    """`rtl` or `ltr`."""
    return _RIGHT_TO_LEFT if _locale(lang).text_direction == _RIGHT_TO_LEFT else "ltr"


@cache
def translations(lang: str, folder: Path = TRANSLATIONS) -> NullTranslations:
    """The catalogue of a language: the compiled one, or made from its text when that is newer or nothing was compiled."""
    source = folder / lang.replace("-", "_") / "LC_MESSAGES" / "messages.po"
    compiled = source.with_suffix(".mo")
    if compiled.is_file() and (not source.is_file() or compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns):
        return GNUTranslations(BytesIO(compiled.read_bytes()))
    if not source.is_file():
        return NullTranslations()
    out = BytesIO()
    with source.open("rb") as text:
        write_mo(out, read_po(text, locale=lang.replace("-", "_")))
    out.seek(0)
    return GNUTranslations(out)


def number(value: Number | None, lang: str, digits: int | None = None) -> str:
    """1234.5 -> `1,234.5`, or with `digits` decimals; nothing for None."""
    if value is None:
        return ""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=_locale(lang))


def money(value: Number | None, lang: str, currency: str) -> str:
    """An amount with its currency, in the manner of the language."""
    return "" if value is None else format_currency(value, currency, locale=_locale(lang))


def percent(value: Number | None, lang: str) -> str:
    """.25 -> `25%`."""
    return "" if value is None else format_percent(value, locale=_locale(lang))


def day(value: date | None, lang: str, style: str = "medium") -> str:
    """A date."""
    return "" if value is None else format_date(value, format=style, locale=_locale(lang))


def moment(value: datetime | None, lang: str, zone: tzinfo, style: str = "medium") -> str:
    """A point in time, on the clocks of the node."""
    return "" if value is None else format_datetime(value, format=style, tzinfo=zone, locale=_locale(lang))


@cache
def _locale(lang: str) -> Locale:
    try:
        return Locale.parse(lang.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(DEFAULT)
