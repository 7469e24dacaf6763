-- As projections/sql/tables.sql had them: a new database has them already, and a rebuild makes them anew.
ALTER TABLE threads ADD COLUMN IF NOT EXISTS forked_from json;

CREATE TABLE IF NOT EXISTS approvals (
    thread_id        text        NOT NULL COLLATE "C",
    approval_id      text        NOT NULL COLLATE "C",
    turn_id          text        NOT NULL COLLATE "C",
    item_id          text        COLLATE "C",
    state            text        NOT NULL,
    summary          text        NOT NULL,
    detail           json,
    asked_by         text        NOT NULL,
    decided_by       text,
    note             text,
    cancelled_reason text,
    requested_seq    bigint      NOT NULL,
    resolved_seq     bigint,
    requested_at     timestamptz NOT NULL,
    resolved_at      timestamptz,
    inferred         boolean     NOT NULL,
    source_line      bigint,
    CONSTRAINT approvals_pkey PRIMARY KEY (thread_id, approval_id),
    CONSTRAINT approvals_state_check CHECK (state IN ('pending', 'approved', 'denied', 'cancelled')),
    CONSTRAINT approvals_end_check CHECK (
        (state = 'pending') = (resolved_seq IS NULL)
        AND (resolved_seq IS NULL) = (resolved_at IS NULL)
        AND (state IN ('approved', 'denied')) = (decided_by IS NOT NULL)
        AND (state = 'cancelled') = (cancelled_reason IS NOT NULL)
    )
) WITH (fillfactor = 80);
