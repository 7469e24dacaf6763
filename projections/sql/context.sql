-- Turns that leave the context, by thread.rolled_back. After turns.sql, for they may begin in the
-- same range. See turns.sql for what all files have in common.
WITH event AS (
    SELECT l.thread_id, l.seq, b.v, b.at, b.turn_ids
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (v int, at timestamptz, turn_ids text[])
     WHERE l.position > %(after)s AND l.position <= %(upto)s AND l.type = 'thread.rolled_back'
),
line AS (
    SELECT thread_id, turn_id, min(seq) AS first_seq
      FROM event CROSS JOIN LATERAL unnest(turn_ids) AS turn_id
     GROUP BY thread_id, turn_id
),
updated AS (
    UPDATE turns t
       SET in_context = false
      FROM line
     WHERE t.thread_id = line.thread_id AND t.turn_id = line.turn_id
       AND t.started_seq < line.first_seq
    RETURNING 1
)
SELECT (SELECT count(*) FROM event WHERE v = 1 AND at IS NOT NULL AND turn_ids IS NOT NULL) AS taken,
       (SELECT count(*) FROM line) - (SELECT count(*) FROM updated) AS missed
