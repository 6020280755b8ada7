"""The console of a regional node: pages over its use cases, in the reader's language. It knows neither SQL nor the gate."""
