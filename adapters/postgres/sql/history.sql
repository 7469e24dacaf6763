-- select_history --
-- A range of a thread, without the columns that the events repeat. A limit that the planner cannot
-- know makes it read in the index's order: else it sorts them all before the first one comes.
SELECT position, seq, version, recorded_at, hash, type, data
FROM log
WHERE thread_id = %(thread_id)s
  AND seq > %(after)s
  AND (%(upto)s::bigint IS NULL OR seq <= %(upto)s)
ORDER BY seq
LIMIT (SELECT NULL::bigint);
