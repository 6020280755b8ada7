"""The lists in a node's home, and a line for each load of one. A list is written whole or not at all; nothing here judges it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from policies.engine.errors import Code, DomicileError
from policies.engine.lists import ListName
from protos.certificates import write_private
from regional_node.usecases.lists import Load

_LOADS = "loads.jsonl"
_LOCK = ".lock"


class ListFiles:
    """The folder `<home>/lists`. Fits ListsKept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold off every other process that loads."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritten(self._folder, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def get(self, name: ListName) -> str | None:
        """The text of a list, None when there is none or it is no text."""
        try:
            return self._path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, name: ListName, text: str) -> None:
        """Keep a list in place of the one before."""
        path = self._path(name)
        try:
            write_private(path, text.encode())
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)  # the name too must survive a power cut
            finally:
                os.close(handle)
        except OSError as error:
            raise _unwritten(path, error) from None

    def note(self, load: Load) -> None:
        """Add a line about a load."""
        line = {
            "at": load.at.astimezone(UTC).isoformat(),
            "list": load.list.value,
            "as_of": load.as_of.isoformat(),
            "entries": load.entries,
            "digest": load.digest,
            "replaced": load.replaced.isoformat() if load.replaced else "",
            "reason": load.reason,
        }
        path = self._folder / _LOADS
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritten(path, error) from None

    def loads(self) -> tuple[Load, ...]:
        """Every load, oldest first; a line that a power cut left unfinished is passed over."""
        try:
            lines = (self._folder / _LOADS).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return ()
        return tuple(load for line in lines if (load := _load(line)) is not None)

    def _path(self, name: ListName) -> Path:
        return self._folder / f"{name.value}.yaml"


def _load(line: str) -> Load | None:
    try:
        told = json.loads(line)
        return Load(
            at=datetime.fromisoformat(told["at"]),
            list=ListName(told["list"]),
            as_of=date.fromisoformat(told["as_of"]),
            digest=told["digest"],
            entries=told["entries"],
            replaced=date.fromisoformat(told["replaced"]) if told["replaced"] else None,
            reason=told["reason"],
        )
    except (ValueError, KeyError, TypeError):
        return None


def _unwritten(path: Path, error: OSError) -> DomicileError:
    return DomicileError(
        what=f"the lists cannot be written ({error.strerror})",
        where=str(path),
        remedy="check the folder's owner and space",
        code=Code.STORE_FULL,
    )
