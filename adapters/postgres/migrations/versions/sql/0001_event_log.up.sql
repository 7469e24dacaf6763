-- The event log.
--
-- Roles. Whoever runs the migrations owns the tables. An application needs less (docs/log.md lists
-- it), and with no more than that it cannot write into the log by any way but append_v1. The owner
-- can still do anything, as owners can; the trigger below stops the mistakes.

CREATE TABLE log (
    position    bigint      NOT NULL,
    thread_id   text        NOT NULL COLLATE "C",
    seq         bigint      NOT NULL,
    stream_id   text        NOT NULL COLLATE "C",
    version     bigint      NOT NULL,
    type        text        NOT NULL COLLATE "C",
    data        json        NOT NULL,
    command_id  text        COLLATE "C",
    receipt     text        COLLATE "C",
    recorded_at timestamptz NOT NULL,
    hash        bytea       NOT NULL,
    CONSTRAINT log_pkey PRIMARY KEY (position),
    CONSTRAINT log_seq_key UNIQUE (thread_id, seq),
    CONSTRAINT log_version_key UNIQUE (stream_id, version),
    CONSTRAINT log_numbers_check CHECK (position >= 1 AND seq >= 1 AND version >= 0),
    CONSTRAINT log_receipt_check CHECK (receipt IS NULL OR command_id IS NOT NULL),
    CONSTRAINT log_hash_check CHECK (octet_length(hash) = 32),
    -- A line feed in one of them would make the header of the hash ambiguous.
    CONSTRAINT log_names_check CHECK (
        strpos(thread_id || stream_id || type || coalesce(command_id, ''), E'\n') = 0
        AND thread_id <> '' AND stream_id <> '' AND type <> '' AND command_id <> ''
    ),
    -- The type json takes NUL and lone surrogates when they are written as escapes, and then every
    -- query that touches the text fails. jsonb does not take them: the cast raises an error.
    CONSTRAINT log_data_check CHECK (
        json_typeof(data) = 'object' AND (strpos(data::text, '\u') = 0 OR data::jsonb IS NOT NULL)
    )
);

CREATE UNIQUE INDEX log_receipt_key ON log (command_id) WHERE receipt IS NOT NULL;
CREATE INDEX log_command_idx ON log (command_id) WHERE command_id IS NOT NULL;

