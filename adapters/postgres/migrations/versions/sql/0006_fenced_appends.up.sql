-- Fenced appends: what a worker writes into its turn is accepted only while it has the turn's lease
-- (L14).
--
-- The gate of a turn is an advisory lock of a transaction. Whoever takes the turn's lease holds it
-- alone; an append that is checked against the lease shares it with others like it, from before the
-- check until it is committed. So leases and appends see each other in one order:
--
--   * An append that passed the check is in the log, for everybody to see, before the lease can pass
--     on. Without the gate somebody could take the lease between check and commit (it ran out in
--     that moment, or there was none), read the thread, decide what to do, and then see an event
--     of the worker before appear after the takeover. A turn would have been recovered, or begun,
--     that was not as it had been read.
--   * An append whose check comes after the lease has passed on sees that it has: the gate opens
--     when the taker's transaction has ended, and the lease is read by a later statement.
--   * An append that meets a closed gate is refused, alone, and may be tried again: somebody is just
--     taking the lease, and it will be seen in a moment whether he got it. It does not wait: the
--     appends of a process share batches, and one that waited would hold up all of them.
--
-- Why not the row of the lease, locked FOR SHARE? A turn that never had a lease has no row to lock,
-- and a worker may take its first lease while a script without one writes. A renewal, which changes
-- nothing for an append, would wait for the appends of its own worker, and they for it. And a row
-- lock is a write to the table, for each append.
--
-- No deadlock comes of it. A taker waits for one gate, and then only for the row of its lease, which
-- a renewal holds for no longer than its own transaction. An append waits for log_head alone.

-- By a trigger, so that whoever takes a lease goes through the gate, older code included. It runs
-- before the conflict with the row that is there is found.
CREATE FUNCTION pass_lease_gate_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Leases that ran out long ago come with a restore, by the thousand: nobody waits for them.
    IF new.expires_at <= clock_timestamp() THEN
        RETURN new;
    END IF;
    -- Who asks for a lease that somebody has holds up nobody; no row is inserted or comes back.
    IF EXISTS (SELECT FROM leases l
                WHERE l.turn_id = new.turn_id AND l.expires_at > clock_timestamp()) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('turnlog lease ' || new.turn_id, 0));
    RETURN new;
END
$$;
CREATE TRIGGER leases_gate BEFORE INSERT ON leases
    FOR EACH ROW EXECUTE FUNCTION pass_lease_gate_v1();


-- append_v1, and fences: p_turns are names of turns; p_turn, for each append, the index of the turn
-- whose lease it needs (NULL: none); p_lease_tokens, for each append, the token that it names.
-- Without a token (NULL) it is accepted if nobody has the lease. All three are empty if no append is
-- fenced; then nothing is locked or looked up for them.
--
-- Refusals are, in this order of precedence:
--   command   the receipt's command is in the log already: a retry is answered, whoever sends it
--   seq       the thread is not at the expected seq: it has to be decided again first, so that one
--             who comes after the turn's end hears of that rather than of its lease
--   gate      somebody is just taking the lease of the turn: try again
--   lease     the lease is not the one named, or has run out; or none is named and somebody has it.
--             The number found (actuals) is the token of the last one, NULL if there never was any
--   version   the version does not continue its stream
--   thread    the stream belongs to another thread
CREATE FUNCTION append_v2(
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
    p_turns         text[],
    p_turn          int[],
    p_lease_tokens  bigint[],
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
    -- Of leases, by index in p_turns: the one that runs (NULL: none does), the last one there was.
    gate_open      boolean[];
    running_token  bigint[];
    last_token     bigint[];
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
        RAISE EXCEPTION 'append_v2 works in READ COMMITTED only' USING ERRCODE = 'TL003';
    END IF;

    IF cardinality(p_turns) > 0 THEN
        SELECT array_agg(pg_try_advisory_xact_lock_shared(
                             hashtextextended('turnlog lease ' || turn.id, 0)) ORDER BY turn.n)
          INTO gate_open
          FROM unnest(p_turns) WITH ORDINALITY AS turn (id, n);
    END IF;

    -- The lock; append_v1 tells why, and why it is a statement of its own before any that reads.
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

    -- After the lock, which may have been long in coming: a lease may have run out meanwhile.
    IF cardinality(p_turns) > 0 THEN
        SELECT array_agg(last.token ORDER BY turn.n),
               array_agg(CASE WHEN last.expires_at > clock_timestamp() THEN last.token END
                         ORDER BY turn.n)
          INTO last_token, running_token
          FROM unnest(p_turns) WITH ORDINALITY AS turn (id, n)
          LEFT JOIN LATERAL (SELECT l.token, l.expires_at FROM leases l
                              WHERE l.turn_id = turn.id LIMIT 1) last ON true;
    END IF;

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

        t := p_turn[a];
        IF refusal IS NULL AND NOT gate_open[t] THEN
            refusal := 'gate';
            at_event := first_event;
        ELSIF refusal IS NULL AND t IS NOT NULL
              AND p_lease_tokens[a] IS DISTINCT FROM running_token[t] THEN
            refusal := 'lease';
            at_event := first_event;
            actual := last_token[t];
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

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION append_v2 SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION pass_lease_gate_v1 SET search_path = %I, pg_temp',
                   current_schema());
END
$$;
REVOKE ALL ON FUNCTION append_v2, pass_lease_gate_v1 FROM PUBLIC;

COMMENT ON TABLE log IS 'All events, never changed. Written by append_v1 and append_v2 alone.';
