"""The global index: pseudonymous keys and aggregates of the federation. No personal data is kept here."""

import protos  # noqa: F401 - before grpc: it fixes the TLS suites that gRPC reads once, at its import
