"""What a store's refusals mean: full, unreachable, a repeated key. A driver's own words, which may quote a row, go no further."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from pg8000 import exceptions as postgres

from policies.engine.errors import Code, DomicileError

_FULL = {"SQLITE_FULL", "53100"}
_REPEATED = {"SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE", "23505"}
_AGAIN = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "40", "53", "55P03", "57", "08")
_TELLS = {
    Code.STORE_FULL: ("the store has no space left", "free space on its disk, then try again"),
    Code.RECORD_DUPLICATE: ("a record with this key exists already", "find it by that key and change it instead"),
    Code.STORE_UNAVAILABLE: ("the store does not answer", "check that it runs and try again"),
}


@contextmanager
def told() -> Iterator[None]:
    """Raise what a driver raises inside the block as STORE_FULL, RECORD_DUPLICATE, STORE_UNAVAILABLE or INTERNAL."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        raise _meaning(error.orig, lost=error.connection_invalidated) from None
    except postgres.Error as error:
        raise _meaning(error, lost=isinstance(error, postgres.InterfaceError)) from None
    except (sqlalchemy.exc.TimeoutError, OSError) as error:
        raise _fault(Code.STORE_UNAVAILABLE) from error


def _meaning(error: BaseException | None, *, lost: bool) -> DomicileError:
    state = _state(error)
    if state in _FULL:
        return _fault(Code.STORE_FULL)
    if state in _REPEATED:
        return _fault(Code.RECORD_DUPLICATE)
    if lost or state.startswith(_AGAIN) or (not state and isinstance(error, postgres.InterfaceError)):
        return _fault(Code.STORE_UNAVAILABLE)
    return DomicileError(f"the store refused a statement (`{state or type(error).__name__}`)", remedy="tell the operator")


def _fault(code: Code) -> DomicileError:
    what, remedy = _TELLS[code]
    return DomicileError(what, remedy=remedy, code=code)


def _state(error: BaseException | None) -> str:
    """SQLite's name of the error, or the SQLSTATE."""
    name = getattr(error, "sqlite_errorname", None)
    if name:
        return str(name)
    first = error.args[0] if error is not None and error.args else None
    return str(first.get("C", "")) if isinstance(first, dict) else ""
