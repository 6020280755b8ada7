"""The canonical layout of policy files: key order, indentation, line width, comments kept. It never changes what a file says:
a file that the strict parser refuses is refused, and a layout that would read differently is never returned.

Comments move with the key or item they stand at. Flow and block style stay as written, but a flow that is too long becomes block.
"""

import json
import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.events import DocumentStartEvent
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from policies.engine.diagnostics import PolicyError
from policies.engine.parser import KEYS, parse_text
from policies.engine.registry import Registry
from policies.engine.strict_yaml import Place, parse_documents, plain

WIDTH = 132
_COMMENT = re.compile(r"#[^\r\n\x85\u2028\u2029]*")
_BREAKS = "\r\n\x85\u2028\u2029"
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
_FOLD = re.compile(r"(?<=\S) (?=\S)")


def format_policies(text: str, filename: str, *, registry: Registry | None = None) -> str:
    """A policy file in canonical layout. Raises PolicyError for what the strict parser refuses."""
    parse_text(text, filename, registry=registry)
    return canonical(text, filename)


def canonical(text: str, filename: str) -> str:
    """Any strict YAML in canonical layout, the keys of a policy in their order. Raises PolicyError where it is not strict YAML."""
    before = [plain(node) for node in parse_documents(text, filename)]
    roots = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    documents = [_Document(root) for root in roots]
    opened = [_mark(event) for event in yaml.parse(text, Loader=yaml.SafeLoader) if isinstance(event, DocumentStartEvent)]
    comments = list(_comments(text, roots))
    for start, comment in comments:
        _attach(start, comment.rstrip(), text, documents[max(bisect(opened, start) - 1, 0)])
    laid_out = "---\n".join("".join(f"{line}\n" for line in document.lines()) for document in documents)
    after = parse_documents(laid_out, filename)
    kept = sorted(comment.rstrip() for _, comment in comments)
    shown = sorted(comment.rstrip() for _, comment in _comments(laid_out, list(yaml.compose_all(laid_out, Loader=yaml.SafeLoader))))
    if [plain(node) for node in after] != before or shown != kept:
        raise PolicyError(
            [Place(filename, 1, 1).finding("the canonical layout would read differently", "lay the file out by hand")]
        )
    return laid_out


@dataclass(slots=True, eq=False)
class _Slot:
    """One key of a mapping or one item of a list, with the comments that move with it; `until`: where its flow ends, 0 in block."""

    start: int
    column: int
    key: str | None
    value: Node
    until: int
    children: list["_Slot"] = field(default_factory=list)
    above: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)

    @property
    def commented(self) -> bool:
        return bool(self.above or self.beside or self.below) or any(child.commented for child in self.children)


def _slots(node: Node, until: int) -> list[_Slot]:
    if not isinstance(node, CollectionNode):
        return []
    if node.flow_style:
        until = until or _index(node, end=True)
    pairs: list[tuple[Node, str | None, Node]] = [(item, None, item) for item in node.value if isinstance(item, Node)]
    if isinstance(node, MappingNode):
        pairs = [(key, _source(key), value) for key, value in node.value]
    found: list[_Slot] = []
    for first, key, value in pairs:
        slot = _Slot(start=_index(first), column=_column(first, item=key is None), key=key, value=value, until=until)
        slot.children = _slots(value, until)
        found.append(slot)
    return found


def _index(node: Node, *, end: bool = False) -> int:
    mark = node.end_mark if end else node.start_mark
    return int(mark.index)


def _column(node: Node, *, item: bool) -> int:
    """Where a key begins, or the dash of an item."""
    mark = node.start_mark
    before = (mark.buffer or "")[mark.pointer - mark.column : mark.pointer] if item else ""
    return before.rindex("-") if "-" in before else mark.column


def _mark(event: DocumentStartEvent) -> int:
    return event.start_mark.index if event.start_mark else 0


def _source(node: ScalarNode) -> str:
    """A scalar as it is written, or in double quotes when it runs over several lines."""
    buffer = node.start_mark.buffer or ""
    written = buffer[node.start_mark.pointer : node.end_mark.pointer]
    return _quoted(node.value) if any(mark in written for mark in _BREAKS) or node.style in {"|", ">"} else written


