"""What people do to appeals at the hub itself, the keys they do it with, and the appeals that are made here."""

from alembic import op

revision = "0010"
down_revision = "0009"

DDL = """
ALTER TABLE appeal ADD COLUMN acted JSONB;

COMMENT ON COLUMN appeal.acted IS 'what its source said of the fields that were changed at the hub, and when they were: hub/store/acted.py';

ALTER TABLE change ADD COLUMN action TEXT;

ALTER TABLE change ADD COLUMN actor TEXT;

ALTER TABLE change ADD COLUMN note TEXT;

ALTER TABLE change ADD COLUMN organization TEXT;

COMMENT ON COLUMN change.action IS 'what was done at the hub; null for what a source told';

COMMENT ON COLUMN change.actor IS 'the name of the key that it was done with';

COMMENT ON COLUMN change.note IS 'what was said with it';

COMMENT ON COLUMN change.organization IS 'whom it names: in charge from now on, or proposed';

CREATE TABLE key (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    used_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);

COMMENT ON TABLE key IS 'Who may do more than read. Several keys may have one name: that is how one takes the place of another.';

COMMENT ON COLUMN key.name IS 'whose it is; written into the log with what is done';

COMMENT ON COLUMN key.digest IS 'SHA-256 of the key, which nobody keeps';

COMMENT ON COLUMN key.used_at IS 'within an hour';

CREATE TABLE request (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BYTEA NOT NULL,
    appeal_id BIGINT,
    number BIGINT,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE INDEX request_at ON request (at);

COMMENT ON TABLE request IS 'What was asked to be done, and what came of it: one that comes again is answered alike.';

COMMENT ON COLUMN request.key IS 'clientMutationId';

COMMENT ON COLUMN request.digest IS 'of what was asked';

COMMENT ON COLUMN request.number IS 'the change that it made';

CREATE SEQUENCE submitted;
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
