"""The `transfer-policy` command: checks, tests, explains, compares, lays out, exports and signs policies. It opens no socket."""

from policies.engine.cli.words import main

__all__ = ["main"]
