"""A dated list says of an organisation what stands in it on the day, no more; what is no list is refused at its line."""

import string
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine.diagnostics import PolicyError
from policies.engine.list_reader import list_text, read_list
from policies.engine.lists import Cover, DatedList, ListEntry, ListName, lookup, spelled, together

DAY = date(2026, 11, 22)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
TEXT = """list: dpf
as_of: 2026-11-22
source: dataprivacyframework.gov
entries:
  - {name: Acme Inc, id: a1, covers: [hr, non_hr], from: 2023-07-10, uk_extension: true, swiss: false}
  - {name: "Beta, LLC", covers: [non_hr], to: 2026-11-22}
"""
TABLE = """# list: dpf
# as_of: 2026-11-22
# source: dataprivacyframework.gov
name,id,covers,from,to,uk_extension,swiss
Acme Inc,a1,hr;non_hr,2023-07-10,,true,false
"Beta, LLC",,non_hr,,2026-11-22,,
"""
COVERED = "list: covered_persons\nas_of: 2026-11-22\nentries:\n  - {name: Ru-Bank (Cyprus) Ltd.}\n"


def read(text, name="dpf.yaml", today=DAY):
    return read_list(text, name, today=today)


def test_yaml_and_csv_say_the_same():
    found = read(TEXT)
    assert (found.name, found.as_of, found.source) == (ListName.DPF, DAY, "dataprivacyframework.gov")
    assert found == read(TABLE, "dpf.csv")
    assert found == read(TABLE.replace("\n", "\r\n"), "DPF.CSV")


def test_an_organisation_is_found_by_its_exact_name_or_id():
    whole = {"dpf.listed": True, "dpf.covers": ["hr", "non_hr"], "dpf.uk_extension": True, "dpf.swiss": False}
    assert lookup(read(TEXT), "Acme Inc", DAY) == lookup(read(TEXT), "a1", DAY) == whole
    for near in ("acme inc", "Acme Inc.", "Acme", ""):
        assert lookup(read(TEXT), near, DAY) == {"dpf.listed": False, "dpf.covers": []}


def test_what_an_entry_does_not_say_stays_unsaid():
    found = read(TEXT.replace(", uk_extension: true, swiss: false", ""))
    assert lookup(found, "Acme Inc", DAY) == {"dpf.listed": True, "dpf.covers": ["hr", "non_hr"]}


@pytest.mark.parametrize(
    ("on", "name", "listed"),
    [
        (date(2023, 7, 9), "Acme Inc", False),
        (date(2023, 7, 10), "Acme Inc", True),
        (date(2023, 7, 11), "Acme Inc", True),
        (date(2026, 11, 21), "Beta, LLC", True),
        (date(2026, 11, 22), "Beta, LLC", False),
        (date(2026, 11, 23), "Beta, LLC", False),
    ],
)
def test_an_entry_holds_from_its_first_day_until_before_its_last(on, name, listed):
    made = replace(read(TEXT), as_of=date(2020, 1, 1))
    assert lookup(made, name, on)["dpf.listed"] is listed


def test_a_list_says_nothing_of_a_day_before_it_was_made():
    assert lookup(read(TEXT), "Acme Inc", BEFORE) == {}
    assert read(TEXT).age(BEFORE) is None
    assert (read(TEXT).age(DAY), read(TEXT).age(AFTER)) == (0, 1)


def test_the_british_and_swiss_lists_speak_of_their_own_framework_alone():
    for name, path in (("dpf_uk", "dpf.uk_extension"), ("dpf_ch", "dpf.swiss")):
        found = read(f"list: {name}\nas_of: 2026-11-22\nentries: [{{name: Acme Inc, covers: [non_hr]}}]\n")
        assert lookup(found, "Acme Inc", DAY) == {path: True, "dpf.covers": ["non_hr"]}
        assert lookup(found, "Beta", DAY) == {path: False, "dpf.covers": []}


def test_where_two_lists_speak_only_what_both_say_stands():
    main, uk = {"dpf.covers": ["hr", "non_hr"], "dpf.uk_extension": True}, {"dpf.covers": ["non_hr"], "dpf.uk_extension": False}
    assert together([main, uk]) == together([uk, main]) == {"dpf.covers": ["non_hr"], "dpf.uk_extension": False}
    assert together([main]) == main


