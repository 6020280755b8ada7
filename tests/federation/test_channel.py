"""Channels over real sockets: who is let in, who is believed, and that a server outlives whatever is sent to it."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from policies.engine.decision import Decision, RuleRef
from policies.engine.denial import Denied
from policies.engine.errors import CATALOGUE, Code, DomicileError
from policies.engine.vocabulary import Outcome
from protos import channel, interceptors
from protos.certificates import Role, host_of, read_identity
from protos.channel import Credentials, open_to_index, open_to_node, serve
from protos.interceptors import Admission, Watch
from protos.v1 import entries_pb2, membership_pb2
from protos.v1.entries_pb2_grpc import EntriesStub
from protos.v1.membership_pb2_grpc import FederationStub
from tests.federation.membership_world import FEDERATION, Certificates, Node, now, raw_channel, running_node, start, stop

PULL = entries_pb2.PullEntriesRequest(cursor=7)
METHOD = "/domicile.v1.Entries/PullEntries"
HOST = host_of(FEDERATION, Role.REGION, "eu-de")


async def pull(
    node: Node, *, caller: Credentials | None = None, pinned: bytes | None = None, region: str = "eu-de"
) -> entries_pb2.PullEntriesResponse:
    shown = caller or node.certificates.credentials(Role.INDEX, "index")
    async with open_to_node(
        node.address,
        credentials=shown,
        pinned=pinned or node.credentials.certificate,
        federation=FEDERATION,
        region=region,
        request_id=lambda: "ab12cd34",
    ) as opened:
        return await EntriesStub(opened).PullEntries(PULL, timeout=5)


async def refused(node: Node, *, code: Code | None = None, **how: object) -> DomicileError:
    """The error of a pull that must fail without reaching the method, and the server still serves afterwards."""
    before = node.probe.calls
    with pytest.raises(DomicileError) as caught:
        await pull(node, **how)  # type: ignore[arg-type]  # passed on as they came
    assert node.probe.calls == before
    if code is not None:
        assert caught.value.code is code, caught.value
    assert (await pull(node, pinned=node.credentials.certificate + node.certificates.authority.certificate_pem)).cursor == 7
    return caught.value


async def test_the_index_reaches_a_node_whose_certificate_it_pinned() -> None:
    async with running_node() as node:
        assert (await pull(node)).cursor == 7
        assert node.told == [(METHOD, "ok")]
        assert node.began == ["ab12cd34"]


def test_every_method_of_the_contract_says_who_may_call_it() -> None:
    from protos.v1 import persons_pb2, policies_pb2, questions_pb2  # noqa: PLC0415

    files = (membership_pb2, entries_pb2, persons_pb2, policies_pb2, questions_pb2)
    methods = {
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == set(interceptors.MAY_CALL)


# Callers that are not let in


async def test_a_region_may_not_call_another_regions_node() -> None:
    async with running_node() as node:
        error = await refused(node, caller=node.certificates.credentials(Role.REGION, "br-sp"), code=Code.PEER_REFUSED)
        assert "the role `region` may not call this method" in str(error)


async def test_an_invite_may_not_call_a_node() -> None:
    async with running_node() as node:
        await refused(node, caller=node.certificates.credentials(Role.INVITE, "eu-de"), code=Code.PEER_REFUSED)


async def test_a_revoked_serial_is_refused_on_a_channel_that_is_open() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with open_to_node(
            node.address, credentials=shown, pinned=node.credentials.certificate, federation=FEDERATION, region="eu-de"
        ) as opened:
            await EntriesStub(opened).PullEntries(PULL, timeout=5)
            node.refused.add(read_identity(shown.certificate).serial)
            with pytest.raises(DomicileError) as caught:
                await EntriesStub(opened).PullEntries(PULL, timeout=5)
        assert caught.value.code is Code.PEER_REFUSED
        assert "revoked" in str(caught.value)


async def test_a_caller_with_an_expired_certificate_is_refused() -> None:
    async with running_node() as node:
        await refused(node, caller=node.certificates.expired(Role.INDEX, "index"), code=Code.PEER_UNREACHABLE)


async def test_a_caller_of_another_federations_authority_is_refused() -> None:
    async with running_node() as node:
        foreign = Certificates().credentials(Role.INDEX, "index")
        await refused(node, caller=foreign, code=Code.PEER_UNREACHABLE)


async def test_a_caller_that_signed_its_own_certificate_is_refused() -> None:
    async with running_node() as node:
        own = Certificates().authority
        from protos.certificates import key_pem  # noqa: PLC0415

        shown = Credentials(key=key_pem(own.key), certificate=own.certificate_pem, trust=own.certificate_pem)
        await refused(node, caller=shown, code=Code.PEER_UNREACHABLE)


async def test_a_caller_without_a_certificate_is_refused() -> None:
    async with running_node() as node:
        shown = grpc.ssl_channel_credentials(node.credentials.certificate)
        async with aio.secure_channel(node.address, shown, options=[("grpc.ssl_target_name_override", HOST)]) as opened:
            with pytest.raises(aio.AioRpcError):
                await EntriesStub(opened).PullEntries(PULL, timeout=5)
        assert node.probe.calls == 0
        await pull(node)


async def test_plaintext_is_refused_and_the_server_lives() -> None:
    async with running_node() as node:
        async with aio.insecure_channel(node.address) as opened:
            with pytest.raises(aio.AioRpcError):
                await EntriesStub(opened).PullEntries(PULL, timeout=5)
        assert node.probe.calls == 0
        await pull(node)


async def test_without_the_check_of_the_caller_the_tests_above_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    async def admits_anyone(*_: object) -> None:
        return None

    monkeypatch.setattr(interceptors, "admit", admits_anyone)
    async with running_node() as node:
        await pull(node, caller=node.certificates.credentials(Role.REGION, "br-sp"))
        with pytest.raises(pytest.fail.Exception):
            await refused(node, caller=node.certificates.credentials(Role.REGION, "br-sp"))


def handshake(port: int, version: ssl.TLSVersion, shown: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(shown)
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as tls:
        return tls.version() or ""


async def test_tls_1_2_finds_no_cipher_and_1_3_does(tmp_path: Path) -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        (tmp_path / "shown.pem").write_bytes(shown.key + shown.certificate)
        tls13 = await asyncio.to_thread(handshake, node.port, ssl.TLSVersion.TLSv1_3, tmp_path / "shown.pem")
        assert tls13 == "TLSv1.3"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(handshake, node.port, ssl.TLSVersion.TLSv1_2, tmp_path / "shown.pem")
        await pull(node)


def test_no_channel_is_opened_where_grpc_was_imported_before_the_suites_were_set() -> None:
    program = (
        "import grpc\nfrom protos.channel import Credentials, open_to_index\n"
        "open_to_index('127.0.0.1:1', credentials=Credentials(key=b'', certificate=b'', trust=b''), federation='acme')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_SSL_CIPHER_SUITES"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "TLS 1.2 cannot be ruled out" in done.stderr


# Servers that are not believed


@pytest.mark.parametrize("shown", ["another region", "an older one of this region", "expired", "self-signed"])
async def test_a_node_that_shows_another_certificate_than_the_pinned_one_is_not_asked(shown: str) -> None:
    async with running_node() as node:
        pinned = node.credentials.certificate
        node.credentials = {
            "another region": node.certificates.credentials(Role.REGION, "br-sp"),
            "an older one of this region": node.certificates.credentials(Role.REGION, "eu-de"),
            "expired": node.certificates.expired(Role.REGION, "eu-de"),
            "self-signed": replace(
                Certificates().credentials(Role.REGION, "eu-de"), trust=node.certificates.authority.certificate_pem
            ),
        }[shown]
        with pytest.raises(DomicileError) as caught:
            await pull(node, pinned=pinned)
        assert caught.value.code is Code.PEER_REFUSED
        assert str(caught.value).startswith("eu-de: its certificate is not")
        assert node.probe.calls == 0


async def test_a_pinned_certificate_that_has_expired_is_not_believed() -> None:
    async with running_node() as node:
        node.credentials = node.certificates.expired(Role.REGION, "eu-de")
        with pytest.raises(DomicileError, match="not valid at this time"):
            await pull(node)


async def test_a_channel_pinned_to_one_region_does_not_reach_another() -> None:
    async with running_node() as node:
        with pytest.raises(DomicileError) as caught:
            await pull(node, region="br-sp")
        assert caught.value.code is Code.PEER_REFUSED


async def test_without_the_pin_an_older_certificate_would_be_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = channel._open

    def trusts_the_authority(address: str, *, credentials: Credentials, **how: Any) -> aio.Channel:
        return real(address, credentials=credentials, **{**how, "roots": credentials.trust})

    monkeypatch.setattr(channel, "_open", trusts_the_authority)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await test_a_node_that_shows_another_certificate_than_the_pinned_one_is_not_asked("an older one of this region")


async def test_a_region_cannot_pass_for_the_index() -> None:
    async with running_node() as node:
        caller = node.certificates.credentials(Role.REGION, "br-sp")
        async with open_to_index(node.address, credentials=caller, federation=FEDERATION) as opened:
            with pytest.raises(DomicileError) as caught:
                await FederationStub(opened).Announce(membership_pb2.AnnounceRequest(), timeout=5)
        assert caught.value.code is Code.PEER_REFUSED


def test_a_channel_without_a_pin_is_not_opened() -> None:
    shown = Certificates().credentials(Role.INDEX, "index")
    with pytest.raises(DomicileError, match="no certificate is pinned"):
        open_to_node("127.0.0.1:1", credentials=shown, pinned=b"", federation=FEDERATION, region="eu-de")


async def test_a_renewed_certificate_is_shown_without_a_restart() -> None:
    async with running_node() as node:
        old = node.credentials.certificate
        await pull(node)
        node.credentials = node.certificates.credentials(Role.REGION, "eu-de")
        await pull(node)
        await pull(node, pinned=old + node.credentials.certificate)
        with pytest.raises(DomicileError):
            await pull(node, pinned=old)


# Messages and faults


async def test_a_truncated_message_is_one_clear_error() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with raw_channel(node.address, HOST, shown) as opened:
            for content in (b"\x0a\xff", b"\xff" * 40, PULL.SerializeToString()[:-1] or b"\x10"):
                with pytest.raises(aio.AioRpcError) as caught:
                    await opened.unary_unary(METHOD)(content, timeout=5)
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
                assert caught.value.details() == CATALOGUE[Code.MESSAGE_TRUNCATED].public
        assert node.probe.calls == 0
        await pull(node)


async def test_an_oversized_message_is_one_clear_error() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with raw_channel(node.address, HOST, shown) as opened:
            with pytest.raises(aio.AioRpcError) as caught:
                await opened.unary_unary(METHOD)(b"\0" * (4 * 1024 * 1024 + 1), timeout=5)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await pull(node)


async def test_an_oversized_answer_is_refused_by_the_caller() -> None:
    async with running_node() as node:
        node.probe.act = lambda _: entries_pb2.PullEntriesResponse(feed_epoch="x" * (17 * 1024 * 1024))
        with pytest.raises(DomicileError) as caught:
            await pull(node)
        assert caught.value.code is Code.INPUT_TOO_LARGE


def failing(error: Exception) -> object:
    def act(_: object) -> entries_pb2.PullEntriesResponse:
        raise error

    return act


async def test_an_unexpected_fault_never_tells_its_message() -> None:
    async with running_node() as node:
        node.probe.act = failing(ValueError("canary-7f3a"))  # type: ignore[assignment]
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with raw_channel(node.address, HOST, shown) as opened:
            with pytest.raises(aio.AioRpcError) as caught:
                await EntriesStub(opened).PullEntries(PULL, timeout=5)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert caught.value.details() == CATALOGUE[Code.INTERNAL].public
        assert "canary" not in repr(caught.value)
        assert "canary" not in repr(caught.value.trailing_metadata())
        assert node.faults == ["ValueError"]


async def test_an_error_about_this_side_tells_only_its_public_sentence() -> None:
    async with running_node() as node:
        secret = DomicileError("canary-7f3a", where="/srv/canary.db", remedy="canary", code=Code.STORE_UNAVAILABLE)
        node.probe.act = failing(secret)  # type: ignore[assignment]
        with pytest.raises(DomicileError) as caught:
            await pull(node)
        assert caught.value.code is Code.STORE_UNAVAILABLE
        assert "canary" not in str(caught.value)


async def test_a_denial_arrives_with_its_whole_decision() -> None:
    decision = Decision(
        outcome=Outcome.DENY,
        reasons=("no_mechanism",),
        rules=(RuleRef(policy="eu-chapter-v", law="EU", place="gdpr.yaml:12", cite=("GDPR Art. 44",)),),
        try_instead=("dpf",),
        policy_digest="0f" * 32,
    )
    async with running_node() as node:
        node.probe.act = failing(Denied("it may not leave", decision=decision))  # type: ignore[assignment]
        with pytest.raises(Denied) as caught:
            await pull(node)
        assert caught.value.decision == decision
        assert node.told == [(METHOD, "transfer:decision:denied")]


async def test_a_denial_too_long_for_a_trailer_still_arrives_as_a_denial() -> None:
    rules = tuple(RuleRef(policy=f"p{i}", law="EU", place="gdpr.yaml:1", cite=("x" * 1000,)) for i in range(100))
    decision = Decision(outcome=Outcome.DENY, reasons=("no_mechanism",), rules=rules)
    async with running_node() as node:
        node.probe.act = failing(Denied("it may not leave", decision=decision))  # type: ignore[assignment]
        with pytest.raises(Denied) as caught:
            await pull(node)
        assert caught.value.decision.rules == rules[:8]


async def test_a_call_without_a_deadline_is_not_made() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with open_to_node(
            node.address, credentials=shown, pinned=node.credentials.certificate, federation=FEDERATION, region="eu-de"
        ) as opened:
            with pytest.raises(DomicileError, match="a call needs a deadline"):
                await EntriesStub(opened).PullEntries(PULL)
        assert node.probe.calls == 0


async def test_a_method_nobody_serves_is_named_as_such() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with open_to_node(
            node.address, credentials=shown, pinned=node.credentials.certificate, federation=FEDERATION, region="eu-de"
        ) as opened:
            with pytest.raises(DomicileError) as caught:
                await FederationStub(opened).Announce(membership_pb2.AnnounceRequest(), timeout=5)
        assert caught.value.code is Code.METHOD_UNKNOWN


async def test_a_node_that_is_gone_is_unreachable_and_found_again_on_the_same_channel() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with open_to_node(
            node.address, credentials=shown, pinned=node.credentials.certificate, federation=FEDERATION, region="eu-de"
        ) as opened:
            await EntriesStub(opened).PullEntries(PULL, timeout=5)
            await stop(node)
            with pytest.raises(DomicileError) as caught:
                await EntriesStub(opened).PullEntries(PULL, timeout=5)
            assert caught.value.code is Code.PEER_UNREACHABLE
            await start(node)
            await asyncio.sleep(1.2)  # the longest wait before a channel tries again
            assert (await EntriesStub(opened).PullEntries(PULL, timeout=5, wait_for_ready=True)).cursor == 7


async def test_a_node_killed_in_the_middle_of_a_call_is_unreachable_at_once() -> None:
    async with running_node() as node:
        begun = asyncio.Event()

        async def hangs(_: object) -> None:
            begun.set()
            await asyncio.sleep(60)

        node.probe.wait = hangs
        asking = asyncio.create_task(pull(node))
        await begun.wait()
        await stop(node)
        with pytest.raises(DomicileError) as caught:
            await asyncio.wait_for(asking, 4)
        assert caught.value.code is Code.PEER_UNREACHABLE
        assert node.told == [(METHOD, "cancelled")]


async def test_a_node_that_hangs_is_given_up_at_the_deadline() -> None:
    async with running_node() as node:

        async def hangs(_: object) -> None:
            await asyncio.sleep(60)

        node.probe.wait = hangs
        shown = node.certificates.credentials(Role.INDEX, "index")
        async with open_to_node(
            node.address, credentials=shown, pinned=node.credentials.certificate, federation=FEDERATION, region="eu-de"
        ) as opened:
            with pytest.raises(DomicileError) as caught:
                await EntriesStub(opened).PullEntries(PULL, timeout=0.5)
        assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_a_port_in_use_is_one_clear_error() -> None:
    async with running_node() as node:
        with pytest.raises(DomicileError, match="cannot be bound"):
            await serve(
                node.address,
                credentials=lambda: node.credentials,
                register=lambda _: None,
                admission=Admission(federation=FEDERATION, standing=node.standing, clock=now),
                watch=Watch(),
            )


async def test_a_certificate_that_ends_while_its_channel_is_open_is_refused() -> None:
    async with running_node() as node:
        shown = node.certificates.credentials(Role.INDEX, "index", life=timedelta(hours=1))
        async with open_to_node(
            node.address, credentials=shown, pinned=node.credentials.certificate, federation=FEDERATION, region="eu-de"
        ) as opened:
            await EntriesStub(opened).PullEntries(PULL, timeout=5)
            node.clock.shift = timedelta(hours=1)
            with pytest.raises(DomicileError, match="it has expired"):
                await EntriesStub(opened).PullEntries(PULL, timeout=5)
