-- The read models, empty, in the first schema of the search path.
--
-- The migration and every rebuild run this file, so there is one definition. They hold nothing that
-- is not in the log: to change them, change this file and rebuild.
--
-- Rows are updated after they are inserted: room in their pages keeps the new version beside the old.
--
-- All indexes are at the end, and no statement there depends on another: a rebuild fills the tables
-- without them, and makes them afterwards, several at once.

CREATE TABLE read_models (
    one_row         boolean NOT NULL DEFAULT true,
    position        bigint  NOT NULL,
    definition      text    NOT NULL,
    failed_position bigint,
    failure         text,
    CONSTRAINT read_models_pkey PRIMARY KEY (one_row),
    CONSTRAINT read_models_one_row_check CHECK (one_row)
) WITH (fillfactor = 10);
COMMENT ON TABLE read_models IS 'How far the log is in the other tables.';
COMMENT ON COLUMN read_models.position IS 'All events up to this position are in the tables.';
COMMENT ON COLUMN read_models.definition IS 'Number and hash of the SQL that made and filled the tables.';
COMMENT ON COLUMN read_models.failed_position IS 'Where the tables have stopped, if they have.';
COMMENT ON COLUMN read_models.failure IS 'Why they have.';

CREATE TABLE threads (
    thread_id      text        NOT NULL COLLATE "C",
    title          text,
    settings       json        NOT NULL,
    origin         json,
    forked_from    json,
    archived       boolean     NOT NULL,
    active_turn_id text        COLLATE "C",
    latest_turn_id text        COLLATE "C",
    turn_count     bigint      NOT NULL,
    pending_count  bigint      NOT NULL,
    held_count     bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    last_seq       bigint      NOT NULL,
    last_position  bigint      NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE turns (
    thread_id           text        NOT NULL COLLATE "C",
    turn_id             text        NOT NULL COLLATE "C",
    kind                text        NOT NULL,
    status              text        NOT NULL,
    input_id            text        COLLATE "C",
    summary             text        NOT NULL,
    model               text,
    options             json        NOT NULL,
    steerable           boolean     NOT NULL,
    in_context          boolean     NOT NULL,
    interrupt           text,
    interrupt_seq       bigint,
    steer_count         bigint      NOT NULL,
    item_count          bigint      NOT NULL,
    input_tokens        bigint,
    cached_input_tokens bigint,
    output_tokens       bigint,
    reasoning_tokens    bigint,
    error               text,
    started_seq         bigint      NOT NULL,
    ended_seq           bigint,
    started_at          timestamptz NOT NULL,
    ended_at            timestamptz,
    inferred            boolean     NOT NULL,
    source_line         bigint,
    CONSTRAINT turns_status_check CHECK (status IN ('in_progress', 'completed', 'failed', 'interrupted')),
    CONSTRAINT turns_end_check CHECK (
        (status = 'in_progress') = (ended_seq IS NULL)
        AND (ended_seq IS NULL) = (ended_at IS NULL)
    ),
    CONSTRAINT turns_interrupt_check CHECK ((interrupt IS NULL) = (interrupt_seq IS NULL))
) WITH (fillfactor = 80);

CREATE TABLE items (
    thread_id   text        NOT NULL COLLATE "C",
    item_id     text        NOT NULL COLLATE "C",
    turn_id     text        NOT NULL COLLATE "C",
    kind        text        NOT NULL,
    status      text        NOT NULL,
    summary     text        NOT NULL,
    text        text,
    detail      json,
    result      json,
    error       text,
    input_id    text        COLLATE "C",
    started_seq bigint      NOT NULL,
    ended_seq   bigint,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    inferred    boolean     NOT NULL,
    source_line bigint,
    CONSTRAINT items_status_check CHECK (status IN ('in_progress', 'completed', 'failed', 'interrupted')),
    CONSTRAINT items_end_check CHECK (
        (status = 'in_progress') = (ended_seq IS NULL)
        AND (ended_seq IS NULL) = (ended_at IS NULL)
    )
) WITH (fillfactor = 90);

CREATE TABLE prompts (
    thread_id        text        NOT NULL COLLATE "C",
    input_id         text        NOT NULL COLLATE "C",
    state            text        NOT NULL,
    delivery         text        NOT NULL,
    asked_delivery   text        NOT NULL,
    held_reason      text,
    withdrawn_reason text,
    text             text        NOT NULL,
    summary          text        NOT NULL,
    options          json        NOT NULL,
    route_intent     text,
    target_turn_id   text        COLLATE "C",
    turn_id          text        COLLATE "C",
    origin           text        NOT NULL,
    actor            text        NOT NULL,
    admitted_seq     bigint      NOT NULL,
    promoted_seq     bigint,
    withdrawn_seq    bigint,
    admitted_at      timestamptz NOT NULL,
    promoted_at      timestamptz,
    withdrawn_at     timestamptz,
    inbox_key        bigint      NOT NULL,
    inferred         boolean     NOT NULL,
    source_line      bigint,
    CONSTRAINT prompts_state_check CHECK (state IN ('pending', 'held', 'promoted', 'withdrawn')),
    CONSTRAINT prompts_end_check CHECK (
        (state = 'promoted') = (promoted_seq IS NOT NULL)
        AND (state = 'withdrawn') = (withdrawn_seq IS NOT NULL)
        AND (state = 'held') = (held_reason IS NOT NULL)
        AND (state = 'withdrawn') = (withdrawn_reason IS NOT NULL)
        AND (promoted_seq IS NULL) = (turn_id IS NULL)
    )
) WITH (fillfactor = 80);
COMMENT ON COLUMN prompts.inbox_key IS
    'Orders the prompts that wait: 16384 times the seq of the admission, or its negative for one that '
    'entered at the head, so that the last of those is first; for those that were there when one of '
    'them was moved, 16384 times the seq of that plus their place then. Else they keep their place.';

CREATE TABLE approvals (
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
    CONSTRAINT approvals_state_check CHECK (state IN ('pending', 'approved', 'denied', 'cancelled')),
    CONSTRAINT approvals_end_check CHECK (
        (state = 'pending') = (resolved_seq IS NULL)
        AND (resolved_seq IS NULL) = (resolved_at IS NULL)
        AND (state IN ('approved', 'denied')) = (decided_by IS NOT NULL)
        AND (state = 'cancelled') = (cancelled_reason IS NOT NULL)
    )
) WITH (fillfactor = 80);

-- indexes --
ALTER TABLE items ADD CONSTRAINT items_pkey PRIMARY KEY (thread_id, item_id);
ALTER TABLE prompts ADD CONSTRAINT prompts_pkey PRIMARY KEY (thread_id, input_id);
ALTER TABLE turns ADD CONSTRAINT turns_pkey PRIMARY KEY (thread_id, turn_id);
ALTER TABLE threads ADD CONSTRAINT threads_pkey PRIMARY KEY (thread_id);
ALTER TABLE approvals ADD CONSTRAINT approvals_pkey PRIMARY KEY (thread_id, approval_id);
CREATE INDEX threads_updated_idx ON threads (updated_at, thread_id);
CREATE INDEX turns_turn_id_idx ON turns (turn_id);
CREATE INDEX prompts_waiting_idx ON prompts (thread_id, inbox_key)
    WHERE state IN ('pending', 'held');
