"""The region's own stricter rules, laid over whatever policies are in force. They only object, oblige or ask for a review.

A permit among them, a name that is taken or a file that cannot be read is an error of the whole overlay: who wrote it there means
something to be forbidden, so until it is mended nothing leaves.
"""

import os
from dataclasses import replace
from pathlib import Path

from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.document import Documents, Policy
from policies.engine.parser import load
from policies.engine.registry import ObligationKind, Registry
from policies.engine.vocabulary import Effect

Stamp = tuple[tuple[str, int, int, int], ...]


def overlay_stamp(folder: Path) -> Stamp:
    """Name, time, size and file number of what lies in the folder; empty without one. Raises OSError when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except FileNotFoundError:
        return ()
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found))


def load_overlay(folder: Path, base: Documents) -> Documents:
    """The overlay's documents, read against the base's registry; without a folder there is none. Raises PolicyError."""
    if not folder.exists():
        return Documents(policies=(), registry=base.registry, content=())
    try:
        overlay = load(folder, registry=base.registry)
    except PolicyError as error:
        raise PolicyError([replace(each, file=f"{folder.name}/{each.file}") for each in error.diagnostics]) from None
    findings = [finding for policy in overlay.policies for finding in _findings(policy, base)]
    if findings:
        raise PolicyError([replace(each, file=f"{folder.name}/{each.file}") for each in findings])
    return overlay


def together(base: Documents, *more: Documents) -> Documents:
    """Documents laid over one another, read against the same registry; the first alone where the others are empty."""
    added = [each for each in more if each.policies]
    if not added:
        return base
    parts = (base, *added)
    return Documents(
        policies=tuple(policy for part in parts for policy in part.policies),
        registry=base.registry,
        content=tuple(body for part in parts for body in part.content),
        warnings=tuple(warning for part in parts for warning in part.warnings),
    )


def _findings(policy: Policy, base: Documents) -> list[Diagnostic]:
    findings = []
    if policy.effect is Effect.PERMIT:
        findings.append(
            _finding(policy, f"`{policy.name}` permits, and the region's own overlay may only be stricter", "make it prohibit")
        )
    taken = next((each for each in base.policies if each.name == policy.name), None)
    if taken is not None:
        findings.append(_finding(policy, f"policy `{policy.name}` exists already", f"rename it; the first is at {taken.ref.place}"))
    findings.extend(
        _finding(policy, f"`{name}` alone would let something leave", "only an overlay over policies that impose it may tighten it")
        for name in sorted(_release_forms(policy, base.registry) - _imposed(policy, base))
    )
    return findings


def _release_forms(policy: Policy, registry: Registry) -> set[str]:
    """The obligations by which an answer is put into form: without one the gate denies, so one may not come from here alone."""
    return {duty.name for duty in policy.duties if registry.obligations[duty.name].kind is ObligationKind.FORM}


def _imposed(policy: Policy, base: Documents) -> set[str]:
    kinds = set(policy.kinds)
    return {d.name for each in base.policies if each.law == policy.law and kinds & set(each.kinds) for d in each.duties}


def _finding(policy: Policy, message: str, remedy: str) -> Diagnostic:
    file, _, line = policy.ref.place.rpartition(":")
    return Diagnostic(file=file, line=int(line), column=1, message=message, remedy=remedy)
