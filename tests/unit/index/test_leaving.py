"""A region that leaves takes its entries with it: none is counted, listed or exported afterwards, by API, command or retry."""

from pathlib import Path
from typing import Any

import pytest

from global_index.bootstrap import found, now, open_house
from global_index.settings import IndexSettings
from global_index.worker import EntryPuller
from tests.unit.index.console_world import AT, World, member, pull_some, world


@pytest.fixture
def index(tmp_path: Path):
    with world(tmp_path) as made:
        yield made


def exported(index: World) -> set[str]:
    return {kept.region for kept in index.rooms.entries.export()}


def test_a_region_that_is_revoked_leaves_no_entry_behind(index: World) -> None:
    assert "eu-de" in exported(index)
    index.rooms.memberships.revoke("eu-de", at=AT)
    assert exported(index) == {"br-sp", "us-ca"}
    assert index.rooms.entries.cursor("eu-de").epoch == ""


def test_a_region_that_is_suspended_keeps_its_entries(index: World) -> None:
    index.rooms.memberships.suspend("eu-de", at=AT)
    assert "eu-de" in exported(index)


def test_what_a_pull_under_way_brought_back_is_dropped_by_the_next(index: World) -> None:
    index.rooms.memberships.revoke("eu-de", at=AT)
    pull_some(index.rooms.entries, "eu-de")
    index.rooms.memberships.suspend("br-sp", at=AT)
    index.rooms.memberships.suspend("us-ca", at=AT)
    unasked: Any = None
    EntryPuller(directory=index.rooms.directory, source=unasked, store=index.rooms.entries).pull_all()
    assert exported(index) == {"br-sp", "us-ca"}


def test_the_command_and_the_api_end_a_membership_the_same_way(tmp_path: Path) -> None:
    home, settings = tmp_path / "home", IndexSettings(federation="acme", organisation="acme-hq", jurisdiction="EU", state="IE")
    found(home, settings)
    house = open_house(home, settings)
    with house.store.writing() as unit:
        unit.keep_member(member("eu-de", digest="0" * 64))
    pull_some(house.entries, "eu-de")
    house.memberships(address="127.0.0.1:1").revoke("eu-de", at=now())
    assert list(house.entries.export()) == []
    house.engine.dispose()
