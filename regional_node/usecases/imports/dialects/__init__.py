"""The dialects an import knows, and which of them a file is in, told by its headers. Nothing here reads a row.

A dialect is a module that gives `OBJECTS`; a new one is that module and its name in the list below.
"""

import difflib
from collections.abc import Sequence

from regional_node.usecases.imports.dialects import domicile, maven, salesforce
from regional_node.usecases.imports.drafts import ImportObject
from regional_node.usecases.imports.reasons import ImportFileError

AUTO = "auto"
DIALECTS: dict[str, tuple[ImportObject, ...]] = {
    "salesforce": salesforce.OBJECTS,
    "maven": maven.OBJECTS,
    "domicile": domicile.OBJECTS,
}
_ENOUGH = 0.5  # at least half of a file's columns must be the object's own


def score(kind: ImportObject, headers: Sequence[str]) -> float:
    """Which part of the headers the object knows; 0 when one of its signature is missing."""
    if not kind.signature.issubset(headers):
        return 0.0
    return sum(kind.target(header) is not None for header in headers) / len(headers)


def recognise(headers: Sequence[str], *, dialect: str, where: str, stem: str = "") -> ImportObject:
    """The object that knows most of the headers; between equals, the one the file is named after, then the longer signature.

    Raises ImportFileError when `dialect` is unknown, or no object of it knows enough of the headers.
    """
    if dialect != AUTO and dialect not in DIALECTS:
        what = f"the dialect `{dialect}` is not known"
        raise ImportFileError(what, where=where, remedy=f"use one of: {_quoted((AUTO, *DIALECTS))}")
    kinds = [kind for name, objects in DIALECTS.items() if dialect in {AUTO, name} for kind in objects]
    ranked = sorted(kinds, key=lambda kind: (score(kind, headers), kind.name == stem.lower(), len(kind.signature)), reverse=True)
    best = ranked[0]
    if score(best, headers) >= _ENOUGH:
        return best
    raise ImportFileError("the headers are of no dialect known here", where=where, remedy=_nearest(kinds, headers))


def _nearest(kinds: list[ImportObject], headers: Sequence[str]) -> str:
    """What the file comes closest to, and which of that object's headers it lacks."""
    known = max(kinds, key=lambda kind: len(kind.signature.intersection(headers)) / len(kind.signature))
    lacking = sorted(known.signature.difference(headers))
    if len(lacking) < len(known.signature):
        return f"as {known.dialect} {known.name} it lacks {_quoted(lacking) or 'most known columns'}"
    close = [found for one in headers[:40] for found in difflib.get_close_matches(one.lower(), domicile.HEADERS, n=1, cutoff=0.8)]
    named = "name columns after our fields"
    if close:
        named = f"rename columns to our own names (closest: {_quoted(tuple(dict.fromkeys(close))[:5])})"
    return f"{named}, or export it as one of: {_quoted(tuple(dict.fromkeys(kind.dialect for kind in kinds)))}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
