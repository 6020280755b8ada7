"""The store of the index. No table here has a personal column."""
