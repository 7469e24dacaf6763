-- Items: opened by item.started, ended once. See turns.sql for what all files have in common.
WITH event AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, l.type, b.*
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, item_id text, kind text, summary text, input_id text,
            detail json, text text, result json, error text, reason text, source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type IN ('item.started', 'item.completed', 'item.failed', 'item.interrupted')
),
line AS (
    SELECT thread_id, turn_id, item_id,
           count(*) FILTER (WHERE v = 1 AND at IS NOT NULL)                AS taken,
           count(*) FILTER (WHERE type = 'item.started')                   AS starts,
           count(*) FILTER (WHERE type <> 'item.started')                  AS ends,
           max(kind)                                                       AS kind,
           max(summary)                                                    AS summary,
           max(input_id)                                                   AS input_id,
           max(detail::text)                                               AS detail,
           max(seq) FILTER (WHERE type = 'item.started')                   AS started_seq,
           max(at) FILTER (WHERE type = 'item.started')                    AS started_at,
           max(source ->> 'line') FILTER (WHERE type = 'item.started')     AS source_line,
           max(substr(type, 6)) FILTER (WHERE type <> 'item.started')      AS status,
           max(text)                                                       AS text,
           max(result::text)                                               AS result,
           max(coalesce(error, reason))                                    AS error,
           max(seq) FILTER (WHERE type <> 'item.started')                  AS ended_seq,
           max(at) FILTER (WHERE type <> 'item.started')                   AS ended_at,
           coalesce(bool_or((source ->> 'inferred')::boolean), false)      AS inferred
      FROM event
     GROUP BY thread_id, turn_id, item_id
),
inserted AS (
    INSERT INTO items (
        thread_id, item_id, turn_id, kind, status, summary, text, detail, result, error, input_id,
        started_seq, ended_seq, started_at, ended_at, inferred, source_line)
    SELECT thread_id, item_id, turn_id, kind, coalesce(status, 'in_progress'), summary, text,
           detail::json, result::json, error, input_id,
           started_seq, ended_seq, started_at, ended_at, inferred, source_line::bigint
      FROM line
     WHERE starts = 1 AND (ends = 0 OR ends = 1 AND ended_seq > started_seq)
    RETURNING 1
),
updated AS (
    UPDATE items i
       SET status    = line.status,
           text      = line.text,
           result    = line.result::json,
           error     = line.error,
           ended_seq = line.ended_seq,
           ended_at  = line.ended_at,
           inferred  = i.inferred OR line.inferred
      FROM line
     WHERE i.thread_id = line.thread_id AND i.item_id = line.item_id AND i.turn_id = line.turn_id
       AND line.starts = 0 AND line.ends = 1 AND i.status = 'in_progress'
    RETURNING 1
)
SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
       (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted) - (SELECT count(*) FROM updated)
           AS missed
