"""A regional node: keeps its jurisdiction's people, and lets out only what its own policies permit."""
