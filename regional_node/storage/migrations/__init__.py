"""The migrations of a regional node: `versions/` only; environment and template are the chassis's."""
