"""What a node serves over gRPC, and how it joins. Nothing here decides: it translates and calls the gate."""
