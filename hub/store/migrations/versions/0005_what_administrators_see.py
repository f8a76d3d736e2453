"""What administrators see: mistakes in a file that is being edited, and how tickets drift away from their mapping."""

from alembic import op

revision = "0005"
down_revision = "0004"

DDL = """
ALTER TABLE source ADD COLUMN configuration_error TEXT;

COMMENT ON COLUMN source.configuration_error IS 'why what stands in the file now is not in use';

ALTER TABLE source ADD COLUMN profile JSONB;

COMMENT ON COLUMN source.profile IS 'which fields its tickets have, and of what kinds: hub/drift.py';

CREATE TABLE drift (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    field TEXT NOT NULL,
    word TEXT NOT NULL,
    tickets BIGINT NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (source, kind, field, word)
);

COMMENT ON TABLE drift IS 'How the tickets of a source came to differ from what its mapping expects.';

COMMENT ON COLUMN drift.kind IS 'field_gone, field_new, kind_changed or word_unknown';

COMMENT ON COLUMN drift.tickets IS 'how many tickets showed it';
"""


def upgrade() -> None:
    for statement in DDL.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)
