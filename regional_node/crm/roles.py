"""Who may do what in a node: a closed list of roles. A role alone lets nothing leave the region; the gate decides that."""

from enum import StrEnum


class Role(StrEnum):
    """What a person who signs in does here. Grammar: one noun, an occupation."""

    AGENT = "agent"
    TEAM_LEAD = "team_lead"
    SUPPORT = "support"
    MARKETER = "marketer"
    OPERATOR = "operator"
    PRIVACY_OFFICER = "privacy_officer"
    AUDITOR = "auditor"


WRITERS = (Role.AGENT, Role.TEAM_LEAD, Role.SUPPORT)
"""Who may create and change records."""

READERS = (*WRITERS, Role.MARKETER, Role.PRIVACY_OFFICER)
"""Who may read records. Operators and auditors run and check the node without seeing a person."""
