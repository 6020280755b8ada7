"""Write an empty migration: `python -m chassis.migrations FOLDER "what it changes"`. It never touches a database."""

import re
import sys
from pathlib import Path

from chassis.database import new_migration

_WANTED = 3


def main(arguments: list[str]) -> int:
    """Number the migration after the last one of the folder and say where it is."""
    if len(arguments) != _WANTED:
        sys.stderr.write('usage: python -m chassis.migrations FOLDER "what it changes"\n')
        return 2
    folder = Path(arguments[1])
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    numbers = [int(found[1]) for path in (folder / "versions").glob("*.py") if (found := re.match(r"(\d+)", path.name))]
    path = new_migration(folder, arguments[2], revision=f"{max(numbers, default=0) + 1:04d}")
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
