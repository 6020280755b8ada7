"""What tests of imports are given: a region's real store, and a way to write a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.imports.world import DATA, World

Write = Callable[[str, str], Path]


@pytest.fixture
def world(tmp_path: Path) -> World:
    home = tmp_path / "home"
    home.mkdir()
    return World(home)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def one(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        return path

    return one


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the real files are missing: they lie in ../shared/data beside the project")
    return DATA
