import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from chassis.database import (
    StoreError,
    StoreVersionError,
    classified,
    current_revision,
    identifier,
    migrate,
    new_migration,
    open_database,
    reading,
    require_classified,
    require_current,
    writing,
)
from chassis.web.tables import sign_in_tables
from policies.engine.errors import Code, DomicileError
from policies.engine.vocabulary import DataCategory


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder 100% odd" / "migrations"
    (folder / "versions").mkdir(parents=True)
    path = new_migration(folder, "make the counters", revision="0001")
    body = 'op.create_table("counters", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Integer))'
    path.write_text(path.read_text().replace("    pass", f"    {body}"))
    return folder


def counter(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER)")
        connection.exec_driver_sql("INSERT INTO counters VALUES ('n', 0)")


def value(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT value FROM counters").scalar_one())


@pytest.mark.parametrize(
    ("pragma", "set_to"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2), ("secure_delete", 1), ("busy_timeout", 10_000)],
)
def test_an_embedded_store_is_opened_for_durability(engine, pragma, set_to):
    with reading(engine) as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == set_to


def test_only_its_owner_reads_the_file(engine):
    engine.connect().close()
    assert Path(engine.url.database).stat().st_mode & 0o077 == 0


def test_a_write_that_raises_leaves_nothing(engine):
    counter(engine)

    def half() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("UPDATE counters SET value = 1")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        half()
    with reading(engine) as connection:
        assert value(connection) == 0


def test_a_read_cannot_write_and_the_connection_can_write_again_later(engine):
    counter(engine)
    with pytest.raises(OperationalError, match="readonly"), reading(engine) as connection:
        connection.exec_driver_sql("UPDATE counters SET value = 1")
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE counters SET value = 2")


def read_then_write(engine: sa.Engine, times: int) -> list[Exception]:
    faults: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(times):
                with writing(engine) as connection:
                    connection.exec_driver_sql("UPDATE counters SET value = ?", (value(connection) + 1,))
        except OperationalError as error:
            faults.append(error)
        except DomicileError as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def test_reading_before_writing_in_four_threads_loses_nothing(engine):
    counter(engine)
    assert read_then_write(engine, 25) == []
    with reading(engine) as connection:
        assert value(connection) == 100


def test_without_the_lock_at_its_begin_a_reader_could_not_become_a_writer(engine):
    """What `writing` is for: the same steps under a plain BEGIN fail."""
    counter(engine)
    with engine.connect().execution_options(domicile_read_only=True) as plain, plain.begin():
        assert value(plain) == 0
        with writing(engine) as connection:
            connection.exec_driver_sql("UPDATE counters SET value = 1")
        with pytest.raises(OperationalError, match="locked"):
            plain.exec_driver_sql("UPDATE counters SET value = 1")


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "postgresql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense", "sqlite:////proc/none/x.db"]
)
def test_an_address_that_cannot_serve_is_refused_with_a_remedy(url):
    with pytest.raises(StoreError) as refused:
        open_database(url)
    assert refused.value.remedy


def test_a_store_that_does_not_answer_says_so_without_the_password():
    engine = open_database("postgresql+pg8000://node:s3cret@127.0.0.1:1/node")
    with pytest.raises(StoreError) as refused, writing(engine):
        pass
    assert "127.0.0.1:1" in refused.value.where
    assert "s3cret" not in str(refused.value)


def test_a_store_that_stays_locked_is_told_as_such(engine):
    counter(engine)
    impatient = open_database(str(engine.url), busy_seconds=0.05)
    with writing(engine), pytest.raises(StoreError, match="does not answer"), writing(impatient):
        pass
    impatient.dispose()


def test_a_full_disk_is_told_as_such_and_nothing_is_half_written(engine):
    counter(engine)

    def fill() -> None:
        with writing(engine) as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            connection.exec_driver_sql("UPDATE counters SET value = 1")
            connection.exec_driver_sql("INSERT INTO counters VALUES ('big', ?)", ("x" * 1_000_000,))

    with pytest.raises(DomicileError) as refused:
        fill()
    assert refused.value.code is Code.STORE_FULL
    with reading(engine) as connection:
        assert value(connection) == 0


def test_a_migration_brings_the_store_to_the_head_and_can_run_again(engine, migrations):
    assert current_revision(engine) is None
    assert migrate(engine, migrations) == "0001"
    assert migrate(engine, migrations) == "0001"
    require_current(engine, migrations, program="regional-node")


def test_a_store_that_was_not_migrated_names_the_command(engine, migrations):
    with pytest.raises(StoreVersionError) as refused:
        require_current(engine, migrations, program="regional-node")
    assert refused.value.remedy == "run `regional-node migrate`"


def test_a_store_newer_than_the_program_is_refused(engine, migrations):
    migrate(engine, migrations)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
    for attempt in (lambda: migrate(engine, migrations), lambda: require_current(engine, migrations, program="x")):
        with pytest.raises(StoreVersionError, match="`0099`, which this program does not know"):
            attempt()


def test_a_migration_that_fails_changes_nothing(engine, migrations):
    path = new_migration(migrations, "break", revision="0002")
    path.write_text(
        path.read_text().replace("    pass", '    op.add_column("counters", sa.Column("more", sa.Text))\n    raise RuntimeError')
    )
    with pytest.raises(RuntimeError):
        migrate(engine, migrations)
    assert current_revision(engine) is None
    with reading(engine) as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_a_rebuilt_table_keeps_its_children(engine, migrations):
    migrate(engine, migrations)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE children (name TEXT REFERENCES counters(name) ON DELETE CASCADE)")
        connection.exec_driver_sql("INSERT INTO counters VALUES ('n', 0)")
        connection.exec_driver_sql("INSERT INTO children VALUES ('n')")
    path = new_migration(migrations, "widen", revision="0002")
    body = 'with op.batch_alter_table("counters") as batch:\n        batch.alter_column("value", type_=sa.BigInteger)'
    path.write_text(path.read_text().replace("    pass", f"    {body}"))
    migrate(engine, migrations)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM children").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_the_template_teaches(migrations):
    text = next((migrations / "versions").glob("0001*.py")).read_text()
    for lesson in ("Import nothing of ours", "category", "Be additive", "Test it"):
        assert lesson in text


def test_a_column_says_what_it_holds():
    column = classified("email", sa.LargeBinary, DataCategory.CONTACT_EMAIL, nullable=False)
    assert column.info["category"] is DataCategory.CONTACT_EMAIL
    with pytest.raises(ValueError, match="not a valid"):
        classified("email", sa.LargeBinary, "user.mail")  # type: ignore[arg-type]  # that is the test


def test_a_silent_column_is_found():
    metadata = sa.MetaData()
    sign_in_tables(metadata)
    require_classified(metadata)
    sa.Table("people", metadata, identifier("id", DataCategory.UNIQUE_ID, primary_key=True), sa.Column("email", sa.Text))
    with pytest.raises(DomicileError, match=r"`people\.email`"):
        require_classified(metadata)
