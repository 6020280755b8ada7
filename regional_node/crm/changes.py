"""What can happen to a record, as the outbox tells it: closed words only, never a value."""

from enum import StrEnum


class ChangeKind(StrEnum):
    """What happened. Grammar: a verb in the past tense."""

    ADDED = "added"
    UPDATED = "updated"
    ERASED = "erased"
