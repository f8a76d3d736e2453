"""Rollups: how many appeals there are, a day and a month, kept by the database itself whenever an appeal changes."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = (
    """
CREATE TABLE rollup (
    dimension TEXT COLLATE "C" NOT NULL,
    span TEXT COLLATE "C" NOT NULL,
    start DATE NOT NULL,
    key TEXT[] COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (dimension, span, start, key)
) WITH (fillfactor = 80)
""",
    """
CREATE TABLE rollup_delta (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    day DATE NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT,
    urgency TEXT NOT NULL,
    channel TEXT NOT NULL,
    area TEXT,
    count INTEGER NOT NULL,
    PRIMARY KEY (id)
)
""",
    "COMMENT ON TABLE rollup IS 'How many appeals there are of a span of time, a status and a value of a dimension.'",
    "COMMENT ON COLUMN rollup.span IS 'day or month: of created_at, by the clocks of Asia/Shanghai'",
    "COMMENT ON COLUMN rollup.start IS 'the first day of the span'",
    "COMMENT ON COLUMN rollup.key IS 'the status, and the value of the dimension'",
    "COMMENT ON TABLE rollup_delta IS 'Appeals that came or went since rollup was added up last: both together are exact.'",
    "COMMENT ON COLUMN rollup_delta.count IS 'how many more, or less, there are'",
)

_WORDS = "status, source, kind, topic, urgency, channel, area"


def _moved(table: str, count: int) -> str:
    return f"select (created_at at time zone 'Asia/Shanghai')::date as day, {_WORDS}, {count} as count from {table}"


# In a set of columns that is grouped by, all columns of the others are null. Sorted, so that a span's rows lie together.
_ADD_UP = """
cells as (
  select case 0 when grouping(source) then 'SOURCE' when grouping(kind) then 'KIND' when grouping(topic) then 'TOPIC'
      when grouping(urgency) then 'URGENCY' when grouping(channel) then 'CHANNEL' else 'AREA' end as dimension,
    'day' as span, day as start, array[status, coalesce(source, kind, topic, urgency, channel, area)] collate "C" as key,
    sum(count) as count
  from moved
  group by grouping sets ((day, status, source), (day, status, kind), (day, status, topic), (day, status, urgency),
    (day, status, channel), (day, status, area))
)
insert into rollup (dimension, span, start, key, count)
select dimension, span, start, key, sum(count)
from (table cells union all select dimension, 'month', date_trunc('month', start)::date, key, count from cells) added
group by dimension, span, start, key having sum(count) <> 0
order by dimension, span, start
on conflict (dimension, span, start, key) do update set count = rollup.count + excluded.count
"""

# Whoever changes appeals notes what came and went, in their own transaction, and waits for nobody: a cell of today is
# everybody's. Once thousands are noted, one of them adds them up.
FUNCTION = f"""
create function note_rollup_deltas() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into rollup_delta (day, {_WORDS}, count) {_moved("after", 1)};
  elsif tg_op = 'DELETE' then
    insert into rollup_delta (day, {_WORDS}, count) {_moved("before", -1)};
  else
    insert into rollup_delta (day, {_WORDS}, count)
    select day, {_WORDS}, sum(count) from ({_moved("before", -1)} union all {_moved("after", 1)}) moved
    group by day, {_WORDS} having sum(count) <> 0;
  end if;
  if (select max(id) - min(id) >= 10000 from rollup_delta) and pg_try_advisory_xact_lock({0x6875_6203}) then
    with moved as (delete from rollup_delta returning *), {_ADD_UP};
  end if;
  return null;
end
$$
"""

_CALL = "for each statement execute function note_rollup_deltas()"
TRIGGERS = (
    f"create trigger appeal_inserted after insert on appeal referencing new table as after {_CALL}",
    f"create trigger appeal_updated after update on appeal referencing old table as before new table as after {_CALL}",
    f"create trigger appeal_deleted after delete on appeal referencing old table as before {_CALL}",
)


def upgrade() -> None:
    # The triggers lock the table against writers, so that what is added up here is all that was there before them.
    for statement in (*TABLES, FUNCTION, *TRIGGERS, f"with moved as ({_moved('appeal', 1)}), {_ADD_UP}"):
        op.get_bind().exec_driver_sql(statement)
