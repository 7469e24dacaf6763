-- Who works on which turn. An application needs SELECT, INSERT and UPDATE on it.
--
-- A row is never deleted, as its token may never go back: a worker that slept through the end of its
-- lease must not find its number given again. (An append can be fenced by locking the row of its turn
-- FOR SHARE and comparing the token: no takeover happens until that transaction has ended.)
CREATE TABLE leases (
    turn_id    text        NOT NULL COLLATE "C",
    thread_id  text        NOT NULL COLLATE "C",
    holder     text        NOT NULL,
    token      bigint      NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (turn_id),
    CONSTRAINT leases_token_check CHECK (token >= 1)
) WITH (fillfactor = 80);  -- renewals stay in their page

COMMENT ON TABLE leases IS 'Who works on which turn, and until when by the clock of the database.';
COMMENT ON COLUMN leases.token IS '1 for the first holder; one more each time the lease passes on.';

-- Finds the turns that have begun and not ended without reading the log.
CREATE INDEX log_turn_bounds_idx ON log (stream_id, type)
    WHERE type IN ('turn.started', 'turn.completed');
