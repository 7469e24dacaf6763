-- What moves the read models, swaps them, and says how they are. What fills them, and their tables,
-- is in projections/sql. Names without a schema are found by the search path of the session.

-- begin_step --
-- Where the tables are. The row lock lets one step at a time happen, whoever wants to; with it no
-- swap can begin either, as it needs the tables to itself.
SELECT position, definition, current_schema()
FROM read_models
FOR UPDATE;

-- begin_step_unless_busy --
-- Like begin_step; no row comes back while another step is on.
SELECT position, definition, current_schema()
FROM read_models
FOR UPDATE SKIP LOCKED;

-- bound_step --
-- The head of the log, how far a step may go (some events, of some bytes in all, at least one), and
-- of which types they are. A statement of its own after begin_step, so that it sees what was
-- committed while that waited. Positions have no gap and become visible in order, so whatever is at
-- or below the head that this sees is seen by all later statements.
SELECT coalesce((SELECT max(position) FROM log), 0), max(next.position), array_agg(DISTINCT next.type)
FROM (SELECT l.position, l.type,
             sum(pg_column_size(l.data)) OVER (ORDER BY l.position)
                 - pg_column_size(l.data) AS bytes_before
      FROM log l
      WHERE l.position > (SELECT position FROM read_models)
        AND l.position <= (SELECT position FROM read_models) + %(events)s) AS next
WHERE next.bytes_before < %(bytes)s;

-- finish_step --
-- The tables are there now, and whatever stopped them before does not any more.
UPDATE read_models SET position = %(upto)s, failed_position = NULL, failure = NULL;

-- select_left --
-- Where tables stand that a rebuild left behind, what made them, and the head of the log.
SELECT r.position, r.definition, coalesce((SELECT max(l.position) FROM log l), 0)
FROM read_models r;

-- insert_state --
-- For empty tables.
INSERT INTO read_models (position, definition) VALUES (0, %(definition)s);

-- record_failure --
-- The event after the last applied one cannot be applied. No effect if somebody has applied it.
UPDATE read_models
SET failed_position = %(position)s, failure = %(failure)s
WHERE position = %(position)s - 1;

-- select_status --
-- How far the tables are, and the log; and what made the tables.
SELECT r.position, coalesce((SELECT max(l.position) FROM log l), 0), r.failed_position, r.failure,
       r.definition
FROM read_models r;

-- select_suspect --
-- The event at a position.
SELECT type, thread_id, seq, data ->> 'v' FROM log WHERE position = %(position)s;

-- try_lock --
-- Whether this session has got the lock of that name; it keeps it until its end.
SELECT pg_try_advisory_lock(hashtextextended(%(name)s, 0));

-- unlock_all --
-- Give back all the locks of this session.
SELECT pg_advisory_unlock_all();

-- select_lock_holder --
-- The server process that holds the lock of that name, and its application's name.
SELECT a.pid, a.application_name
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%(name)s, 0);

-- select_is_locked --
-- Whether another session holds one of the locks of those names.
SELECT EXISTS (
    SELECT FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32 | l.objid::bigint) IN (
          SELECT hashtextextended(name, 0) FROM unnest(%(names)s::text[]) AS name));

-- select_relations --
-- All tables, views, sequences… of a schema; no row for no schema, one with NULL for an empty one.
SELECT c.relname
FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p')
WHERE n.nspname = %(schema)s;

-- lock_head --
-- From here to the end of the transaction nothing can be appended.
SELECT position FROM log_head FOR UPDATE;

-- select_table_users --
-- Other sessions that use one of the tables of a schema.
SELECT DISTINCT a.pid, a.application_name, a.state
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND a.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND n.nspname = %(schema)s AND c.relname = ANY (%(tables)s)
ORDER BY a.pid;

-- select_owners --
-- Who owns the tables of a schema.
SELECT c.relname, pg_get_userbyid(c.relowner)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s);

-- select_grants --
-- What others than their owners may do with the tables of a schema; NULL as grantee is everybody.
SELECT c.relname, r.rolname, a.privilege_type, a.is_grantable
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s) AND a.grantee <> c.relowner;

-- select_column_grants --
-- The same for single columns, those that the tables in another schema have as well.
SELECT c.relname, t.attname, r.rolname, a.privilege_type, a.is_grantable
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped
CROSS JOIN LATERAL aclexplode(t.attacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s) AND a.grantee <> c.relowner
  AND EXISTS (
      SELECT FROM pg_class c2
      JOIN pg_namespace n2 ON n2.oid = c2.relnamespace
      JOIN pg_attribute t2 ON t2.attrelid = c2.oid AND NOT t2.attisdropped
      WHERE n2.nspname = %(made)s AND c2.relname = c.relname AND t2.attname = t.attname);

-- select_thread_ids --
-- The next threads, by id, that the log or a table knows.
SELECT thread_id
FROM ((SELECT thread_id FROM log
       WHERE seq = 1 AND thread_id > %(after)s ORDER BY thread_id LIMIT %(limit)s)
      UNION
      (SELECT thread_id FROM threads
       WHERE thread_id > %(after)s ORDER BY thread_id LIMIT %(limit)s)
      UNION
      (SELECT DISTINCT thread_id FROM turns
       WHERE thread_id > %(after)s ORDER BY thread_id LIMIT %(limit)s)
      UNION
      (SELECT DISTINCT thread_id FROM items
       WHERE thread_id > %(after)s ORDER BY thread_id LIMIT %(limit)s)
      UNION
      (SELECT DISTINCT thread_id FROM prompts
       WHERE thread_id > %(after)s ORDER BY thread_id LIMIT %(limit)s)
      UNION
      (SELECT DISTINCT thread_id FROM approvals
       WHERE thread_id > %(after)s ORDER BY thread_id LIMIT %(limit)s)) AS known
ORDER BY thread_id COLLATE "C"
LIMIT %(limit)s;

-- select_seq --
-- The last seq of a thread that the tables include.
SELECT seq
FROM log
WHERE thread_id = %(thread_id)s AND position <= (SELECT position FROM read_models)
ORDER BY seq DESC
LIMIT 1;
