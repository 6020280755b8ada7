"""Contract: what two nodes must agree on byte for byte, and the one way to open or serve a channel."""

import os
import sys

TLS12_SUITES = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"

# gRPC has no option for the lowest TLS version and reads this variable once, when it is imported. Our certificates are ECDSA:
# with RSA suites only, a TLS 1.2 handshake finds no cipher, and TLS 1.3, which has suites of its own, is what is left.
TLS13_ONLY = "grpc" not in sys.modules or os.environ.get("GRPC_SSL_CIPHER_SUITES") == TLS12_SUITES
"""False when grpc was imported before this package: then no channel is opened or served."""

os.environ["GRPC_SSL_CIPHER_SUITES"] = TLS12_SUITES
