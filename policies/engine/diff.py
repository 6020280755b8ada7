"""The semantic difference of two bundles: every class of requests newly allowed, newly denied or decided otherwise, with a witness.

It searches the formulas of `policies.engine.symbolic` and shows nothing that the decider itself does not confirm. Needs z3; no
decider imports it. Searched are requests that state values of their declared types; wrong ones are denied wherever they are read.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from policies.engine.declarations import redeclared
from policies.engine.difference import Change, Difference
from policies.engine.document import Policy
from policies.engine.evaluator import Policies, compile_policies
from policies.engine.parser import load
from policies.engine.symbolic.model import model, said_by, unplaced
from policies.engine.symbolic.search import Search
from policies.engine.symbolic.witness import change_of
from policies.engine.vocabulary import Kind

MOST = 24
"""Classes shown for one kind and one direction; where there are more, the difference says so."""


def diff(
    old: Policies, new: Policies, *, at: date | None = None, kinds: Iterable[Kind] | None = None, most: int = MOST
) -> Difference:
    """What `new` decides otherwise than `old`, on a day or (`at` None) on any. Raises Unconfirmed for a defect of the analysis."""
    kinds = tuple(Kind if kinds is None else kinds)
    changes: list[Change] = []
    bounded: list[str] = []
    for kind in kinds:
        if same(old, new, kind):
            continue
        search = Search(model(kind, [old, new]), at, most)
        changes += [change_of(lead, old, new, search.days if at is None else ()) for lead in search.leads()]
        bounded += search.bounded
    return Difference(
        old_digest=old.digest,
        new_digest=new.digest,
        changes=tuple(changes),
        reworded=tuple(_reworded(old.documents.policies, new.documents.policies)),
        bounded=tuple(bounded),
        registry=new.registry,
        redeclared=redeclared(old, new, kinds),
    )


def run_diff(old_paths: Sequence[Path], new_paths: Sequence[Path], at: date | None = None) -> Difference:
    """The difference of two sets of policy files and folders. Raises PolicyError where one of them does not load."""
    return diff(compile_policies(load(old_paths)), compile_policies(load(new_paths)), at=at)


def same(old: Policies, new: Policies, kind: Kind) -> bool:
    """Whether nothing that decides a kind differs, wherever it stands and however it is laid out."""
    return _content(old, kind) == _content(new, kind)


def _content(policies: Policies, kind: Kind) -> object:
    registry = policies.registry
    sections = {law: said_by(policies, section) for (law, of), section in policies.sections.items() if of is kind}
    return unplaced((sections, registry.jurisdictions, registry.obligations, policies.overlays))


def _reworded(old: Sequence[Policy], new: Sequence[Policy]) -> list[str]:
    """Policies whose words changed."""
    was = {policy.name: policy for policy in old}
    found: list[str] = []
    for policy in new:
        before = was.get(policy.name)
        if before is None:
            continue
        parts = {
            "title": before.title != policy.title,
            "citations": before.ref.cite != policy.ref.cite,
            "review": before.review != policy.review,
            "certainty": before.certainty != policy.certainty,
            "alternatives": before.try_instead != policy.try_instead,
        }
        changed = [name for name, differs in parts.items() if differs]
        if changed:
            found.append(f"{policy.name} at {policy.ref.place}: {', '.join(changed)}")
    return found
