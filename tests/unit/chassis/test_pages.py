import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from jinja2 import UndefinedError

import hatch_build
from chassis.assets import extract
from chassis.web import app as web
from chassis.web import languages, pages

BROWSER = {"accept": "text/html"}
TRANSLATIONS = Path(languages.TRANSLATIONS)


@pytest.mark.parametrize(
    ("query", "cookie", "accepted", "lang"),
    [
        ("", None, "", "en"),
        ("", None, "ar-EG,ar;q=0.9,en;q=0.8", "ar"),
        ("", None, "tlh", "en"),
        ("", "ar", "en", "ar"),
        ("?lang=ar", "en", "en", "ar"),
        ("?lang=xx", None, "en", "en"),
        ("?lang=../../etc", None, "", "en"),
    ],
)
def test_the_language_is_chosen_by_address_then_cookie_then_browser(house, query, cookie, accepted, lang):
    client = house.client()
    if cookie:
        client.cookies.set(languages.COOKIE, cookie)
    answer = client.get(f"/sign-in{query}", headers={"accept-language": accepted})
    assert f'<html lang="{lang}" dir="{"rtl" if lang == "ar" else "ltr"}">' in answer.text
    assert answer.headers["content-language"] == lang


def test_a_language_chosen_by_address_is_remembered(house):
    client = house.client()
    client.get("/sign-in?lang=ar")
    assert 'dir="rtl"' in client.get("/sign-in").text


def test_the_page_speaks_arabic(house):
    assert "تسجيل الدخول" in house.client().get("/sign-in?lang=ar").text


def test_every_shown_text_is_in_every_catalogue_and_translated():
    wanted = {str(message.id) for message in extract.collect() if message.id}
    for code in languages.languages():
        with (TRANSLATIONS / code / "LC_MESSAGES" / "messages.po").open("rb") as text:
            catalogue = read_po(text, locale=code)
        assert wanted <= {str(message.id) for message in catalogue}, f"run `python -m chassis.assets.extract` for {code}"
        if code != "en":
            missing = [message.id for message in catalogue if message.id and not message.string]
            assert missing == []


def test_extraction_keeps_translations_and_finds_labels(tmp_path):
    at = datetime(2026, 11, 22, tzinfo=UTC)
    template = extract.collect()
    assert extract.renew(tmp_path, "es", template, at=at)[1] == len([message for message in template if message.id])
    path = tmp_path / "es" / "LC_MESSAGES" / "messages.po"
    path.write_text(path.read_text().replace('msgid "Password"\nmsgstr ""', 'msgid "Password"\nmsgstr "Contraseña"'))
    extract.renew(tmp_path, "es", template, at=at)
    assert "Contraseña" in path.read_text()
    assert list(extract.labels('NavItem(label="People", path="/")\nOther(label="No")')) == ["People"]


def test_a_catalogue_works_without_being_compiled(tmp_path):
    extract.renew(tmp_path, "es", extract.collect(), at=datetime(2026, 11, 22, tzinfo=UTC))
    path = tmp_path / "es" / "LC_MESSAGES" / "messages.po"
    path.write_text(path.read_text().replace('msgid "Password"\nmsgstr ""', 'msgid "Password"\nmsgstr "Contraseña"'))
    assert languages.translations("es", tmp_path).gettext("Password") == "Contraseña"
    hatch_build.compile_translations(tmp_path)
    languages.translations.cache_clear()
    assert path.with_suffix(".mo").is_file()
    assert languages.translations("es", tmp_path).gettext("Password") == "Contraseña"


def test_numbers_and_dates_follow_the_language():
    assert languages.number(1234567.5, "en") == "1,234,567.5"
    assert languages.number(1234567.5, "de", 2) == "1.234.567,50"
    assert languages.money(Decimal("1234.5"), "en", "EUR") == "€1,234.50"
    assert languages.day(date(2026, 11, 22), "en") == "Nov 22, 2026"
    moment = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert languages.moment(moment, "en", ZoneInfo("Europe/Berlin")).startswith("Nov 23, 2026, 12:30")
    assert [languages.number(None, "en"), languages.day(None, "en")] == ["", ""]


def test_the_navigation_shows_what_the_roles_allow(house, signed_in_client):
    html = signed_in_client.get("/", headers=BROWSER).text
    assert 'href="/operate"' not in html
    assert 'aria-current="page"' in html
    assert 'name="csrf"' in html


