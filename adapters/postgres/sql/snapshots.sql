-- Snapshots of folded threads. They hold nothing that is not in the log.

-- select_snapshot --
-- The snapshot of a thread, if its last event is still what it was.
SELECT s.seq, s.state
FROM thread_snapshots s
JOIN log l ON l.thread_id = s.thread_id AND l.seq = s.seq AND l.hash = s.hash
WHERE s.thread_id = %(thread_id)s AND s.format = %(format)s;

-- save_snapshot --
-- Keep a snapshot unless there is a newer one. (While code of two formats is at work, each replaces
-- what the other has kept, and reads a long thread whole more often.)
INSERT INTO thread_snapshots AS s (thread_id, format, seq, hash, state)
SELECT l.thread_id, %(format)s, l.seq, l.hash, %(state)s
FROM log l
WHERE l.thread_id = %(thread_id)s AND l.seq = %(seq)s
ON CONFLICT (thread_id) DO UPDATE
SET format = excluded.format, seq = excluded.seq, hash = excluded.hash, state = excluded.state,
    saved_at = excluded.saved_at
WHERE s.seq < excluded.seq OR s.format <> excluded.format;