def test_a_covered_person_is_found_however_it_is_spelled_and_absence_says_nothing():
    found = read(COVERED)
    for name in ("Ru-Bank (Cyprus) Ltd.", "RUBANK (CYPRUS) LTD", "Ru Bank Cyprus Ltd"):
        assert lookup(found, name, DAY) == {"covered_person": True}
    assert lookup(found, "Acme Inc", DAY) == {}
    assert spelled("\N{FULLWIDTH LATIN CAPITAL LETTER R}u-Bank") == "rubank"


@pytest.mark.parametrize(
    ("old", "new", "where", "says", "remedy"),
    [
        ("list: dpf", "list: dfp", "1:7", "unknown list `dfp`", "`dpf`"),
        ("list: dpf\n", "", "1:1", "which list it is", "add `list:`"),
        ("as_of: 2026-11-22\n", "", "1:1", "no date", "add `as_of:`"),
        ("as_of: 2026-11-22", "as_of: 2026-11-23", "2:8", "today is 2026-11-22", "no list knows tomorrow"),
        ("as_of: 2026-11-22", "as_of: 2026-02-30", "2:8", "not a day that exists", "2026-11-22"),
        ("as_of: 2026-11-22", "as_of: 20261122", "2:8", "not a day that exists", "2026-11-22"),
        ("source: data", "sorce: data", "3:1", "unknown key `sorce`", "`source`"),
        ("source: dataprivacyframework.gov", "source: 7", "3:9", "not text", "quotes"),
        ("name: Acme Inc, ", "", "5:5", "`name` is missing", "add `name:`"),
        ("name: Acme Inc", "name: 42", "5:12", "`name` is not text", "quotes"),
        ("name: Acme Inc", 'name: "Acme\\nInc"', "5:12", "does not print", "as the list does"),
        ("name: Acme Inc", 'name: " Acme Inc"', "5:12", "does not print", "as the list does"),
        ("covers: [hr, non_hr], ", "", "5:5", "`covers` is missing", "add `covers:`"),
        ("covers: [hr, non_hr]", "covers: [hrr]", "5:38", "unknown cover `hrr`", "`hr`"),
        ("covers: [hr, non_hr]", "covers: [hr, hr]", "5:38", "not a list of different covers", "[hr, non_hr]"),
        ("covers: [hr, non_hr]", "covers: hr", "5:38", "not a list of different covers", "[hr, non_hr]"),
        ("covers: [hr, non_hr]", "covers: []", "5:38", "not a list of different covers", "[hr, non_hr]"),
        ("from: 2023-07-10", "from: 2023-07-10, to: 2023-07-10", "5:74", "is not after `from`", "first day"),
        ("uk_extension: true", "uk_extension: yes", "5:84", "not true or false", "write true or false"),
        ("swiss: false", "swis: false", "5:90", "no `swis`", "`swiss`"),
        ('"Beta, LLC"', "Acme Inc", "6:12", "`Acme Inc` stands twice", "line 5"),
        ('"Beta, LLC"', "a1", "6:12", "`a1` stands twice", "line 5"),
        ("id: a1", "id: a1, id: a2", "5:30", "duplicate key `id`", "line 5"),
        ("name: Acme Inc", "name: &a Acme Inc", "5:12", "anchor", "remove it"),
        ("  - {name", "\t- {name", "5:1", "tab", "spaces"),
    ],
)
def test_what_is_wrong_in_yaml_is_told_at_its_place_with_the_remedy(old, new, where, says, remedy):
    assert old in TEXT
    with pytest.raises(PolicyError) as wrong:
        read(TEXT.replace(old, new, 1))
    told = [each for each in wrong.value.diagnostics if says in each.message]
    assert told, [str(each) for each in wrong.value.diagnostics]
    assert told[0].where == f"dpf.yaml:{where}"
    assert remedy in told[0].remedy


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("# list: dpf", "# list: dfp", "1:9", "unknown list"),
        ("# as_of: 2026-11-22", "# as_of: 2026-11-23", "2:10", "today is"),
        ("# source", "# sauce", "3:1", "marks nothing"),
        ("# source: dataprivacyframework.gov", "# list: dpf", "3:1", "duplicate mark"),
        ("name,id", "nmae,id", "4:1", "does not name the columns"),
        ("from,to", "from,from", "4:1", "does not name the columns"),
        (",swiss", ",swis", "4:1", "unknown column `swis`"),
        ("Acme Inc,a1", "Acme, Inc,a1", "5:1", "8 cells under 7 columns"),
        ("Acme Inc", '"Acme "Inc"', "5:1", "quote"),
        ("hr;non_hr", "hr;all", "5:13", "unknown cover `all`"),
        ("true,false", "TRUE,false", "5:35", "not true or false"),
        ('"Beta, LLC"', "Acme Inc", "6:1", "stands twice"),
        ('"Beta, LLC"', "", "6:1", "`name` is missing"),
        ("2023-07-10", "10.07.2023", "5:23", "not a day"),
    ],
)
def test_what_is_wrong_in_csv_is_told_at_its_place(old, new, where, says):
    assert old in TABLE
    with pytest.raises(PolicyError) as wrong:
        read(TABLE.replace(old, new, 1), "dpf.csv")
    told = [each for each in wrong.value.diagnostics if says in each.message]
    assert told, [str(each) for each in wrong.value.diagnostics]
    assert told[0].where == f"dpf.csv:{where}"


