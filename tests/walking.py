"""A second evaluation of z3 formulas: it walks their syntax tree into plain Python. It knows no policy and no term of ours."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import z3

_INFIX = {
    z3.Z3_OP_AND: " and ",
    z3.Z3_OP_OR: " or ",
    z3.Z3_OP_EQ: " == ",
    z3.Z3_OP_LE: " <= ",
    z3.Z3_OP_LT: " < ",
    z3.Z3_OP_GE: " >= ",
    z3.Z3_OP_GT: " > ",
    z3.Z3_OP_ADD: " + ",
    z3.Z3_OP_SUB: " - ",
}
_LITERALS = {z3.Z3_OP_TRUE: "True", z3.Z3_OP_FALSE: "False"}


def walk(formulas: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A function from an assignment (absent flags are false, absent numbers 0) to the value of every formula."""
    lines: list[str] = []
    names: dict[int, str] = {}
    keep: list[Any] = []  # z3 gives an id again once its expression is gone
    for formula in formulas.values():
        for node in _in_order(formula, names):
            keep.append(node)
            text = _node(node, [names[child.get_id()] for child in node.children()])
            names[node.get_id()] = f"v{len(names)}"
            lines.append(f"    {names[node.get_id()]} = {text}")
    answer = ", ".join(f"{key!r}: {names[formula.get_id()]}" for key, formula in formulas.items())
    source = "def evaluate(of):\n" + "\n".join(lines) + f"\n    return {{{answer}}}\n"
    scope: dict[str, Any] = {}
    exec(compile(source, "<formulas>", "exec"), scope)  # noqa: S102 - the text is made here, of numbers and of names in quotes
    found: Callable[[Mapping[str, Any]], dict[str, Any]] = scope["evaluate"]
    return found


def _in_order(formula: Any, done: Mapping[int, str]) -> Iterable[Any]:
    """Every node that is not done yet, children first."""
    seen: set[int] = set(done)
    stack = [(formula, False)]
    while stack:
        node, expanded = stack.pop()
        if node.get_id() in seen:
            continue
        if expanded:
            seen.add(node.get_id())
            yield node
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in node.children())


def _node(node: Any, children: list[str]) -> str:
    kind = node.decl().kind()
    if z3.is_int_value(node):
        return str(node.as_long())
    if kind in _LITERALS:
        return _LITERALS[kind]
    if kind in _INFIX:
        return _INFIX[kind].join(children)
    if kind == z3.Z3_OP_NOT:
        return f"not {children[0]}"
    if kind == z3.Z3_OP_ITE:
        return f"{children[1]} if {children[0]} else {children[2]}"
    if kind == z3.Z3_OP_UNINTERPRETED and not children:
        return f"of.get({node.decl().name()!r}, {'0' if z3.is_int(node) else 'False'})"
    message = f"no such operation: {node.decl()}"
    raise LookupError(message)
