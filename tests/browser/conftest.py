"""The browser of both consoles' tests: the system's Chromium by Playwright. Where a part is missing the tests say which."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS, Visit, missing, visiting

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker drives the browser, so that there is one on the machine."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module: while Playwright runs its thread has an event loop, which asynchronous tests could not bear."""
    if lacking := missing():
        pytest.skip(lacking)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def visit(browser: Browser) -> Callable[..., AbstractContextManager[Visit]]:
    """`with visit(base, lang="ar") as console:` opens a fresh profile."""
    return partial(visiting, browser)