@pytest.mark.parametrize("text", ["", "- a", "list: dpf", "a: 1\n---\nb: 2", TEXT.replace("entries:", "entries: x #"), "\x00"])
def test_what_is_no_list_at_all_is_refused(text):
    with pytest.raises(PolicyError):
        read(text)


def test_a_list_that_is_too_large_says_what_to_keep():
    with pytest.raises(PolicyError, match="larger than") as wrong:
        read(TABLE + "#" * 1_100_000, "dpf.csv")
    assert "register of importers" in wrong.value.remedy


def test_a_column_of_another_list_is_refused():
    with pytest.raises(PolicyError, match="no `covers`"):
        read(COVERED.replace("Ltd.", "Ltd., covers: [hr]"))


NAMES = st.text(string.ascii_letters + string.digits + " ,:#-'\"&.()[]{}*!|>%@äØ漢字😀", min_size=1, max_size=30).filter(
    lambda each: each == each.strip()
)
DAYS = st.dates(date(2000, 1, 1), date(2026, 11, 22))


@st.composite
def lists(draw):
    name = draw(st.sampled_from(ListName))
    names = draw(st.lists(NAMES, max_size=6, unique_by=lambda each: spelled(each) or each))
    entries = []
    for each in names:
        covers = draw(st.sets(st.sampled_from(Cover), min_size=1)) if name is not ListName.COVERED_PERSONS else set()
        more = {key: draw(st.none() | st.booleans()) for key in ("uk_extension", "swiss")} if name is ListName.DPF else {}
        days = draw(st.none() | DAYS)
        ends = draw(st.none() | st.integers(1, 900).map(lambda n, first=days: (first or DAY) + timedelta(days=n)))
        kept = tuple(cover for cover in Cover if cover in covers)
        entries.append(ListEntry(name=each, covers=kept, from_day=days, to_day=ends, **more))
    return DatedList(name=name, as_of=draw(DAYS), source=draw(st.just("") | NAMES), entries=tuple(entries))


@given(lists())
def test_what_is_written_is_read_back_as_the_same_list(found):
    assert read(list_text(found)) == found


@given(st.text(max_size=200), st.sampled_from(["x.yaml", "x.csv"]))
def test_any_text_is_a_list_or_one_clear_error(text, name):
    _told(text, name)


@given(st.data(), st.sampled_from([(TEXT, "x.yaml"), (TABLE, "x.csv"), (COVERED, "x.yaml")]))
def test_a_list_with_a_piece_changed_is_a_list_or_one_clear_error(data, given_list):
    text, name = given_list
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(
        st.sampled_from(["", "\n", ",", '"', "[", "{", "}", ":", "#", "\t", "&a ", "*a", "!!x ", "null", "-1", "\ud800", "é"])
    )
    _told(text[:at] + piece + text[at + data.draw(st.integers(0, 5)) :], name)


def _told(text, name):
    wrong, found = (), None
    try:
        found = read(text, name)
    except PolicyError as error:
        wrong = error.diagnostics
    assert bool(wrong) is (found is None)
    assert all(each.where.startswith(f"{name}:") and each.line >= 1 and each.column >= 1 and each.remedy for each in wrong)
    if found is not None:
        assert found.as_of <= DAY
        assert read(list_text(found)) == found
