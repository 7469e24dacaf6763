-- Approvals: asked for by approval.requested; ended once, by an answer or by what makes it needless. See
-- turns.sql for what all files have in common.
--
-- Like items.sql: what is asked and what ends it are joined, as both are there once.
WITH requested AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, b.*
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, approval_id text, item_id text, summary text, detail json,
            actor text, source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type = 'approval.requested'
),
ended AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, b.v, b.at, b.approval_id, b.note, b.source,
           CASE l.type WHEN 'approval.cancelled' THEN 'cancelled' ELSE b.decision END  AS state,
           CASE l.type WHEN 'approval.resolved' THEN b.actor END                       AS decided_by,
           CASE l.type WHEN 'approval.cancelled' THEN b.reason END                     AS reason
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, approval_id text, actor text, decision text, note text,
            reason text, source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type IN ('approval.resolved', 'approval.cancelled')
),
line AS (
    SELECT thread_id, turn_id, approval_id, r.item_id, r.summary, r.detail,
           r.actor                        AS asked_by,
           r.seq                          AS requested_seq,
           r.at                           AS requested_at,
           (r.source ->> 'line')::bigint  AS source_line,
           e.state, e.decided_by, e.note,
           e.reason                       AS cancelled_reason,
           e.seq                          AS resolved_seq,
           e.at                           AS resolved_at,
           coalesce((r.source ->> 'inferred')::boolean, false)
               OR coalesce((e.source ->> 'inferred')::boolean, false)  AS inferred,
           num_nonnulls(r.seq, e.seq)                                  AS events,
           coalesce(r.v = 1, false)::int + coalesce(e.v = 1, false)::int  AS taken
      FROM requested r
           -- step only --
      FULL JOIN ended e USING (thread_id, turn_id, approval_id)
           -- fill only --
           -- An end of what nobody asked for is not taken.
      LEFT JOIN ended e USING (thread_id, turn_id, approval_id)
           -- both --
),
inserted AS (
    INSERT INTO approvals (
        thread_id, approval_id, turn_id, item_id, state, summary, detail, asked_by, decided_by, note,
        cancelled_reason, requested_seq, resolved_seq, requested_at, resolved_at, inferred,
        source_line)
    SELECT thread_id, approval_id, turn_id, item_id, coalesce(state, 'pending'), summary, detail,
           asked_by, decided_by, note,
           cancelled_reason, requested_seq, resolved_seq, requested_at, resolved_at, inferred,
           source_line
      FROM line
     WHERE (resolved_seq IS NULL OR resolved_seq > requested_seq) AND taken = events
    RETURNING resolved_seq
),
-- step only --
updated AS (
    UPDATE approvals a
       SET state            = line.state,
           decided_by       = line.decided_by,
           note             = line.note,
           cancelled_reason = line.cancelled_reason,
           resolved_seq     = line.resolved_seq,
           resolved_at      = line.resolved_at,
           inferred         = a.inferred OR line.inferred
      FROM line
     WHERE a.thread_id = line.thread_id AND a.approval_id = line.approval_id
       AND a.turn_id = line.turn_id
       AND line.requested_seq IS NULL AND a.state = 'pending'
    RETURNING 1
)
SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
       (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted) - (SELECT count(*) FROM updated)
           AS missed
-- fill only --
answer AS (SELECT count(*) + count(resolved_seq) AS taken, 0 AS missed FROM inserted)
SELECT taken, missed FROM answer
