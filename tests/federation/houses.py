"""A whole federation of real processes on free loopback ports, for tests: homes in one folder, started, killed and ended by pid."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DOMICILE_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "TERM": "dumb", "NO_COLOR": "1"}


@dataclass
class Place:
    """One region of the test federation: what its `init` is told."""

    region: str
    jurisdiction: str
    state: str
    organisation: str
    settings: Mapping[str, str] = field(default_factory=dict)


EU = Place(
    "eu-de", "EU", "DE", "domicile-de",
    {"countries": "DE,AT", "currencies": "EUR", "languages": "de,en", "time_zones": "Europe/Berlin,Europe/Vienna",
     "default_country": "DE", "time_zone": "Europe/Berlin"},
)  # fmt: skip
BR = Place(
    "br-sp", "BR", "SP", "domicile-br",
    {"countries": "BR", "currencies": "BRL", "languages": "pt", "time_zones": "America/Sao_Paulo",
     "default_country": "BR", "time_zone": "America/Sao_Paulo"},
)  # fmt: skip
CA = Place(
    "us-ca", "US-CA", "CA", "domicile-us",
    {"countries": "US", "currencies": "USD", "languages": "en,es", "time_zones": "America/Los_Angeles",
     "default_country": "US", "time_zone": "America/Los_Angeles"},
)  # fmt: skip
PLACES = (EU, BR, CA)

PURPOSES = """
    purposes:
      analytics.reporting: BASIS
      functional.federation_index: BASIS
      essential.service.operations.support: BASIS
"""
BASES = {"EU": "A6-1-f", "BR": "legitimate_interest", "US-CA": "none_required"}


def importers_of(place: Place) -> str:
    """The register of a region: headquarters in Ireland with what it needs, and a US company with nothing."""
    facts = "{group: true, can_resolve_pseudonym: true, role: controller}"
    mechanisms = "[]"
    if place.jurisdiction == "BR":
        mechanisms = "[{id: adequacy}]"
    if place.jurisdiction == "US-CA":
        facts = (
            "{group: true, can_resolve_pseudonym: true, role: service_provider, ccpa_contract: true, deletion_forwarded: true, "
            "covered_person: false}"
        )
    purposes = PURPOSES.replace("BASIS", BASES[place.jurisdiction])
    return (
        "importers:\n"
        f"  - id: domicile-hq-ie\n    name: Domicile HQ\n    jurisdiction: EU\n    state: IE\n    facts: {facts}\n"
        f"    mechanisms: {mechanisms}{purposes}"
        "  - id: domicile-inc-us\n    name: Domicile Inc\n    jurisdiction: US\n    state: NY\n"
        "    facts: {group: true, role: controller, dpf: {listed: false}, can_resolve_pseudonym: true}\n"
        f"    mechanisms: []{purposes}"
    )


RATES = "Date,USD,BRL,GBP\n" + "".join(
    f"{year}-{month:02d}-01,1.10,5.50,0.86\n" for year in range(2015, 2027) for month in range(1, 13)
)


class RefusedError(AssertionError):
    """A command that should have worked did not."""


class Member:
    """One home and, while it is up, its process."""

    def __init__(self, program: str, home: Path, http_port: int, grpc_port: int) -> None:
        self.program = program
        self.home = home
        self.http = f"127.0.0.1:{http_port}"
        self.grpc = f"127.0.0.1:{grpc_port}"
        self.process: subprocess.Popen[str] | None = None
        self.environment: dict[str, str] = {}

    def run(
        self, *words: str, check: bool = True, stdin: str | None = None, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / self.program), *words, "--home", str(self.home)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, input=stdin, check=False, env=clean_environment()
        )
        if check and done.returncode != 0:
            message = f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            raise RefusedError(message)
        return done

    def facts(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    @property
    def log(self) -> Path:
        return self.home / "log.txt"

    def start(self) -> None:
        out = self.log.open("a", encoding="utf-8")
        self.process = subprocess.Popen(
            [str(BIN / self.program), "serve", "--home", str(self.home)],
            stdout=subprocess.PIPE, stderr=out, text=True, env=clean_environment() | self.environment,
        )  # fmt: skip
        out.close()
        deadline = time.monotonic() + READY_SECONDS
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        said = ""
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                said += os.read(self.process.stdout.fileno(), 65536).decode()
            if any(line.startswith("ready") for line in said.splitlines()):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.kill()
        message = f"{self.program} did not become ready: {said}\n{self.log.read_text(encoding='utf-8')[-3000:]}"
        raise RefusedError(message)

    def stop(self) -> int | None:
        """End it in order; the exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(5)
        if process.stdout:
            process.stdout.close()
        return code

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


