"""One import in a process of its own; prints the process's peak in MiB. `python -m tests.bench.one_import FILE FOLDER ROWS`."""

import sys
from pathlib import Path

from tests.bench.importing import import_once


def peak_mebibytes() -> float:
    """The peak of this process image alone: `ru_maxrss` would begin at the peak of whoever started us."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    import_once(Path(sys.argv[1]), Path(sys.argv[2]), rows=int(sys.argv[3]))
    sys.stdout.write(f"{peak_mebibytes():.3f}\n")
