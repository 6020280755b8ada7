"""The command lines of the house that the demo uses, all in one place. Nothing here runs one."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.layout import FEDERATION, HEADQUARTERS, INDEX, Account, Node

NODE, GLOBAL = "regional-node", "global-index"
Command = list[str]


def program_of(home: str) -> str:
    """The program that runs a home."""
    return GLOBAL if home == INDEX else NODE


def shown(command: Sequence[str]) -> str:
    """The command as it can be pasted into a shell of this folder: with the path of our programs, and quoted."""
    program, *arguments = command
    beside = Path(sys.executable).parent
    folder = beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside
    return " ".join([shlex.quote(str(folder / program)), *map(_quoted, arguments)])


def _quoted(argument: str) -> str:
    """In double quotes where the argument has single ones (SQL), since a shell's own way is hard to read."""
    return f'"{argument}"' if "'" in argument and not set(argument) & set('"$`\\!') else shlex.quote(argument)


def init_index(home: Path, settings: Sequence[str]) -> Command:
    """Make the index."""
    identity = ["--federation", FEDERATION, "--organisation", HEADQUARTERS, "--jurisdiction", "EU", "--state", "IE"]
    return [GLOBAL, "init", "--home", str(home), *identity, *settings]


def init_node(home: Path, node: Node, settings: Sequence[str]) -> Command:
    """Make a regional node."""
    identity = ["--region", node.region, "--jurisdiction", node.jurisdiction, "--state", node.state]
    return [NODE, "init", "--home", str(home), *identity, "--organisation", node.organisation, *settings]


def add_user(home: Path, account: Account, password_file: Path) -> Command:
    """Add a sign-in; the password is read from a file."""
    who = [account.name, "--role", account.role, "--importer", account.importer, "--password-file", str(password_file)]
    return [program_of(account.home), "users", "add", *who, "--home", str(home)]


def serve(home: Path, name: str) -> Command:
    """Run a home; it prints a line that begins with `ready `."""
    return [program_of(name), "serve", "--home", str(home)]


def invite(home: Path, node: Node) -> Command:
    """Print a single-use invite on one line."""
    return [GLOBAL, "invite", node.region, "--jurisdiction", node.jurisdiction, "--home", str(home)]


def join(home: Path, invite_file: Path) -> Command:
    """Join by the invite in a file."""
    return [NODE, "join", "--home", str(home), "--invite", f"@{invite_file}"]


def import_files(home: Path, files: Sequence[str]) -> Command:
    """Import files; the report is JSON, with `created`, `unchanged` and `rejected` for each."""
    return [NODE, "import", *files, "--home", str(home), "--json"]


def pull_entries(home: Path) -> Command:
    """Let the index pull the entries of every region now."""
    return [GLOBAL, "entries", "pull", "--home", str(home), "--json"]


def export_entries(home: Path) -> Command:
    """Print every entry as CSV: cluster, region, pseudonym."""
    return [GLOBAL, "entries", "export", "--format", "csv", "--home", str(home)]


def query(home: Path, sql: str, *, purpose: str, analyst: str, form: str) -> Command:
    """Ask all regions."""
    return [GLOBAL, "query", sql, "--purpose", purpose, "--format", form, "--as", analyst, "--home", str(home)]


def person(home: Path, pseudonym: str, *, region: str, fields: str, purpose: str, analyst: str) -> Command:
    """Ask one region for fields of one person; exits with another code than 0 when it refuses."""
    asked = ["--region", region, "--fields", fields, "--purpose", purpose, "--as", analyst]
    return [GLOBAL, "person", pseudonym, *asked, "--home", str(home)]
