-- What somebody who serves these tables by PostGraphile would add: the relation that is kept without a constraint, and
-- one typed function for the dashboard.
comment on table appeal is E'@foreignKey (source) references source (name)|@fieldName sourceBySource';
create type bucket as (key text, count int);
create type dashboard_result as (total int, by_status bucket[], by_source bucket[], by_topic bucket[]);
create function dashboard(since timestamptz, until timestamptz) returns dashboard_result language sql stable as $$
  with g as (select status, source, topic, grouping(status, source, topic) as g, count(*)::int as n
             from appeal where created_at >= since and created_at < until
             group by grouping sets ((status), (source), (topic)))
  select (select coalesce(sum(n), 0)::int from g where g = 3),
    (select array_agg((status, n)::bucket order by n desc, status) from g where g = 3),
    (select array_agg((source, n)::bucket order by n desc, source) from g where g = 5),
    (select array_agg((topic, n)::bucket order by n desc, topic) from g where g = 6)
$$;
