"""The node's console in Chromium: nothing for axe, no report of the security policy, no foreign request; usable without scripts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from regional_node.crm.fields import RecordType
from regional_node.crm.roles import Role
from regional_node.usecases.imports.journal import Counts, Refusal, Run, RunState
from regional_node.usecases.imports.reasons import Reason
from tests.browser.chromium import Visit, served
from tests.unit.node import console_world
from tests.unit.node.console_world import PASSWORD, ZOE, World

Visits = Callable[..., AbstractContextManager[Visit]]
PHONE = {"viewport": {"width": 390, "height": 844}}
WIDE = {"viewport": {"width": 1360, "height": 850}}
NAMES = [("Zoë", "Müller-Lüdenscheidt"), ("مريم", "الخطيب"), ("Łucja", "Żółć"), ("O'Brien", "<b>Ada</b>"), ("太郎", "山田")]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A served console, and the pages of it that show something."""

    base: str
    world: World
    pages: tuple[str, ...]
    person: str


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with console_world.world(tmp_path_factory.mktemp("node")) as world:
        world.accounts.add("olga", PASSWORD, [Role.AGENT.value, Role.OPERATOR.value])
        world.accounts.add("mia", PASSWORD, [Role.AGENT.value], importer="acme-us")
        pages, person = _furnish(world)
        with served(world.app) as base:
            yield Shown(base=base, world=world, pages=pages, person=person)


def _furnish(world: World) -> tuple[tuple[str, ...], str]:
    company = world.add(RecordType.COMPANIES, name="Kranbau Süd GmbH & Co. KG", website="https://kran.example", country="DE")
    for number in range(30):
        given, family = NAMES[number % len(NAMES)]
        world.add(RecordType.PEOPLE, **{**ZOE, "given_name": given, "family_name": family, "email": f"p{number}@example.net"})
    told = {"notes": "likes tea\nand cake", "company_id": company.id, "job_title": "Bauleiterin", "date_of_birth": "1984-02-29"}
    person = world.add(RecordType.PEOPLE, **{**ZOE, **told})
    points = {"person_id": person.id, "company_id": company.id}
    deal = world.add(RecordType.DEALS, name="A crane", stage="proposal", status="open", amount=500_000, currency="EUR", **points)
    order = world.add(
        RecordType.ORDERS, number="DE-1", status="paid", amount=9_900, currency="EUR", ordered_at="2026-11-02", **points
    )
    activity = world.add(RecordType.ACTIVITIES, subject="Rückruf", kind="call", occurred_at="2026-11-20T10:00:00Z", **points)
    run = Run(id="0" * 32, started_at=console_world.now(), kind="salesforce.contact", content_digest="c" * 64)
    world.house.journal.begin(run)
    ended = Run(
        id=run.id,
        started_at=run.started_at,
        kind=run.kind,
        content_digest=run.content_digest,
        state=RunState.COMMITTED,
        ended_at=run.started_at,
        counts=Counts(created=3, rejected=1),
    )
    world.house.journal.end(ended, [Refusal(line=7, column=3, reason=Reason.DATE_INVALID, row_digest="d" * 64)])
    lists = [f"/{kind.value}" for kind in RecordType]
    forms = [f"/{kind.value}/new" for kind in RecordType]
    records = [f"/{one.type.value}/{one.id}" for one in (person, company, deal, order, activity)]
    few = [f"/people/{person.id}/edit", f"/deals?person_id={person.id}", "/operate", "/imports", f"/imports/{run.id}"]
    return (*lists, *forms, *records, *few), f"/people/{person.id}"


@pytest.mark.parametrize(("lang", "screen"), [("en", WIDE), ("ar", PHONE)])
def test_every_page_is_clean(shown: Shown, visit: Visits, lang: str, screen: dict[str, dict[str, int]]) -> None:
    with visit(shown.base, lang=lang, **screen) as console:
        console.sign_in("olga", PASSWORD)
        for path in shown.pages:
            console.go(path)
            assert console.page.locator("main h1").count() == 1, path
            console.require_clean()


@pytest.mark.parametrize(("lang", "screen", "scheme"), [("ar", WIDE, "light"), ("en", PHONE, "dark")])
def test_the_daily_pages_are_clean_the_other_way_round(
    shown: Shown, visit: Visits, lang: str, screen: dict[str, dict[str, int]], scheme: str
) -> None:
    with visit(shown.base, lang=lang, color_scheme=scheme, **screen) as console:
        console.sign_in("olga", PASSWORD)
        for path in ("/people", "/deals", shown.person, f"{shown.person}/edit", "/operate"):
            console.go(path)
            console.require_clean()


