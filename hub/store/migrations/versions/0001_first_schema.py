"""The first schema: sources, lanes, tickets, appeals and their changes."""

from alembic import op

revision = "0001"
down_revision = None

DDL = """
CREATE SEQUENCE change_number;

CREATE TABLE appeal (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    first_served_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_served_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    appeal_no TEXT,
    kind TEXT NOT NULL,
    kind_text TEXT,
    topic TEXT,
    content TEXT,
    status_text TEXT,
    status_note TEXT,
    urgency TEXT NOT NULL,
    channel TEXT NOT NULL,
    origin_hotline TEXT,
    is_secret BOOLEAN NOT NULL,
    reporter_name TEXT,
    reporter_phone TEXT,
    respondent TEXT,
    area TEXT,
    grid TEXT,
    location_address TEXT,
    location_longitude DOUBLE PRECISION,
    location_latitude DOUBLE PRECISION,
    lead_org TEXT,
    co_orgs JSONB NOT NULL,
    dispatched_at TIMESTAMP WITH TIME ZONE,
    due_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    result TEXT,
    public_reply TEXT,
    is_resolved BOOLEAN,
    satisfaction TEXT NOT NULL,
    duplicate_of TEXT,
    support_count INTEGER,
    attachments JSONB NOT NULL,
    attributes JSONB NOT NULL,
    search TSVECTOR NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (source, external_id)
);

CREATE INDEX appeal_area ON appeal (area text_pattern_ops);

CREATE INDEX appeal_created ON appeal (created_at, id);

CREATE INDEX appeal_due ON appeal (due_at, id);

CREATE INDEX appeal_search ON appeal USING gin (search);

CREATE INDEX appeal_source_created ON appeal (source, created_at, id);

CREATE INDEX appeal_status_created ON appeal (status, created_at, id);

CREATE INDEX appeal_updated ON appeal (updated_at, id);

COMMENT ON TABLE appeal IS 'The one record served for a ticket.';

COMMENT ON COLUMN appeal.location_longitude IS 'WGS-84 degrees';

COMMENT ON COLUMN appeal.location_latitude IS 'WGS-84 degrees';

COMMENT ON COLUMN appeal.search IS 'character pairs and words: hub/store/search.py';

CREATE TABLE lane (
    name TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    paused BOOLEAN DEFAULT false NOT NULL,
    holder TEXT,
    leased_until TIMESTAMP WITH TIME ZONE DEFAULT '-infinity' NOT NULL,
    fence BIGINT DEFAULT '0' NOT NULL,
    cursor JSONB,
    failures INTEGER DEFAULT '0' NOT NULL,
    last_run_at TIMESTAMP WITH TIME ZONE,
    last_success_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT,
    last_error_at TIMESTAMP WITH TIME ZONE,
    last_tally JSONB,
    PRIMARY KEY (name)
);

COMMENT ON TABLE lane IS 'Who may work on a source now, and how far it got.';

COMMENT ON COLUMN lane.name IS 'source:NAME or, later, endpoint:NAME';

COMMENT ON COLUMN lane.due_at IS 'when the lane wants to be worked on next';

COMMENT ON COLUMN lane.holder IS 'who holds it: host, process; for people';

COMMENT ON COLUMN lane.fence IS 'raised by every claim';

COMMENT ON COLUMN lane.cursor IS 'how far it got; null before the first page';

COMMENT ON COLUMN lane.failures IS 'runs failed in a row';

CREATE TABLE source (
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    source_class TEXT NOT NULL,
    integration TEXT,
    department TEXT,
    connector TEXT NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    PRIMARY KEY (name)
);

COMMENT ON TABLE source IS 'One legacy system: one entry in connectors.yaml. Sources dropped from the file stay, inactive.';

CREATE TABLE ticket (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    raw BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    field TEXT,
    landed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (source, external_id),
    CONSTRAINT ticket_state CHECK (state in ('pending', 'served', 'rejected'))
);

CREATE INDEX ticket_pending ON ticket (source, id) WHERE state = 'pending';

CREATE INDEX ticket_rejected ON ticket (id) WHERE state = 'rejected';

CREATE INDEX ticket_source_state ON ticket (source, state);

COMMENT ON TABLE ticket IS 'Every record a source ever gave, raw, with what became of it.';

COMMENT ON COLUMN ticket.raw IS 'the record as the source sent it, as JSON in UTF-8';

COMMENT ON COLUMN ticket.hash IS 'BLAKE2b-128 of the raw record';

COMMENT ON COLUMN ticket.state IS 'pending, served or rejected';

COMMENT ON COLUMN ticket.reason IS 'why it was rejected';

COMMENT ON COLUMN ticket.field IS 'the appeal''s field that failed';

COMMENT ON COLUMN ticket.settled_at IS 'when it was last served or rejected';

CREATE TABLE change (
    number BIGINT DEFAULT nextval('change_number') NOT NULL,
    appeal_id BIGINT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    fields JSONB NOT NULL,
    PRIMARY KEY (number),
    FOREIGN KEY(appeal_id) REFERENCES appeal (id)
);

CREATE INDEX change_appeal ON change (appeal_id, number);

COMMENT ON TABLE change IS 'The append-only log of what happened to appeals; numbers rise in commit order.';

COMMENT ON COLUMN change.origin IS 'the source it came from';

COMMENT ON COLUMN change.fields IS '{field: [before, after]}; empty for a creation';
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
