"""An invite as one line of text: all a node needs to make its first call, also mutual TLS. It is a secret until it is used.

`domicile-invite-1.` and then base64url of canonical JSON (RFC 8785). The certificate in it has the role `invite`, may call Join
only, and its serial is the single-use token.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import rfc8785

from policies.engine.errors import Code, DomicileError
from protos.certificates import Identity, Role, read_identity
from protos.channel import Credentials, require_address

PREFIX = "domicile-invite-1."
MAX_TEXT = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """What an invite says. `key`, `certificate` and `authorities` are PEM text; `expires_at` is RFC 3339 in UTC."""

    address: str
    federation: str
    region: str
    jurisdiction: str
    authorities: str
    certificate: str
    key: str
    expires_at: str

    def __repr__(self) -> str:
        """Never the key."""
        return f"Invite(region={self.region!r}, expires_at={self.expires_at!r})"

    @property
    def credentials(self) -> Credentials:
        """What the first call shows and trusts."""
        return Credentials(key=self.key.encode(), certificate=self.certificate.encode(), trust=self.authorities.encode())

    @property
    def ends(self) -> datetime:
        """When it expires, in UTC."""
        return datetime.fromisoformat(self.expires_at).astimezone(UTC)


def write_invite(invite: Invite) -> str:
    """The invite as one line."""
    return PREFIX + base64.urlsafe_b64encode(rfc8785.dumps(asdict(invite))).decode().rstrip("=")


def read_invite(text: str) -> Invite:
    """An invite from its line. Raises INVITE_REFUSED when it is cut off, mistyped, or says other than its certificate."""
    line = "".join(text.split())  # mail programs break long lines
    if not line.startswith(PREFIX) or len(line) > MAX_TEXT:
        what = f"it does not begin with `{PREFIX}`"
        raise _unreadable(what)
    body = line.removeprefix(PREFIX)
    try:
        members = json.loads(base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True))
        if not isinstance(members, dict) or not all(isinstance(value, str) for value in members.values()):
            raise _unreadable("it is damaged")
        invite = Invite(**members)
        invite.ends.isoformat()
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _unreadable("it is damaged") from None
    identity = _holder(invite)
    if (identity.role, identity.federation, identity.name) != (Role.INVITE, invite.federation, invite.region):
        raise _unreadable("its certificate is for something else")
    return invite


def _holder(invite: Invite) -> Identity:
    try:
        require_address(invite.address, where="invite")
        return read_identity(invite.certificate.encode())
    except DomicileError:
        raise _unreadable("it is damaged") from None


def _unreadable(what: str) -> DomicileError:
    remedy = "copy the whole line that `global-index invite` printed"
    return DomicileError(what=f"the invite cannot be read: {what}", remedy=remedy, code=Code.INVITE_REFUSED)
