"""The migrations of the index's store, applied by `global-index migrate`. They import no live code."""
