"""Stopped flows as policies: a prohibition each, of the region's own law, that decides, is cited and is recorded like any other.

What cannot be told of a request (which jurisdiction the importer is in, for which purpose it asks) counts as stopped.
"""

from datetime import date
from types import MappingProxyType

from policies.engine.decision import RuleRef
from policies.engine.document import FOREVER, Certainty, Documents, Policy
from policies.engine.facts import PURPOSES
from policies.engine.registry import Registry
from policies.engine.strict_yaml import Place, Plain
from policies.engine.terms import Every, Op, Test
from policies.engine.vocabulary import Effect, Kind
from regional_node.usecases.policies import Stop, StopOrigin

EMERGENCY_STOP = "emergency_stop"
KINDS = (Kind.TRANSFER, Kind.RELEASE)
_CITE = {StopOrigin.NODE: "order of the region", StopOrigin.INDEX: "order of headquarters"}


def stops_as_documents(stops: tuple[Stop, ...], *, jurisdiction: str, registry: Registry) -> Documents:
    """A prohibition for each stop, under the law of the node's jurisdiction."""
    law = registry.law_of(jurisdiction) or jurisdiction
    return Documents(
        policies=tuple(_policy(stop, law, registry) for stop in stops),
        registry=registry,
        content=tuple(_content(stop, law) for stop in stops),
    )


def _policy(stop: Stop, law: str, registry: Registry) -> Policy:
    place = Place("emergency-stop", 1, 1)
    return Policy(
        ref=RuleRef(policy=_name(stop), law=law, place=str(place), cite=(_CITE[stop.origin],)),
        title="an emergency stop of this flow",
        effect=Effect.PROHIBIT,
        kinds=KINDS,
        start=date.min,  # it stands as soon as it is kept, whatever a clock says
        end=FOREVER,
        when=Every(_terms(stop, registry, place)),
        categories=MappingProxyType({}),
        duties=(),
        reasons=(EMERGENCY_STOP,),
        try_instead=(),
        review=None,
        certainty=Certainty.FIRM,
    )


def _terms(stop: Stop, registry: Registry, place: Place) -> tuple[Test, ...]:
    terms = []
    if stop.importer:
        codes = importers_in(stop.importer, registry)
        if codes:
            terms.append(Test(path="importer.region", op=Op.IN, operands=codes, place=place))
        else:  # a state within a jurisdiction
            party = registry.party(stop.importer)
            terms.extend(Test(path=f"importer.{key}", op=Op.EQ, operands=(value,), place=place) for key, value in party.items())
    if stop.purpose:
        below = {each for each in PURPOSES if each == stop.purpose or each.startswith(f"{stop.purpose}.")}
        if below:  # a word that heads no purpose here stops all of them
            terms.append(Test(path="purpose", op=Op.IN, operands=tuple(sorted(below)), place=place))
    return tuple(terms)


def importers_in(code: str, registry: Registry) -> tuple[str, ...]:
    """The jurisdiction and all that lie within it, as requests may name them; empty for one without a law of its own."""
    if code not in registry.jurisdictions:
        return ()
    within = {law for law in registry.jurisdictions if code in registry.chain(law)}
    return tuple(sorted(within | {member for law in within for member in registry.jurisdictions[law].members}))


def _name(stop: Stop) -> str:
    return f"emergency-stop-{stop.id}"


def _content(stop: Stop, law: str) -> Plain:
    """What the digest of the policies in force covers: an answer given again under other stops is decided and charged afresh."""
    return {"stop": stop.id, "law": law, "importer": stop.importer, "purpose": stop.purpose}
