"""The customs house: decide, transform, record, release. Nothing personal leaves a region but through `gate.py`."""
