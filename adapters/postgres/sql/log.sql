-- Every query here is planned at each call (prepare=False), because a plan that was made while the
-- log was nearly empty, and kept, would read the whole of it later.

-- append_batch --
-- Write a batch of appends; see append_v2.
SELECT written_at, first_positions, refusals, refused_events, actuals, seqs, hashes
FROM append_v2(
    %(token)s, %(threads)s, %(streams)s, %(commands)s, %(sizes)s, %(expected_seqs)s,
    %(thread)s, %(stream)s, %(command)s, %(version)s, %(type)s, %(receipt)s, %(data)s,
    %(turns)s, %(turn)s, %(lease_tokens)s
);

-- fence_append --
-- Make sure that a batch whose connection was lost has been written or never will be.
SELECT fence_append_v1(%(token)s);

-- select_versions --
-- The entries at given versions of given streams: to find out whether an append was written.
SELECT l.stream_id, l.version, l.type, l.data::text, l.position, l.thread_id, l.seq, l.command_id,
       l.receipt, l.recorded_at, l.hash
FROM unnest(%(streams)s::text[], %(versions)s::bigint[]) AS wanted (stream_id, version)
JOIN log l ON l.stream_id = wanted.stream_id AND l.version = wanted.version
WHERE l.position > %(after_position)s;

-- select_head --
-- The last position.
SELECT position FROM log_head;

-- select_log --
-- A range of positions, perhaps of some types only.
SELECT stream_id, version, type, data::text, position, thread_id, seq, command_id, receipt,
       recorded_at, hash
FROM log
WHERE position > %(after)s
  AND (%(upto)s::bigint IS NULL OR position <= %(upto)s)
  AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))
ORDER BY position
LIMIT %(limit)s;

-- select_thread --
-- A range of a thread.
SELECT stream_id, version, type, data::text, position, thread_id, seq, command_id, receipt,
       recorded_at, hash
FROM log
WHERE thread_id = %(thread_id)s
  AND seq > %(after)s
  AND (%(upto)s::bigint IS NULL OR seq <= %(upto)s)
ORDER BY seq
LIMIT %(limit)s;

-- select_command --
-- All of a command.
SELECT stream_id, version, type, data::text, position, thread_id, seq, command_id, receipt,
       recorded_at, hash
FROM log
WHERE command_id = %(command_id)s
ORDER BY position;

-- select_stream --
-- A range of an aggregate's stream, first version first.
SELECT stream_id, version, type, data::text, position, thread_id, seq, command_id, receipt,
       recorded_at, hash
FROM log
WHERE stream_id = %(stream_id)s
  AND (%(after)s::bigint IS NULL OR version > %(after)s)
  AND (%(upto)s::bigint IS NULL OR version <= %(upto)s)
ORDER BY version
LIMIT %(limit)s;

-- select_stream_backwards --
-- A range of an aggregate's stream, last version first.
SELECT stream_id, version, type, data::text, position, thread_id, seq, command_id, receipt,
       recorded_at, hash
FROM log
WHERE stream_id = %(stream_id)s
  AND (%(after)s::bigint IS NULL OR version > %(after)s)
  AND (%(upto)s::bigint IS NULL OR version <= %(upto)s)
ORDER BY version DESC
LIMIT %(limit)s;

-- advance_tracking --
-- Move a follower's position; no row comes back unless it grew.
INSERT INTO tracking AS t (follower, application_name, position)
VALUES (%(follower)s, %(application_name)s, %(position)s)
ON CONFLICT (follower, application_name) DO UPDATE SET position = excluded.position
WHERE t.position < excluded.position
RETURNING position;

-- select_tracking --
-- A follower's position.
SELECT position FROM tracking
WHERE follower = %(follower)s AND application_name = %(application_name)s;

-- insert_aggregate_events --
-- Keep events apart from the log.
INSERT INTO aggregate_event (collection, stream_id, version, type, data)
SELECT %(collection)s, e.stream_id, e.version, e.type, e.data
FROM unnest(%(streams)s::text[], %(versions)s::bigint[], %(types)s::text[], %(datas)s::bytea[])
  AS e (stream_id, version, type, data);

-- select_aggregate_events --
-- A range of one aggregate, first version first.
SELECT stream_id, version, type, data
FROM aggregate_event
WHERE collection = %(collection)s
  AND stream_id = %(stream_id)s
  AND (%(after)s::bigint IS NULL OR version > %(after)s)
  AND (%(upto)s::bigint IS NULL OR version <= %(upto)s)
ORDER BY version
LIMIT %(limit)s;

-- select_aggregate_events_backwards --
-- A range of one aggregate, last version first.
SELECT stream_id, version, type, data
FROM aggregate_event
WHERE collection = %(collection)s
  AND stream_id = %(stream_id)s
  AND (%(after)s::bigint IS NULL OR version > %(after)s)
  AND (%(upto)s::bigint IS NULL OR version <= %(upto)s)
ORDER BY version DESC
LIMIT %(limit)s;
