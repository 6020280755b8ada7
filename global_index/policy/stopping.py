"""The emergency stop of a flow: one signed notice that every region obeys once it has fetched it. It never permits anything."""

from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from global_index.policy.drafts import Act, Deed, PolicyStore
from policies.engine import stops
from policies.engine.diagnostics import use_one_of
from policies.engine.errors import Code, DomicileError
from policies.engine.facts import PURPOSES
from policies.engine.registry import Registry
from policies.engine.stops import ANY, Stop, in_force, read_stop


class Stopping:
    """The use cases. `publisher` reads the index's publisher key; `registry` tells which codes are jurisdictions."""

    def __init__(
        self,
        *,
        store: PolicyStore,
        federation: str,
        publisher: Callable[[], Ed25519PrivateKey],
        registry: Callable[[], Registry],
    ) -> None:
        self._store = store
        self._federation = federation
        self._publisher = publisher
        self._registry = registry

    def stop(self, *, exporter: str, importer: str, purpose: str, reason: str, by: str, at: datetime) -> Stop:
        """End a flow: a law's exports to a jurisdiction, `*` any, for a purpose or all. Raises INPUT_INVALID, INPUT_UNKNOWN."""
        self._require_known(exporter, importer, purpose)
        return self._issue(
            stops.Act.STOP, exporter=exporter, importer=importer, purpose=purpose, reason=reason, ends=0, by=by, at=at
        )

    def resume(self, number: int, *, reason: str, by: str, at: datetime) -> Stop:
        """End a stop: the policies decide again. Raises RECORD_NOT_FOUND for one that is not in force."""
        ended = next((each for each in self.standing() if each.number == number), None)
        if ended is None:
            raise DomicileError(
                what=f"no stop {number} is in force", remedy="see `global-index policy status`", code=Code.RECORD_NOT_FOUND
            )
        return self._issue(
            stops.Act.RESUME,
            exporter=ended.exporter,
            importer=ended.importer,
            purpose=ended.purpose,
            reason=reason,
            ends=number,
            by=by,
            at=at,
        )

    def standing(self) -> tuple[Stop, ...]:
        """The stops in force."""
        with self._store.reading() as unit:
            return in_force(read_stop(each) for each in unit.stops())

    def _issue(
        self, act: stops.Act, *, exporter: str, importer: str, purpose: str, reason: str, ends: int, by: str, at: datetime
    ) -> Stop:
        private_key = self._publisher()
        with self._store.writing() as unit:
            notice = Stop(
                federation=self._federation,
                number=len(unit.stops()) + 1,
                act=act,
                exporter=exporter,
                importer=importer,
                purpose=purpose,
                reason=reason.strip(),
                issued=at.replace(microsecond=0),
                ends=ends,
            )
            unit.add_stop(notice.number, notice.signed(private_key))
            done = Act.STOPPED if act is stops.Act.STOP else Act.RESUMED
            unit.record(Deed(at=at, actor=by, act=done, about=f"stop {ends or notice.number}", detail=notice.reason))
        return notice

    def _require_known(self, exporter: str, importer: str, purpose: str) -> None:
        registry = self._registry()
        for name, code in (("exporter", exporter), ("importer", importer)):
            if code != ANY and registry.law_of(code) is None:
                known = ", ".join(sorted(registry.jurisdictions))
                raise DomicileError(
                    what=f"`{code[:20]}` is not a jurisdiction of the registry",
                    where=name,
                    remedy=f"use `{ANY}` or one of: {known}",
                    code=Code.INPUT_UNKNOWN,
                )
        if purpose and purpose not in PURPOSES:
            raise DomicileError(
                what=f"`{purpose[:80]}` is not a purpose",
                where="purpose",
                remedy=use_one_of(purpose, sorted(PURPOSES)) + "; or leave it out for all",
                code=Code.INPUT_UNKNOWN,
            )
