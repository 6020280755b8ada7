"""Asks the demo federation its three questions and shows the answers as the commands print them. Nothing here changes a policy.

(1) an aggregate over all regions, with its coverage (2) a person of br-sp, let out in part (3) a person of eu-de, refused.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy import commands
from deploy.building import Builder
from deploy.diary import write_private
from deploy.household import Finished, StepFailedError
from deploy.layout import ANALYST, INDEX, US_ANALYST

QUESTION = "SELECT country, segment, count(*), sum(in_currency(lifetime_value,'EUR')) FROM people GROUP BY 1,2"
FIELDS = "given_name,family_name,email,phone,city,date_of_birth,street,notes"
REPORTING, SUPPORT = "analytics.reporting", "essential.service.operations.support"
ANSWER = "answer.json"


class Questions:
    """The questions of the demo. What was answered first is kept in the demo home, to compare a later run with."""

    def __init__(self, *, builder: Builder, home: Path) -> None:
        self._builder = builder
        self._kept = home / ANSWER

    async def ask_all(self) -> None:
        """All three, each shown under its heading. Raises StepFailedError when one does not end as it should."""
        await self._aggregate()
        await self._person("br-sp", analyst=ANALYST, released=True)
        await self._person("eu-de", analyst=US_ANALYST, released=False)

    async def _aggregate(self) -> None:
        asked = commands.query(self._builder.home(INDEX), QUESTION, purpose=REPORTING, analyst=ANALYST, form="table")
        heading("An aggregate over three regions", commands.shown(asked))
        started = time.perf_counter()
        shown = await self._query("table")
        seconds = time.perf_counter() - started
        print(shown.output.rstrip())
        answer = json.loads((await self._query("json")).output)
        missing = [f"{c['region']} {c['status']} ({c.get('reason')})" for c in answer["coverage"] if c["status"] != "answered"]
        if missing or not answer["rows"]:
            msg = f"the answer is not whole: {', '.join(missing) or 'it has no rows'}"
            raise StepFailedError(msg)
        print(f"\n{self._compared(answer)} ({seconds:.1f} s with the start of the command)")

    async def _query(self, form: str) -> Finished:
        command = commands.query(self._builder.home(INDEX), QUESTION, purpose=REPORTING, analyst=ANALYST, form=form)
        return await self._builder.run(command, log=INDEX)

    def _compared(self, answer: Mapping[str, Any]) -> str:
        epochs = {c["region"]: c.get("epoch") for c in answer["coverage"]}
        kept = json.loads(self._kept.read_text(encoding="utf-8")) if self._kept.exists() else None
        if kept and kept["epochs"] == epochs:
            if kept["rows"] != answer["rows"]:
                raise StepFailedError("the same question on the same reading epoch was answered differently")
            return "The same answer as recorded in an earlier run, at no cost to the privacy budget."
        write_private(self._kept, json.dumps({"epochs": epochs, "rows": answer["rows"]}, indent=1))
        return (
            "A fresh answer on a new reading epoch."
            if kept
            else "The first answer on this reading epoch; asked again, it is free and the same."
        )

    async def _person(self, region: str, *, analyst: str, released: bool) -> None:
        pseudonym = self._builder.pseudonyms[region]
        home = self._builder.home(INDEX)
        command = commands.person(home, pseudonym, region=region, fields=FIELDS, purpose=SUPPORT, analyst=analyst)
        heading(f"A person of {region}, for {analyst}: {'let out in part' if released else 'refused'}", commands.shown(command))
        finished = await self._builder.attempt(command, log=INDEX)
        said = "\n".join(part.rstrip() for part in (finished.output, finished.errors) if part.strip())
        print(said)
        law = "LGPD" if region == "br-sp" else "GDPR"
        if released and (finished.code or law not in said):
            msg = f"the request for a person of {region} was to be let out in part, each field with its rule"
            raise StepFailedError(msg)
        if not released and (finished.code == 0 or law not in said):
            msg = f"the request for a person of {region} was to be refused, with rule and citation"
            raise StepFailedError(msg)


def heading(title: str, command: str) -> None:
    """A title, and the command that shows the same."""
    print(f"\n{title}\n{'-' * len(title)}\n$ {command}\n")


def address_lines(http: Mapping[str, str], signing_in: Sequence[str]) -> list[str]:
    """Where to look around, and who can sign in."""
    return [
        "",
        "Consoles",
        *(f"  {home:8} http://{address}" for home, address in http.items()),
        "",
        *(f"  {s}" for s in signing_in),
    ]
