"""`regional-node serve`: HTTP, gRPC for the index and the worker in one process, until it is told to stop. It decides nothing.

(1) open the house  (2) bring the projection up to date  (3) serve the index over mutual TLS, when the node has joined
(4) start the worker  (5) serve HTTP  (6) stop in reverse.
"""

import asyncio
import json
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import SystemRandom
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, FastAPI

from chassis.database import current_revision
from chassis.settings import split_address
from chassis.telemetry import Metrics, configure_logging
from chassis.web.access import require
from chassis.web.app import Shell, create_app
from chassis.web.pages import NavItem, Pages
from chassis.web.serving import listen, own_signals, serve_until_told
from chassis.worker import Worker
from policies.engine.announcement import Announcement, RegionalDomain
from protos.certificates import write_private
from protos.channel import Served, serve
from protos.interceptors import Admission, Watch
from protos.wire import WIRE_VERSION
from regional_node.api.objects import ObjectsApi, objects_router
from regional_node.bootstrap.doors import open_gate, open_projection
from regional_node.bootstrap.home import RUNNING_FILE, House, domains_of, now, open_house
from regional_node.console.doors import NAV, TEMPLATES
from regional_node.console.operate import Instruments
from regional_node.console.routes import router as console_router
from regional_node.crm.fields import RecordType
from regional_node.crm.roles import READERS, Role
from regional_node.rpc import joining
from regional_node.rpc.serving import registrar
from regional_node.settings import NodeSettings
from regional_node.storage.projection import Projection
from regional_node.worker import tasks

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own, for the gRPC server."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="grpc", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """The result of a coroutine, waited for at most so long."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


class Membership:
    """The node's membership as the running process sees it: read again when an announcement or a renewal changed it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._present = joining.load(folder)

    def __call__(self) -> joining.NodeMembership:
        """The membership now."""
        return self._present

    def ticket_key(self) -> Ed25519PublicKey:
        """The key under which the index signs tickets."""
        return Ed25519PublicKey.from_public_bytes(self._present.ticket_key)

    def announce(self, announcement: Announcement) -> None:
        """Renew the certificate when that is due, then tell the index of this node and learn who was revoked."""
        at = now()
        if self._present.renewal_due(at=at):
            self._present = asyncio.run(joining.renew(self._folder, at=at))
        self._present, _ = asyncio.run(joining.announce(self._folder, announcement, at=at))


def run(home: Path, settings: NodeSettings, *, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `say` gets one line when everything answers. Raises DomicileError when it cannot start."""
    configure_logging(level=logging.getLevelNamesMapping()[settings.log_level.upper()])
    stopping = own_signals()
    house = open_house(home, settings)  # (1)
    host, port = split_address(settings.http_address)
    listening = listen(host, port)
    projection = open_projection(house)
    try:
        _bring_up_to_date(house, projection)  # (2)
        running = Running(house, projection)
        try:
            running.start()  # (3) (4)
            url = f"http://{host}:{listening.getsockname()[1]}"
            write_private(home / RUNNING_FILE, json.dumps({"url": url, "grpc": running.address}).encode())
            app = application(running, (_pages(running),), nav=NAV)
            told = (
                f"regions' index reaches it at {running.address}" if running.address else "not joined yet: run `regional-node join`"
            )
            line = f"ready {settings.region}: console {url}, {told}"
            serve_until_told(app, listening, stopping, lambda: say(line))  # (5)
        finally:
            (home / RUNNING_FILE).unlink(missing_ok=True)  # (6)
            running.stop()
    finally:
        projection.close()
        listening.close()
        house.engine.dispose()


def _bring_up_to_date(house: House, projection: Projection) -> None:
    while projection.catch_up():
        pass
    house.feed.seal(at=now())
    if house.editing.count(RecordType.PEOPLE, cap=1):
        projection.epoch(at=now())


