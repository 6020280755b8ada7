"""Builds the demo federation step by step, or takes up what an earlier run left. Nothing here asks a question of it.

Index: (1) made (2) sign-ins added (3) serving. Each region beside it: (1) people made up (2) node made, its register of importers
and its rates written (3) sign-ins added (4) files imported (5) joined by invite, once the index serves (6) serving.
"""

import asyncio
import csv
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from deploy import commands
from deploy.diary import Diary, sign_ins, write_private
from deploy.household import Finished, Household, StepFailedError, command_of
from deploy.layout import (
    ACCOUNTS,
    INDEX,
    NODES,
    Account,
    Node,
    addresses,
    import_files,
    importers_register,
    index_settings,
    node_settings,
)

_ENTRIES_SECONDS = 60
Say = Callable[[str, str, float], None]
"""Told when a step is done: whose it was, what was done, how many seconds it took."""


class Builder:
    """Builds one demo home. At most `cores` steps are worked on at once; a step that the diary has is not done again."""

    def __init__(self, *, diary: Diary, household: Household, say: Say, cores: int) -> None:
        self._diary = diary
        self._household = household
        self._say = say
        self._cores = asyncio.Semaphore(max(1, cores))
        self._where = addresses(diary.ports)
        self._passwords = sign_ins(diary.home, ACCOUNTS)
        self.pseudonyms: dict[str, str] = {}

    async def build(self) -> None:
        """Everything up to four serving processes. Raises StepFailedError (in a group) for the first steps that failed."""
        serving = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._start_index(serving))
            for node in NODES:
                group.create_task(self._start_node(node, serving))

    async def pull(self) -> None:
        """Let the index pull until it holds everyone of all regions. Raises StepFailedError when it does not within a minute."""
        started = time.perf_counter()
        while True:
            await self.run(commands.pull_entries(self.home(INDEX)), log=INDEX)
            held = await self._entries()
            missing = {node.region: self._diary.people - held.get(node.region, 0) for node in NODES}
            if not any(count > 0 for count in missing.values()):
                break
            if time.perf_counter() - started > _ENTRIES_SECONDS:
                told = ", ".join(f"{count:,} of {region}" for region, count in missing.items() if count > 0)
                msg = f"the index still misses entries after {_ENTRIES_SECONDS} s: {told}"
                raise StepFailedError(msg)
            await asyncio.sleep(1)
        self._say(INDEX, f"{sum(held.values()):,} pseudonymous entries pulled", time.perf_counter() - started)

    async def _entries(self) -> Counter[str]:
        finished = await self.run(commands.export_entries(self.home(INDEX)), log=INDEX)
        held: Counter[str] = Counter()
        for row in csv.DictReader(finished.output.splitlines()):
            held[row["region"]] += 1
            self.pseudonyms.setdefault(row["region"], row["pseudonym"])
        return held

    def home(self, name: str) -> Path:
        """The home of a process."""
        return self._diary.home / name

    async def run(self, command: Sequence[str], *, log: str) -> Finished:
        """Run one of our commands. Raises StepFailedError when it exits with anything but 0."""
        finished = await self.attempt(command, log=log)
        if finished.code:
            shown = " ".join(command[:3])
            msg = f"{log}: `{shown}` failed (exit {finished.code}): {finished.last_line} (see {self._log(log)})"
            raise StepFailedError(msg)
        return finished

    async def attempt(self, command: Sequence[str], *, log: str) -> Finished:
        """Run one of our commands, whatever its exit code."""
        program, *arguments = command
        return await self._household.run([command_of(program), *arguments], log=self._log(log))

    def _log(self, name: str) -> Path:
        return self._diary.home / name / "log.txt"

    async def _once(self, name: str, step: str, what: str, work: Callable[[], Awaitable[str | None]]) -> None:
        if self._diary.has(f"{name}.{step}"):
            return
        async with self._cores:
            started = time.perf_counter()
            found = await work()
            self._diary.note(f"{name}.{step}")
            self._say(name, found or what, time.perf_counter() - started)

    async def _start_index(self, serving: asyncio.Event) -> None:
        self._diary.clear_half_made(INDEX)
        await self._once(INDEX, "init", "index made", self._make_index)
        await self._sign_ins(INDEX)
        await self._serve(INDEX)
        serving.set()

    async def _make_index(self) -> None:
        await self.run(commands.init_index(self.home(INDEX), index_settings(self._where)), log=INDEX)

    async def _start_node(self, node: Node, serving: asyncio.Event) -> None:
        region = node.region
        self._diary.clear_half_made(region)
        if not self._diary.has(f"{region}.import"):
            await self._once(
                region, "population", f"{self._diary.people:,} people and their trade made up", lambda: self._make_up(region)
            )
        await self._once(region, "init", f"node made under the law of {node.jurisdiction}", lambda: self._make_node(node))
        await self._sign_ins(region)
        await self._once(region, "import", "files imported", lambda: self._import(region))
        await serving.wait()
        await self._once(region, "join", "joined the federation by invite", lambda: self._join(node))
        await self._serve(region)

    def _population(self, region: str) -> Path:
        return self._diary.home / "population" / region

    async def _make_up(self, region: str) -> None:
        given = ["--region", region, "--people", str(self._diary.people), "--seed", str(self._diary.seed)]
        command = [sys.executable, "-m", "deploy.population", *given, "--out", str(self._population(region))]
        finished = await self._household.run(command)
        if finished.code:
            msg = f"{region}: making up people failed: {finished.last_line}"
            raise StepFailedError(msg)

    async def _make_node(self, node: Node) -> None:
        home = self.home(node.region)
        await self.run(commands.init_node(home, node, node_settings(node, self._where)), log=node.region)
        write_private(home / "importers.yaml", importers_register(node))
        await asyncio.to_thread(shutil.copyfile, self._population(node.region) / "rates.csv", home / "rates.csv")

    async def _sign_ins(self, name: str) -> None:
        for account in (a for a in ACCOUNTS if a.home == name):
            await self._once(
                name, f"users.{account.name}", f"sign-in `{account.name}` added ({account.role})", self._adding(account)
            )

    def _adding(self, account: Account) -> Callable[[], Awaitable[None]]:
        async def add() -> None:
            secret = self._diary.home / f".password-{account.home}-{account.name}"
            write_private(secret, self._passwords[(account.home, account.name)] + "\n")
            try:
                await self.run(commands.add_user(self.home(account.home), account, secret), log=account.home)
            finally:
                secret.unlink(missing_ok=True)

        return add

    async def _import(self, region: str) -> str:
        files = import_files(self._population(region))
        finished = await self.run(commands.import_files(self.home(region), files), log=region)
        refused = count_of(finished.output, "rejected")
        if refused:
            msg = f"{region}: {refused:,} rows were refused by the import (see {self._log(region)})"
            raise StepFailedError(msg)
        created = count_of(finished.output, "created") + count_of(finished.output, "unchanged")
        return f"{created:,} records imported" if created else "files imported"

    async def _join(self, node: Node) -> None:
        finished = await self.run(commands.invite(self.home(INDEX), node), log=INDEX)
        lines = [line.strip() for line in finished.output.splitlines() if line.strip()]
        if not lines:
            msg = f"{node.region}: the index gave no invite: {finished.last_line}"
            raise StepFailedError(msg)
        invite = self.home(node.region) / ".invite"
        write_private(invite, lines[-1] + "\n")
        try:
            await self.run(commands.join(self.home(node.region), invite), log=node.region)
        finally:
            invite.unlink(missing_ok=True)

    async def _serve(self, name: str) -> None:
        started = time.perf_counter()
        program, *arguments = commands.serve(self.home(name), name)
        await self._household.serve(name, [command_of(program), *arguments], log=self._log(name))
        self._say(name, f"serving on http://{self._where[name].http}", time.perf_counter() - started)


def count_of(printed: str, *keys: str) -> int:
    """The sum of the whole numbers under the first of these keys that occurs anywhere in printed JSON; 0 where none does."""
    try:
        facts = json.loads(printed)
    except ValueError:
        return 0
    for key in keys:
        found = _under(facts, key)
        if found:
            return sum(found)
    return 0


def _under(facts: object, key: str) -> Sequence[int]:
    if isinstance(facts, list):
        return [number for fact in facts for number in _under(fact, key)]
    if not isinstance(facts, dict):
        return []
    own = facts.get(key)
    here = [own] if type(own) is int else []
    return [*here, *(number for value in facts.values() for number in _under(value, key))]
