"""The question of the demo, asked at the index of three real nodes over mutual TLS. Every answer must be whole."""

import itertools
import json
import time
from datetime import date, timedelta
from typing import Any

from tests.bench.measuring import Figure, Measure, Setting, medians
from tests.bench.population import declared, write_region
from tests.bench.web import Caller
from tests.federation.houses import PLACES, federation

LIMIT_MS = 150.0
WHERE = "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people {}GROUP BY 1,2"
QUESTION = WHERE.format("")
WARMING = 3


def query_first(setting: Setting) -> list[Figure]:
    """A fresh question, charged and computed at each node, and the recorded answer to one asked before."""
    people, rounds = setting.of(20_000, 500), setting.of(21, 5)
    files = {}
    for place in PLACES:
        (setting.folder / f"{place.region}-file").mkdir()
        files[place.region] = write_region(place.region, setting.folder / f"{place.region}-file" / "people.csv", people=people)
        place_settings = {key: ",".join(values) for key, values in declared(files[place.region]).items()}
        place.settings = {**place.settings, **place_settings}
    with federation(setting.folder, PLACES) as whole:
        for region, node in whole.nodes.items():
            node.run("import", str(files[region]))
            node.start()
        token = whole.index.facts("tokens", "add", "benchmark", "--role", "analyst", "--importer", "domicile-hq-ie")["token"]
        with Caller(whole.index.http, token=token) as caller:
            asking = _Asking(caller)
            asking.ask(QUESTION, charged=True)
            for _ in range(WARMING):
                asking.fresh()
                asking.recorded()
            found = medians({"query.first": asking.fresh, "query.first.recorded": asking.recorded}, rounds=rounds)
    words = {
        "query.first": "a question never asked before, charged and computed at three nodes",
        "query.first.recorded": "a question asked before, its recorded answers decided afresh and served by three nodes",
    }
    return [
        Figure(
            id=name, what=f"{words[name]}; {people:,} people each, warm channels, HTTP at the index, all on one machine",
            ours=found[name], against=LIMIT_MS, name="limit", target="<= 1", measure=Measure.TIME, unit="ms", n=rounds,
        )
        for name in words
    ]  # fmt: skip


class _Asking:
    """An analyst at the index who never asks the same fresh question twice."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._days = (date(2026, 11, 1) - timedelta(days=n) for n in itertools.count())

    def fresh(self) -> float:
        return self.ask(WHERE.format(f"WHERE acquired_at < DATE '{next(self._days)}' "), charged=True)

    def recorded(self) -> float:
        return self.ask(QUESTION, charged=False)

    def ask(self, sql: str, *, charged: bool) -> float:
        """Milliseconds until the answer is read, which must be whole and charged or free as expected."""
        request = self._caller.post("/api/v1/queries", {"sql": sql, "purpose": "analytics.reporting"})
        began = time.perf_counter()
        said = self._caller.ask(request)
        took = 1_000 * (time.perf_counter() - began)
        answer: dict[str, Any] = json.loads(said)
        whole = len(answer["coverage"]) == len(PLACES) and all(each["status"] == "answered" for each in answer["coverage"])
        if not whole or not answer["rows"] or (float(answer["budget"]["charged"]) > 0) is not charged:
            message = f"not the answer that was to be timed: {answer['coverage']} {answer['budget']}"
            raise AssertionError(message)
        return took
