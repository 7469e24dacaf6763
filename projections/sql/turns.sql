-- Turns: opened by turn.started; told of steers, interrupts, items that begin, and their end.
--
-- Every file of this kind applies the events with after < position <= upto, wherever the range was
-- cut. The events of one row are folded into one line; the line is inserted if the row begins in
-- the range, else it updates the row, so each row is written once a range. Nothing is joined but
-- by a table's key: joins among the events would be planned by guesses about how many there are.
--
-- The answer is one row. `taken` are the events that are this file's to apply, of a version it knows,
-- and with what it needs of them (what a constraint will see to is not asked for here); each event
-- of the log is taken by exactly one file, so if the sum over all files is not the size of the range,
-- there is an event in it that nobody can apply. `missed` are the lines that fit no row: something
-- that was never begun, or begins twice, or goes on after its end. In both cases, and whenever a
-- constraint is violated, the whole range is rolled back; a single event would be refused for the
-- same reason, so where the tables stop does not depend on the cuts.
--
-- A rebuild fills empty tables with the same statements, in another form: a range is then all events
-- up to a position, but of some threads only, so every row begins in it. What is `step only` is left
-- out, and with it every need for an index. What begins twice is found by the table's key, and an event
-- that fits no row is not taken there, either. There are joins among the events in that form, all by
-- hash: see the settings of a fill.

