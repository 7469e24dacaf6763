-- Threads: opened by thread.created; every event of a thread moves its numbers. After prompts.sql,
-- whose table says how many prompts wait. See turns.sql for what all files have in common.
WITH touched AS (
    SELECT l.thread_id,
           min(l.seq)                                                        AS first_seq,
           max(l.seq)                                                        AS last_seq,
           max(l.position)                                                   AS last_position,
           count(*) FILTER (WHERE l.type = 'thread.created')                 AS starts,
           min(l.seq) FILTER (WHERE l.type = 'thread.created')               AS created_seq,
           min(l.position) FILTER (WHERE l.type = 'thread.created')          AS created_position,
           max(l.position) FILTER (WHERE l.type IN ('thread.created', 'thread.updated'))
                                                                             AS settings_position,
           max(l.position) FILTER (WHERE l.type IN ('thread.archived', 'thread.unarchived'))
                                                                             AS archived_position,
           max(l.position) FILTER (WHERE l.type IN ('turn.started', 'turn.completed'))
                                                                             AS slot_position,
           max(l.position) FILTER (WHERE l.type = 'turn.started')            AS turn_position,
           count(*) FILTER (WHERE l.type = 'turn.started')                   AS turns,
           count(*) FILTER (
               WHERE l.type IN ('thread.created', 'thread.updated', 'thread.archived',
                                'thread.unarchived')
                 AND l.data ->> 'v' = '1' AND l.data ->> 'at' IS NOT NULL
                 AND (l.type IN ('thread.archived', 'thread.unarchived')
                      OR json_typeof(l.data -> 'settings') = 'object'))      AS taken
      FROM log l
     WHERE l.position > %(after)s AND l.position <= %(upto)s
     GROUP BY l.thread_id
),
line AS (
    -- Subqueries, for they can only be planned as one look-up by position for each.
    SELECT t.*,
           (SELECT l.data FROM log l WHERE l.position = t.created_position)   AS creation,
           (SELECT l.data FROM log l WHERE l.position = t.settings_position)  AS settings_event,
           (SELECT l.type = 'thread.archived' FROM log l WHERE l.position = t.archived_position)
               AS archived,
           (SELECT CASE WHEN l.type = 'turn.started' THEN l.stream_id END
              FROM log l WHERE l.position = t.slot_position)                  AS active_turn_id,
           (SELECT l.stream_id FROM log l WHERE l.position = t.turn_position) AS latest_turn_id,
           (SELECT (l.data ->> 'at')::timestamptz FROM log l WHERE l.position = t.last_position)
               AS updated_at,
           -- step only --
           waiting.pending_count, waiting.held_count
      FROM touched t
     CROSS JOIN LATERAL (
           SELECT count(*) FILTER (WHERE p.state = 'pending') AS pending_count,
                  count(*) FILTER (WHERE p.state = 'held')    AS held_count
             FROM prompts p
            WHERE p.thread_id = t.thread_id AND p.state IN ('pending', 'held')) AS waiting
           -- fill only --
           -- See waiting.sql.
           0 AS pending_count, 0 AS held_count
      FROM touched t
           -- both --
),
inserted AS (
    INSERT INTO threads (
        thread_id, title, settings, origin, forked_from, archived, active_turn_id, latest_turn_id,
        turn_count, pending_count, held_count, created_at, updated_at, last_seq, last_position)
    SELECT thread_id, settings_event ->> 'title', settings_event -> 'settings', creation -> 'origin',
           creation -> 'forked_from', coalesce(archived, false), active_turn_id, latest_turn_id, turns,
           pending_count, held_count, (creation ->> 'at')::timestamptz, updated_at,
           last_seq, last_position
      FROM line
     WHERE starts = 1 AND created_seq = first_seq
    RETURNING last_seq
),
-- step only --
updated AS (
    UPDATE threads t
       SET title          = CASE WHEN line.settings_position IS NULL THEN t.title
                                 ELSE line.settings_event ->> 'title' END,
           settings       = CASE WHEN line.settings_position IS NULL THEN t.settings
                                 ELSE line.settings_event -> 'settings' END,
           archived       = coalesce(line.archived, t.archived),
           active_turn_id = CASE WHEN line.slot_position IS NULL THEN t.active_turn_id
                                 ELSE line.active_turn_id END,
           latest_turn_id = coalesce(line.latest_turn_id, t.latest_turn_id),
           turn_count     = t.turn_count + line.turns,
           pending_count  = line.pending_count,
           held_count     = line.held_count,
           updated_at     = line.updated_at,
           last_seq       = line.last_seq,
           last_position  = line.last_position
      FROM line
     WHERE t.thread_id = line.thread_id AND line.starts = 0
    RETURNING 1
)
SELECT (SELECT sum(taken) FROM line)::bigint AS taken,
       (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted) - (SELECT count(*) FROM updated)
           AS missed
-- fill only --
answer AS (
    SELECT (SELECT sum(taken) FROM line)::bigint AS taken,
           (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted) AS missed,
           (SELECT coalesce(sum(last_seq), 0) FROM inserted)::bigint AS events
)
SELECT taken, missed, events FROM answer
