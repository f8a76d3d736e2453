"""Endpoints, and what is on its way to them: parked appeals, replays, attempts, and what others call our appeals."""

from alembic import op

revision = "0007"
down_revision = "0006"

DDL = """
ALTER TABLE lane ADD COLUMN awaits BIGINT;

COMMENT ON COLUMN lane.awaits IS 'a change of a higher number makes an endpoint''s lane due';

COMMENT ON COLUMN lane.name IS 'source:NAME or endpoint:NAME';

COMMENT ON TABLE lane IS 'Who may work on a source or an endpoint now, and how far it got.';

CREATE TABLE endpoint (
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    source TEXT,
    active BOOLEAN DEFAULT true NOT NULL,
    disabled_reason TEXT,
    disabled_at TIMESTAMP WITH TIME ZONE,
    secret BYTEA,
    former_secret BYTEA,
    former_until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (name)
);

COMMENT ON TABLE endpoint IS 'One URL that wants changes: one entry in connectors.yaml. Those dropped from the file stay, inactive.';

COMMENT ON COLUMN endpoint.source IS 'the source whose system it is; what came from there is not sent there';

COMMENT ON COLUMN endpoint.disabled_reason IS 'why nothing is sent to it until somebody resumes it';

COMMENT ON COLUMN endpoint.secret IS 'the hub''s own secret for it, sealed; null where the file has one';

COMMENT ON COLUMN endpoint.former_secret IS 'the one before, sealed, which signs as well for a while';

CREATE TABLE parked (
    endpoint TEXT NOT NULL,
    appeal_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    dead BOOLEAN DEFAULT false NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (endpoint, appeal_id),
    FOREIGN KEY(appeal_id) REFERENCES appeal (id)
);

CREATE INDEX parked_due ON parked (endpoint, due_at);

COMMENT ON TABLE parked IS 'Appeals whose changes an endpoint did not take; everything of theirs behind the cursor is in order.';

COMMENT ON COLUMN parked.number IS 'the change that waits; later ones wait behind it';

COMMENT ON COLUMN parked.due_at IS 'infinity for a dead letter';

COMMENT ON COLUMN parked.dead IS 'its tries are used up';

COMMENT ON COLUMN parked.since IS 'when it was parked';

CREATE TABLE again (
    endpoint TEXT NOT NULL,
    number BIGINT NOT NULL,
    appeal_id BIGINT NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (endpoint, number),
    FOREIGN KEY(number) REFERENCES change (number)
);

COMMENT ON TABLE again IS 'Changes that somebody asked to have sent once more.';

CREATE TABLE attempt (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    endpoint TEXT NOT NULL,
    number BIGINT NOT NULL,
    appeal_id BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    milliseconds INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    request TEXT NOT NULL,
    answer TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX attempt_endpoint ON attempt (endpoint, id);

COMMENT ON TABLE attempt IS 'The last tries to deliver, so many an endpoint.';

COMMENT ON COLUMN attempt.tries IS '1 for the first';

COMMENT ON COLUMN attempt.outcome IS 'delivered, refused, failed, busy or gone';

COMMENT ON COLUMN attempt.request IS 'its beginning, masked';

COMMENT ON COLUMN attempt.answer IS 'its beginning, masked';

COMMENT ON COLUMN attempt.address IS 'where the name led to';

CREATE TABLE remote_id (
    endpoint TEXT NOT NULL,
    appeal_id BIGINT NOT NULL,
    external_id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (endpoint, appeal_id),
    FOREIGN KEY(appeal_id) REFERENCES appeal (id)
);

CREATE INDEX remote_id_appeal ON remote_id (appeal_id);

COMMENT ON TABLE remote_id IS 'What the system behind an endpoint calls an appeal, as its answer said.';
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
