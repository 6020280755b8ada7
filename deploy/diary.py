"""What a demo home already holds: which steps are done, on which ports, with how many people. Nothing here runs a step."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.household import StepFailedError
from deploy.layout import Account

FILE_NAME = "demo.json"
SIGN_INS = "sign-ins.txt"
_PASSWORD_BYTES = 12


@dataclass(slots=True, kw_only=True)
class Diary:
    """The state of one demo home, written after every step, so that a demo which was interrupted goes on where it was."""

    home: Path
    people: int
    seed: int
    ports: dict[str, tuple[int, int]]
    done: list[str] = field(default_factory=list)

    def has(self, step: str) -> bool:
        """Whether that step was done, now or in an earlier run."""
        return step in self.done

    def note(self, step: str) -> None:
        """Write down that a step is done."""
        self.done.append(step)
        self.save()

    def save(self) -> None:
        """Write the diary in one step."""
        values = asdict(self)
        del values["home"]
        write_private(self.home / FILE_NAME, json.dumps(values, indent=1))

    def clear_half_made(self, name: str) -> None:
        """Remove a home whose `init` was interrupted, so that it can start from nothing."""
        folder = self.home / name
        if folder.exists() and not self.has(f"{name}.init"):
            shutil.rmtree(folder)


def read_diary(home: Path) -> Diary | None:
    """The diary of a demo home, None when it is new. Raises StepFailedError for a folder that is something else."""
    path = home / FILE_NAME
    if not path.exists():
        if home.exists() and any(entry.name != "lock" for entry in home.iterdir()):
            msg = f"{home} is not empty and is no demo home: choose another with `--home DIR`"
            raise StepFailedError(msg)
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        ports = {name: (int(http), int(grpc)) for name, (http, grpc) in values["ports"].items()}
        return Diary(home=home, people=int(values["people"]), seed=int(values["seed"]), ports=ports, done=list(values["done"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        msg = f"{path} cannot be read: remove {home} and start afresh"
        raise StepFailedError(msg) from None


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock. Raises StepFailedError when another demo runs there."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"a demo runs in {home} already: stop it, or choose another home with `--home DIR`"
            raise StepFailedError(msg) from None
        yield


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step."""
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(path)


def sign_ins(home: Path, accounts: Sequence[Account]) -> dict[tuple[str, str], str]:
    """The password of each account by (home, name): those kept in `sign-ins.txt`, or fresh ones that are kept there now."""
    path = home / SIGN_INS
    kept: dict[tuple[str, str], str] = {}
    if path.exists():
        cells = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        kept = {(line[0], line[1]): line[2] for line in cells[1:]}
    for account in accounts:
        kept.setdefault((account.home, account.name), secrets.token_urlsafe(_PASSWORD_BYTES))
    lines = [f"{'where':8} {'user':8} {'password':18} {'role':15} importer"]
    lines += [f"{a.home:8} {a.name:8} {kept[(a.home, a.name)]:18} {a.role:15} {a.importer}" for a in accounts]
    write_private(path, "\n".join(lines) + "\n")
    return kept
