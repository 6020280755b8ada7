"""The HTTP API of the index. It knows use cases, and neither SQL nor the wire."""
