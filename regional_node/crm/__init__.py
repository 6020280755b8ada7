"""The model: what a region keeps about people, companies, deals, orders and activities. No SQL, no wire, no web."""
