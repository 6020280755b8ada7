"""The history in the store. It holds what `requests.history` allows: no text that was typed, no pseudonym, no figure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

import msgspec
from sqlalchemy import Engine, Row, insert, select

from chassis.database import reading, writing
from global_index.requests.history import Asked, Memory, Told
from global_index.storage.tables import history, told

_MICRO = 1_000_000


class Histories:
    """The store of the history."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def remember(self, memory: Memory) -> None:
        """Keep one line with how each region took it."""
        at = int(memory.at.timestamp() * _MICRO)
        line = {
            "question_id": memory.question_id,
            "at": at,
            "asked": memory.asked.value,
            "analyst": memory.analyst,
            "importer": memory.importer,
            "purpose": memory.purpose,
            "plans": _list(memory.plans),
            "digests": _list(memory.digests),
            "fields": _list(memory.fields),
        }
        regions = [
            {
                "question_id": memory.question_id,
                "region": one.region,
                "at": at,
                "status": one.status,
                "code": one.code,
                "rho": one.rho,
                "leaf": one.leaf,
            }
            for one in memory.told
        ]
        with writing(self._engine) as connection:
            connection.execute(insert(history).values(line))
            if regions:
                connection.execute(insert(told), regions)

    def recent(self, *, limit: int, analyst: str | None = None) -> tuple[Memory, ...]:
        """The latest lines, newest first."""
        wanted = select(history).order_by(history.c.at.desc(), history.c.question_id.desc()).limit(limit)
        if analyst is not None:
            wanted = wanted.where(history.c.analyst == analyst)
        with reading(self._engine) as connection:
            lines = list(connection.execute(wanted))
            ids = [line.question_id for line in lines]
            regions = list(connection.execute(select(told).where(told.c.question_id.in_(ids)).order_by(told.c.region)))
        return tuple(_memory(line, [r for r in regions if r.question_id == line.question_id]) for line in lines)

    def charged(self, *, year: int) -> dict[str, str]:
        """By region, the sum of charges in a calendar year (UTC), as a decimal text."""
        start, end = (int(datetime(one, 1, 1, tzinfo=UTC).timestamp() * _MICRO) for one in (year, year + 1))
        sums: dict[str, Fraction] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(
                select(told.c.region, told.c.rho).where(told.c.at >= start, told.c.at < end, told.c.rho != "0")
            ):
                sums[row.region] = sums.get(row.region, Fraction(0)) + Fraction(row.rho)
        return {region: format(float(total), ".9g") for region, total in sorted(sums.items())}


def _list(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def _memory(line: Row[tuple[object, ...]], regions: Sequence[Row[tuple[object, ...]]]) -> Memory:
    return Memory(
        question_id=line.question_id,
        at=datetime.fromtimestamp(line.at / _MICRO, UTC),
        asked=Asked(line.asked),
        analyst=line.analyst,
        importer=line.importer,
        purpose=line.purpose,
        told=tuple(Told(region=r.region, status=r.status, code=r.code, rho=r.rho, leaf=r.leaf) for r in regions),
        plans=tuple(msgspec.json.decode(line.plans, type=list[str])),
        digests=tuple(msgspec.json.decode(line.digests, type=list[str])),
        fields=tuple(msgspec.json.decode(line.fields, type=list[str])),
    )
