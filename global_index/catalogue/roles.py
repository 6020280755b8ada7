"""The roles of people who sign in to the index. A closed list; what each may do stands at the routes."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody may do here. Grammar: one noun."""

    ANALYST = "analyst"
    COMPLIANCE_OFFICER = "compliance_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
