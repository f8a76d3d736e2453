"""Systems that push: which pushes came, how new a pushed ticket is, and why the last push was refused."""

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
ALTER TABLE ticket ADD COLUMN version NUMERIC;

COMMENT ON COLUMN ticket.version IS 'of a pushed state, how new it is; an older one never replaces it';

ALTER TABLE lane ADD COLUMN push_error TEXT, ADD COLUMN push_error_at TIMESTAMP WITH TIME ZONE;

COMMENT ON COLUMN lane.push_error IS 'why the last push was refused; null once one was taken';

CREATE TABLE push (
    source TEXT NOT NULL,
    key BYTEA NOT NULL,
    body BYTEA NOT NULL,
    accepted INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    came_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (source, key)
);

CREATE INDEX push_came ON push (source, came_at);

COMMENT ON TABLE push IS 'Pushes that were taken, and what was answered: one that comes again is answered alike.';

COMMENT ON COLUMN push.key IS 'BLAKE2b-128 of what tells one push from another';

COMMENT ON COLUMN push.body IS 'BLAKE2b-128 of its body';
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
