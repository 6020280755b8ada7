"""Benchmarks: each measures the product against a named peer or limit in the same run. None of them is a test of what is right."""

import protos  # noqa: F401 - before grpc, which reads its TLS suites once
