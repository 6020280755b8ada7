"""Who asks: from a signed-in caller to the asker that a ticket names. An operator at the machine may ask as one of the analysts.

Only the token that `serve` wrote into the home folder may name another account; a stolen analyst's token cannot.
"""

from dataclasses import dataclass

from chassis.web.accounts import Account, Accounts
from chassis.web.sessions import Caller
from global_index.catalogue.published import nearest
from global_index.catalogue.roles import Role
from global_index.requests.tickets import Asker
from policies.engine.errors import Code, DomicileError
from policies.engine.vocabulary import Purpose

ASKING = (Role.ANALYST, Role.ADMINISTRATOR, Role.COMPLIANCE_OFFICER)
_KEYS_ALONE = Purpose.FEDERATION_INDEX
_PURPOSES = tuple(purpose.value for purpose in Purpose if purpose is not _KEYS_ALONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Turns callers into askers. `operator_token` is the id of the local operator's token of this process."""

    accounts: Accounts
    operator_token: str

    def asker(self, caller: Caller, *, purpose: str, as_user: str | None = None) -> Asker:
        """The asker. Raises INPUT_UNKNOWN for a purpose, ROLE_MISSING when somebody else's name is used."""
        wanted = purpose_of(purpose)
        if as_user is None:
            return Asker(analyst=caller.caller_id, role=_role(caller.roles), importer=caller.importer, purpose=wanted)
        if caller.caller_id != self.operator_token:
            raise DomicileError("nobody may ask in another's name", remedy="sign in as that analyst", code=Code.ROLE_MISSING)
        account = self._account(as_user)
        return Asker(analyst=account.account_id, role=_role(account.roles), importer=account.importer, purpose=wanted)

    def officer(self, caller: Caller, *, as_user: str | None = None) -> str:
        """The account id of the compliance officer who acts. Raises ROLE_MISSING; an administrator edits no policy alone."""
        if as_user is None:
            account_id, roles = caller.caller_id, caller.roles
        elif caller.caller_id == self.operator_token:
            account = self._account(as_user)
            account_id, roles = account.account_id, account.roles
        else:
            raise DomicileError("nobody may act in another's name", remedy="sign in as that officer", code=Code.ROLE_MISSING)
        if Role.COMPLIANCE_OFFICER.value not in roles:
            raise DomicileError(
                "this account is no compliance officer", remedy="give it the role `compliance_officer`", code=Code.ROLE_MISSING
            )
        return account_id

    def _account(self, username: str) -> Account:
        found = next((a for a in self.accounts.list() if a.username.casefold() == username.casefold()), None)
        if found is None or found.disabled:
            raise DomicileError(
                "there is no such active account", remedy="see `global-index users list`", code=Code.RECORD_NOT_FOUND
            )
        return found


def purpose_of(text: str) -> Purpose:
    """A purpose of the vocabulary that somebody may ask for. Raises INPUT_UNKNOWN."""
    if text == _KEYS_ALONE.value:
        what = f"the purpose `{text}` covers the index's own pull of keys, no question and no person"
        known = ", ".join(f"`{purpose}`" for purpose in _PURPOSES)
        raise DomicileError(what, where="purpose", remedy=f"say what the answer is for: {known}", code=Code.INPUT_UNKNOWN)
    if text not in _PURPOSES:
        raise DomicileError("this purpose is not known", where="purpose", remedy=nearest(text, _PURPOSES), code=Code.INPUT_UNKNOWN)
    return Purpose(text)


def _role(roles: frozenset[str]) -> str:
    """The role a ticket names: the least that may ask."""
    for role in ASKING:
        if role.value in roles:
            return role.value
    raise DomicileError("this account may not ask", remedy="give it the role `analyst`", code=Code.ROLE_MISSING)
