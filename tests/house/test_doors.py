"""Every route has a role or says why everybody may call it, every setting has its sentence, the README's commands exist."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI

from chassis.settings import Settings, undescribed
from chassis.telemetry import Metrics
from chassis.web.access import unlabelled
from global_index import bootstrap as index_bootstrap
from global_index import serving as index_serving
from global_index.api.routes import router as index_api
from global_index.console.routes import router as index_console
from global_index.rpc.loop import WireLoop
from global_index.settings import IndexSettings
from regional_node import serving as node_serving
from regional_node.bootstrap import home as node_home
from regional_node.bootstrap.doors import open_projection
from regional_node.settings import NodeSettings

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture
def node_app(tmp_path: Path) -> Iterator[FastAPI]:
    settings = NodeSettings(region="eu-de", jurisdiction="EU", state="DE", organisation="domicile-de", countries=("DE",))
    node_home.found(tmp_path, settings)
    house = node_home.open_house(tmp_path, settings)
    projection = open_projection(house)
    running = node_serving.Running(house, projection)
    try:
        yield node_serving.application(running, (node_serving._pages(running),))
    finally:
        running.stop()
        projection.close()
        house.engine.dispose()


@pytest.fixture
def index_app(tmp_path: Path) -> Iterator[FastAPI]:
    settings = IndexSettings(federation="demo", organisation="domicile-hq-ie", jurisdiction="EU", state="IE")
    index_bootstrap.found(tmp_path, settings)
    house = index_bootstrap.open_house(tmp_path, settings)
    loop = WireLoop()
    loop.start()
    try:
        wired = index_bootstrap.wire(
            house, loop=loop, memberships=house.memberships(address="127.0.0.1:1"), operator_token="0" * 32
        )
        pages = index_console(wired.rooms, shelf=index_serving._shelf(settings))
        yield index_serving.application(house, wired, metrics=Metrics(), routers=(index_api, pages))
        loop.call(wired.links.close(), seconds=5)
    finally:
        loop.stop()
        house.engine.dispose()


def test_every_route_of_a_node_says_who_may_call_it(node_app: FastAPI) -> None:
    assert unlabelled(node_app) == []


def test_every_route_of_the_index_says_who_may_call_it(index_app: FastAPI) -> None:
    assert unlabelled(index_app) == []


def test_a_route_without_a_label_would_be_found(node_app: FastAPI) -> None:
    loose = APIRouter()

    @loose.get("/loose")
    def loose_route() -> str:
        return ""

    node_app.include_router(loose)
    assert unlabelled(node_app) == ["GET /loose"]


@pytest.mark.parametrize("settings", [NodeSettings, IndexSettings])
def test_every_setting_has_its_sentence(settings: type[Settings]) -> None:
    assert undescribed(settings) == []


def readme_commands() -> list[tuple[str, str]]:
    """(program, verb) of every command that a README names, and (`make`, target)."""
    found: set[tuple[str, str]] = set()
    for readme in (ROOT / "README.md", ROOT / "deploy" / "README.md", ROOT / "policies" / "README.md"):
        text = readme.read_text(encoding="utf-8")
        found.update(re.findall(r"\b(regional-node|global-index|transfer-policy) ([a-z]+)\b", text))
        found.update(("make", target) for target in re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
        for program, verbs in re.findall(r"`(regional-node|global-index|transfer-policy) ([a-z\\|]+)`", text):
            found.update((program, verb) for verb in verbs.replace("\\", "").split("|"))
    return sorted(found)


def test_the_readmes_name_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    known: dict[str, str] = {}
    for program in ("regional-node", "global-index", "transfer-policy"):
        known[program] = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True).stdout
    missing = [
        f"{program} {verb}"
        for program, verb in readme_commands()
        if (verb not in targets if program == "make" else not re.search(rf"^  {verb}\b", known[program], re.MULTILINE))
    ]
    assert len(readme_commands()) > 20
    assert not missing
