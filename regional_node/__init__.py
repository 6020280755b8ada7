"""A regional node: keeps its jurisdiction's people, and lets out only what its own policies permit."""

import protos  # noqa: F401 - before grpc: it fixes the TLS suites that gRPC reads once, at its import
