-- Folded threads, as JSON, at some seq. An application needs SELECT, INSERT and UPDATE on it. Rows
-- may be deleted at any time.
CREATE TABLE thread_snapshots (
    thread_id text        NOT NULL COLLATE "C",
    format    text        NOT NULL,
    seq       bigint      NOT NULL,
    hash      bytea       NOT NULL,
    state     text        NOT NULL,
    saved_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT thread_snapshots_pkey PRIMARY KEY (thread_id)
);
COMMENT ON TABLE thread_snapshots IS 'States of threads, folded from the log up to some seq.';
COMMENT ON COLUMN thread_snapshots.format IS 'The version of the fold, and so of the state''s shape.';
COMMENT ON COLUMN thread_snapshots.hash IS 'That of the thread''s event at seq: what binds it to this log.';