-- step only --
WITH touched AS (
    SELECT l.thread_id, l.stream_id AS turn_id,
           min(l.seq)                                                              AS first_seq,
           max(l.seq)                                                              AS last_seq,
           count(*) FILTER (WHERE l.type = 'turn.started')                         AS starts,
           min(l.seq) FILTER (WHERE l.type = 'turn.started')                       AS started_seq,
           max(l.position) FILTER (WHERE l.type = 'turn.started')                  AS started_position,
           count(*) FILTER (WHERE l.type = 'turn.steered')                         AS steers,
           count(*) FILTER (WHERE l.type = 'item.started')                         AS items,
           min(l.seq) FILTER (WHERE l.type = 'turn.interrupt_requested')           AS interrupt_seq,
           max(l.position) FILTER (WHERE l.type = 'turn.interrupt_requested')      AS interrupt_position,
           count(*) FILTER (WHERE l.type = 'turn.completed')                       AS ends,
           max(l.seq) FILTER (WHERE l.type = 'turn.completed')                     AS ended_seq,
           max(l.position) FILTER (WHERE l.type = 'turn.completed')                AS ended_position,
           -- Of the steers and interrupts; see `line` for the others.
           count(*) FILTER (WHERE b.v = 1 AND b.at IS NOT NULL AND (
               l.type <> 'turn.interrupt_requested' OR b.queued IS NOT NULL))      AS taken
      FROM log l
     CROSS JOIN LATERAL json_to_record(
               CASE WHEN l.type IN ('turn.steered', 'turn.interrupt_requested') THEN l.data END) AS b (
            v int, at timestamptz, queued text)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type IN ('turn.started', 'turn.steered', 'turn.interrupt_requested', 'turn.completed',
                      'item.started')
     GROUP BY l.thread_id, l.stream_id
),
line AS (
    SELECT t.thread_id, t.turn_id, t.first_seq, t.starts, t.started_seq, t.steers, t.items,
           t.interrupt_seq, t.interrupt_position, t.ended_seq,
           t.taken + CASE WHEN s.v = 1 THEN t.starts ELSE 0 END
               + CASE WHEN e.v = 1 THEN t.ends ELSE 0 END AS taken,
           -- An end is the last event of its turn.
           t.ends = 0 OR t.ends = 1 AND t.ended_seq = t.last_seq AS ends_last,
           s.kind, s.input_id, s.summary, s.options, s.steerable, s.at AS started_at,
           (s.source ->> 'line')::bigint AS source_line,
           (SELECT l.data ->> 'queued' FROM log l WHERE l.position = t.interrupt_position)
               AS interrupt,
           e.status, e.error, e.at AS ended_at,
           (e.usage ->> 'input_tokens')::bigint        AS input_tokens,
           (e.usage ->> 'cached_input_tokens')::bigint AS cached_input_tokens,
           (e.usage ->> 'output_tokens')::bigint       AS output_tokens,
           (e.usage ->> 'reasoning_tokens')::bigint    AS reasoning_tokens,
           coalesce((s.source ->> 'inferred')::boolean, false)
               OR coalesce((e.source ->> 'inferred')::boolean, false) AS inferred
      FROM touched t
     CROSS JOIN LATERAL
           json_to_record((SELECT l.data FROM log l WHERE l.position = t.started_position)) AS s (
               v int, at timestamptz, kind text, input_id text, summary text, options json,
               steerable boolean, source json)
     CROSS JOIN LATERAL
           json_to_record((SELECT l.data FROM log l WHERE l.position = t.ended_position)) AS e (
               v int, at timestamptz, status text, error text, usage json, source json)
),
-- fill only --
WITH started AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, b.*
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, kind text, input_id text, summary text, options json,
            steerable boolean, source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type = 'turn.started'
),
ended AS (
    SELECT l.thread_id, l.stream_id AS turn_id, l.seq, b.*
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (
            v int, at timestamptz, status text, error text, usage json, source json)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type = 'turn.completed'
),
item AS (
    SELECT l.thread_id, l.stream_id AS turn_id,
           min(l.seq) AS first_seq, max(l.seq) AS last_seq, count(*) AS items
      FROM log l
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type = 'item.started'
     GROUP BY l.thread_id, l.stream_id
),
told AS (
    SELECT l.thread_id, l.stream_id AS turn_id,
           min(l.seq) AS first_seq, max(l.seq) AS last_seq,
           count(*) FILTER (WHERE b.v = 1 AND b.at IS NOT NULL AND (
               l.type = 'turn.steered' OR b.queued IS NOT NULL))            AS taken,
           count(*) FILTER (WHERE l.type = 'turn.steered')                  AS steers,
           min(l.seq) FILTER (WHERE l.type = 'turn.interrupt_requested')    AS interrupt_seq,
           max(l.position) FILTER (WHERE l.type = 'turn.interrupt_requested')
                                                                            AS interrupt_position
      FROM log l
     CROSS JOIN LATERAL json_to_record(l.data) AS b (v int, at timestamptz, queued text)
     WHERE l.position > %(after)s AND l.position <= %(upto)s
       AND l.type IN ('turn.steered', 'turn.interrupt_requested')
     GROUP BY l.thread_id, l.stream_id
),
line AS (
    SELECT thread_id, turn_id, least(s.seq, e.seq, i.first_seq, t.first_seq) AS first_seq,
           num_nonnulls(s.seq) AS starts, s.seq AS started_seq,
           coalesce(t.steers, 0) AS steers, coalesce(i.items, 0) AS items,
           t.interrupt_seq, e.seq AS ended_seq,
           (SELECT l.data ->> 'queued' FROM log l WHERE l.position = t.interrupt_position)
               AS interrupt,
           coalesce(t.taken, 0) + (s.v = 1)::int + coalesce(e.v = 1, false)::int AS taken,
           e.seq IS NULL OR e.seq >= greatest(s.seq, i.last_seq, t.last_seq) AS ends_last,
           s.kind, s.input_id, s.summary, s.options, s.steerable, s.at AS started_at,
           (s.source ->> 'line')::bigint AS source_line,
           e.status, e.error, e.at AS ended_at,
           (e.usage ->> 'input_tokens')::bigint        AS input_tokens,
           (e.usage ->> 'cached_input_tokens')::bigint AS cached_input_tokens,
           (e.usage ->> 'output_tokens')::bigint       AS output_tokens,
           (e.usage ->> 'reasoning_tokens')::bigint    AS reasoning_tokens,
           coalesce((s.source ->> 'inferred')::boolean, false)
               OR coalesce((e.source ->> 'inferred')::boolean, false) AS inferred
      FROM started s
      FULL JOIN ended e USING (thread_id, turn_id)
      FULL JOIN item i USING (thread_id, turn_id)
      FULL JOIN told t USING (thread_id, turn_id)
),
-- both --
inserted AS (
    INSERT INTO turns (
        thread_id, turn_id, kind, status, input_id, summary, model, options, steerable, in_context,
        interrupt, interrupt_seq, steer_count, item_count,
        input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
        error, started_seq, ended_seq, started_at, ended_at, inferred, source_line)
    SELECT thread_id, turn_id, kind, coalesce(status, 'in_progress'), input_id, summary,
           options ->> 'model', options, steerable, true,
           interrupt, interrupt_seq, steers, items,
           input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
           error, started_seq, ended_seq, started_at, ended_at, inferred, source_line
      FROM line
     WHERE starts = 1 AND started_seq = first_seq AND ends_last
    RETURNING 1
),
-- step only --
updated AS (
    UPDATE turns t
       SET status              = coalesce(line.status, t.status),
           interrupt           = CASE WHEN line.interrupt_position IS NULL THEN t.interrupt
                                      ELSE line.interrupt END,
           interrupt_seq       = coalesce(t.interrupt_seq, line.interrupt_seq),
           steer_count         = t.steer_count + line.steers,
           item_count          = t.item_count + line.items,
           input_tokens        = line.input_tokens,
           cached_input_tokens = line.cached_input_tokens,
           output_tokens       = line.output_tokens,
           reasoning_tokens    = line.reasoning_tokens,
           error               = line.error,
           ended_seq           = line.ended_seq,
           ended_at            = line.ended_at,
           inferred            = t.inferred OR line.inferred
      FROM line
     WHERE t.thread_id = line.thread_id AND t.turn_id = line.turn_id
       AND line.starts = 0 AND line.ends_last AND t.status = 'in_progress'
    RETURNING 1
)
SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
       (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted)
           - (SELECT count(*) FROM updated) AS missed
-- fill only --
answer AS (
    SELECT (SELECT coalesce(sum(taken), 0) FROM line)::bigint AS taken,
           (SELECT count(*) FROM line) - (SELECT count(*) FROM inserted) AS missed
)
SELECT taken, missed FROM answer
