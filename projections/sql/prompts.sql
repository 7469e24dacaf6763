-- Prompts: opened by prompt.admitted; held, released, and in the end promoted or withdrawn.
-- See turns.sql for what all files have in common.
WITH event AS (
    SELECT l.thread_id, l.seq, l.type, named.input_id, named.number,
           b.v, b.at, b.text, b.summary, b.delivery, b.options, b.route_intent, b.target_turn_id,
           b.origin, b.actor, b.turn_id, b.reason, b.source
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, input_id text, input_ids text[], text text, summary text,
            delivery text, options json, route_intent text, target_turn_id text, origin text,
            actor text, turn_id text, reason text, source json)
      -- A row for each prompt the event names. LEFT, so that one that names none counts as taken
      -- (and is no mention of a prompt).
      LEFT JOIN LATERAL unnest(coalesce(b.input_ids, ARRAY[b.input_id]))
            WITH ORDINALITY AS named (input_id, number) ON true
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type IN ('prompt.admitted', 'prompt.promoted', 'prompt.withdrawn',
                      'queue.held', 'queue.released')
),
folded AS (
    SELECT thread_id, input_id,
           count(*) FILTER (WHERE coalesce(number, 1) = 1 AND v = 1 AND at IS NOT NULL
                                  AND (type <> 'queue.held' OR reason IS NOT NULL)) AS taken,
           count(number)                                                            AS mentions,
           min(seq)                                                                 AS first_seq,
           max(seq)                                                                 AS last_seq,
           count(*) FILTER (WHERE type = 'prompt.admitted')                         AS starts,
           count(*) FILTER (WHERE type IN ('prompt.promoted', 'prompt.withdrawn'))  AS ends,
           max(text) FILTER (WHERE type = 'prompt.admitted')                        AS text,
           max(summary)                                                             AS summary,
           max(delivery)                                                            AS asked_delivery,
           max(options::text)                                                       AS options,
           max(route_intent)                                                        AS route_intent,
           max(target_turn_id)                                                      AS target_turn_id,
           max(origin)                                                              AS origin,
           max(actor) FILTER (WHERE type = 'prompt.admitted')                       AS actor,
           min(seq) FILTER (WHERE type = 'prompt.admitted')                         AS admitted_seq,
           max(at) FILTER (WHERE type = 'prompt.admitted')                          AS admitted_at,
           max(source ->> 'line') FILTER (WHERE type = 'prompt.admitted')           AS source_line,
           max(turn_id) FILTER (WHERE type = 'prompt.promoted')                     AS turn_id,
           max(seq) FILTER (WHERE type = 'prompt.promoted')                         AS promoted_seq,
           max(at) FILTER (WHERE type = 'prompt.promoted')                          AS promoted_at,
           max(reason) FILTER (WHERE type = 'prompt.withdrawn')                     AS withdrawn_reason,
           max(seq) FILTER (WHERE type = 'prompt.withdrawn')                        AS withdrawn_seq,
           max(at) FILTER (WHERE type = 'prompt.withdrawn')                         AS withdrawn_at,
           max(seq) FILTER (WHERE type = 'queue.held')                              AS held_seq,
           max(seq) FILTER (WHERE type = 'queue.released')                          AS released_seq,
           (max(ARRAY[lpad(seq::text, 19, '0'), reason])
               FILTER (WHERE type = 'queue.held'))[2]                               AS last_held_reason,
           coalesce(bool_or((source ->> 'inferred')::boolean)
               FILTER (WHERE type LIKE 'prompt.%%'), false)                         AS inferred
      FROM event
     GROUP BY thread_id, input_id
),
line AS (
    SELECT *,
           ends = 0 OR ends = 1 AND last_seq IN (promoted_seq, withdrawn_seq) AS ends_last,
           -- NULL: nothing in the range says.
           CASE WHEN promoted_seq IS NOT NULL THEN 'promoted'
                WHEN withdrawn_seq IS NOT NULL THEN 'withdrawn'
                WHEN held_seq > coalesce(released_seq, 0) THEN 'held'
                WHEN released_seq IS NOT NULL OR starts > 0 THEN 'pending'
           END AS state
      FROM folded
),
inserted AS (
    INSERT INTO prompts (
        thread_id, input_id, state, delivery, asked_delivery, held_reason, withdrawn_reason,
        text, summary, options, route_intent, target_turn_id, turn_id, origin, actor,
        admitted_seq, promoted_seq, withdrawn_seq, admitted_at, promoted_at, withdrawn_at,
        inbox_key, inferred, source_line)
    SELECT thread_id, input_id, state,
           CASE WHEN held_seq IS NULL THEN asked_delivery ELSE 'queue' END, asked_delivery,
           CASE WHEN state = 'held' THEN last_held_reason END, withdrawn_reason,
           text, summary, options::json, route_intent, target_turn_id, turn_id, origin, actor,
           admitted_seq, promoted_seq, withdrawn_seq, admitted_at, promoted_at, withdrawn_at,
           CASE WHEN asked_delivery = 'interrupt' THEN -admitted_seq ELSE admitted_seq END,
           inferred, source_line::bigint
      FROM line
     WHERE starts = 1 AND admitted_seq = first_seq AND ends_last
    RETURNING 1
),
-- step only --
updated AS (
    UPDATE prompts p
       SET state            = line.state,
           delivery         = CASE WHEN line.held_seq IS NULL THEN p.delivery ELSE 'queue' END,
           held_reason      = CASE WHEN line.state = 'held' THEN line.last_held_reason END,
           withdrawn_reason = line.withdrawn_reason,
           turn_id          = line.turn_id,
           promoted_seq     = line.promoted_seq,
           withdrawn_seq    = line.withdrawn_seq,
           promoted_at      = line.promoted_at,
           withdrawn_at     = line.withdrawn_at,
           inferred         = p.inferred OR line.inferred
      FROM line
     WHERE p.thread_id = line.thread_id AND p.input_id = line.input_id
       AND line.starts = 0 AND line.ends_last AND p.state IN ('pending', 'held')
    RETURNING 1
)
SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
       (SELECT count(*) FROM line WHERE mentions > 0)
           - (SELECT count(*) FROM inserted) - (SELECT count(*) FROM updated) AS missed
-- fill only --
answer AS (
    SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
           (SELECT count(*) FROM line WHERE mentions > 0) - (SELECT count(*) FROM inserted) AS missed
)
SELECT taken, missed FROM answer
