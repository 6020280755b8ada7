"""Runs migrations on the connection handed over by `chassis.database.migrate`. It reads no file and imports no live code."""

from alembic import context
from sqlalchemy import Connection


def run() -> None:
    """Run what was asked for, inside the transaction that the caller opened and alone commits."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,  # both engines roll DDL back; SQLite does since BEGIN is ours
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


if "connection" in context.config.attributes:  # a new, empty migration is written without one
    run()