def _quoted(value: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


class _Document:
    """One document being laid out."""

    def __init__(self, root: Node) -> None:
        self.root = _Slot(start=_index(root), column=0, key=None, value=root, until=0)
        self.root.children = _slots(root, 0)
        if isinstance(root, MappingNode) and {slot.key for slot in self.root.children} >= {"policy", "law"}:
            self.ordered = sorted(self.root.children, key=lambda slot: KEYS.index(slot.key) if slot.key in KEYS else len(KEYS))
        else:
            self.ordered = self.root.children

    def all(self) -> Iterator[_Slot]:
        """Every slot, in the order of the file."""
        pending = list(self.root.children)
        while pending:
            slot = pending.pop(0)
            yield slot
            pending[:0] = slot.children

    def lines(self) -> list[str]:
        """The document laid out."""
        if isinstance(self.root.value, ScalarNode) or not self.ordered:
            body = [_flow(self.root)]
        else:
            body = _block(self.root.value, self.ordered, 0)
        return [*self.root.above, *body, *self.root.below]


def _comments(text: str, roots: list[Node]) -> Iterator[tuple[int, str]]:
    """Every comment with where it stands: each `#` after a space that no scalar contains."""
    spans = sorted(span for root in roots for span in _spans(root, text))
    taken = until = 0
    for start in (found.start() for found in re.finditer("#", text)):
        while taken < len(spans) and spans[taken][1] <= start:
            taken += 1
        inside = taken < len(spans) and spans[taken][0] <= start
        if start >= until and not inside and (start == 0 or text[start - 1].isspace() or text[start - 1] == "\ufeff"):
            found = _COMMENT.match(text, start)
            comment = found[0] if found else ""
            until = start + len(comment)
            yield start, comment


def _spans(node: Node, text: str) -> Iterator[tuple[int, int]]:
    if isinstance(node, ScalarNode):
        start = _index(node)
        if node.style in {"|", ">"}:  # a comment may stand beside the indicator
            start = min((end for mark in _BREAKS if (end := text.find(mark, start)) >= 0), default=start)
        yield start, _index(node, end=True)
        return
    for item in node.value:
        for inner in item if isinstance(item, tuple) else (item,):
            yield from _spans(inner, text)


def _attach(start: int, comment: str, text: str, document: _Document) -> None:
    """Give a comment to the slot it stands at."""
    opening = max(text.rfind(mark, 0, start) for mark in _BREAKS) + 1
    alone = not text[opening:start].strip(" \t\ufeff")
    slots = list(document.all())
    here = [slot for slot in slots if slot.start < start]
    following = next((slot for slot in slots if slot.start > start), None)
    block = [slot for slot in here if not slot.until]
    if not alone and here:
        beside = [slot for slot in here if slot.start >= opening and (not slot.until or slot.until > start)]
        (beside or block or here)[-1].beside.append(comment)
        return
    if not here:
        (document.root.above if following or start < document.root.start else document.root.below).append(comment)
        return
    # indented as the block that has just ended, it stays with that block; else it goes with what follows
    column, least = start - opening, following.column if following else 0
    ended = next((slot for slot in reversed(block) if slot.column <= column), None)
    if ended is not None and ended.column > least:
        ended.below.append(comment)
    else:
        (following.above if following else document.root.below).append(comment)


def _block(node: Node, slots: list[_Slot], indent: int) -> list[str]:
    lines: list[str] = []
    margin = " " * indent
    for slot in slots:
        body = _entry(slot, indent) if isinstance(node, MappingNode) else _item(slot, indent)
        above = list(slot.above)
        beside = "  ".join(slot.beside)
        opens = len(body) == 1 or (body[0].endswith(":") and not _is_comment(body[0]))
        if beside and opens and len(body[0]) + len(beside) + 2 <= WIDTH:
            body[0] = f"{body[0]}  {beside}"
        else:
            above.extend(slot.beside)
        lines.extend(margin + comment for comment in above)
        lines.extend(body)
        lines.extend(margin + comment for comment in slot.below)
    return lines


def _entry(slot: _Slot, indent: int) -> list[str]:
    head = f"{' ' * indent}{slot.key}:"
    if isinstance(slot.value, ScalarNode):
        return _scalar(head, slot.value, indent)
    line = f"{head} {_flow(slot)}" if _may_flow(slot) else ""
    if line and (len(line) <= WIDTH or not slot.children):
        return [line]
    return [head, *_block(slot.value, slot.children, indent + 2)]


def _item(slot: _Slot, indent: int) -> list[str]:
    head = f"{' ' * indent}-"
    if isinstance(slot.value, ScalarNode):
        return _scalar(head, slot.value, indent)
    line = f"{head} {_flow(slot)}" if _may_flow(slot) else ""
    if line and (len(line) <= WIDTH or not slot.children):
        return [line]
    body = _block(slot.value, slot.children, indent + 2)
    opening = next(number for number, found in enumerate(body) if not _is_comment(found))
    moved = [" " * indent + found.lstrip() for found in body[:opening]]
    return [*moved, f"{head} {body[opening].lstrip()}", *body[opening + 1 :]]


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _scalar(head: str, node: ScalarNode, indent: int) -> list[str]:
    written = _source(node)
    line = f"{head} {written}" if written else head
    if len(line) <= WIDTH:
        return [line]
    lines: list[str] = []
    line = f"{head} "
    quoted = written if written.startswith('"') else _quoted(node.value)
    for number, word in enumerate(_FOLD.split(quoted)):
        if number and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = " " * (indent + 2) + word
        else:
            line = f"{line} {word}" if number else line + word
    return [*lines, line]


def _may_flow(slot: _Slot) -> bool:
    node = slot.value
    flow = isinstance(node, CollectionNode) and node.flow_style
    return bool(flow or not slot.children) and not any(child.commented for child in slot.children)


def _flow(slot: _Slot) -> str:
    if isinstance(slot.value, ScalarNode):
        return _source(slot.value)
    parts = [f"{child.key}: {_flow(child)}".rstrip() if child.key is not None else _flow(child) for child in slot.children]
    return "{" + ", ".join(parts) + "}" if isinstance(slot.value, MappingNode) else "[" + ", ".join(parts) + "]"
