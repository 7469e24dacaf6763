-- Prompts: opened by prompt.admitted; edited, redelivered, moved, held, released, and in the end
-- promoted or withdrawn. See turns.sql for what all files have in common.
--
-- A move names the whole inbox in its new order, so a place in it is the last thing said about it:
-- the seq of the event and the prompt's number in it, as one integer. See tables.sql.
WITH event AS (
    SELECT l.thread_id, l.seq, l.position, l.type, named.input_id, named.number,
           b.input_ids IS NOT NULL AS in_order,
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
       AND l.type IN ('prompt.admitted', 'prompt.promoted', 'prompt.withdrawn', 'prompt.edited',
                      'prompt.redelivered', 'prompt.moved', 'queue.held', 'queue.released')
),
folded AS (
    SELECT thread_id, input_id,
           count(*) FILTER (WHERE coalesce(number, 1) = 1 AND v = 1 AND at IS NOT NULL
                                  AND (type <> 'queue.held' OR reason IS NOT NULL)
                                  AND (type <> 'prompt.redelivered' OR delivery IS NOT NULL)
                                  AND (type <> 'prompt.moved' OR in_order)
                                  AND (type <> 'prompt.edited'
                                       OR num_nulls(text, summary, options) = 0))   AS taken,
           count(number)                                                            AS mentions,
           min(seq)                                                                 AS first_seq,
           max(seq)                                                                 AS last_seq,
           count(*) FILTER (WHERE type = 'prompt.admitted')                         AS starts,
           count(*) FILTER (WHERE type IN ('prompt.promoted', 'prompt.withdrawn'))  AS ends,
           max(text) FILTER (WHERE type = 'prompt.admitted')                        AS text,
           max(delivery) FILTER (WHERE type = 'prompt.admitted')                    AS asked_delivery,
           -- Beside an admission only what replaces them has these: see `line`.
           max(summary)                                                             AS summary,
           max(options::text)                                                       AS options,
           max(route_intent)                                                        AS route_intent,
           max(target_turn_id)                                                      AS target_turn_id,
           max(position) FILTER (WHERE type = 'prompt.edited')                      AS edited_position,
           max(position) FILTER (WHERE type = 'prompt.redelivered')                 AS redelivered_position,
           max(seq * 16384 + number) FILTER (WHERE type = 'prompt.moved')           AS moved_key,
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
           max(position) FILTER (WHERE type = 'queue.held')                         AS held_position,
           max(position) FILTER (WHERE type = 'queue.released')                     AS released_position,
           coalesce(bool_or((source ->> 'inferred')::boolean)
               FILTER (WHERE type IN ('prompt.admitted', 'prompt.promoted', 'prompt.withdrawn')),
               false)                                                               AS inferred
      FROM event
     GROUP BY thread_id, input_id
),
line AS (
    SELECT t.thread_id, t.input_id, t.taken, t.mentions, t.first_seq, t.starts,
           t.asked_delivery, t.target_turn_id, t.origin, t.actor, t.admitted_seq, t.admitted_at,
           t.source_line, t.turn_id, t.promoted_seq, t.promoted_at, t.withdrawn_reason,
           t.withdrawn_seq, t.withdrawn_at, t.inferred, t.moved_key,
           (SELECT l.data ->> 'reason' FROM log l WHERE l.position = t.held_position)
                                                                             AS last_held_reason,
           t.edited_position IS NOT NULL                                     AS edited,
           coalesce(e.text, t.text)                                          AS text,
           coalesce(e.summary, t.summary)                                    AS summary,
           coalesce(e.options::text, t.options)                              AS options,
           CASE WHEN t.edited_position IS NULL THEN t.route_intent ELSE e.route_intent END
                                                                             AS route_intent,
           t.redelivered_position IS NOT NULL                                AS redelivered,
           r.target_turn_id                                                  AS new_target_turn_id,
           -- NULL: nothing in the range says.
           CASE WHEN t.redelivered_position > coalesce(t.held_position, 0) THEN r.delivery
                WHEN t.held_position IS NOT NULL THEN 'queue'
           END                                                               AS new_delivery,
           ends = 0 OR ends = 1 AND last_seq IN (promoted_seq, withdrawn_seq) AS ends_last,
           -- NULL: nothing in the range says.
           CASE WHEN promoted_seq IS NOT NULL THEN 'promoted'
                WHEN withdrawn_seq IS NOT NULL THEN 'withdrawn'
                WHEN held_position > coalesce(released_position, 0) THEN 'held'
                WHEN released_position IS NOT NULL OR starts > 0 THEN 'pending'
           END AS state
      FROM folded t
     CROSS JOIN LATERAL
           json_to_record((SELECT l.data FROM log l WHERE l.position = t.edited_position)) AS e (
               text text, summary text, options json, route_intent text)
     CROSS JOIN LATERAL
           json_to_record((SELECT l.data FROM log l WHERE l.position = t.redelivered_position)) AS r (
               delivery text, target_turn_id text)
),
inserted AS (
    INSERT INTO prompts (
        thread_id, input_id, state, delivery, asked_delivery, held_reason, withdrawn_reason,
        text, summary, options, route_intent, target_turn_id, turn_id, origin, actor,
        admitted_seq, promoted_seq, withdrawn_seq, admitted_at, promoted_at, withdrawn_at,
        inbox_key, inferred, source_line)
    SELECT thread_id, input_id, state,
           coalesce(new_delivery, asked_delivery), asked_delivery,
           CASE WHEN state = 'held' THEN last_held_reason END, withdrawn_reason,
           text, summary, options::json, route_intent,
           CASE WHEN redelivered THEN new_target_turn_id ELSE target_turn_id END,
           turn_id, origin, actor,
           admitted_seq, promoted_seq, withdrawn_seq, admitted_at, promoted_at, withdrawn_at,
           coalesce(moved_key,
                    CASE WHEN asked_delivery = 'interrupt' THEN -16384 ELSE 16384 END * admitted_seq),
           inferred, source_line::bigint
      FROM line
     WHERE starts = 1 AND admitted_seq = first_seq AND ends_last
    RETURNING 1
),
-- step only --
updated AS (
    UPDATE prompts p
       SET state            = coalesce(line.state, p.state),
           delivery         = coalesce(line.new_delivery, p.delivery),
           held_reason      = CASE WHEN line.state IS NULL THEN p.held_reason
                                   WHEN line.state = 'held' THEN line.last_held_reason END,
           text             = coalesce(line.text, p.text),
           summary          = coalesce(line.summary, p.summary),
           options          = coalesce(line.options::json, p.options),
           route_intent     = CASE WHEN line.edited THEN line.route_intent ELSE p.route_intent END,
           target_turn_id   = CASE WHEN line.redelivered THEN line.new_target_turn_id
                                   ELSE p.target_turn_id END,
           inbox_key        = coalesce(line.moved_key, p.inbox_key),
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
