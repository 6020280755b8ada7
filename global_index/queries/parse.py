"""From accepted text to a syntax tree of one plain SELECT, with the place of every part. It knows grammar and no catalogue.

Whatever the parser says about a text may repeat the text, so its messages are dropped and only its places are kept.
"""

import logging
from dataclasses import dataclass

import sqlglot
from sqlglot import Dialect, exp
from sqlglot.errors import ErrorLevel, SqlglotError

from global_index.errors import QuestionError
from global_index.queries.text import Source, accept

logging.getLogger("sqlglot").disabled = True  # its warnings quote the text, and a text may name a person

_KEPT = frozenset({"expressions", "from_", "from", "where", "group", "having", "order", "limit"})
_MEANINGS = {
    "joins": ("a question reads one table", "ask each table by itself"),
    "laterals": ("a question reads one table", "ask each table by itself"),
    "with_": ("common table expressions are not answered yet", "ask the inner question by itself"),
    "with": ("common table expressions are not answered yet", "ask the inner question by itself"),
    "distinct": ("DISTINCT is not answered", "use GROUP BY"),
    "windows": ("window functions are not answered", "use GROUP BY"),
    "qualify": ("QUALIFY is not answered", "use HAVING"),
    "offset": ("OFFSET is not answered", "use ORDER BY with LIMIT"),
    "into": ("an answer cannot be written into a table", "remove INTO"),
}
_STATEMENT = ("this form of SELECT is not answered", "use SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ... ORDER BY ... LIMIT")


class Plain(Dialect):
    """SQL without the habits of any product; rows without a value come last unless the question says otherwise."""

    NULL_ORDERING = "nulls_are_last"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A SELECT and its text."""

    source: Source
    select: exp.Select

    def at(self, node: exp.Expr) -> int:
        """The offset where `node` begins, as near as the parser tells."""
        own = node.meta.get("start") if node.meta else None
        if own is not None:
            return int(own)
        found = [int(child.meta["start"]) for child in node.walk() if child.meta and "start" in child.meta]
        return min(found, default=0)

    def invalid(self, node: exp.Expr, what: str, remedy: str = "") -> QuestionError:
        """The error for something wrong at `node`."""
        return self.source.refuse(self.at(node), what, remedy)

    def unsupported(self, node: exp.Expr, what: str, remedy: str = "") -> QuestionError:
        """The error for something at `node` that this federation does not answer."""
        return self.source.refuse(self.at(node), what, remedy, unsupported=True)


def parse(text: str) -> Parsed:
    """The SELECT of `text`. Raises QuestionError with line and column for anything else."""
    source = accept(text)
    try:
        statements = sqlglot.parse(source.text, read=Plain, error_level=ErrorLevel.IMMEDIATE)
    except SqlglotError as error:
        raise source.refuse(
            _offset_of(error, source), "the question cannot be read from here", "check the SQL near this place"
        ) from None
    except (RecursionError, ValueError, TypeError, AttributeError, LookupError):
        raise source.refuse(0, "the question cannot be read", "write it more plainly") from None
    if len(statements) != 1 or statements[0] is None:
        raise source.refuse(0, "only one statement can be asked", "ask one SELECT at a time", unsupported=True)
    tree = statements[0]
    if not isinstance(tree, exp.Select):
        raise source.refuse(0, "only a plain SELECT can be asked", "ask each SELECT by itself", unsupported=True)
    parsed = Parsed(source, tree)
    for name in tree.find_all(exp.Identifier):
        if name.args.get("quoted"):  # a text in the place of a name
            raise parsed.unsupported(name, "a text cannot stand where a name does", "write names without quotes")
    _refuse_clauses(parsed)
    return parsed


def table_of(parsed: Parsed) -> tuple[exp.Table, str]:
    """The one table and the alias under which its columns may be named."""
    clause = parsed.select.args.get("from_") or parsed.select.args.get("from")
    if clause is None:
        raise parsed.unsupported(parsed.select, "the question names no table", "add for example `FROM people`")
    table = clause.this
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        raise parsed.unsupported(clause, "a question reads a table of the catalogue", "ask the inner question by itself")
    if table.args.get("db") or table.args.get("catalog"):
        raise parsed.unsupported(table, "a table has no schema", "write its name alone")
    extra = [name for name, value in table.args.items() if value and name not in {"this", "alias"}]
    alias = table.args.get("alias")
    if extra or (alias is not None and (alias.args.get("columns") or not isinstance(alias.this, exp.Identifier))):
        raise parsed.unsupported(table, "nothing may follow the table but its alias", "remove it")
    return table, str(alias.this.this).lower() if alias is not None else str(table.this.this).lower()


def _refuse_clauses(parsed: Parsed) -> None:
    for name, value in parsed.select.args.items():
        if not value or name in _KEPT:
            continue
        what, remedy = _MEANINGS.get(name, _STATEMENT)
        node = value[0] if isinstance(value, list) else value
        raise parsed.unsupported(node if isinstance(node, exp.Expr) else parsed.select, what, remedy)
    group = parsed.select.args.get("group")
    if group is not None and any(value for name, value in group.args.items() if name != "expressions"):
        raise parsed.unsupported(group, "GROUP BY takes columns only", "remove ROLLUP, CUBE, ALL and grouping sets")
    limit = parsed.select.args.get("limit")
    if limit is not None and any(value for name, value in limit.args.items() if name != "expression"):
        raise parsed.unsupported(limit, "LIMIT takes one number", "write for example `LIMIT 10`")


def _offset_of(error: SqlglotError, source: Source) -> int:
    told = getattr(error, "errors", None) or [{}]
    line, column = told[0].get("line"), told[0].get("col")
    if not isinstance(line, int) or not isinstance(column, int):
        return max(0, len(source.text) - 1)
    lines = source.text.split("\n")
    width = len(told[0].get("highlight") or "")
    before = sum(len(one) + 1 for one in lines[: line - 1])
    return max(0, min(before + column - width, len(source.text)))
