"""The REST API of a node: one uniform way to the five kinds of record. It shows nothing to an account of another organisation."""
