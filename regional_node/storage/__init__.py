"""The store of a node: sealed records, keyed look-ups, the ledger, the account, the projection. It decides nothing."""
