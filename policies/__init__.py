"""Meaning: what two nodes must agree on. The YAML beside this file is law as data; the language lives in `engine`."""
