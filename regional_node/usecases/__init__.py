"""What a region does with its records, and the Protocols that storage fits. No SQL, no wire, no web."""
