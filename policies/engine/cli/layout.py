"""`transfer-policy fmt` and `export`: how policies look, here and elsewhere. They never change what a policy says."""

import sys
from pathlib import Path

import click

from policies.engine.cli.options import EXISTING, SHIPPED_POLICIES, failing, stop
from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.fmt import format_policies
from policies.engine.odrl import export_odrl
from policies.engine.parser import load, policy_files, read_text
from policies.engine.registry_parser import registry_of


@click.command()
@click.argument("paths", nargs=-1, required=True, type=EXISTING)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 when a file is not in canonical layout.")
@failing
def fmt(paths: tuple[Path, ...], *, only_check: bool) -> None:
    """Put policy files into canonical layout: key order, indentation, width; comments stay. The policy digest does not change."""
    findings: list[Diagnostic] = []
    laid_out: list[tuple[Path, str]] = []
    files = policy_files(paths)
    for path in files:
        try:
            text = read_text(path)
            new = format_policies(text, path.name, registry=registry_of(path.parent))
        except PolicyError as error:
            findings.extend(error.diagnostics)
            continue
        if new != text:
            laid_out.append((path, new))
    if findings:
        stop(findings)  # all files or none
    for path, new in laid_out:
        if not only_check:
            _replace(path, new)
        click.echo(f"{path}: {'is not in canonical layout; run `transfer-policy fmt` on it' if only_check else 'laid out'}")
    click.echo(f"{len(files) - len(laid_out)} of {len(files)} files were in canonical layout")
    if only_check and laid_out:
        sys.exit(1)


def _replace(path: Path, text: str) -> None:
    """Write beside and rename: an interrupted run leaves the file whole."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)


@click.command()
@click.argument("paths", nargs=-1, type=EXISTING)
@click.option("--format", "form", type=click.Choice(["odrl"]), required=True, help="ODRL 2.2 as JSON-LD.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; else standard output.")
@failing
def export(paths: tuple[Path, ...], form: str, out: Path | None) -> None:
    """Write policies in another language, for dataspace connectors and auditors. Nothing of a condition is left out."""
    text = {"odrl": export_odrl}[form](load(list(paths) or SHIPPED_POLICIES))
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{out}: written")
