"""One ordinary file of people with one thing changed, against a real store: what is written, refused, told, and undone."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from policies.engine.errors import Code, DomicileError
from regional_node.crm.fields import RecordType
from regional_node.storage.records import SqlRecords
from regional_node.usecases.imports import ImportStoppedError, RunState, matching, run, run_import, write_refused
from regional_node.usecases.imports import report as report_module
from regional_node.usecases.imports.journal import Counts, Refusal, Run
from regional_node.usecases.imports.reasons import REMEDIES, Reason
from regional_node.usecases.imports.report import harmless
from tests.unit.imports.world import World

Write = Callable[[str, str], Path]
HEADER = "external_id,given_name,family_name,email,country,custom_shoe\n"
ADA = "p1,Ada,Lovelace,ada@example.com,DE,38\n"
GRACE = "p2,Grace,Hopper,grace@example.com,US,39\n"
CANARY = "Zyxwvutsrq"


def import_people(world: World, write: Write, content: str) -> "run.FileReport":
    return run_import([write("people.csv", content)], world.tools).files[0]


def refusals(report: "run.FileReport") -> list[tuple[int, str, Reason]]:
    return [(f.line, f.header, f.reason) for f in report.rejections]


def test_an_ordinary_file_makes_people(world: World, write: Write) -> None:
    report = import_people(world, write, HEADER + ADA + GRACE)
    assert (report.kind, report.counts) == ("domicile.people", Counts(created=2))
    ada = world.by_key(RecordType.PEOPLE, "p1")
    assert (ada.plain("given_name"), ada.values["country"], ada.custom["shoe"].reveal()) == ("Ada", "DE", "38")
    assert ada.subject_id == ada.id


def test_a_changed_row_updates_and_the_others_stay(world: World, write: Write) -> None:
    import_people(world, write, HEADER + ADA + GRACE)
    report = import_people(world, write, HEADER + ADA + GRACE.replace("Hopper", "Murray"))
    assert report.counts == Counts(updated=1, unchanged=1)
    grace = world.by_key(RecordType.PEOPLE, "p2")
    assert (grace.plain("family_name"), grace.version) == ("Murray", 2)


def test_an_empty_cell_leaves_what_is_here(world: World, write: Write) -> None:
    import_people(world, write, HEADER + ADA)
    assert import_people(world, write, HEADER + ADA.replace("ada@example.com", "")).counts == Counts(unchanged=1)
    assert world.by_key(RecordType.PEOPLE, "p1").plain("email") == "ada@example.com"


def test_a_refused_row_names_line_column_reason_and_remedy_and_the_others_are_imported(world: World, write: Write) -> None:
    bad = 'p3,"two\nlines",Bad\x07name,x@example.com,DE,1\n' + "p4,only\n" + "p5,,,,DE,1\n" + ",Nokey,N,n@example.com,DE,1\n"
    report = import_people(world, write, HEADER + ADA + bad + GRACE)
    assert report.counts == Counts(created=2, rejected=4)
    assert refusals(report) == [
        (3, "family_name", Reason.TEXT_CONTROL),
        (5, "family_name", Reason.ROW_RAGGED),
        (6, "", Reason.ROW_EMPTY),
        (7, "external_id", Reason.KEY_MISSING),
    ]
    assert all(REMEDIES[reason] for reason in Reason)


def test_a_repeated_key_is_refused_once_also_across_batches(world: World, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH_ROWS", 1)
    content = HEADER + ADA + GRACE + ADA.replace("Ada", "Eve")
    report = import_people(world, write, content)
    assert (report.counts, refusals(report)) == (Counts(created=2, rejected=1), [(4, "external_id", Reason.KEY_REPEATED)])
    assert import_people(world, write, content).counts == Counts(unchanged=2, rejected=1)


def test_rows_without_a_key_are_known_by_their_content(world: World, write: Write) -> None:
    header, row = "given_name,email\n", "Ada,ada@example.com\n"
    first = import_people(world, write, header + row + "Grace,g@example.com\n" + row)
    assert (first.counts, refusals(first)) == (Counts(created=2, rejected=1), [(4, "", Reason.ROW_REPEATED)])
    assert import_people(world, write, header + row).counts == Counts(unchanged=1)


def test_unknown_columns_are_named_with_the_reason_and_kept_nowhere(world: World, write: Write) -> None:
    report = import_people(world, write, HEADER.replace("custom_shoe", "horoscope") + ADA)
    assert report.ignored == {"horoscope": "the dialect does not know this column"}
    assert "38" not in {value.reveal() for value in world.by_key(RecordType.PEOPLE, "p1").custom.values()}


def test_an_address_that_is_none_is_kept_sealed_and_told(world: World, write: Write) -> None:
    report = import_people(world, write, HEADER + ADA.replace("ada@example.com", "ada@expressl&t.net"))
    person = world.by_key(RecordType.PEOPLE, "p1")
    assert (person.plain("email"), person.custom["email_unverified"].reveal()) == (None, "ada@expressl&t.net")
    assert [(f.header, f.reason) for f in report.remarks] == [("email", Reason.EMAIL_UNVERIFIED)]
    import_people(world, write, HEADER + ADA)
    assert "email_unverified" not in world.by_key(RecordType.PEOPLE, "p1").custom


def test_a_header_alone_imports_nothing_and_says_so(world: World, write: Write) -> None:
    report = import_people(world, write, HEADER)
    assert report.counts == Counts()
    assert "header line only" in report.assumptions[0]


@pytest.mark.parametrize("name", ["absent.csv", ""])
def test_no_file_and_an_empty_folder_are_refused_with_a_remedy(world: World, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(DomicileError) as caught:
        run_import([folder / name], world.tools)
    assert (caught.value.code, bool(caught.value.remedy)) == (Code.FILE_INVALID, True)


def test_unknown_headers_name_the_nearest_that_work(world: World, write: Write) -> None:
    with pytest.raises(DomicileError) as caught:
        run_import([write("x.csv", "Givenname,Familyname,Shoe\nAda,L,38\n")], world.tools)
    assert "given_name" in caught.value.remedy
    with pytest.raises(DomicileError, match="`siebel`"):
        run_import([write("x.csv", HEADER + ADA)], world.tools, dialect="siebel")


def test_references_join_whatever_the_order_given(world: World, write: Write) -> None:
    orders = write(
        "orders.csv", "external_id,person_external_id,amount,currency,ordered_at,status\no1,p1,12.50,EUR,2026-01-02,paid\n"
    )
    people = write("people.csv", HEADER.replace("custom_shoe", "company_external_id") + ADA.replace("38", "c1"))
    firms = write("companies.csv", "external_id,name,industry,parent_external_id\nc1,Babbage,technology,c2\nc2,Holding,finance,\n")
    report = run_import([orders, people, firms], world.tools)
    assert [file.path.name for file in report.files] == ["companies.csv", "people.csv", "orders.csv"]
    ada, order = world.by_key(RecordType.PEOPLE, "p1"), world.by_key(RecordType.ORDERS, "o1")
    firm, holding = world.by_key(RecordType.COMPANIES, "c1"), world.by_key(RecordType.COMPANIES, "c2")
    assert (order.subject_id, order.values["person_id"], order.plain("amount")) == (ada.id, ada.id, 1250)
    assert (ada.values["company_id"], firm.values["parent_id"]) == (firm.id, holding.id)
    assert [f.counts.unchanged for f in run_import([orders, people, firms], world.tools).files] == [2, 1, 1]


def test_a_row_of_an_unknown_person_is_refused(world: World, write: Write) -> None:
    orders = write("orders.csv", "external_id,person_external_id,ordered_at\no1,nobody,2026-01-02\n")
    report = run_import([orders], world.tools).files[0]
    assert refusals(report) == [(2, "person_external_id", Reason.PERSON_UNKNOWN)]


def test_a_converted_lead_is_the_contact_it_became(world: World, write: Write) -> None:
    contact = write("Contact.csv", "Id,LastName,AccountId,Email\n003A,Young,,a@example.com\n")
    lead = write("Lead.csv", "Id,LastName,Company,Status,ConvertedContactId\n00QA,Young,Firm,Closed - Converted,003A\n")
    first = run_import([lead, contact], world.tools)
    assert [(f.kind, f.counts) for f in first.files] == [
        ("salesforce.contact", Counts(created=1)),
        ("salesforce.lead", Counts(skipped=1)),
    ]
    assert len(world.records(RecordType.PEOPLE)) == 1


def test_a_deleted_record_and_the_empty_look_up_of_the_weekly_export(world: World, write: Write) -> None:
    rows = "006A,Big,won,2026-01-01,000000000000000AAA,1\n006B,Small,lost,2026-01-01,000000000000000AAA,0\n"
    report = run_import([write("o.csv", "Id,Name,StageName,CloseDate,AccountId,IsDeleted\n" + rows)], world.tools).files[0]
    assert (report.counts, [f.reason for f in report.remarks]) == (Counts(created=1, skipped=1), [Reason.RECORD_DELETED])


# Nothing half-imported.


def people(number: int) -> str:
    return HEADER + "".join(f"p{n},Ada{n},Lovelace,ada{n}@example.com,DE,{'x' * 400}\n" for n in range(number))


def limit_store(world: World, pages: int) -> Callable[[], None]:
    """SQLite's own limit: the real SQLITE_FULL, as on a full disk."""

    def limit(connection: object, _record: object, _proxy: object) -> None:
        now = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]  # the driver's connection
        connection.execute(f"PRAGMA max_page_count = {now + pages}")  # type: ignore[attr-defined]  # the same

    world.engine.dispose()
    event.listen(world.engine, "checkout", limit)

    def lift() -> None:
        event.remove(world.engine, "checkout", limit)
        world.engine.dispose()

    return lift


