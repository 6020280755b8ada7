"""The committed stubs of `domicile.v1`; `python -m protos.generate` writes them, `--check` proves them fresh."""
