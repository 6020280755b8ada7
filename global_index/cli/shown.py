"""How answers look on a terminal: figures with their margins, and under them who answered, who refused and why. It asks nobody."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 160
_WORDS = {"partial": " (partial)", "withheld": "withheld"}
_STYLES = {"answered": "green", "refused": "yellow", "down": "red", "unknown": "red", "not_asked": "dim"}


def console() -> Console:
    """The terminal; what is not a terminal gets wide lines, so that nothing is cut."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)


def facts(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, title: str = "") -> Table:
    """A table of plain facts."""
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(Text(_plain(row.get(column))) for column in columns))
    return table


def answer(out: Console, body: Mapping[str, Any]) -> None:
    """An answer and its coverage."""
    table = Table()
    for fact in body["facts"]:
        name = fact["name"] + (f" ({fact['unit']})" if fact["unit"] else "")
        table.add_column(Text(name), justify="left" if fact["kind"] == "key" else "right")
    for values, margins, marks in zip(body["rows"], body["margins"], body["marks"], strict=True):
        table.add_row(*(Text(_cell(v, m, k)) for v, m, k in zip(values, margins, marks, strict=True)))
    out.print(table)
    coverage(out, body)


def _bounded(body: Mapping[str, Any]) -> str:
    """What the margin does not cover: rows beyond those that count of one person or company."""
    rows = body["rows_per_subject"]
    return f"at most {rows} rows of one person or company count, larger holdings are cut; " if rows > 1 else ""


def coverage(out: Console, body: Mapping[str, Any]) -> None:
    """Who answered, who refused by which rule, who was down."""
    table = Table(
        "region", "status", "epoch", "noise (sd)", "withheld cells", "recorded", "charged", title="coverage", title_justify="left"
    )
    for one in body["coverage"]:
        noise = ", ".join(f"{deviation:,.1f}" for deviation in one["noise"])
        cells = (one["epoch"] or "-", noise or "-", str(one["suppressed"]), "yes" if one["recorded"] else "no", one["rho"])
        table.add_row(
            Text(one["region"]), Text(one["status"], style=_STYLES.get(one["status"], "")), *(Text(cell) for cell in cells)
        )
    out.print(table)
    for one in body["coverage"]:
        if one["status"] not in {"answered", "not_asked"}:
            out.print(Text(_why(one)))
    out.print(
        Text(
            f"± is the 95 % margin of the noise; {_bounded(body)}the question charged {body['budget']['charged']} rho in all",
            style="dim",
        )
    )


def person(out: Console, body: Mapping[str, Any]) -> None:
    """The fields of a person, each with its form, rule and citation."""
    table = Table(
        "field", "form", "value", "rule", "cites", title=f"{body['region']}, ledger leaf {body['leaf']}", title_justify="left"
    )
    for field in body["fields"]:
        rule = field["rules"][0] if field["rules"] else {"policy": "-", "cite": []}
        value = "-" if field["value"] is None else field["value"]
        cells = (field["name"], field["form"], value, rule["policy"], "; ".join(rule["cite"]))
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(table)


def refused(out: Console, body: Mapping[str, Any]) -> None:
    """A refusal: rule, citation, what would have allowed it."""
    decision = body.get("decision") or {}
    out.print(Text(f"refused by {body.get('region', 'the region')}: {body.get('detail', '')}"))
    out.print(Text(f"  reasons: {', '.join(decision.get('reasons', [])) or '-'}"))
    for rule in decision.get("rules", []):
        out.print(Text(f"  rule: {rule['policy']} ({rule['place']}), cites {'; '.join(rule['cite']) or '-'}"))
    if decision.get("try_instead"):
        out.print(Text(f"  would have allowed it: {', '.join(decision['try_instead'])}"))


def as_csv(body: Mapping[str, Any]) -> str:
    """The rows as CSV; each figure is followed by its margin and its mark."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    figures = [fact["kind"] != "key" for fact in body["facts"]]
    header: list[str] = []
    for name, figure in zip(body["columns"], figures, strict=True):
        header += [name, f"{name}_margin", f"{name}_mark"] if figure else [name]
    writer.writerow(header)
    for values, margins, marks in zip(body["rows"], body["margins"], body["marks"], strict=True):
        line: list[Any] = []
        for value, margin, mark, figure in zip(values, margins, marks, figures, strict=True):
            line += [value, margin, mark] if figure else [_harmless(value)]
        writer.writerow(line)
    return out.getvalue()


def _harmless(key: Any) -> Any:
    """A key as a spreadsheet may open it: a region declares its own words, and one may look like a formula (CWE-1236)."""
    return f"'{key}" if isinstance(key, str) and key.startswith(("=", "+", "-", "@", "\t", "\r")) else key


def _why(one: Mapping[str, Any]) -> str:
    parts = [f"{one['region']} {one['status']}: {one['detail'] or one['reason']}"]
    for rule in one["rules"]:
        parts.append(f"rule {rule['policy']} ({rule['place']}), cites {'; '.join(rule['cite']) or '-'}")
    if one["reason"] and one["detail"]:
        parts.append(f"reason {one['reason']}")
    if one["try_instead"]:
        parts.append(f"would have allowed it: {', '.join(one['try_instead'])}")
    elif one["remedy"]:
        parts.append(one["remedy"])
    return "; ".join(parts)


def _cell(value: Any, margin: float | None, mark: str) -> str:
    if mark == "withheld":
        return _WORDS[mark]
    shown = (
        _plain(value)
        if margin is None
        else f"{value:,} ± {margin:,.0f}"
        if isinstance(value, int)
        else f"{value:,.2f} ± {margin:,.2f}"
    )
    return shown + _WORDS.get(mark, "")


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