def assert_untouched(world: World) -> None:
    assert {r.plain("given_name") for r in world.records(RecordType.PEOPLE)} == {"Ada"}


def test_a_full_store_leaves_nothing_and_the_next_import_is_whole(world: World, write: Write) -> None:
    import_people(world, write, HEADER + ADA)
    lift = limit_store(world, 800)
    with pytest.raises(ImportStoppedError) as caught:
        import_people(world, write, people(5000))
    lift()
    assert (caught.value.code, bool(caught.value.remedy)) == (Code.STORE_FULL, True)
    assert "nothing of this file was imported" in caught.value.what
    assert_untouched(world)
    assert (world.journal.runs()[0].state, world.journal.runs()[0].fault) == (RunState.FAILED, Code.STORE_FULL.value)
    assert import_people(world, write, people(5000)).counts.created == 4999


def test_a_build_that_commits_each_batch_is_caught(world: World, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above is worth something: with a commit after every batch, rows of the failed file stay."""
    import_people(world, write, HEADER + ADA)
    settle = matching.Matching.settle

    def settle_and_commit(self: matching.Matching, drafts: list[object]) -> None:
        settle(self, drafts)  # type: ignore[arg-type]  # drafts as they come
        records = self._store
        assert isinstance(records, SqlRecords)
        records._outbox.flush()
        records._connection.commit()

    monkeypatch.setattr(matching.Matching, "settle", settle_and_commit)
    lift = limit_store(world, 800)
    with pytest.raises(DomicileError):
        import_people(world, write, people(5000))
    lift()
    with pytest.raises(AssertionError):
        assert_untouched(world)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk wants the superuser")
def test_a_full_disk_leaves_nothing(tmp_path: Path, write: Write) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let a tmpfs be mounted")
    try:
        world = World(disk)
        import_people(world, write, HEADER + ADA)
        with pytest.raises(ImportStoppedError) as caught:
            import_people(world, write, people(20_000))
        assert caught.value.code is Code.STORE_FULL
        assert_untouched(world)
        world.engine.dispose()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_interruption_leaves_nothing(world: World, write: Write) -> None:
    import_people(world, write, HEADER + ADA)

    def interrupt(progress: run.Progress) -> None:
        if progress.stage == "import" and progress.rows >= 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_import([write("people.csv", people(3000))], replace(world.tools, progress=interrupt))
    assert_untouched(world)
    assert world.journal.runs()[0].state is RunState.FAILED


def test_bad_bytes_at_the_end_are_found_before_the_store_is_touched(world: World, write: Write) -> None:
    path = write("people.csv", people(3000))
    with path.open("ab") as stream:
        stream.write(b"p9,M\xfcller,N,n@example.com,DE,1\n")
    with pytest.raises(ImportStoppedError, match="is not UTF-8"):
        run_import([path], world.tools)
    assert (world.records(RecordType.PEOPLE), world.journal.runs()) == ([], [])


def test_a_file_that_grows_while_it_is_read_is_refused(world: World, write: Write) -> None:
    path = write("people.csv", HEADER + ADA)

    def grow(progress: run.Progress) -> None:
        if progress.stage == "survey":
            with path.open("a") as stream:
                stream.write(GRACE)

    with pytest.raises(ImportStoppedError, match="changed while it was read"):
        run_import([path], replace(world.tools, progress=grow))
    assert world.records(RecordType.PEOPLE) == []


def test_files_before_the_failed_one_are_told_and_stay(world: World, write: Write) -> None:
    firms = write("companies.csv", "external_id,name,industry\nc1,Babbage,technology\n")
    bad = write("people.csv", HEADER + 'p1,"Ada\n')
    with pytest.raises(ImportStoppedError) as caught:
        run_import([bad, firms], world.tools)
    assert [file.path.name for file in caught.value.report.files] == ["companies.csv"]
    assert "companies.csv" in str(caught.value)


# What is kept and shown of a refused row.


def test_the_journal_keeps_ids_reasons_and_digests_and_no_cell(world: World, write: Write, tmp_path: Path) -> None:
    content = HEADER + ADA + f"p3,{CANARY}\x07,{CANARY},{CANARY}@example.com,DE,1\n"
    report = run_import([write(f"{CANARY}.csv", content)], world.tools)
    kept = world.journal.runs()[0]
    assert (kept.state, kept.counts, kept.kind) == (RunState.COMMITTED, Counts(created=1, rejected=1), "domicile.people")
    [refusal] = world.journal.refusals(kept.id)
    assert (refusal.line, refusal.column, refusal.reason) == (3, 2, Reason.TEXT_CONTROL)
    assert len(refusal.row_digest) == 64
    world.engine.dispose()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert CANARY.encode() not in stored
    facts = json.loads(report.to_json())["files"][0]
    assert CANARY not in json.dumps({name: value for name, value in facts.items() if name != "file"})
    assert CANARY not in "\n".join(report.lines()).replace(f"{CANARY}.csv", "")
    assert CANARY not in repr(world.by_key(RecordType.PEOPLE, "p1"))


def test_refused_rows_are_written_from_the_file_again_with_formulas_made_harmless(
    world: World, write: Write, tmp_path: Path
) -> None:
    report = run_import([write("people.csv", HEADER + ADA + "=cmd()|x,Bad\x07,N,n@example.com,DE,1\n")], world.tools)
    target = tmp_path / "refused.csv"
    assert write_refused(target, report) == 1
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("import_line,import_column,import_reason,import_remedy,external_id")
    assert lines[1].startswith("3,given_name,text:control-character,")
    assert ",'=cmd()|x," in lines[1]
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(DomicileError, match="exists already"):
        write_refused(target, report)


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1"])
def test_a_formula_is_shown_as_text_and_kept_as_it_is(world: World, write: Write, cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    import_people(world, write, HEADER + ADA.replace("38", cell))
    assert world.by_key(RecordType.PEOPLE, "p1").custom["shoe"].reveal() == cell.strip()


def test_progress_tells_rows_and_bytes_of_both_readings(world: World, write: Write) -> None:
    seen: list[run.Progress] = []
    path = write("people.csv", people(2500))
    run_import([path], replace(world.tools, progress=seen.append))
    assert {p.stage for p in seen} == {"survey", "import"}
    assert (seen[-1].rows, seen[-1].bytes, seen[-1].total_bytes) == (2500, path.stat().st_size, path.stat().st_size)


def test_refusals_beyond_the_list_are_counted_and_the_report_says_so(
    world: World, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_module, "LISTED", 5)
    monkeypatch.setattr(run, "LISTED", 5)
    report = import_people(world, write, HEADER + ADA + "p9,ragged\n" * 30)
    assert (report.counts, len(report.rejections)) == (Counts(created=1, rejected=30), 5)
    assert "only the first 5" in report.assumptions[-1]


def test_a_journal_that_fails_at_the_end_does_not_call_the_import_failed(world: World, write: Write) -> None:
    class Full:
        def begin(self, one: Run) -> None:
            world.journal.begin(one)

        def end(self, one: Run, refusals: Sequence[Refusal]) -> None:
            raise DomicileError("the store has no space left", code=Code.STORE_FULL)

        runs = world.journal.runs
        refusals = world.journal.refusals

    report = run_import([write("people.csv", HEADER + ADA)], replace(world.tools, journal=Full())).files[0]
    assert report.counts == Counts(created=1)
    assert "the journal could not keep this run" in report.assumptions[-1]
    assert len(world.records(RecordType.PEOPLE)) == 1


def test_a_shared_address_is_told_once_for_each_newcomer_and_can_be_left_unasked(world: World, write: Write) -> None:
    twins = HEADER + ADA + ADA.replace("p1", "p2").replace("ada@", "ADA@")
    report = import_people(world, write, twins)
    assert [(f.line, f.reason) for f in report.remarks] == [(3, Reason.EMAIL_SHARED)]
    unasked = replace(world.tools, look_for_shared=False)
    assert run_import([write("more.csv", HEADER + ADA.replace("p1", "p3"))], unasked).files[0].remarks == []


DEALS = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"


def test_undeclared_words_are_named_with_the_settings_line_that_declares_them(world: World, write: Write) -> None:
    rows = "".join(f"d{n},Ann,{'Rocket' if n < 3 else 'Anvil'},,Won,2017-01-01,2017-02-01,100\n" for n in range(5))
    lone = "d9,Ann,Wile E. Coyote,,Won,2017-01-01,2017-02-01,100\nd10,Ann,w@example.com,,Won,2017-01-01,2017-02-01,1\n"
    region = world.with_domains(products=("Trap",))
    report = run_import([write("sales_pipeline.csv", DEALS + rows + lone)], region)
    facts = json.loads(report.to_json())["files"][0]["undeclared"]
    assert facts == {"product": {"values": {"Rocket": 3, "Anvil": 2}, "settings": 'products = ["Trap", "Rocket", "Anvil"]'}}
    told = "\n".join(report.lines())
    assert "`Rocket` 3, `Anvil` 2" in told
    assert "Coyote" not in told + report.to_json()
    again = run_import([write("sales_pipeline.csv", DEALS + rows)], world.with_domains(products=("Trap", "Rocket", "Anvil")))
    assert (again.files[0].counts.updated, json.loads(again.to_json())["files"][0]["undeclared"]) == (5, {})


def test_no_free_text_is_ever_named(world: World, write: Write) -> None:
    """A language is a term, an industry is a fixed one, a note is neither."""
    header = HEADER.replace("custom_shoe", "notes,lead_source")
    rows = "".join(f"p{n},Ada,L,a{n}@example.com,DE,{CANARY},{CANARY}\n" for n in range(5))
    report = run_import([write("people.csv", header + rows)], world.tools)
    assert CANARY not in "\n".join(report.lines()) + report.to_json()


def test_ignored_columns_are_counted_with_a_remedy(world: World, write: Write) -> None:
    report = run_import([write("people.csv", HEADER.replace("custom_shoe", "horoscope") + ADA)], world.tools)
    told = "\n".join(report.lines())
    assert "1 column ignored (the dialect does not know this column): `horoscope`; name it" in told
    assert json.loads(report.to_json())["files"][0]["ignored"][0]["remedy"]


@pytest.mark.parametrize(
    ("cell", "formula"), [("=1+1", True), ("@SUM(A1)", True), ("-cmd|x", True), ("+49", False), ("- tea", False)]
)
def test_a_formula_is_remarked_on(world: World, write: Write, cell: str, *, formula: bool) -> None:
    report = import_people(world, write, HEADER + ADA.replace("38", cell))
    assert [f.reason for f in report.remarks] == ([Reason.CELL_FORMULA] if formula else [])


def test_of_several_files_those_not_begun_are_named_too(world: World, write: Write) -> None:
    firms = write("companies.csv", "external_id,name,industry\nc1,Babbage,technology\n")
    bad = write("people.csv", HEADER + 'p1,"Ada\n')
    orders = write("orders.csv", "external_id,person_external_id,ordered_at\n")
    with pytest.raises(ImportStoppedError, match=r"kept: companies\.csv; not begun: orders\.csv"):
        run_import([bad, firms, orders], world.tools)


def test_a_file_that_is_none_stops_all_of_them_before_anything(world: World, write: Write) -> None:
    with pytest.raises(DomicileError, match="none of the 2 files was imported"):
        run_import([write("people.csv", HEADER + ADA), write("x.csv", "shoe\n38\n")], world.tools)
    assert world.records(RecordType.PEOPLE) == []


def test_the_refused_row_of_an_over_long_cell_is_written_with_its_key(world: World, write: Write, tmp_path: Path) -> None:
    report = run_import([write("people.csv", HEADER + ADA + f"p7,{'x' * (5 << 20)},L,l@example.com,DE,1\n" + GRACE)], world.tools)
    target = tmp_path / "refused.csv"
    write_refused(target, report)
    assert target.read_text(encoding="utf-8").splitlines()[1].endswith("shorten the cell to under 1 MiB,p7")
