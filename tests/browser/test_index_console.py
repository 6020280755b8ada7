"""The index console in Chromium: a question asked, a person requested, a draft checked, in English and Arabic, with and without
JavaScript. On every page axe finds nothing, the security policy reports nothing and no other host is asked for anything.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.browser.chromium import Visit, served
from tests.unit.index.console_world import CANARY, PASSWORD, PSEUDONYM, World, refuses, world

PAGES = ("/ask", "/person", "/history", "/policies", "/policies/gdpr.yaml", "/regions")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
Visiting = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("index")) as one:
        one.asker.behaviour["br-sp"] = refuses
        yield one


@pytest.fixture(scope="module")
def base(index: World) -> Iterator[str]:
    with served(index.app) as address:
        yield address


@pytest.mark.parametrize(
    ("lang", "size", "scheme"),
    [("en", DESKTOP, "light"), ("ar", DESKTOP, "light"), ("en", PHONE, "dark"), ("ar", PHONE, "light")],
    ids=["en desktop", "ar desktop", "en phone dark", "ar phone"],
)
def test_every_page_is_clean(visit: Visiting, base: str, lang: str, size: dict[str, int], scheme: str) -> None:
    with visit(base, lang=lang, viewport=size, color_scheme=scheme) as console:
        console.go("/sign-in")
        console.require_clean()
        console.sign_in("root", PASSWORD)
        for path in PAGES:
            console.go(path)
            console.require_clean()


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_a_question_is_asked_from_the_keyboard_and_drawn(visit: Visiting, base: str, lang: str) -> None:
    with visit(base, lang=lang, viewport=DESKTOP) as console:
        console.sign_in("ada", PASSWORD)
        page = console.page
        page.locator(".cm-content").focus()
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#answer table")
        page.wait_for_selector("#answer .chart-drawn canvas")
        console.settled()
        answer = page.inner_text("#answer")
        assert "11,842" in answer
        assert "± 27" in answer
        assert "LGPD Art. 33" in answer
        assert "scc_br" in answer
        assert page.url.startswith(f"{base}/ask")
        console.require_clean()


def test_a_mistake_is_marked_while_it_is_typed_and_the_expectation_follows(visit: Visiting, base: str) -> None:
    with visit(base, viewport=DESKTOP) as console:
        console.sign_in("ada", PASSWORD)
        page = console.page
        page.locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.type("SELECT country, count(*) FROM peeple GROUP BY 1")
        page.wait_for_selector(".cm-lintRange-error")
        page.wait_for_selector("#ask-trouble .notice.bad")
        assert "did you mean `people`" in page.inner_text("#ask-trouble")
        page.keyboard.press("Control+Enter")
        console.settled()
        assert page.locator(".notice.bad").count() == 1  # the same fault is told once, whoever found it
        page.locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.type("SELECT segment, count(*) FROM people GROUP BY 1")
        page.wait_for_selector("#expected .region")
        assert "GDPR Recital 26" in page.inner_text("#expected")
        assert not console.axe()
        # CodeMirror: typing over a selection reports one styled node, and nothing else may
        assert {report.split()[0] for report in console.policy_reports} <= {"style-src-attr"}
        assert not console.foreign_requests


def test_a_column_of_the_catalogue_is_offered(visit: Visiting, base: str) -> None:
    with visit(base, viewport=DESKTOP) as console:
        console.sign_in("ada", PASSWORD)
        page = console.page
        page.locator(".cm-content").click()
        page.keyboard.press("Control+End")
        page.keyboard.type("\npeople.loy")
        page.wait_for_selector(".cm-tooltip-autocomplete")
        assert "loyalty_tier" in page.inner_text(".cm-tooltip-autocomplete")


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_a_person_is_requested_and_leaves_no_trace_in_the_browser(visit: Visiting, base: str, lang: str) -> None:
    with visit(base, lang=lang, viewport=DESKTOP) as console:
        console.sign_in("ada", PASSWORD)
        console.go("/person")
        page = console.page
        page.select_option("#region", "eu-de")
        page.fill("#pseudonym", PSEUDONYM)
        page.click("#person-run")
        page.wait_for_selector("#person-answer table")
        assert CANARY in page.inner_text("#person-answer")
        assert page.url == f"{base}/person?lang={lang}"
        kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert CANARY not in kept
        assert PSEUDONYM not in kept
        console.require_clean()
        page.select_option("#region", "br-sp")
        page.click("#person-run")
        page.wait_for_selector("#person-answer .told")
        assert "LGPD Art. 33" in page.inner_text("#person-answer")
        console.require_clean()


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_a_draft_is_checked_at_its_line(visit: Visiting, base: str, lang: str) -> None:
    with visit(base, lang=lang, viewport=DESKTOP) as console:
        console.sign_in("olga", PASSWORD)
        console.go("/policies/gdpr.yaml")
        page = console.page
        page.click("#policy-form button")
        page.wait_for_selector("#checked .badge.good")
        console.require_clean()
        page.locator(".cm-content").click()
        page.keyboard.press("Control+Home")
        page.keyboard.type("efect: permit\n---\n")
        page.wait_for_selector(".cm-lintRange-error")
        page.wait_for_selector("#checked .findings a[data-line]")
        link = page.locator("#checked .findings a[data-line]").first
        assert link.inner_text().startswith("1:")
        link.click()
        assert page.evaluate("() => document.activeElement.classList.contains('cm-content')")
        assert not console.axe()


def test_without_javascript_a_question_a_person_and_a_draft_go_as_plain_forms(visit: Visiting, base: str) -> None:
    with visit(base, viewport=DESKTOP, javascript=False) as console:
        console.sign_in("root", PASSWORD)
        page = console.page
        page.fill("#sql", "SELECT country, count(*) FROM people GROUP BY 1")
        page.click("text=What to expect")
        assert page.locator("#expected .region").count() == 3
        page.click("#ask-run")
        assert "11,842" in page.inner_text("#answer table")
        assert not page.locator("figure.chart").first.is_visible()
        page.fill("#sql", "SELECT nothing FROM people")
        page.click("#ask-run")
        assert page.locator("[role=alert] code").first.inner_text() == "1:8"
        assert page.input_value("#sql") == "SELECT nothing FROM people"
        page.goto(f"{base}/person")
        page.select_option("#region", "eu-de")
        page.fill("#pseudonym", PSEUDONYM)
        page.click("#person-run")
        assert CANARY in page.inner_text("#person-answer")
        page.goto(f"{base}/policies/gdpr.yaml")
        page.fill("#text", "policy: x\nefect: permit\n")
        page.click("#policy-form button")
        assert "2:1" in page.inner_text("#checked")
        console.require_quiet_but_for_refusals()


def test_the_watch_finds_what_it_is_there_for(visit: Visiting, base: str) -> None:
    """An unlabelled field, an inline style, a foreign image: a page with these is not clean."""
    with visit(base, viewport=DESKTOP) as console:
        console.sign_in("ada", PASSWORD)
        console.page.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", "<input><p style='color: red'>bad</p><img src='http://127.0.0.1:1/x.png'>");
            }"""
        )
        console.page.wait_for_timeout(200)
        assert any(finding.startswith("label") for finding in console.axe())
        assert console.policy_reports
        with pytest.raises(AssertionError):
            console.require_clean()
