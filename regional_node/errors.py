"""The errors of a regional node, in one place to import from. Each has a row in the catalogue; none repeats what was typed."""

from policies.engine.errors import Code, DomicileError

__all__ = ["Code", "DomicileError"]
