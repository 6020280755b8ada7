"""Drafts at headquarters: started, edited, checked, compared and rehearsed. Nothing here signs or publishes, or asks a clock."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from global_index.policy.drafts import LONGEST_TITLE, Act, Deed, Draft, PolicyStore, PolicyUnit, Rehearsed, required
from policies.engine.bundle import FILE_NAME, MAX_FILE, MAX_FILES
from policies.engine.bundle_files import documents_of, files_of, is_policy
from policies.engine.checker import check_paths, has_errors
from policies.engine.diagnostics import Diagnostic, PolicyError
from policies.engine.errors import Code, DomicileError
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.lifecycle import BundleGraph, RehearsalCounts
from policies.engine.vocabulary import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a draft changes: as text, as JSON, and the laws under which something becomes newly allowed."""

    text: str
    body: Mapping[str, Any]
    widens: tuple[str, ...]


class Differ(Protocol):
    """The semantic difference, as `policies.engine.diff` finds it."""

    def __call__(self, old: Policies, new: Policies) -> Comparison:
        """Compare on every day. Raises DomicileError where what it needs is not installed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found: every finding on every file, and how many policies were read."""

    findings: tuple[Diagnostic, ...]
    policies: int

    @property
    def passes(self) -> bool:
        """Whether no finding is an error."""
        return not has_errors(self.findings)


Ask = Callable[[str, Mapping[str, str], str], Awaitable[RehearsalCounts]]
"""Rehearse files with a policy digest at a region. Raises DomicileError."""


