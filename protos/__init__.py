"""Contract: what two nodes must agree on byte for byte, and the one way to open or serve a channel."""
