"""The life of a policy draft in Chromium: edited with its error at the line, checked, rehearsed, submitted, in English and Arabic,
with and without JavaScript. On every page axe finds nothing and the security policy reports nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Page

from policies.engine.bundle import Role
from tests.browser.chromium import Visit, served
from tests.unit.index.console_world import PASSWORD, World, world
from tests.unit.index.policy_world import eu, folder_of
from tests.unit.index.test_console_drafts import changed, enrol, post, signature

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PASTE = """(editor, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData('text/plain', text);
  editor.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));
}"""
Visiting = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("drafts")
    with world(folder, policies=folder_of(folder / "policies")) as one:
        one.accounts.add("piet", PASSWORD, ["compliance_officer"])
        enrol(one, folder)
        yield one


@pytest.fixture(scope="module")
def base(index: World) -> Iterator[str]:
    with served(index.app) as address:
        yield address


@pytest.fixture(scope="module")
def submitted(index: World) -> str:
    """The address of a draft that its author has signed."""
    olga = index.client("olga")
    here = changed(olga)
    for step in ("check", "rehearse", "prepare"):
        post(olga, f"{here}/{step}")
    post(olga, f"{here}/sign", signature=signature(olga, here, Role.AUTHOR, "olga"))
    return here


@pytest.mark.parametrize(
    ("lang", "size", "scheme"),
    [("en", DESKTOP, "light"), ("ar", DESKTOP, "dark"), ("en", PHONE, "dark"), ("ar", PHONE, "light")],
    ids=["en desktop", "ar desktop dark", "en phone dark", "ar phone"],
)
def test_every_page_of_a_draft_is_clean(  # noqa: PLR0917 - three of them are fixtures
    visit: Visiting, base: str, submitted: str, lang: str, size: dict[str, int], scheme: str
) -> None:
    with visit(base, lang=lang, viewport=size, color_scheme=scheme) as console:
        console.sign_in("piet", PASSWORD)
        for path in ("/policies", submitted, f"{submitted}/files/eu.yaml"):
            console.go(path)
            console.require_clean()


def paste(page: Page, text: str) -> None:
    """Put a text in place of what the editor holds, as from the clipboard."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.locator(".cm-content").evaluate(PASTE, text)


@pytest.mark.parametrize("javascript", [True, False], ids=["with javascript", "without"])
def test_a_draft_goes_its_way_in_the_browser(visit: Visiting, base: str, javascript: bool) -> None:
    with visit(base, viewport=DESKTOP, javascript=javascript) as console:
        console.sign_in("olga", PASSWORD)
        page = console.page
        console.go("/policies")
        page.fill("#title", "let counts go to the US")
        page.click("text=Start a draft")
        here = page.url.split("?")[0].removeprefix(base)
        for name, text in eu("US").items():
            console.go(f"{here}/files/{name}")
            if javascript and name == "eu.yaml":
                paste(page, text.replace("analytics.reporting", "analitics"))
                page.wait_for_selector(".cm-lintRange-error")
            paste(page, text) if javascript else page.fill("#text", text)
            page.click("button:text-is('Save')")
            page.wait_for_selector(".notice.good")
        console.go(here)
        page.click("button:text-is('Check')")
        assert "the draft passes" in page.inner_text("main")
        page.click("button:text-is('Rehearse')")
        assert "2 from released to refused" in page.inner_text("main")
        page.click("button:text-is('Submit')")
        page.fill("#signature", "not a signature")
        page.click("button:text-is('Sign as author')")
        assert "this is not a signature" in page.inner_text("[role=alert]")
        console.require_quiet_but_for_refusals()
