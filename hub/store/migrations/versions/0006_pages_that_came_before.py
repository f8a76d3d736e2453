"""Pages that came before: which tickets the bytes of an answer held, so that they need not be read again."""

from alembic import op

revision = "0006"
down_revision = "0005"

DDL = """
CREATE TABLE page (
    source TEXT NOT NULL,
    digest BYTEA NOT NULL,
    external_ids BYTEA NOT NULL,
    hashes BYTEA NOT NULL,
    repeated INTEGER NOT NULL,
    fence BIGINT NOT NULL,
    PRIMARY KEY (source, digest)
);

COMMENT ON TABLE page IS 'Which tickets, at which hashes, a page of a source held: it may be forgotten at any time.';

COMMENT ON COLUMN page.digest IS 'of the bytes, and of the configuration that they were read by';

COMMENT ON COLUMN page.external_ids IS 'of its tickets, as JSON in UTF-8';

COMMENT ON COLUMN page.hashes IS 'of its tickets, one after another';

COMMENT ON COLUMN page.fence IS 'of the run that met it last';
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
