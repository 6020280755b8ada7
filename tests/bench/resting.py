"""The REST API of a node in a process of its own, one caller over one kept connection: point reads and lists."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from regional_node.crm.roles import Role
from regional_node.usecases.imports import run_import
from tests.bench.measuring import Figure, Measure, Setting, medians, quantile, seconds
from tests.bench.population import new_house, write_region
from tests.bench.web import Caller
from tests.federation.houses import Member, free_port

PEOPLE = "/api/v1/objects/people"
CONSTANT = "/health/live"
LIMIT_MS = 200.0
ORDINARY_CALLS = 21
LISTS = {"default page": "", "largest page": "?limit=200", "largest page of a country": "?limit=200&country=AT"}


@contextlib.contextmanager
def serving(folder: Path, *, people: int) -> Iterator[Caller]:
    """A node with so many people that serves, and a caller with an agent's token."""
    file = write_region("eu-de", folder / "people.csv", people=people)
    member = Member("regional-node", folder / "node", free_port(), free_port())
    house = new_house(member.home, file, http_address=member.http, grpc_address=member.grpc)
    try:
        run_import([file], house.import_tools(progress=lambda _progress: None), dialect="domicile")
        _, token = house.tokens.issue("benchmark", [Role.AGENT.value], lasts=timedelta(days=1))
    finally:
        house.engine.dispose()
    try:
        member.start()
        yield Caller(member.http, token=token)
    finally:
        member.stop()


def rest_point(setting: Setting) -> list[Figure]:
    """A person with access check, decryption and read trail, against the same server's constant."""
    people, calls, rounds = setting.of(20_000, 2_000), setting.of(300, 100), setting.of(21, 5)
    with serving(setting.folder, people=people) as caller:
        with caller:
            first = json.loads(caller.ask(caller.get(f"{PEOPLE}?limit=200")))["records"]
            if not json.loads(caller.ask(caller.get(f"{PEOPLE}/{first[0]['id']}")))["family_name"]:
                raise AssertionError("the person was not opened")
        persons = [caller.get(f"{PEOPLE}/{record['id']}") for record in first]

        def rate(requests: list[bytes]) -> Callable[[], float]:
            def once() -> float:
                with caller:
                    caller.ask(requests[0])
                    return calls / seconds(lambda: [caller.ask(requests[n % len(requests)]) for n in range(calls)])

            return once

        def ordinary() -> float:
            caller.acknowledges_at_once = False
            try:
                with caller:
                    return quantile([_milliseconds(caller, request) for request in persons[:ORDINARY_CALLS]], 0.5)
            finally:
                caller.acknowledges_at_once = True

        caller.acknowledges_at_once = True
        cases = {"person": rate(persons), "constant": rate([caller.get(CONSTANT)]), "ordinary": ordinary}
        found = medians(cases, rounds=rounds)
    what = (
        f"GET of a person, {people:,} people on SQLite, one caller that acknowledges at once ({1_000 / found['person']:.2f} ms; "
        f"a caller with delayed acknowledgements waits {found['ordinary']:.2f} ms), client and server share cores"
    )
    return [
        Figure(
            id="rest.point", what=what, ours=found["person"], against=found["constant"], name=f"GET {CONSTANT}, same server",
            target=">= 0.6", measure=Measure.RATE, unit="1/s", n=rounds,
        )
    ]  # fmt: skip


def rest_list(setting: Setting) -> list[Figure]:
    """Pages of people, all fields opened; the worst way to ask is told."""
    people, calls, rounds = setting.of(20_000, 2_000), setting.of(60, 20), setting.of(11, 4)
    with serving(setting.folder, people=people) as caller:

        def p95(request: bytes) -> Callable[[], float]:
            def once() -> float:
                with caller:
                    caller.ask(request)
                    return quantile([_milliseconds(caller, request) for _ in range(calls)], 0.95)

            return once

        found = medians({name: p95(caller.get(PEOPLE + query)) for name, query in LISTS.items()}, rounds=rounds)
    worst = max(found, key=lambda name: found[name])
    told = ", ".join(f"{name} {took:.1f}" for name, took in found.items())
    what = f"p95 of {calls} lists of {people:,} people on SQLite, the worst way to ask ({told} ms), one caller"
    return [
        Figure(
            id="rest.list", what=what, ours=found[worst], against=LIMIT_MS, name="limit", target="<= 1", measure=Measure.TIME,
            unit="ms", n=rounds,
        )
    ]  # fmt: skip


def _milliseconds(caller: Caller, request: bytes) -> float:
    began = time.perf_counter()
    caller.ask(request)
    return 1_000 * (time.perf_counter() - began)
