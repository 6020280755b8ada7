"""Policies as z3 formulas, compiled from what the decider compiles. No verdict is taken here, and no decider imports it."""
