"""The index on areas holds the appeals of each status in the order of time, so that it holds pages as they are."""

from alembic import op

revision = "0009"
down_revision = "0008"

DDL = (
    "CREATE INDEX appeal_area_status_created ON appeal (area text_pattern_ops, status, created_at, id)",
    "DROP INDEX appeal_area",
)


def upgrade() -> None:
    for statement in DDL:
        op.get_bind().exec_driver_sql(statement)
