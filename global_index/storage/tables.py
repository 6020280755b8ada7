"""The index's own tables: entries, how far each feed is held, and the history. Ids, closed words, plans and pseudonyms;
nobody's data.
"""

from sqlalchemy import BigInteger, Index, LargeBinary, Table, Text

from chassis.database import classified, identifier
from chassis.web.tables import sign_in_tables
from global_index.storage.metadata import metadata
from policies.engine.vocabulary import DataCategory

_OURS = DataCategory.SYSTEM_OPERATIONS

sign_in = sign_in_tables(metadata)

entries = Table(
    "entries",
    metadata,
    classified("region", Text, _OURS, primary_key=True),
    classified("pseudonym", LargeBinary(16), DataCategory.PSEUDONYM, primary_key=True),
    classified("epoch", Text, _OURS, primary_key=True),
    identifier("cluster", DataCategory.PSEUDONYM, nullable=False, index=True),
    classified("batch", BigInteger, _OURS, nullable=False),
)
"""One row a pseudonym. Rows of an epoch that is still being pulled stand beside those of the epoch that is shown."""

feeds = Table(
    "entry_feeds",
    metadata,
    classified("region", Text, _OURS, primary_key=True),
    classified("shown_epoch", Text, _OURS, nullable=False),
    classified("shown_batch", BigInteger, _OURS, nullable=False),
    classified("fresh_epoch", Text, _OURS, nullable=False),
    classified("fresh_batch", BigInteger, _OURS, nullable=False),
)
"""How far each region is held: in the epoch that is shown, and in the one pulled afresh (empty when there is none)."""

history = Table(
    "history",
    metadata,
    identifier("question_id", _OURS, primary_key=True),
    classified("at", BigInteger, _OURS, nullable=False),
    classified("asked", Text, _OURS, nullable=False),
    identifier("analyst", _OURS, nullable=False, index=True),
    classified("importer", Text, _OURS, nullable=False),
    classified("purpose", Text, _OURS, nullable=False),
    classified("plans", Text, _OURS, nullable=False),
    classified("digests", Text, _OURS, nullable=False),
    classified("fields", Text, _OURS, nullable=False),
)

told = Table(
    "history_regions",
    metadata,
    identifier("question_id", _OURS, primary_key=True),
    classified("region", Text, _OURS, primary_key=True),
    classified("at", BigInteger, _OURS, nullable=False, index=True),
    classified("status", Text, _OURS, nullable=False),
    classified("code", Text, _OURS, nullable=False),
    classified("rho", Text, _OURS, nullable=False),
    classified("leaf", BigInteger, _OURS, nullable=True),
)

Index("ix_history_at", history.c.at)