@dataclass
class Federation:
    """An index and its regions."""

    index: Member
    nodes: dict[str, Member]
    places: dict[str, Place]

    def query(self, sql: str, *, user: str = "ada", purpose: str = "analytics.reporting", check: bool = True) -> Any:
        done = self.index.run("query", sql, "--purpose", purpose, "--format", "json", "--as", user, check=check)
        return json.loads(done.stdout) if done.returncode == 0 else done

    def pull(self) -> Any:
        return self.index.facts("entries", "pull")

    def stop(self) -> None:
        for member in (*self.nodes.values(), self.index):
            with contextlib.suppress(OSError):
                member.stop()


def found_index(root: Path, more: Mapping[str, str] | None = None) -> Member:
    index = Member("global-index", root / "index", free_port(), free_port())
    sets = [word for key, value in (more or {}).items() for word in ("--set", f"{key}={value}")]
    index.run(
        "init", "--federation", "demo", "--organisation", "domicile-hq-ie", "--jurisdiction", "EU", "--state", "IE",
        "--set", f"http_address={index.http}", "--set", f"grpc_address={index.grpc}", *sets,
    )  # fmt: skip
    return index


def open_index(index: Member) -> None:
    """Accounts for two analysts, then up."""
    password = index.home.parent / "password"
    password.write_text(secrets.token_urlsafe(18), encoding="utf-8")
    index.run("users", "add", "ada", "--role", "analyst", "--importer", "domicile-hq-ie", "--password-file", str(password))
    index.run("users", "add", "dana", "--role", "analyst", "--importer", "domicile-inc-us", "--password-file", str(password))
    index.start()


def set_up_node(root: Path, place: Place, index: Member, more: Mapping[str, str] | None = None) -> Member:
    node = Member("regional-node", root / place.region, free_port(), free_port())
    settings = {
        "http_address": node.http, "grpc_address": node.grpc, "announced_address": node.grpc,
        **place.settings, **(more or {}),
    }  # fmt: skip
    sets: list[str] = []
    for key, value in settings.items():
        sets += ["--set", f"{key}={value}"]
    node.run(
        "init", "--region", place.region, "--jurisdiction", place.jurisdiction, "--state", place.state,
        "--organisation", place.organisation, *sets,
    )  # fmt: skip
    (node.home / "importers.yaml").write_text(importers_of(place), encoding="utf-8")
    (node.home / "rates.csv").write_text(RATES, encoding="utf-8")
    invite = index.run("invite", place.region, "--jurisdiction", place.jurisdiction).stdout.strip()
    node.run("join", "--invite", invite)
    return node


def write_people(folder: Path, rows: Sequence[Mapping[str, str]], name: str = "people.csv") -> Path:
    """A file in our own dialect; the columns are those of the first row."""
    import csv  # noqa: PLC0415 - used here alone

    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@contextlib.contextmanager
def federation(
    root: Path,
    places: Sequence[Place] = PLACES,
    more: Mapping[str, str] | None = None,
    database: Callable[[str], str] | None = None,
) -> Iterator[Federation]:
    """`more` is set at every node; `database` gives the address of an empty database by the name of its home (else SQLite)."""

    def stored(name: str) -> dict[str, str]:
        return {} if database is None else {"database_url": database(name)}

    index = found_index(root, stored("index"))
    nodes: dict[str, Member] = {}
    whole = Federation(index, nodes, {p.region: p for p in places})
    try:
        open_index(index)
        for place in places:
            nodes[place.region] = set_up_node(root, place, index, {**(more or {}), **stored(place.region)})
        yield whole
    finally:
        whole.stop()
