"""Brings the translations up to date: `python -m chassis.assets.extract [LANGUAGE …]`. It writes .po files and nothing else.

It collects the texts of all templates, of `label="…"` in the consoles' Python and the public sentences of errors, keeps what is
translated, drops what is no longer shown and adds a catalogue for every LANGUAGE that is named and not there yet.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from chassis.web.problems import REMEDIES
from policies.engine.errors import CATALOGUE

HOUSE = Path(__file__).resolve().parents[2]
TRANSLATIONS = Path(__file__).resolve().parent / "translations"
ROOMS = ("chassis/assets/templates", "regional_node/console", "global_index/console")
METHODS = [("**.html", "jinja2.ext.babel_extract")]
LABELS = frozenset({"NavItem"})


def collect(house: Path = HOUSE) -> Catalog:
    """Every text that is shown, as a catalogue without translations."""
    found = Catalog(project="domicile", charset="utf-8", fuzzy=False)
    for room in ROOMS:
        folder = house / room
        if not folder.is_dir():
            continue
        for name, _line, message, comments, context in extract_from_dir(folder, METHODS, {"**.html": {"trimmed": "true"}}):
            found.add(message, locations=[(f"{room}/{name}", 0)], auto_comments=comments, context=context)
        for path in sorted(folder.rglob("*.py")):
            for label in labels(path.read_text(encoding="utf-8")):
                found.add(label, locations=[(path.relative_to(house).as_posix(), 0)])
    for row in CATALOGUE.values():
        found.add(row.public, locations=[("policies/engine/errors.py", 0)])
    for remedy in REMEDIES.values():
        found.add(remedy, locations=[("chassis/web/problems.py", 0)])
    return found


def labels(source: str) -> Iterator[str]:
    """The `label` of every NavItem in a Python file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LABELS:
            for keyword in node.keywords:
                if keyword.arg == "label" and isinstance(keyword.value, ast.Constant):
                    yield str(keyword.value.value)


def renew(folder: Path, language: str, template: Catalog, *, at: datetime) -> tuple[int, int]:
    """Update or make one catalogue; (texts, of which untranslated)."""
    path = folder / language / "LC_MESSAGES" / "messages.po"
    if path.is_file():
        with path.open("rb") as text:
            catalogue = read_po(text, locale=language)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = Catalog(locale=language, project="domicile", charset="utf-8", creation_date=at, fuzzy=False)
    catalogue.header_comment = f"# The texts of Domicile in {catalogue.locale.english_name if catalogue.locale else language}."
    catalogue.last_translator = catalogue.language_team = "Domicile"
    catalogue.msgid_bugs_address = ""
    catalogue.version = ""
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    with path.open("wb") as out:
        write_po(out, catalogue, width=120, sort_output=True, omit_header=False, include_lineno=False)
    texts = [message for message in catalogue if message.id]
    return len(texts), sum(not message.string for message in texts)


def main(named: Iterable[str]) -> int:
    """Renew every catalogue and say what is left to translate."""
    template = collect()
    languages = {path.name for path in TRANSLATIONS.iterdir() if path.is_dir()} | set(named)
    for language in sorted(languages):
        texts, missing = renew(TRANSLATIONS, language, template, at=datetime.now(UTC))
        note = "the texts themselves" if language == "en" else f"{missing} to translate"
        sys.stdout.write(f"{language}: {texts} texts, {note}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
