"""Who calls is let in by four things that TLS does not verify; each is checked by itself, with the others in order."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies.engine.errors import Code, DomicileError
from protos.certificates import Identity, Role
from protos.interceptors import MAY_CALL, Admission, admit

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORDINARY = Identity(federation="acme", role=Role.INDEX, name="index", serial="ab", not_after=AT + timedelta(days=1))
METHOD = next(method for method, role in MAY_CALL.items() if role is Role.INDEX)


async def known(identity: Identity) -> None:
    if identity.serial != "ab":
        raise DomicileError("it is revoked", code=Code.PEER_REFUSED)


def enter(identity: Identity, method: str = METHOD) -> None:
    asyncio.run(admit(method, identity, Admission(federation="acme", standing=known, clock=lambda: AT)))


def test_an_ordinary_caller_is_let_in() -> None:
    enter(ORDINARY)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"federation": "globex"}, "another federation"),
        ({"role": Role.REGION}, "may not call"),
        ({"role": Role.INVITE}, "may not call"),
        ({"not_after": AT}, "expired"),
        ({"serial": "cd"}, "revoked"),
    ],
)
def test_one_thing_wrong_is_refused(changed: dict[str, object], why: str) -> None:
    with pytest.raises(DomicileError, match=why) as refused:
        enter(replace(ORDINARY, **changed))  # type: ignore[arg-type]  # one thing changed
    assert refused.value.code is Code.PEER_REFUSED


def test_a_method_that_nobody_may_call_is_refused() -> None:
    with pytest.raises(DomicileError, match="may not call"):
        enter(ORDINARY, "/domicile.v1.Nobody/Calls")
