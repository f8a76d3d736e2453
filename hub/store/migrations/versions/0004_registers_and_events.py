"""Events of an appeal, and registers: entries that appeals refer to."""

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
ALTER TABLE appeal ADD COLUMN events JSONB DEFAULT '[]' NOT NULL;

CREATE TABLE entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    register TEXT NOT NULL,
    external_id TEXT NOT NULL,
    first_served_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_served_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    name TEXT NOT NULL,
    kind TEXT,
    parent TEXT,
    area TEXT,
    grid TEXT,
    location_address TEXT,
    location_longitude DOUBLE PRECISION,
    location_latitude DOUBLE PRECISION,
    contact TEXT,
    phone TEXT,
    active BOOLEAN NOT NULL,
    attributes JSONB NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (register, external_id)
);

CREATE INDEX entry_parent ON entry (register, parent);

CREATE INDEX entry_kind ON entry (register, kind);

COMMENT ON TABLE entry IS 'What appeals refer to: one row of a register. Never counted as a ticket.';

COMMENT ON COLUMN entry.parent IS 'the external id of the entry above';

COMMENT ON COLUMN entry.location_longitude IS 'WGS-84 degrees';

COMMENT ON COLUMN entry.location_latitude IS 'WGS-84 degrees';
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
