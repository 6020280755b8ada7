"""${message}.

Read before you write:

1. Import nothing of ours. This file must still run in five years, when today's tables and enums are gone; write the names
   and types out here.
2. Say what a column holds: sa.Column("email", sa.LargeBinary, info={"category": "user.contact.email"}). The category is
   the same as in the live table; a house test compares the two.
3. Be additive. During a rolling upgrade the old program runs on the new schema: add columns nullable or with a
   server_default, add tables, add indexes. Renames and drops take two releases: first stop using, then drop.
4. A subject-owned table carries subject_id in its primary key and has no unique constraint or foreign key across subjects.
5. On SQLite change a column inside `with op.batch_alter_table("table") as batch:`; on PostgreSQL it becomes plain ALTER.
6. Move data with plain SQL in bounded steps, never with live code. Personal data is not copied into a message or a log.
7. Test it: migrate a store made by the last release with rows in it, on both engines, and read the rows back. There is no
   downgrade: the way back is the backup taken before.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    """${message}."""
    ${upgrades if upgrades else "pass"}
