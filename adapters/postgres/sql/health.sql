-- What `doctor` asks. None of it takes a lock that anybody would wait for.

-- select_server --
-- The server, the size of its database, and its clock.
SELECT current_setting('server_version'), pg_database_size(current_database()), clock_timestamp(),
       pg_is_in_recovery(), current_setting('fsync') = 'on',
       current_setting('synchronous_commit') <> 'off',
       current_setting('max_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend');

-- select_sessions --
-- Sessions in this database that make others wait: what they do, for how long, and how many wait.
SELECT holder.pid, coalesce(holder.application_name, ''), coalesce(holder.state, ''),
       extract(epoch FROM clock_timestamp() - holder.xact_start)::float8,
       count(waiter.pid)
FROM pg_stat_activity AS waiter
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiter.pid)) AS blocking (pid)
JOIN pg_stat_activity AS holder ON holder.pid = blocking.pid
WHERE waiter.datname = current_database()
GROUP BY holder.pid, holder.application_name, holder.state, holder.xact_start
ORDER BY count(waiter.pid) DESC, holder.pid;

-- select_old_transactions --
-- Transactions open for longer than that: they keep the database from tidying up.
SELECT pid, coalesce(application_name, ''), coalesce(state, ''),
       extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY xact_start;

-- select_log_size --
-- The last position, and about how many bytes the log and its indexes have.
SELECT (SELECT position FROM log_head), pg_total_relation_size('log');

-- select_append_only --
-- Whether the trigger that refuses changes to the log is there and always on.
SELECT coalesce(bool_or(tgenabled = 'A'), false)
FROM pg_trigger
WHERE tgrelid = 'log'::regclass AND NOT tgisinternal;
