"""Imports `protos` before any test module imports grpc: it sets the cipher suites that grpc reads once, at its import."""

import protos  # noqa: F401 - for its effect