class Drafting:
    """The use cases. `shipped` is the folder that was in force before the first bundle; `differ` compares."""

    def __init__(self, *, store: PolicyStore, shipped: Path, differ: Differ, new_id: Callable[[], str]) -> None:
        self._store = store
        self._shipped = shipped
        self._differ = differ
        self._new_id = new_id

    def live(self) -> Mapping[str, str]:
        """The files of the newest bundle; before the first one, those of the index's own folder."""
        with self._store.reading() as unit:
            newest = unit.newest()
        return newest.signed.bundle.files if newest else files_of(self._shipped)

    def start(self, title: str, *, files: Mapping[str, str] | None, by: str, at: datetime) -> Draft:
        """A draft over the files given, else over the live ones. Raises INPUT_INVALID."""
        title = title.strip()
        if not 1 <= len(title) <= LONGEST_TITLE or not title.isprintable():
            raise DomicileError(
                what=f"a title is one line of at most {LONGEST_TITLE} characters",
                where="title",
                remedy="say what the change is for",
                code=Code.INPUT_INVALID,
            )
        draft = Draft(
            draft_id=self._new_id(),
            title=title,
            author=by,
            state=BundleGraph.start().name,
            changed_at=at,
            files=_fit(self.live() if files is None else files),
        )
        with self._store.writing() as unit:
            unit.add_draft(draft)
            unit.record(Deed(at=at, actor=by, act=Act.STARTED, about=draft.draft_id, detail=title))
        return draft

    def edit(self, draft_id: str, files: Mapping[str, str | None], *, revision: int | None, by: str, at: datetime) -> Draft:
        """Put texts in place of files, None to leave one out. Takes the draft back to DRAFT: signatures and rehearsals are void.

        Who edits becomes the author, so that nobody approves a change of their own. `revision` is the one that was read, to be
        refused with RECORD_CONFLICT when somebody else has written since.
        """
        with self._store.writing() as unit:
            draft = required(unit, draft_id)
            if revision is not None and revision != draft.revision:
                raise _changed(draft)
            merged = {**draft.files, **{name: text for name, text in files.items() if text is not None}}
            for name in [name for name, text in files.items() if text is None]:
                merged.pop(name, None)
            kept = replace(draft.reopened(at=at), files=_fit(merged), author=by)
            unit.keep_rehearsals(draft.draft_id, ())
            unit.record(Deed(at=at, actor=by, act=Act.EDITED, about=draft.draft_id, detail=", ".join(sorted(files))[:400]))
            return unit.keep_draft(kept)

    def check(self, draft_id: str, *, by: str, at: datetime) -> Checked:
        """Check everything and run every case; a draft that passes moves from DRAFT to CHECKED."""
        draft = self.draft(draft_id)
        result = self.look(draft.files, at=at)
        if result.passes and draft.state in {BundleGraph.DRAFT.name, BundleGraph.CHECKED.name}:
            with self._store.writing() as unit:
                self._unchanged(unit, draft)
                unit.keep_draft(draft.moved(BundleGraph.CHECKED, at=at))
                unit.record(Deed(at=at, actor=by, act=Act.CHECKED, about=draft.draft_id))
        return result

    def look(self, files: Mapping[str, str], *, at: datetime) -> Checked:
        """Check files as `transfer-policy check` would check a folder of them. Keeps nothing."""
        with tempfile.TemporaryDirectory(prefix="policies-") as name:
            folder = Path(name)
            for file, text in _fit(files).items():
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            findings = tuple(check_paths([folder], at=at.date()))
        try:
            count = len(documents_of(files).policies)
        except PolicyError as error:
            count, findings = 0, findings or tuple(error.diagnostics)
        return Checked(findings=findings, policies=count)

    def compare(self, draft_id: str) -> Comparison:
        """What the draft changes against the live policies. Raises PolicyError for a draft that does not load."""
        return self.compared(self.draft(draft_id))

    def compared(self, draft: Draft) -> Comparison:
        """The same of a draft at hand. The first bundle is compared with the folder, and widens every law that permits in it."""
        new = compile_policies(documents_of(draft.files))
        with self._store.reading() as unit:
            newest = unit.newest()
        old = compile_policies(documents_of(self.live()))
        found = self._differ(old, new)
        if newest is not None:
            return found
        permits = {policy.law for policy in new.documents.policies if policy.effect is Effect.PERMIT}
        head = "the first bundle: no region has countersigned anything yet, so every law that permits in it counts as widened\n\n"
        return replace(found, text=head + found.text, widens=tuple(sorted({*found.widens, *permits})))

    async def rehearse(self, draft_id: str, regions: tuple[str, ...], ask: Ask, *, by: str, at: datetime) -> tuple[Rehearsed, ...]:
        """Ask each region how its recorded decisions would come out; a region that cannot answer is told with the reason."""
        draft = await asyncio.to_thread(self.draft, draft_id)
        BundleGraph.move(draft.state, BundleGraph.REHEARSED, where=f"draft {draft.draft_id[:8]}")
        digest = (await asyncio.to_thread(documents_of, draft.files)).digest
        found = await asyncio.gather(*(self._one(region, draft.files, digest, ask, at) for region in regions))
        return await asyncio.to_thread(self._keep_rehearsed, draft, tuple(found), by=by, at=at)

    def _keep_rehearsed(self, draft: Draft, found: tuple[Rehearsed, ...], *, by: str, at: datetime) -> tuple[Rehearsed, ...]:
        with self._store.writing() as unit:
            self._unchanged(unit, draft)
            unit.keep_rehearsals(draft.draft_id, found)
            unit.keep_draft(draft.moved(BundleGraph.REHEARSED, at=at))
            answered = sum(1 for one in found if one.counts is not None)
            detail = f"{answered} of {len(found)} regions"
            unit.record(Deed(at=at, actor=by, act=Act.REHEARSED, about=draft.draft_id, detail=detail))
        return found

    def withdraw(self, draft_id: str, *, by: str, at: datetime) -> Draft:
        """Give a draft up. Raises RECORD_CONFLICT for one that is published."""
        with self._store.writing() as unit:
            draft = required(unit, draft_id)
            kept = unit.keep_draft(draft.moved(BundleGraph.WITHDRAWN, at=at))
            unit.record(Deed(at=at, actor=by, act=Act.WITHDRAWN, about=draft.draft_id))
            return kept

    def draft(self, draft_id: str) -> Draft:
        """A draft as it is kept. Raises RECORD_NOT_FOUND."""
        with self._store.reading() as unit:
            return required(unit, draft_id)

    async def _one(self, region: str, files: Mapping[str, str], digest: str, ask: Ask, at: datetime) -> Rehearsed:
        try:
            counts = await ask(region, {n: t for n, t in files.items() if is_policy(n) or n.startswith("registry/")}, digest)
        except DomicileError as error:
            return Rehearsed(region=region, at=at, code=error.code.value)
        return Rehearsed(region=region, at=at, counts=counts)

    def _unchanged(self, unit: PolicyUnit, draft: Draft) -> None:
        if required(unit, draft.draft_id).revision != draft.revision:
            raise _changed(draft)


def _fit(files: Mapping[str, str]) -> dict[str, str]:
    """The files, where all of them may stand in a bundle."""
    if not any(map(is_policy, files)) or len(files) > MAX_FILES:
        raise DomicileError("a draft holds at least one policy file", where="files", remedy="keep one", code=Code.INPUT_INVALID)
    for name, text in files.items():
        if not FILE_NAME.match(name):
            raise DomicileError(
                what=f"`{name[:80]}` cannot be the name of a policy file", where="files",
                remedy="write it like `gdpr.yaml`, `gdpr.cases.yaml` or `registry/laws/eu.yaml`", code=Code.INPUT_INVALID,
            )  # fmt: skip
        if len(text.encode()) > MAX_FILE:
            raise DomicileError("the file is too large", where=name, remedy="split it", code=Code.INPUT_TOO_LARGE)
    return dict(sorted(files.items()))


def _changed(draft: Draft) -> DomicileError:
    return DomicileError(
        "the draft has changed since it was read", where=f"draft {draft.draft_id[:8]}", remedy="load it again",
        code=Code.RECORD_CONFLICT,
    )  # fmt: skip
