"""Who may open which page of the index console, and the navigation that shows it. It decides nothing else."""

from pathlib import Path

from chassis.web.access import require
from chassis.web.pages import NavItem
from chassis.web.sessions import Caller
from global_index.catalogue.roles import Role

TEMPLATES = Path(__file__).parent / "templates"

ASKS = (Role.ANALYST, Role.ADMINISTRATOR)
EDITS_POLICIES = (Role.COMPLIANCE_OFFICER, Role.ADMINISTRATOR)
READS_POLICIES = (*EDITS_POLICIES, Role.AUDITOR)
SEES_ALL_HISTORY = (Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.ADMINISTRATOR)

ASK = require(*ASKS)
POLICIES = require(*READS_POLICIES)
CHECK = require(*EDITS_POLICIES)
DRAFTS = require(Role.COMPLIANCE_OFFICER)
EVERYONE = require(*Role)

NAV = (
    NavItem(label="Ask", path="/ask", icon="ask", roles=frozenset(role.value for role in ASKS)),
    NavItem(label="Person", path="/person", icon="privacy", roles=frozenset(role.value for role in ASKS)),
    NavItem(label="History", path="/history", icon="ledger"),
    NavItem(label="Policies", path="/policies", icon="policy", roles=frozenset(role.value for role in READS_POLICIES)),
    NavItem(label="Regions", path="/regions", icon="region"),
)
"""For `Pages(nav=…)`. Paths are those of the routes."""


def has(caller: Caller, *roles: Role) -> bool:
    """Whether the caller has one of the roles."""
    return any(role.value in caller.roles for role in roles)


def first_page(caller: Caller) -> str:
    """Where a caller begins."""
    if has(caller, *ASKS):
        return "/ask"
    return "/policies" if has(caller, *EDITS_POLICIES) else "/history"
