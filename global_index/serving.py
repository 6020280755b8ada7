"""`global-index serve`: HTTP, the gRPC service for regions and the worker in one process, until it is told to stop. It
decides nothing.

(1) open the house  (2) start the wire  (3) write the operator's token  (4) start the worker  (5) serve HTTP  (6) stop in reverse.
"""

import json
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import SystemRandom

from fastapi import APIRouter, FastAPI
from grpc import aio

import policies as shipped
from chassis.database import current_revision
from chassis.settings import split_address
from chassis.telemetry import Metrics, configure_logging
from chassis.web.access import require
from chassis.web.app import Shell, create_app
from chassis.web.pages import NavItem, Pages
from chassis.web.serving import listen, own_signals, serve_until_told
from chassis.worker import Worker
from global_index.api.routes import router
from global_index.bootstrap import House, Wired, credentials, now, open_house, today, wire
from global_index.catalogue.roles import Role
from global_index.console.doors import NAV, TEMPLATES
from global_index.console.routes import router as console_router
from global_index.console.shelf import Shelf
from global_index.local import OPERATOR_FILE
from global_index.rpc.loop import WireLoop
from global_index.rpc.membership import FederationService, standing
from global_index.rpc.policies import PolicyService
from global_index.settings import IndexSettings
from global_index.worker import tasks
from protos.certificates import write_private
from protos.channel import Served, serve
from protos.interceptors import Admission, Watch
from protos.v1.membership_pb2_grpc import add_FederationServicer_to_server
from protos.v1.policies_pb2_grpc import add_PoliciesServicer_to_server

OPERATOR_LABEL = "local operator"
_TOKEN_LASTS = timedelta(days=366)
_log = logging.getLogger(__name__)

Say = Callable[[str], None]


def run(home: Path, settings: IndexSettings, *, say: Say) -> None:
    """Serve until SIGTERM or SIGINT. `say` gets one line when everything answers. Raises DomicileError when it cannot start."""
    configure_logging()
    stopping = own_signals()
    house = open_house(home, settings)  # (1)
    loop = WireLoop()
    loop.start()
    http_host, http_port = split_address(settings.http_address)
    grpc_host, grpc_port = split_address(settings.grpc_address)
    listening = listen(http_host, http_port)
    try:
        grpc_port = grpc_port or _free_port(grpc_host)
        public = settings.announced_address or f"{grpc_host}:{grpc_port}"
        memberships = house.memberships(address=public)
        token_id, secret = _operator_token(house)
        wired = wire(house, loop=loop, memberships=memberships, operator_token=token_id)
        metrics = Metrics()
        served = loop.call(_serve_regions(house, wired, f"{grpc_host}:{grpc_port}", metrics), seconds=15)  # (2)
        url = f"http://{http_host}:{listening.getsockname()[1]}"
        _write_operator(home, url=url, token=secret, address=public)  # (3)
        worker = Worker(
            tasks(puller=wired.puller, sweep=house.sessions.sweep, entries_seconds=settings.entries_seconds),
            random=SystemRandom(),
            metrics=metrics,
        )
        worker.start()  # (4)
        try:
            pages = console_router(wired.rooms, shelf=_shelf(settings))
            app = application(house, wired, metrics=metrics, routers=(router, pages), folders=[TEMPLATES], nav=NAV)
            line = f"ready index of {settings.federation}, console {url}, regions {public}"
            serve_until_told(app, listening, stopping, lambda: say(line))  # (5)
        finally:
            (home / OPERATOR_FILE).unlink(missing_ok=True)  # (6)
            house.tokens.revoke(token_id)
            worker.stop()
            loop.call(_close(served, wired), seconds=15)
    finally:
        listening.close()
        loop.stop()
        house.engine.dispose()


def _shelf(settings: IndexSettings) -> Shelf:
    folder = Path(settings.policies_folder) if settings.policies_folder else Path(shipped.__file__).parent
    return Shelf(folder=folder, shipped=not settings.policies_folder, today=today)


def application(
    house: House,
    wired: Wired,
    *,
    metrics: Metrics,
    routers: Sequence[APIRouter],
    folders: Sequence[Path] = (),
    nav: Sequence[NavItem] = (),
) -> FastAPI:
    """The web application over the wired rooms. `folders` hold the templates of the routers' pages, `nav` names them."""
    settings = house.settings
    pages = Pages(title="Domicile", place=settings.federation, folders=folders, nav=nav, https=settings.https)
    shell = Shell(
        name="index",
        title="Domicile index",
        version=_version(),
        accounts=house.accounts,
        sessions=house.sessions,
        tokens=house.tokens,
        pages=pages,
        random=secrets.token_bytes,
        https=settings.https,
        metrics=metrics,
        health=lambda: {"store": current_revision(house.engine) is not None},
    )
    operate = require(Role.ADMINISTRATOR, Role.AUDITOR)
    app = create_app(shell, routers=routers, metrics_access=operate, contract_access=require(*Role))
    app.state.rooms = wired.rooms
    return app


async def _serve_regions(house: House, wired: Wired, address: str, metrics: Metrics) -> Served:
    memberships = wired.rooms.memberships
    policies = wired.rooms.policies
    service = FederationService(memberships, clock=now, policy_root=policies.keyring.envelope)
    policy_service = PolicyService(policies, clock=now)

    def register(server: aio.Server) -> None:
        add_PoliciesServicer_to_server(policy_service, server)  # type: ignore[no-untyped-call, unused-ignore]  # generated code
        add_FederationServicer_to_server(service, server)  # type: ignore[no-untyped-call, unused-ignore]  # generated code

    return await serve(
        address,
        credentials=credentials(house),
        register=register,
        admission=Admission(federation=house.settings.federation, standing=standing(memberships, clock=now), clock=now),
        watch=Watch(finished=lambda method, code: metrics.calls.labels(method, code).inc(), fault=_log_fault),
    )


async def _close(served: Served, wired: Wired) -> None:
    await served.server.stop(grace=2)
    await wired.links.close()


def _operator_token(house: House) -> tuple[str, str]:
    """A token for the operator at this machine; those of earlier runs end."""
    for known in house.tokens.list():
        if known["label"] == OPERATOR_LABEL and not known["revoked"]:
            house.tokens.revoke(str(known["token_id"]))
    return house.tokens.issue(OPERATOR_LABEL, [Role.ADMINISTRATOR.value, Role.ANALYST.value], lasts=_TOKEN_LASTS)


def _write_operator(home: Path, *, url: str, token: str, address: str) -> None:
    content = {"url": url, "token": token, "address": address}
    write_private(home / OPERATOR_FILE, json.dumps(content).encode())


def _free_port(host: str) -> int:
    with listen(host, 0) as probe:
        return int(probe.getsockname()[1])


def _log_fault(_method: str, error: Exception) -> None:
    _log.error("a call of a region failed", exc_info=error)


def _version() -> str:
    try:
        return version("domicile")
    except PackageNotFoundError:
        return "0"
