-- All times are the database's, read when the row is locked: clock_timestamp(), as now() would be the
-- time before the wait for it.

-- acquire_lease --
-- Take the turn's lease if it has none, or one that has run out; else no row comes back.
INSERT INTO leases AS held (turn_id, thread_id, holder, token, expires_at)
VALUES (%(turn_id)s, %(thread_id)s, %(holder)s, 1,
        clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (turn_id) DO UPDATE
SET thread_id = excluded.thread_id, holder = excluded.holder, token = held.token + 1,
    expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE held.expires_at <= clock_timestamp()
RETURNING token;

-- renew_lease --
-- Prolong a lease that has not run out; no row comes back if it has, or has passed on.
UPDATE leases
SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE turn_id = %(turn_id)s AND token = %(token)s AND expires_at > clock_timestamp()
RETURNING token;

-- release_lease --
-- Let a lease run out now. The row stays: its token says that somebody has worked on the turn.
UPDATE leases
SET expires_at = clock_timestamp()
WHERE turn_id = %(turn_id)s AND token = %(token)s AND expires_at > clock_timestamp();

-- find_lease --
-- The turn's last lease.
SELECT thread_id, holder, token, extract(epoch FROM expires_at - clock_timestamp())::float8
FROM leases
WHERE turn_id = %(turn_id)s;

-- select_active_turns --
-- Turns that the log says have begun and not ended, oldest first, but for those of imported threads:
-- that a foreign log stops in the middle of a turn means nothing. Asks no read model, which may lag.
-- One index is read to find them. (The planner expects many more than there are; LATERAL with LIMIT
-- keeps it from reading the whole log for their rows.)
SELECT begun.thread_id, open.stream_id
FROM (SELECT stream_id FROM log WHERE type IN ('turn.started', 'turn.completed')
      GROUP BY stream_id HAVING bool_and(type = 'turn.started')) AS open
CROSS JOIN LATERAL (SELECT l.thread_id, l.position FROM log l
                    WHERE l.stream_id = open.stream_id AND l.type = 'turn.started' LIMIT 1) AS begun
CROSS JOIN LATERAL (SELECT l.data FROM log l
                    WHERE l.thread_id = begun.thread_id AND l.seq = 1 LIMIT 1) AS first
WHERE first.data -> 'origin' ->> 'kind' IS DISTINCT FROM 'imported'
ORDER BY begun.position;
