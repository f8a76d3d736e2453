"""The tables, as the newest migration leaves them; a test holds the two equal."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

metadata = sa.MetaData()

TIME = sa.DateTime(timezone=True)

source = sa.Table(
    "source",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("source_class", sa.Text, nullable=False),
    sa.Column("integration", sa.Text),
    sa.Column("department", sa.Text),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("configuration_error", sa.Text, comment="why what stands in the file now is not in use"),
    sa.Column("profile", JSONB, comment="which fields its tickets have, and of what kinds: hub/drift.py"),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("alias_of", sa.Text, comment="the source that answers for this hotline today"),
    comment="One legacy system: one entry in connectors.yaml. Sources dropped from the file stay, inactive.",
)

lane = sa.Table(
    "lane",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="source:NAME or endpoint:NAME"),
    sa.Column("due_at", TIME, nullable=False, comment="when the lane wants to be worked on next"),
    sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("holder", sa.Text, comment="who holds it: host, process; for people"),
    sa.Column("leased_until", TIME, nullable=False, server_default="-infinity"),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0", comment="raised by every claim"),
    sa.Column("cursor", JSONB, comment="how far it got; null before the first page"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0", comment="runs failed in a row"),
    sa.Column("last_run_at", TIME),
    sa.Column("last_success_at", TIME),
    sa.Column("last_error", sa.Text),
    sa.Column("last_error_at", TIME),
    sa.Column("last_tally", JSONB),
    sa.Column("push_error", sa.Text, comment="why the last push was refused; null once one was taken"),
    sa.Column("push_error_at", TIME),
    sa.Column("awaits", sa.BigInteger, comment="a change of a higher number makes an endpoint's lane due"),
    comment="Who may work on a source or an endpoint now, and how far it got.",
)

ticket = sa.Table(
    "ticket",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False, comment="the record as the source sent it, as JSON in UTF-8"),
    sa.Column("hash", sa.LargeBinary, nullable=False, comment="BLAKE2b-128 of the raw record"),
    sa.Column("state", sa.Text, nullable=False, comment="pending, served or rejected"),
    sa.Column("reason", sa.Text, comment="why it was rejected"),
    sa.Column("field", sa.Text, comment="the appeal's field that failed"),
    sa.Column("landed_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("settled_at", TIME, comment="when it was last served or rejected"),
    sa.Column("version", sa.Numeric, comment="of a pushed state, how new it is; an older one never replaces it"),
    sa.UniqueConstraint("source", "external_id"),
    sa.CheckConstraint("state in ('pending', 'served', 'rejected')", name="ticket_state"),
    comment="Every record a source ever gave, raw, with what became of it.",
)
sa.Index("ticket_pending", ticket.c.source, ticket.c.id, postgresql_where=ticket.c.state == "pending")
sa.Index("ticket_rejected", ticket.c.id, postgresql_where=ticket.c.state == "rejected")
sa.Index("ticket_source_state", ticket.c.source, ticket.c.state)

push = sa.Table(
    "push",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("key", sa.LargeBinary, primary_key=True, comment="BLAKE2b-128 of what tells one push from another"),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="BLAKE2b-128 of its body"),
    sa.Column("accepted", sa.Integer, nullable=False),
    sa.Column("repeated", sa.Integer, nullable=False),
    sa.Column("came_at", TIME, nullable=False, server_default=sa.func.now()),
    comment="Pushes that were taken, and what was answered: one that comes again is answered alike.",
)
sa.Index("push_came", push.c.source, push.c.came_at)

page = sa.Table(
    "page",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column(
        "digest",
        sa.LargeBinary,
        primary_key=True,
        comment="of the bytes, and of the configuration that they were read by",
    ),
    sa.Column("external_ids", sa.LargeBinary, nullable=False, comment="of its tickets, as JSON in UTF-8"),
    sa.Column("hashes", sa.LargeBinary, nullable=False, comment="of its tickets, one after another"),
    sa.Column("repeated", sa.Integer, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False, comment="of the run that met it last"),
    comment="Which tickets, at which hashes, a page of a source held: it may be forgotten at any time.",
)

appeal = sa.Table(
    "appeal",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("first_served_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("last_served_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
    sa.Column("appeal_no", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("kind_text", sa.Text),
    sa.Column("topic", sa.Text),
    sa.Column("content", sa.Text),
    sa.Column("status_text", sa.Text),
    sa.Column("status_note", sa.Text),
    sa.Column("urgency", sa.Text, nullable=False),
    sa.Column("urgency_text", sa.Text),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("channel_text", sa.Text),
    sa.Column("origin_hotline", sa.Text),
    sa.Column("is_secret", sa.Boolean, nullable=False),
    sa.Column("reporter_name", sa.Text),
    sa.Column("reporter_phone", sa.Text),
    sa.Column("respondent", sa.Text),
    sa.Column("area", sa.Text),
    sa.Column("grid", sa.Text),
    sa.Column("location_address", sa.Text),
    sa.Column("location_longitude", sa.Double, comment="WGS-84 degrees"),
    sa.Column("location_latitude", sa.Double, comment="WGS-84 degrees"),
    sa.Column("lead_org", sa.Text),
    sa.Column("co_orgs", JSONB, nullable=False),
    sa.Column("dispatched_at", TIME),
    sa.Column("due_at", TIME),
    sa.Column("closed_at", TIME),
    sa.Column("result", sa.Text),
    sa.Column("public_reply", sa.Text),
    sa.Column("is_resolved", sa.Boolean),
    sa.Column("satisfaction", sa.Text, nullable=False),
    sa.Column("satisfaction_text", sa.Text),
    sa.Column("duplicate_of", sa.Text),
    sa.Column("support_count", sa.Integer),
    sa.Column("attachments", JSONB, nullable=False),
    sa.Column("events", JSONB, nullable=False, server_default="[]"),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Column("search", TSVECTOR, nullable=False, comment="character pairs and words: hub/store/search.py"),
    sa.Column(
        "acted",
        JSONB,
        comment="what its source said of the fields that were changed at the hub, and when they were: "
        "hub/store/acted.py",
    ),
    sa.UniqueConstraint("source", "external_id"),
    comment="The one record served for a ticket.",
)
sa.Index("appeal_created", appeal.c.created_at, appeal.c.id)
sa.Index("appeal_updated", appeal.c.updated_at, appeal.c.id)
sa.Index("appeal_due", appeal.c.due_at, appeal.c.id)
sa.Index("appeal_status_created", appeal.c.status, appeal.c.created_at, appeal.c.id)
sa.Index("appeal_source_created", appeal.c.source, appeal.c.created_at, appeal.c.id)
sa.Index(
    "appeal_area_status_created",
    appeal.c.area,
    appeal.c.status,
    appeal.c.created_at,
    appeal.c.id,
    postgresql_ops={"area": "text_pattern_ops"},
)
sa.Index("appeal_search", appeal.c.search, postgresql_using="gin")

rollup = sa.Table(
    "rollup",
    metadata,
    sa.Column("dimension", sa.Text(collation="C"), primary_key=True),
    sa.Column(
        "span",
        sa.Text(collation="C"),
        primary_key=True,
        comment="day or month: of created_at, by the clocks of Asia/Shanghai",
    ),
    sa.Column("start", sa.Date, primary_key=True, comment="the first day of the span"),
    sa.Column(
        "key", sa.ARRAY(sa.Text(collation="C")), primary_key=True, comment="the status, and the value of the dimension"
    ),
    sa.Column("count", sa.BigInteger, nullable=False),
    comment="How many appeals there are of a span of time, a status and a value of a dimension.",
)

rollup_delta = sa.Table(
    "rollup_delta",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("topic", sa.Text),
    sa.Column("urgency", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("area", sa.Text),
    sa.Column("count", sa.Integer, nullable=False, comment="how many more, or less, there are"),
    comment="Appeals that came or went since rollup was added up last: both together are exact.",
)

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("register", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("first_served_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("last_served_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("parent", sa.Text, comment="the external id of the entry above"),
    sa.Column("area", sa.Text),
    sa.Column("grid", sa.Text),
    sa.Column("location_address", sa.Text),
    sa.Column("location_longitude", sa.Double, comment="WGS-84 degrees"),
    sa.Column("location_latitude", sa.Double, comment="WGS-84 degrees"),
    sa.Column("contact", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    sa.UniqueConstraint("register", "external_id"),
    comment="What appeals refer to: one row of a register. Never counted as a ticket.",
)
sa.Index("entry_parent", entry.c.register, entry.c.parent)
sa.Index("entry_kind", entry.c.register, entry.c.kind)

drift = sa.Table(
    "drift",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, comment="field_gone, field_new, kind_changed or word_unknown"),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("tickets", sa.BigInteger, nullable=False, comment="how many tickets showed it"),
    sa.Column("first_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("last_at", TIME, nullable=False, server_default=sa.func.now()),
    comment="How the tickets of a source came to differ from what its mapping expects.",
)

change_number = sa.Sequence("change_number", metadata=metadata)

change = sa.Table(
    "change",
    metadata,
    sa.Column("number", sa.BigInteger, change_number, server_default=change_number.next_value(), primary_key=True),
    sa.Column("appeal_id", sa.BigInteger, sa.ForeignKey("appeal.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False, comment="the source it came from"),
    sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("fields", JSONB, nullable=False, comment="{field: [before, after]}; empty for a creation"),
    sa.Column("action", sa.Text, comment="what was done at the hub; null for what a source told"),
    sa.Column("actor", sa.Text, comment="the name of the key that it was done with"),
    sa.Column("note", sa.Text, comment="what was said with it"),
    sa.Column("organization", sa.Text, comment="whom it names: in charge from now on, or proposed"),
    comment="The append-only log of what happened to appeals; numbers rise in commit order.",
)
sa.Index("change_appeal", change.c.appeal_id, change.c.number)

key = sa.Table(
    "key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, comment="whose it is; written into the log with what is done"),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the key, which nobody keeps"),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("expires_at", TIME),
    sa.Column("revoked_at", TIME),
    sa.Column("used_at", TIME, comment="within an hour"),
    comment="Who may do more than read. Several keys may have one name: that is how one takes the place of another.",
)

request = sa.Table(
    "request",
    metadata,
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True, comment="clientMutationId"),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="of what was asked"),
    sa.Column("appeal_id", sa.BigInteger),
    sa.Column("number", sa.BigInteger, comment="the change that it made"),
    sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
    comment="What was asked to be done, and what came of it: one that comes again is answered alike.",
)
sa.Index("request_at", request.c.at)

submitted = sa.Sequence("submitted", metadata=metadata)

endpoint = sa.Table(
    "endpoint",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("source", sa.Text, comment="the source whose system it is; what came from there is not sent there"),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("disabled_reason", sa.Text, comment="why nothing is sent to it until somebody resumes it"),
    sa.Column("disabled_at", TIME),
    sa.Column("secret", sa.LargeBinary, comment="the hub's own secret for it, sealed; null where the file has one"),
    sa.Column("former_secret", sa.LargeBinary, comment="the one before, sealed, which signs as well for a while"),
    sa.Column("former_until", TIME),
    comment="One URL that wants changes: one entry in connectors.yaml. Those dropped from the file stay, inactive.",
)

parked = sa.Table(
    "parked",
    metadata,
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("appeal_id", sa.BigInteger, sa.ForeignKey("appeal.id"), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, comment="the change that waits; later ones wait behind it"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", TIME, nullable=False, comment="infinity for a dead letter"),
    sa.Column("dead", sa.Boolean, nullable=False, server_default=sa.false(), comment="its tries are used up"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("since", TIME, nullable=False, server_default=sa.func.now(), comment="when it was parked"),
    comment="Appeals whose changes an endpoint did not take; everything of theirs behind the cursor is in order.",
)
sa.Index("parked_due", parked.c.endpoint, parked.c.due_at)

again = sa.Table(
    "again",
    metadata,
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, sa.ForeignKey("change.number"), primary_key=True),
    sa.Column("appeal_id", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", TIME, nullable=False, server_default=sa.func.now()),
    comment="Changes that somebody asked to have sent once more.",
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("appeal_id", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, comment="1 for the first"),
    sa.Column("at", TIME, nullable=False),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False, comment="delivered, refused, failed, busy or gone"),
    sa.Column("status", sa.Integer),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False, comment="its beginning, masked"),
    sa.Column("answer", sa.Text, nullable=False, comment="its beginning, masked"),
    sa.Column("address", sa.Text, nullable=False, comment="where the name led to"),
    comment="The last tries to deliver, so many an endpoint.",
)
sa.Index("attempt_endpoint", attempt.c.endpoint, attempt.c.id)

remote_id = sa.Table(
    "remote_id",
    metadata,
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("appeal_id", sa.BigInteger, sa.ForeignKey("appeal.id"), primary_key=True),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
    comment="What the system behind an endpoint calls an appeal, as its answer said.",
)
sa.Index("remote_id_appeal", remote_id.c.appeal_id)
