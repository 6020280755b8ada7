"""How the commands for policies show what they found: facts as plain values, and lines of text. Nothing here changes anything."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from policies.engine.document import Documents
from policies.engine.errors import DomicileError
from policies.engine.evaluator import Policies
from policies.engine.parser import load
from policies.engine.vocabulary import Kind
from regional_node.bootstrap.policies import PolicyRooms
from regional_node.cli.lists_shown import lists_facts, lists_lines
from regional_node.egress.policy_overlay import load_overlay
from regional_node.egress.policy_report import node_state
from regional_node.egress.policy_source import InForce
from regional_node.usecases.policies import Accepted, FetchState, Standing, Stop, state_of


def status_facts(rooms: PolicyRooms, *, importers: Sequence[str]) -> dict[str, Any]:
    """All that `policy status` tells."""
    at = rooms.clock()
    found = rooms.in_force()
    standing = rooms.kept.standing()
    documents = found.policies.documents.policies if found is not None else ()
    fault = rooms.source.fault if found is None else None
    return {
        "state": node_state(found, standing, at=at).value,
        "mode": _mode(found, standing, at),
        "digest": found.policies.digest if found is not None else "",
        "base_digest": found.base_digest if found is not None else "",
        "overlay_digest": found.overlay_digest if found is not None else "",
        "policies": len(documents),
        "laws": sorted({each.law for each in documents}),
        "bundles": [_bundle(each, standing, at) for each in standing.accepted],
        "stops": [_stop(each) for each in standing.stops],
        "keys": _keys(rooms),
        "fetch": _fetch(rooms.kept.book.fetch_state()),
        "fault": str(fault) if fault is not None else "",
        "warnings": _warnings(found.policies, rooms.settings.jurisdiction) if found is not None else [],
        "lists": lists_facts(rooms.importers, at=at),
        "importers": list(importers),
    }


def status_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The same in lines."""
    where = "the home's own folder" if facts["mode"] == "folder" else "a signed bundle"
    yield f"{facts['policies']} policies of {', '.join(facts['laws'])} in force from {where}, digest {facts['digest']}"
    if facts["overlay_digest"]:
        yield f"with the region's own stricter rules, digest {facts['overlay_digest']}"
    for each in facts["bundles"]:
        if each["state"] != "retired":
            span = f"from {each['active_from']} until {each['expires']}"
            yield f"bundle {each['version']} {each['state']} {span}, digest {each['digest']}"
    for each in facts["stops"]:
        yield f"stopped by {each['by']} since {each['since']}: to {each['importer']}, for {each['purpose']} ({each['stop']})"
    keys = facts["keys"]
    if keys["version"]:
        yield f"policy keys: list {keys['version']}, {keys['current']} current, {keys['revoked']} revoked"
    if keys["fault"]:
        yield f"policy keys: {keys['fault']}"
    if facts["fetch"]["tried_at"]:
        yield f"last looked at the index {facts['fetch']['tried_at']}, last taken {facts['fetch']['went_well_at'] or 'never'}"
    if facts["fetch"]["fault"]:
        yield f"refused: {facts['fetch']['fault']}"
    for each in facts["warnings"]:
        yield f"warning: {each}"
    yield from lists_lines(facts["lists"])
    yield f"registered importers: {', '.join(facts['importers']) or 'none, so nothing leaves'}"


def stop_line(stop: Stop) -> str:
    """One stop in words."""
    return f"to {stop.importer or 'everyone'}, for {stop.purpose or 'every purpose'} ({stop.id})"


def overlay_facts(folder: Path, rooms: PolicyRooms) -> dict[str, Any]:
    """The overlay, checked against what is in force, or against the home's folder where nothing is. Raises PolicyError."""
    overlay = load_overlay(folder, _base(rooms, folder))
    listed = [
        {"policy": each.name, "effect": each.effect.value, "law": each.law, "title": each.title, "place": each.ref.place}
        for each in overlay.policies
    ]
    return {"digest": overlay.digest if listed else "", "policies": listed}


def plain_text(text: str) -> str:
    """Text from outside, fit for a terminal: control characters but the line's end are shown as such."""
    return "".join(each if each.isprintable() or each == "\n" else f"\\x{ord(each):02x}" for each in text)


def _base(rooms: PolicyRooms, folder: Path) -> Documents:
    bundle = rooms.base()
    return bundle if bundle is not None else load(folder.parent / "policies")


def _mode(found: InForce | None, standing: Standing, at: datetime) -> str:
    if found is not None:
        return found.mode.value
    return "bundle" if any(each.begun(at=at) for each in standing.accepted) else "folder"


def _warnings(policies: Policies, jurisdiction: str) -> list[str]:
    """What keeps no policy from being in force, and yet may not be meant."""
    told = [str(each) for each in policies.documents.warnings]
    own = policies.registry.law_of(jurisdiction) or jurisdiction
    silent = [kind.value for kind in (Kind.TRANSFER, Kind.RELEASE) if (own, kind) not in policies.sections]
    if silent:
        told.append(f"no policy speaks for `{own}`, this region's own law, of {' or '.join(silent)}: none leaves; restore its file")
    return told


def _bundle(bundle: Accepted, standing: Standing, at: datetime) -> dict[str, Any]:
    return {
        "version": bundle.version,
        "state": state_of(bundle, standing.accepted, at=at).value,
        "digest": bundle.digest,
        "policy_digest": bundle.policy_digest,
        "active_from": bundle.active_from.isoformat(),
        "expires": bundle.expires.isoformat(),
    }


def _stop(stop: Stop) -> dict[str, Any]:
    return {
        "stop": stop.id,
        "importer": stop.importer or "*",
        "purpose": stop.purpose or "*",
        "reason": stop.reason,
        "by": "headquarters" if stop.origin.value == "index" else "the region",
        "since": stop.set_at.isoformat(),
    }


def _keys(rooms: PolicyRooms) -> dict[str, Any]:
    told: dict[str, Any] = {"version": 0, "current": 0, "revoked": 0, "fault": ""}
    if rooms.kept.root() is None:
        return told
    try:
        root = rooms.accepting.root()
    except DomicileError as error:
        return told | {"fault": str(error)}
    states = [each.state for each in root.keys] if root is not None else []
    return told | {
        "version": root.version if root is not None else 0,
        "current": states.count("current"),
        "revoked": states.count("revoked"),
    }


def _fetch(state: FetchState) -> dict[str, str]:
    return {
        "tried_at": state.tried_at.isoformat() if state.tried_at else "",
        "went_well_at": state.went_well_at.isoformat() if state.went_well_at else "",
        "code": state.code,
        "fault": state.fault,
    }
