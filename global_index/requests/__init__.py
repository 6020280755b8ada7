"""Record-level requests, membership, tickets and history. Pure: no SQL, no wire, no web."""