def test_a_search_answers_while_one_types_and_leaves_no_trace(shown: Shown, visit: Visits) -> None:
    with visit(shown.base) as console:
        console.sign_in("olga", PASSWORD)
        console.go("/people")
        before = console.page.url
        console.page.locator("#q").press_sequentially("mar", delay=20)
        console.page.fill("#q", "مريم")
        console.page.locator("#q").press_sequentially(" ", delay=20)
        expect(console.page.locator("#results tbody tr")).to_have_count(6)
        assert console.page.locator("#results tbody th").all_inner_texts() == ["مريم الخطيب"] * 6
        assert console.page.url == before
        kept = console.page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert kept in ("[{},{}]", '[{},{"htmx-current-path-for-history":"/people?lang=en"}]')
        console.require_clean()


def test_faults_and_a_conflict_are_clean_pages(shown: Shown, visit: Visits) -> None:
    with visit(shown.base) as console:
        console.sign_in("olga", PASSWORD)
        record = shown.world.add(RecordType.PEOPLE, **ZOE)
        console.go(f"/people/{record.id}/edit")
        console.page.fill("#email", "not an address")
        console.page.press("#email", "Enter")
        console.page.locator("#email-wrong").wait_for()
        console.console_errors.clear()  # the browser tells of the 422 itself
        console.require_clean()
        console.go(f"/people/{record.id}/edit")
        shown.world.house.editing.update(record.type, record.id, {"city": "Ulm"}, expected_version=1, whole=False)
        console.page.fill("#city", "Bremen")
        console.page.click("main form button.button[type=submit]:has-text('Save')")
        console.page.locator(".rivals").wait_for()
        assert "Ulm" in console.page.locator(".rivals").inner_text()
        console.console_errors.clear()  # and of the 412
        console.require_clean()


def test_a_company_is_chosen_while_one_types(shown: Shown, visit: Visits) -> None:
    with visit(shown.base) as console:
        console.sign_in("olga", PASSWORD)
        console.go("/people/new")
        console.page.fill("#given_name", "Mai")
        console.page.locator("#company_id").press_sequentially("kran", delay=20)
        console.page.locator("#company_id-found input[type=radio]").first.check()
        console.require_clean()
        console.page.click(".sheet-foot button")
        console.page.wait_for_url(lambda url: "done=created" in url)
        assert "Kranbau" in console.page.locator("main").inner_text()
        console.require_clean()


def test_all_of_it_works_without_javascript(shown: Shown, visit: Visits) -> None:
    with visit(shown.base, javascript=False) as console:
        console.sign_in("olga", PASSWORD)
        console.go("/people")
        console.page.fill("#q", "zoe@example.net")
        console.page.press("#q", "Enter")
        console.page.locator("#results tbody th a").first.click()
        console.page.click("text=Edit")
        console.page.fill("#job_title", "Kranführerin")
        console.page.fill("#company_id", "kran")
        console.page.click("button[name=find][value=company_id]")
        console.page.locator("#company_id-found input[type=radio]").first.check()
        assert console.page.input_value("#job_title") == "Kranführerin"
        console.page.click(".sheet-foot button")
        console.page.wait_for_url(lambda url: "done=saved" in url)
        assert "Kranführerin" in console.page.locator("main").inner_text()
        console.page.click("nav >> text=People")
        console.page.select_option("#filter-segment", "consumer")
        console.page.click("button:has-text('Filter')")
        console.page.wait_for_url(lambda url: url.endswith("/people?segment=consumer"))
        console.page.click("a[rel=next]")
        assert console.page.locator("#results tbody tr").count() > 0
        console.require_quiet()


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_another_organisation_sees_why_it_sees_nothing(shown: Shown, visit: Visits, lang: str) -> None:
    with visit(shown.base, lang=lang) as console:
        console.sign_in("mia", PASSWORD)
        console.go(shown.person)
        assert "transfer:decision:denied" in console.page.locator("main").inner_text()
        assert "Zoë" not in console.page.content()
        console.console_errors.clear()  # the browser tells of the 403 itself
        console.require_clean()
        console.page.click("form[action='/sign-out'] button")
        console.page.wait_for_url(lambda url: "/sign-in" in url)


def test_a_value_without_its_isolation_would_be_noticed(shown: Shown, visit: Visits) -> None:
    """The number keeps its order in Arabic because it is isolated: without that, the plus sign goes to the other end."""
    with visit(shown.base, lang="ar") as console:
        console.sign_in("olga", PASSWORD)
        console.page.goto("about:blank")
        console.page.set_content('<p dir="rtl"><bdi dir="ltr" id="a"><i>+</i>49 30</bdi> <span id="b"><i>+</i>49 30</span></p>')
        places = {
            name: console.page.evaluate(
                f"() => {{const box = document.getElementById('{name}').getBoundingClientRect();"
                f"return document.querySelector('#{name} i').getBoundingClientRect().left - box.left}}"
            )
            for name in ("a", "b")
        }
        assert places["a"] == 0
        assert places["b"] > 0
        console.go(shown.person)
        assert console.page.locator("bdi[dir=ltr]", has_text="030 1234567").count() > 0