def test_a_name_that_is_markup_is_escaped(house):
    house.accounts.add("<img src=x>", "a long enough password", ["sales"])
    client = house.client()
    house.sign_in(client, username="<img src=x>")
    html = client.get("/", headers=BROWSER).text
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html


def template(house, tmp_path, source, **context):
    (tmp_path / "one.html").write_text(source)
    house.change(pages=pages.Pages(title="Domicile", place="eu-de", folders=[tmp_path]))

    @house.app.get("/one")
    async def one(request: web.Request):
        return house.shell.pages.render(request, "one.html", **context)

    return house.client().get("/one").text


PARTS = """{% from "ui.html" import table, field, pager, badge, empty_state, page_header, chart %}
{{ page_header(text) }}{% call table(text, [{"label": text, "kind": "number"}]) %}<tr><td>{{ text }}</td></tr>{% endcall %}
{{ field("a", text, value=text, hint=text, wrong=text) }}{{ field("b", text, kind="select", options=[(text, text)]) }}
{{ field("c", text, kind="sql", value=text, schema={text: [text]}, diagnostics=[{"line": 1, "message": text}]) }}
{{ pager(text, next="?a=1&b=2") }}{{ badge(text) }}{{ empty_state(text, text) }}
{{ chart(text, {"type": "bar", "categories": [text]}) }}"""


def test_every_part_escapes_what_it_is_given(house, tmp_path):
    html = template(house, tmp_path, PARTS, text="""<script>alert('"')</script>""")
    assert "<script" not in html
    assert 'data-editor="sql"' in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="a-wrong a-hint"' in html


def test_a_misspelt_name_in_a_template_is_an_error_not_a_gap():
    misspelt = pages.Pages(title="a", place="b")._environment("en").from_string("{{ peple }}")
    with pytest.raises(UndefinedError):
        misspelt.render()


def test_without_bundles_a_page_still_works(house, monkeypatch):
    monkeypatch.setattr(pages.Pages, "_manifest", {})
    html = house.client().get("/sign-in").text
    assert "<form" in html
    assert "<script" not in html


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    static = tmp_path / "static"
    static.mkdir()
    (static / "app-ABC.js").write_text("let a = 1;" * 500)
    (static / "manifest.json").write_text(json.dumps({"app.js": "app-ABC.js"}))
    (tmp_path / "templates").symlink_to(pages.ASSETS / "templates")
    monkeypatch.setattr(pages, "ASSETS", tmp_path)
    monkeypatch.setattr(web, "ASSETS", tmp_path)


@pytest.mark.usefixtures("bundles")
def test_a_bundle_is_kept_for_a_year_and_packed(house):
    house.change(pages=pages.Pages(title="Domicile", place="eu-de"))
    client = house.client()
    assert 'src="/static/app-ABC.js"' in client.get("/sign-in").text
    answer = client.get("/static/app-ABC.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 500
    assert answer.text.startswith("let a = 1;")
    plain = client.get("/static/app-ABC.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert client.get("/static/../manifest.json").status_code == 404


def test_the_build_runs_again_only_when_a_source_changes(tmp_path, monkeypatch):
    sources = tmp_path / "chassis/assets/sources"
    sources.mkdir(parents=True)
    for name in hatch_build.ENTRIES:
        (sources / name).write_text("")
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    built = []

    def bundle(root, node, static):
        built.append(node)
        static.mkdir(exist_ok=True)
        (static / "manifest.json").write_text("{}")

    monkeypatch.setattr(hatch_build, "find_node", lambda: ("node", ["npm"]))
    monkeypatch.setattr(hatch_build, "install_packages", lambda *_: None)
    monkeypatch.setattr(hatch_build, "bundle", bundle)
    monkeypatch.delenv("DOMICILE_SKIP_BUNDLES", raising=False)
    hatch_build.build(tmp_path)
    hatch_build.build(tmp_path)
    assert built == ["node"]
    (sources / "app.js").write_text("changed")
    hatch_build.build(tmp_path)
    assert len(built) == 2
    monkeypatch.setenv("DOMICILE_SKIP_BUNDLES", "1")
    (sources / "app.js").write_text("changed again")
    hatch_build.build(tmp_path)
    assert len(built) == 2


def test_the_node_of_the_wheel_finds_its_npm():
    node, npm = hatch_build.find_node()
    assert Path(node).is_file()
    assert all(Path(part).is_file() for part in npm)
