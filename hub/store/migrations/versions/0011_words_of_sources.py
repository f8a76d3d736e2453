"""The source's own words beside urgency, channel and satisfaction, as beside status and kind."""

from alembic import op

revision = "0011"
down_revision = "0010"

DDL = (
    "ALTER TABLE appeal ADD COLUMN urgency_text TEXT",
    "ALTER TABLE appeal ADD COLUMN channel_text TEXT",
    "ALTER TABLE appeal ADD COLUMN satisfaction_text TEXT",
)


def upgrade() -> None:
    for statement in DDL:
        op.get_bind().exec_driver_sql(statement)
