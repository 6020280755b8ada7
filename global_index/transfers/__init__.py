"""What flows from regions to the index: entries. Pure: no SQL, no wire, no web."""
