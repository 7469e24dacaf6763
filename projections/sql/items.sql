-- Items: opened by item.started, ended once. See turns.sql for what all files have in common.
--
-- Most events of a log are these, so nothing is aggregated here: a start and the end in the same
-- range are joined. A second start or end of the same item makes a second line, which finds no place.
--
-- A fill reads the fields as a value of a type, not as a row of a function: that is a tenth of all
-- its work less. The types are its session's own.

-- step only --
WITH started AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, b.*
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, item_id text, kind text, summary text, input_id text,
            detail json, source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type = 'item.started'
),
ended AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, substr(l.type, 6) AS status, b.*
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, item_id text, text text, result json, error text, reason text,
            source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type IN ('item.completed', 'item.failed', 'item.interrupted')
),
-- fill only --
WITH started AS (
    SELECT thread_id, turn_id, seq, (b).*
      FROM (SELECT l.thread_id, l.stream_id AS turn_id, l.seq,
                   json_populate_record(NULL::pg_temp.item_started, l.data) AS b
              FROM log l
             WHERE l.position > %(after)s AND l.position <= %(upto)s
               AND l.type = 'item.started'
            OFFSET 0) AS read_once
),
ended AS (
    SELECT thread_id, turn_id, seq, status, (b).*
      FROM (SELECT l.thread_id, l.stream_id AS turn_id, l.seq, substr(l.type, 6) AS status,
                   json_populate_record(NULL::pg_temp.item_ended, l.data) AS b
              FROM log l
             WHERE l.position > %(after)s AND l.position <= %(upto)s
               AND l.type IN ('item.completed', 'item.failed', 'item.interrupted')
            OFFSET 0) AS read_once
),
-- both --
line AS (
    SELECT thread_id, turn_id, item_id,
           s.kind, s.summary, s.input_id, s.detail,
           s.seq                          AS started_seq,
           s.at                           AS started_at,
           (s.source ->> 'line')::bigint  AS source_line,
           e.status, e.text, e.result,
           coalesce(e.error, e.reason)    AS error,
           e.seq                          AS ended_seq,
           e.at                           AS ended_at,
           coalesce((s.source ->> 'inferred')::boolean, false)
               OR coalesce((e.source ->> 'inferred')::boolean, false)  AS inferred,
           num_nonnulls(s.seq, e.seq)                                  AS events,
           coalesce(s.v = 1, false)::int + coalesce(e.v = 1, false)::int  AS taken
      FROM started s
           -- step only --
      FULL JOIN ended e USING (thread_id, turn_id, item_id)
           -- fill only --
           -- An end of what has not begun is not taken.
      LEFT JOIN ended e USING (thread_id, turn_id, item_id)
           -- both --
),
inserted AS (
    INSERT INTO items (
        thread_id, item_id, turn_id, kind, status, summary, text, detail, result, error, input_id,
        started_seq, ended_seq, started_at, ended_at, inferred, source_line)
    SELECT thread_id, item_id, turn_id, kind, coalesce(status, 'in_progress'), summary, text,
           detail, result, error, input_id,
           started_seq, ended_seq, started_at, ended_at, inferred, source_line
      FROM line
     WHERE (ended_seq IS NULL OR ended_seq > started_seq) AND taken = events
    RETURNING ended_seq
),
-- step only --
updated AS (
    UPDATE items i
       SET status    = line.status,
           text      = line.text,
           result    = line.result,
           error     = line.error,
           ended_seq = line.ended_seq,
           ended_at  = line.ended_at,
           inferred  = i.inferred OR line.inferred
      FROM line
     WHERE i.thread_id = line.thread_id AND i.item_id = line.item_id AND i.turn_id = line.turn_id
       AND line.started_seq IS NULL AND i.status = 'in_progress'
    RETURNING 1
)
SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
       (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted) - (SELECT count(*) FROM updated)
           AS missed
-- fill only --
answer AS (SELECT count(*) + count(ended_seq) AS taken, 0 AS missed FROM inserted)
SELECT taken, missed FROM answer
-- types --
CREATE TYPE pg_temp.item_started AS (
    v int, at timestamptz, item_id text, kind text, summary text, input_id text,
    detail json, source json
);
CREATE TYPE pg_temp.item_ended AS (
    v int, at timestamptz, item_id text, text text, result json, error text, reason text,
    source json
)
