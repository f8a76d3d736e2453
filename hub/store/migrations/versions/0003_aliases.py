"""Aliases: a hotline whose number was given up names the one that answers its calls today."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE source ADD COLUMN alias_of TEXT")
    comment = "the source that answers for this hotline today"
    op.get_bind().exec_driver_sql(f"COMMENT ON COLUMN source.alias_of IS '{comment}'")
