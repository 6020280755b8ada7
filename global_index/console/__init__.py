"""The console of the index: pages over its use cases. It knows neither SQL nor the wire, and keeps nothing of what it shows."""
