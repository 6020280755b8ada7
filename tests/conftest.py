"""Comes first in every run: gRPC reads its TLS suites once, at its import, and `protos` sets them."""

import protos  # noqa: F401 - before grpc
