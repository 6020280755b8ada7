"""Writes the stubs of `protos/v1` from its `.proto` files, or with `--check` proves that the committed ones are fresh.

It never edits a stub by hand: what protoc and the type-stub plugin say is what is committed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("protos/v1")


def generate(into: Path) -> None:
    """Run protoc over every `.proto` with `-I.` at the project's root, so that `from protos.v1 import x_pb2` works as it is.

    Raises `subprocess.CalledProcessError` when a file does not compile.
    """
    sources = sorted(str(p.relative_to(ROOT)) for p in (ROOT / FOLDER).glob("*.proto"))
    tools = Path(sys.executable).parent
    command = [
        sys.executable, "-m", "grpc_tools.protoc", "-I.",
        f"--plugin=protoc-gen-mypy={tools / 'protoc-gen-mypy'}", f"--plugin=protoc-gen-mypy_grpc={tools / 'protoc-gen-mypy_grpc'}",
        f"--python_out={into}", f"--grpc_python_out={into}", f"--mypy_out=quiet:{into}", f"--mypy_grpc_out=quiet:{into}",
        *sources,
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own interpreter on our own files


def stale(fresh: Path) -> list[str]:
    """Names of stubs that are missing, differ from `fresh`, or have no `.proto` any more."""
    made = {p.name: p.read_bytes() for p in (fresh / FOLDER).iterdir() if p.is_file()}
    kept = {p.name: p.read_bytes() for p in (ROOT / FOLDER).iterdir() if "_pb2" in p.name}
    return sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))


def main(arguments: list[str]) -> int:
    """`--check` exits 1 and names what is stale; without it the stubs are written."""
    if "--check" not in arguments:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        names = stale(fresh)
    if names:
        sys.stderr.write(f"stale stubs: {', '.join(names)}; run `make stubs` and commit\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
