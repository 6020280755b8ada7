"""The policy rooms of the index together, and its overview of drafts, regions, keys and stops as JSON. It does nothing itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from global_index.policy.approving import Approving, Regions
from global_index.policy.drafting import Drafting
from global_index.policy.drafts import Deed, Draft, PolicyStore, PolicyUnit, Rehearsed, settled
from global_index.policy.keyring import Keyring
from global_index.policy.offering import Offering
from global_index.policy.stopping import Stopping
from policies.engine.envelope import written
from policies.engine.errors import Code, DomicileError
from policies.engine.lifecycle import PolicyReport, RehearsalCounts
from policies.engine.roots import PolicyKey
from policies.engine.stops import Stop

Rehearse = Callable[[str, Mapping[str, str], str], Awaitable[RehearsalCounts]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRooms:
    """The use cases, and who they concern. `rehearse` asks a region over the wire; none in a process that has no wire."""

    store: PolicyStore
    drafting: Drafting
    approving: Approving
    keyring: Keyring
    stopping: Stopping
    offering: Offering
    regions: Regions
    rehearse: Rehearse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftShown:
    """A draft with what became of it: `awaited` regions must countersign still."""

    draft: Draft
    state: str
    version: int
    digest: str
    widens: tuple[str, ...]
    awaited: tuple[str, ...]
    rehearsals: tuple[Rehearsed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionShown:
    """What a region runs. `report` is None before it has said; `same` compares it with the bundle that should be active."""

    region: str
    jurisdiction: str
    at: datetime | None
    report: PolicyReport | None
    same: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything of the policies at a glance. `active_*` is the bundle that nodes should run now; version 0 for none."""

    active_version: int
    active_digest: str
    active_policy_digest: str
    expires: datetime | None
    root_version: int
    drafts: tuple[DraftShown, ...]
    regions: tuple[RegionShown, ...]
    keys: tuple[PolicyKey, ...]
    stops: tuple[Stop, ...]


async def rehearsed(rooms: PolicyRooms, draft_id: str, *, by: str, at: datetime) -> tuple[Rehearsed, ...]:
    """Ask every region. Raises PEER_UNREACHABLE in a process that has no wire."""
    if rooms.rehearse is None:
        raise DomicileError("this process has no way to the regions", remedy="serve the index", code=Code.PEER_UNREACHABLE)
    names = tuple(each.region for each in await asyncio.to_thread(rooms.regions))
    return await rooms.drafting.rehearse(draft_id, names, rooms.rehearse, by=by, at=at)


def overview(rooms: PolicyRooms, *, at: datetime, limit: int = 20) -> Overview:
    """What stands, by now."""
    bound = rooms.regions()
    root = rooms.keyring.root()
    stops = rooms.stopping.standing()
    with rooms.store.reading() as unit:
        begun = [each for each in unit.bundles() if each.signed.bundle.active_from <= at]
        active = begun[-1] if begun else None
        reports = {each.region: each for each in unit.reports()}
        drafts = tuple(_shown(rooms, unit, each, at=at) for each in unit.drafts(limit=limit))
    digest = active.signed.link.digest if active else ""
    regions = tuple(
        RegionShown(
            region=one.region,
            jurisdiction=one.jurisdiction,
            at=told.at if (told := reports.get(one.region)) else None,
            report=told.report if told else None,
            same=told.report.digest == digest if told else None,
        )
        for one in bound
    )
    return Overview(
        active_version=active.version if active else 0,
        active_digest=digest,
        active_policy_digest=active.signed.bundle.policy_digest if active else "",
        expires=active.signed.bundle.expires if active else None,
        root_version=root.version,
        drafts=drafts,
        regions=regions,
        keys=root.keys,
        stops=stops,
    )


def shown(rooms: PolicyRooms, draft_id: str, *, at: datetime) -> tuple[DraftShown, tuple[Deed, ...]]:
    """One draft and what was done to it, newest first."""
    draft = rooms.drafting.draft(draft_id)
    with rooms.store.reading() as unit:
        return _shown(rooms, unit, draft, at=at), unit.deeds(about=draft.draft_id)


def _shown(rooms: PolicyRooms, unit: PolicyUnit, draft: Draft, *, at: datetime) -> DraftShown:
    signed = draft.bundle
    names = tuple(each.region for each in rooms.regions())
    return DraftShown(
        draft=draft,
        state=settled(draft, unit, regions=names, at=at),
        version=signed.bundle.version if signed else 0,
        digest=signed.envelope.digest if signed else "",
        widens=signed.bundle.widens if signed else (),
        awaited=rooms.approving.awaited(signed) if signed and draft.open else (),
        rehearsals=unit.rehearsals(draft.draft_id),
    )


def overview_json(found: Overview) -> dict[str, Any]:
    """The overview as JSON."""
    return {
        "active": {
            "version": found.active_version,
            "digest": found.active_digest,
            "policy_digest": found.active_policy_digest,
            "expires": written(found.expires) if found.expires else None,
        },
        "root_version": found.root_version,
        "drafts": [draft_json(each) for each in found.drafts],
        "regions": [_region_json(each) for each in found.regions],
        "stops": [stop_json(each) for each in found.stops],
    }


def draft_json(one: DraftShown) -> dict[str, Any]:
    """A draft as JSON, without its files."""
    return {
        "draft": one.draft.draft_id,
        "title": one.draft.title,
        "state": one.state.lower(),
        "author": one.draft.author,
        "revision": one.draft.revision,
        "version": one.version,
        "digest": one.digest,
        "widens": list(one.widens),
        "awaited": list(one.awaited),
        "rehearsals": [rehearsed_json(each) for each in one.rehearsals],
    }


def rehearsed_json(one: Rehearsed) -> dict[str, Any]:
    """How a region took a rehearsal, as JSON."""
    counts = one.counts
    flips = [
        {"before": each.before.value, "after": each.after.value, "rules": list(each.rules), "count": each.count}
        for each in (counts.flips if counts else ())
    ]
    return {
        "region": one.region,
        "code": one.code,
        "decisions": counts.decisions if counts else None,
        "unreadable": counts.unreadable if counts else None,
        "flips": flips,
    }


def key_json(key: PolicyKey) -> dict[str, Any]:
    """A key as JSON; its public half is no secret."""
    return {
        "key": key.id,
        "role": key.role.value,
        "holder": key.holder,
        "region": key.region,
        "state": key.state,
        "enrolled": written(key.enrolled),
        "public_key": key.public_key.hex(),
    }


def stop_json(stop: Stop) -> dict[str, Any]:
    """A stop as JSON."""
    return {
        "number": stop.number,
        "act": stop.act.value,
        "exporter": stop.exporter,
        "importer": stop.importer,
        "purpose": stop.purpose,
        "reason": stop.reason,
        "issued": written(stop.issued),
    }


def _region_json(one: RegionShown) -> dict[str, Any]:
    report = one.report
    told = (
        {
            "state": report.state.value,
            "version": report.version,
            "digest": report.digest,
            "policy_digest": report.policy_digest,
            "overlay_digest": report.overlay_digest,
            "pending_version": report.pending_version,
            "fault": report.fault,
            "stops": report.stops,
            "stop_number": report.stop_number,
        }
        if report
        else {}
    )
    at = written(one.at) if one.at else None
    return {"region": one.region, "jurisdiction": one.jurisdiction, "reported_at": at, "same": one.same, **told}