class Running:
    """What runs in a serving node beside HTTP."""

    def __init__(self, house: House, projection: Projection) -> None:
        self.house = house
        self.projection = projection
        self.metrics = Metrics()
        self.address = ""
        self.membership = Membership(house.tls) if joining.has_joined(house.tls) else None
        self._loop = Loop()
        self._pools = (ThreadPoolExecutor(1, "projection"), ThreadPoolExecutor(4, "store"), ThreadPoolExecutor(1, "rehearsal"))
        self._served: Served | None = None
        self._worker: Worker | None = None
        self._refused = ""

    def start(self) -> None:
        """Serve the index and start the worker."""
        if self.membership is not None:
            self._served = self._loop.call(self._serve(self.membership), seconds=20)
            host, _ = split_address(self.house.settings.grpc_address)
            self.address = self.house.settings.announced_address or f"{host}:{self._served.port}"
        self._worker = Worker(
            tasks(
                projection=self.projection,
                feed=self.house.feed,
                announce=self._announce,
                fetch_policies=self._fetch_policies,
                sweep=self._sweep,
                clock=now,
                batch_seconds=self.house.settings.batch_seconds,
                policy_seconds=self.house.settings.policy_seconds,
            ),
            random=SystemRandom(),
            metrics=self.metrics,
        )
        self._worker.start()

    def stop(self) -> None:
        """Stop in order: no new calls, then the worker, then the loop."""
        if self._served is not None:
            self._loop.call(self._served.server.stop(grace=2), seconds=15)
        if self._worker is not None:
            self._worker.stop()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self._loop.stop()

    async def _serve(self, membership: Membership) -> Served:
        gate = open_gate(self.house, self.projection, ticket_key=membership.ticket_key, index=lambda: membership().organisation)
        questions, store, rehearsals = self._pools
        register = registrar(
            gate,
            self.house.feed,
            self.house.policy_rooms.rehearsing,
            questions=questions,
            store=store,
            rehearsals=rehearsals,
            importer=lambda: membership().organisation,
        )
        return await serve(
            self.house.settings.grpc_address,
            credentials=lambda: membership().credentials,
            register=register,
            admission=Admission(federation=membership().federation, standing=joining.standing(membership, clock=now), clock=now),
            watch=Watch(finished=self._called, fault=_log_fault),
        )

    def _called(self, method: str, code: str) -> None:
        self.metrics.calls.labels(method, code).inc()

    def _announce(self) -> None:
        if self.membership is not None:
            self.membership.announce(self._announcement())

    def _fetch_policies(self) -> None:
        if self.membership is None:
            return
        fault = self.house.policy_rooms.fetch().fault
        told = fault.code.value if fault is not None else ""
        if told not in {"", self._refused}:  # said once; `regional-node policy status` tells it in full
            _log.warning("what the index offers of policies is not taken", extra={"code": told})
        self._refused = told

    def _sweep(self) -> int:
        """Forget sessions that ended and counts that no window reaches."""
        return self.house.sessions.sweep() + self.house.counters.sweep(at=now())

    def _announcement(self) -> Announcement:
        policies = self.house.policies()
        domains = tuple(
            RegionalDomain(table=table, column=column, values=values)
            for (table, column), values in sorted(self.projection.domains().items())
        )
        return Announcement(
            address=self.address,
            program_version=program_version(),
            wire_version=WIRE_VERSION,
            policy_digest=policies.digest if policies is not None else "",
            feed_epoch=self.house.feed.epoch(),
            reading_epoch=self.projection.present_epoch(),
            domains=domains,
            time_zone=self.house.settings.time_zone,
        )


def _pages(running: Running) -> APIRouter:
    """The console's pages over the house."""
    house, membership = running.house, running.membership
    return console_router(
        editing=house.editing,
        domains=domains_of(house.settings),
        organisation=house.settings.organisation,
        digest=house.indexer.request,
        zone=ZoneInfo(house.settings.time_zone),
        now=now,
        journal=house.journal,
        instruments=Instruments(
            settings=house.settings,
            version=program_version(),
            policies=house.policies,
            ledger=house.ledger,
            feed=house.feed,
            feed_cursor=house.feed.cursor,
            lag=running.projection.lag,
            reading_epoch=running.projection.present_epoch,
            certificate_ends=(lambda: membership().identity.not_after) if membership is not None else None,
        ),
    )


def application(running: Running, routers: Sequence[APIRouter], nav: Sequence[NavItem] = ()) -> FastAPI:
    """The web application over the house."""
    house, settings = running.house, running.house.settings
    pages = Pages(
        title="Domicile",
        place=settings.region,
        folders=[TEMPLATES],
        nav=nav,
        zone=ZoneInfo(settings.time_zone),
        https=settings.https,
    )
    shell = Shell(
        name=settings.region,
        title="Domicile regional node",
        version=program_version(),
        accounts=house.accounts,
        sessions=house.sessions,
        tokens=house.tokens,
        pages=pages,
        random=secrets.token_bytes,
        https=settings.https,
        metrics=running.metrics,
        health=lambda: {"store": current_revision(house.engine) is not None, "policies": house.policies() is not None},
    )
    objects = ObjectsApi(editing=house.editing, organisation=settings.organisation, digest=house.indexer.request)
    return create_app(
        shell,
        routers=(objects_router(objects), *routers),
        metrics_access=require(Role.OPERATOR, Role.AUDITOR),
        contract_access=require(*READERS, Role.OPERATOR, Role.AUDITOR),
    )


def _log_fault(_method: str, error: Exception) -> None:
    _log.error("a call of the index failed", exc_info=error)


def program_version() -> str:
    """The installed release."""
    try:
        return version("domicile")
    except PackageNotFoundError:
        return "0"
