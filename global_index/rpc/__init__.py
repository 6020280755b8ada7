"""What the index serves over gRPC: the federation's membership."""