COMMENT ON TABLE log IS 'All events, never changed. Written by append_v1 alone.';
COMMENT ON COLUMN log.position IS 'Number in the whole log: from 1, no gap, in commit order.';
COMMENT ON COLUMN log.seq IS 'Number in the thread: from 1, no gap.';
COMMENT ON COLUMN log.version IS 'Number in the aggregate''s stream: no gap.';
COMMENT ON COLUMN log.receipt IS 'SHA-256 of the command''s body, on the command''s first event.';
COMMENT ON COLUMN log.hash IS
    'sha256(previous hash of the thread or 32 zero bytes || header || data): the header is thread_id, '
    'seq, position, stream_id, version, type, command_id or '''', and recorded_at in microseconds '
    'since 1970 UTC, each followed by a line feed, in UTF-8.';

CREATE FUNCTION refuse_change_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on the table "%" was refused, because events are never changed or deleted',
            tg_op, tg_table_name
        USING ERRCODE = 'TL001', HINT = 'To correct something, append an event that says so.';
END
$$;

-- For each statement, so that one that would hit no row is refused too; ALWAYS, so that a session
-- that replays replication cannot go round it.
CREATE TRIGGER log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_v1();
ALTER TABLE log ENABLE ALWAYS TRIGGER log_append_only;

-- One row: the last position and its time. Its lock is what makes appends take turns.
-- It is updated by every append: the empty space in its page lets those updates stay in the page.
CREATE TABLE log_head (
    one_row     boolean     NOT NULL DEFAULT true,
    position    bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT log_head_pkey PRIMARY KEY (one_row),
    CONSTRAINT log_head_one_row_check CHECK (one_row)
) WITH (fillfactor = 10);
INSERT INTO log_head (position, recorded_at) VALUES (0, '-infinity');

-- Tokens of batches whose connection was lost and that were looked up (see fence_append_v1).
CREATE TABLE append_fence (
    token     text        NOT NULL COLLATE "C",
    fenced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT append_fence_pkey PRIMARY KEY (token)
);


-- Append a batch of appends: each is written whole, or refused whole while the others go through.
--
-- Names are given once each (p_threads, p_streams, p_commands) and referred to by their index:
-- p_sizes and p_expected_seqs have an element for each append, in order; the arrays from p_thread on
-- have one for each event, p_sizes[1] of them for the first append, and so on. NULL in
-- p_expected_seqs: do not check; NULL in p_command: no command. p_token: see fence_append_v1.
--
-- Returns arrays. For each append: first_positions (NULL if refused), refusals (NULL if written),
-- refused_events (index of the event at fault), actuals (the number found instead). For each event:
-- seqs and hashes (NULL if refused). Refusals are, in this order of precedence:
--   command   the receipt's command is in the log already
--   seq       the thread is not at the expected seq
--   version   the version does not continue its stream
--   thread    the stream belongs to another thread
CREATE FUNCTION append_v1(
    p_token         text,
    p_threads       text[],
    p_streams       text[],
    p_commands      text[],
    p_sizes         int[],
    p_expected_seqs bigint[],
    p_thread        int[],
    p_stream        int[],
    p_command       int[],
    p_version       bigint[],
    p_type          text[],
    p_receipt       text[],
    p_data          text[],
    OUT written_at      timestamptz,
    OUT first_positions bigint[],
    OUT refusals        text[],
    OUT refused_events  int[],
    OUT actuals         bigint[],
    OUT seqs            bigint[],
    OUT hashes          bytea[]
)
LANGUAGE plpgsql SECURITY DEFINER
-- The plans of the statements below are kept for the life of a session, and the first ones are made
-- when the tables may be empty, where reading them whole looks cheap. So: one plan, and by index.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    first_hash     CONSTANT bytea := decode(repeat('00', 32), 'hex');
    appends        CONSTANT int := cardinality(p_sizes);
    events         CONSTANT int := cardinality(p_thread);
    -- Where everything stands, by index in p_threads, p_streams, p_commands; kept up to date as
    -- the appends of this batch are accepted, so that each is checked against those before it.
    thread_seq     bigint[];
    thread_hash    bytea[];
    stream_version bigint[];
    stream_thread  text[];
    command_known  boolean[];
    positions      bigint[] := array_fill(NULL::bigint, ARRAY[events]);
    version_before bigint[] := array_fill(NULL::bigint, ARRAY[events]);
    start_position bigint;
    last_position  bigint;
    last_time      timestamptz;
    microseconds   text;
    first_event    int;
    last_event     int := 0;
    refusal        text;
    at_event       int;
    actual         bigint;
    t              int;
    s              int;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- With the snapshot of its transaction it would not see what was appended before its turn.
        RAISE EXCEPTION 'append_v1 works in READ COMMITTED only' USING ERRCODE = 'TL003';
    END IF;

    -- The lock. From here to the end of the transaction no other append, of this process or of any
    -- other, reads or writes a number; and the positions it allots become visible at its commit, at
    -- once and before the next append even reads the head. So positions are gapless, and in commit
    -- order: a reader that has seen n has seen everything before n. (A sequence would allot
    -- numbers without the lock: n+1 could be committed while n is still open, and a reader whose
    -- cursor is at n+1 would never come back for n. A rolled back transaction would leave a gap.)
    --
    -- It has to be a statement of its own, before any other that reads. A statement sees what was
    -- committed when it began; this one may then wait for its turn, while others commit. In a single
    -- statement that locked and read, the reads would show the log as it was before the wait, and
    -- numbers would be given twice (the unique constraints would turn that into errors). The
    -- statements below begin after the lock was obtained, so they see the last append.
    SELECT h.position, h.recorded_at INTO STRICT start_position, last_time
      FROM log_head h FOR UPDATE;
    last_position := start_position;

    IF EXISTS (SELECT FROM append_fence f WHERE f.token = p_token) THEN
        RAISE EXCEPTION 'this batch was given up when its connection was lost'
            USING ERRCODE = 'TL002';
    END IF;

    -- One index lookup for each name. (LATERAL with LIMIT, for other forms tempt the planner
    -- to read whole tables once.)
    SELECT array_agg(head.seq ORDER BY head.n), array_agg(head.hash ORDER BY head.n)
      INTO thread_seq, thread_hash
      FROM (SELECT name.n, coalesce(last.seq, 0) AS seq, coalesce(last.hash, first_hash) AS hash
              FROM unnest(p_threads) WITH ORDINALITY AS name (id, n)
              LEFT JOIN LATERAL (SELECT l.seq, l.hash FROM log l WHERE l.thread_id = name.id
                                  ORDER BY l.seq DESC LIMIT 1) last ON true) head;
    SELECT array_agg(head.version ORDER BY head.n), array_agg(head.thread_id ORDER BY head.n)
      INTO stream_version, stream_thread
      FROM (SELECT name.n, last.version, last.thread_id
              FROM unnest(p_streams) WITH ORDINALITY AS name (id, n)
              LEFT JOIN LATERAL (SELECT l.version, l.thread_id FROM log l WHERE l.stream_id = name.id
                                  ORDER BY l.version DESC LIMIT 1) last ON true) head;
    SELECT array_agg(head.known ORDER BY head.n)
      INTO command_known
      FROM (SELECT name.n, first.position IS NOT NULL AS known
              FROM unnest(p_commands) WITH ORDINALITY AS name (id, n)
              LEFT JOIN LATERAL (SELECT l.position FROM log l WHERE l.command_id = name.id
                                    AND l.receipt IS NOT NULL LIMIT 1) first ON true) head;

    written_at := greatest(clock_timestamp(), last_time);
    microseconds := (extract(epoch FROM written_at) * 1000000)::bigint::text;
    first_positions := array_fill(NULL::bigint, ARRAY[appends]);
    refusals := array_fill(NULL::text, ARRAY[appends]);
    refused_events := array_fill(NULL::int, ARRAY[appends]);
    actuals := array_fill(NULL::bigint, ARRAY[appends]);
    seqs := array_fill(NULL::bigint, ARRAY[events]);
    hashes := array_fill(NULL::bytea, ARRAY[events]);

    FOR a IN 1 .. appends LOOP
        first_event := last_event + 1;
        last_event := last_event + p_sizes[a];
        refusal := NULL;
        actual := NULL;

        FOR e IN first_event .. last_event LOOP
            IF p_receipt[e] IS NOT NULL AND command_known[p_command[e]] THEN
                refusal := 'command';
                at_event := e;
                EXIT;
            END IF;
        END LOOP;

        IF refusal IS NULL AND p_expected_seqs[a] <> thread_seq[p_thread[first_event]] THEN
            refusal := 'seq';
            at_event := first_event;
            actual := thread_seq[p_thread[first_event]];
        END IF;

        IF refusal IS NULL THEN
            FOR e IN first_event .. last_event LOOP
                s := p_stream[e];
                actual := stream_version[s];
                IF actual IS NULL AND p_version[e] IN (0, 1) THEN
                    stream_thread[s] := p_threads[p_thread[e]];
                ELSIF actual IS NULL OR p_version[e] <> actual + 1 THEN
                    refusal := 'version';
                ELSIF stream_thread[s] <> p_threads[p_thread[e]] THEN
                    refusal := 'thread';
                END IF;
                IF refusal IS NOT NULL THEN
                    at_event := e;
                    EXIT;
                END IF;
                version_before[e] := actual;
                stream_version[s] := p_version[e];
            END LOOP;
            IF refusal IS NOT NULL THEN  -- what its own earlier events moved goes back
                FOR e IN REVERSE at_event - 1 .. first_event LOOP
                    stream_version[p_stream[e]] := version_before[e];
                END LOOP;
            END IF;
        END IF;

        IF refusal IS NOT NULL THEN
            refusals[a] := refusal;
            refused_events[a] := at_event;
            actuals[a] := actual;
            CONTINUE;
        END IF;

        first_positions[a] := last_position + 1;
        FOR e IN first_event .. last_event LOOP
            t := p_thread[e];
            last_position := last_position + 1;
            positions[e] := last_position;
            seqs[e] := thread_seq[t] + 1;
            hashes[e] := sha256(thread_hash[t] || convert_to(concat_ws(E'\n',
                p_threads[t], seqs[e], last_position, p_streams[p_stream[e]], p_version[e],
                p_type[e], coalesce(p_commands[p_command[e]], ''), microseconds, p_data[e]), 'UTF8'));
            thread_seq[t] := seqs[e];
            thread_hash[t] := hashes[e];
            IF p_receipt[e] IS NOT NULL THEN
                command_known[p_command[e]] := true;
            END IF;
        END LOOP;
    END LOOP;

    IF last_position = start_position THEN
        RETURN;
    END IF;
    INSERT INTO log (position, thread_id, seq, stream_id, version, type, data, command_id, receipt,
                     recorded_at, hash)
    SELECT e.position, p_threads[e.thread], e.seq, p_streams[e.stream], e.version, e.type,
           e.data::json, p_commands[e.command], e.receipt, written_at, e.hash
      FROM unnest(positions, p_thread, seqs, p_stream, p_version, p_type, p_data, p_command,
                  p_receipt, hashes)
        AS e (position, thread, seq, stream, version, type, data, command, receipt, hash)
     WHERE e.position IS NOT NULL;
    UPDATE log_head SET position = last_position, recorded_at = written_at;
    PERFORM pg_notify('turnlog', last_position::text);
END
$$;


-- Settle what became of a batch whose connection was lost. After this has been committed, its events
-- are in the log for every reader to see, or never will be.
--
-- Looking alone would not settle it: the server may still be at the batch, or, after a long silence
-- of the network, receive it only later. The lock makes this wait until a batch at work has
-- ended. A batch that comes to the lock after this finds its token here and gives up.
CREATE FUNCTION fence_append_v1(p_token text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM FROM log_head h FOR UPDATE;
    INSERT INTO append_fence (token) VALUES (p_token) ON CONFLICT DO NOTHING;
    -- Nothing is under way for a month.
    DELETE FROM append_fence f WHERE f.fenced_at < clock_timestamp() - interval '30 days';
END
$$;

-- They run with the rights of the owner, so what their names mean must not depend on the caller.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION append_v1 SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION fence_append_v1 SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION append_v1, fence_append_v1 FROM PUBLIC;


-- How far a follower has come in the log of an application; set in the same transaction as what it
-- derives from it. Positions only grow.
CREATE TABLE tracking (
    follower         text   NOT NULL COLLATE "C",
    application_name text   NOT NULL COLLATE "C",
    position         bigint NOT NULL,
    CONSTRAINT tracking_pkey PRIMARY KEY (follower, application_name)
);

-- Events that the library's aggregate recorders keep apart from the log: snapshots, which are
-- derived from it and may be deleted at any time.
CREATE TABLE aggregate_event (
    collection text   NOT NULL COLLATE "C",
    stream_id  text   NOT NULL COLLATE "C",
    version    bigint NOT NULL,
    type       text   NOT NULL COLLATE "C",
    data       bytea  NOT NULL,
    CONSTRAINT aggregate_event_pkey PRIMARY KEY (collection, stream_id, version)
);
