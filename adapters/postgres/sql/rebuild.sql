-- What a rebuild has to do before its tables can be moved on step by step. Names without a schema
-- are found by the search path: first that of the rebuild, then that of the log.

-- create_work --
-- The tasks of a rebuild, and what is done of them. It goes when all are done.
CREATE TABLE rebuild_work (
    number    int    NOT NULL PRIMARY KEY,
    phase     text   NOT NULL CHECK (phase IN ('fill', 'index', 'finish')),
    weight    bigint NOT NULL,
    first     text   COLLATE "C",
    last      text   COLLATE "C",
    statement text,
    after     bigint NOT NULL,
    upto      bigint NOT NULL,
    events    bigint,
    taken     bigint,
    counts    jsonb
);

-- select_end --
-- The log's last position: as far as the tasks go.
SELECT coalesce(max(position), 0) FROM log;

-- insert_parts --
-- Cut the threads into parts of about so many events. A task is for the threads after `first`, up
-- to `last`, and for the positions after `after`, up to `upto`. Ids are found by the index, one after
-- the other, however long the threads are; the positions are those between which they all live, for
-- threads that were made one after the other are best read as they lie in the log.
WITH RECURSIVE known AS (
    (SELECT thread_id FROM log ORDER BY thread_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.thread_id FROM log l WHERE l.thread_id > k.thread_id
             ORDER BY l.thread_id LIMIT 1)
      FROM known k WHERE k.thread_id IS NOT NULL
),
sized AS (
    SELECT k.thread_id, last.seq AS events, first.position AS opened, last.position AS ended
      FROM known k
     CROSS JOIN LATERAL (SELECT l.position FROM log l WHERE l.thread_id = k.thread_id
                          ORDER BY l.seq LIMIT 1) AS first
     CROSS JOIN LATERAL (SELECT l.seq, l.position FROM log l WHERE l.thread_id = k.thread_id
                          ORDER BY l.seq DESC LIMIT 1) AS last
     WHERE k.thread_id IS NOT NULL
),
placed AS (
    SELECT thread_id, events, opened, ended,
           ((sum(events) OVER (ORDER BY thread_id) - events) / %(events)s)::bigint AS part
      FROM sized
),
parts AS (
    SELECT coalesce(lag(max(thread_id)) OVER (ORDER BY part), '') AS first,
           max(thread_id) AS last, sum(events) AS events,
           min(opened) - 1 AS after, least(max(ended), %(upto)s) AS upto
      FROM placed GROUP BY part
)
INSERT INTO rebuild_work (number, phase, weight, first, last, after, upto)
SELECT row_number() OVER (ORDER BY phase, p.first), phase, p.events * share, p.first, p.last,
       p.after, p.upto
  FROM parts p CROSS JOIN (VALUES ('fill', 8), ('finish', 1)) AS phases (phase, share);

-- insert_statement --
-- A task that is one statement.
INSERT INTO rebuild_work (number, phase, weight, statement, after, upto)
SELECT coalesce(max(number), 0) + 1, 'index', %(weight)s, %(statement)s, 0, %(upto)s FROM rebuild_work;

-- select_work --
-- All tasks, the largest of each phase first.
SELECT number, phase, weight, first, last, statement, after, upto, events, taken
FROM rebuild_work
ORDER BY weight DESC, number;

-- count_part --
-- How many events of each type a part has, for the comparison at the end: there the log would have to
-- be read once more.
SELECT jsonb_object_agg(type, n)::text FROM (SELECT type, count(*) AS n FROM part GROUP BY type) AS counted;

-- select_counts --
-- How many there are in all parts.
SELECT coalesce(array_agg(type), '{}'), coalesce(array_agg(n), '{}')
FROM (SELECT c.key AS type, sum(c.value::bigint)::bigint AS n
      FROM rebuild_work CROSS JOIN LATERAL jsonb_each_text(counts) AS c
      GROUP BY c.key) AS counted;

-- finish_work --
-- That task is done. No row comes back if it was done before, or is there no more.
UPDATE rebuild_work SET events = %(events)s, taken = %(taken)s, counts = %(counts)s::jsonb
WHERE number = %(number)s AND taken IS NULL
RETURNING number;

-- drop_work --
-- Everything is done.
DROP TABLE rebuild_work;

-- select_sample --
-- Threads to compare with the fold, of so many events in all: the largest that is not too large, and
-- others as the seed has it. All of them, if they have no more.
SELECT thread_id
FROM (SELECT thread_id,
             row_number() OVER chosen AS number,
             sum(last_seq) OVER chosen AS events
      FROM (SELECT thread_id, last_seq, row_number() OVER (ORDER BY last_seq DESC) = 1 AS is_largest
            FROM threads
            WHERE last_seq <= greatest(%(events)s / 2, (SELECT min(last_seq) FROM threads))
               OR (SELECT sum(last_seq) FROM threads) <= %(events)s) AS possible
      WINDOW chosen AS (ORDER BY is_largest DESC, hashtextextended(thread_id, %(seed)s), thread_id)
     ) AS ordered
WHERE events <= %(events)s OR number = 1;
