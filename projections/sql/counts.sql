-- What the log holds up to a position, beside what tables that are at this position hold. Up to `after`
-- its events have been counted already: by `types` they are as many as in `numbers`.
WITH logged AS MATERIALIZED (
    SELECT type, count(*) AS n FROM log
     WHERE position > %(after)s AND position <= %(position)s GROUP BY type
     UNION ALL
    SELECT type, n FROM unnest(%(types)s::text[], %(numbers)s::bigint[]) AS counted (type, n)
),
thread AS MATERIALIZED (
    SELECT count(*) AS n, sum(turn_count) AS turns, sum(last_seq) AS events FROM threads
),
turn AS MATERIALIZED (
    SELECT count(*) AS n, count(ended_seq) AS ended, sum(steer_count) AS steers,
           sum(item_count) AS items
      FROM turns
),
item AS MATERIALIZED (SELECT count(*) AS n, count(ended_seq) AS ended FROM items),
prompt AS MATERIALIZED (
    SELECT count(*) AS n, count(promoted_seq) AS promoted, count(withdrawn_seq) AS withdrawn
      FROM prompts
),
approval AS MATERIALIZED (SELECT count(*) AS n, count(resolved_seq) AS resolved FROM approvals)
SELECT c.what,
       (SELECT coalesce(sum(n), 0) FROM logged WHERE c.types IS NULL OR type = ANY (c.types))::bigint
           AS in_log,
       coalesce(c.n, 0)::bigint AS in_tables
  FROM (
      SELECT 'events', NULL::text[], events FROM thread
      UNION ALL SELECT 'threads', ARRAY['thread.created'], n FROM thread
      UNION ALL SELECT 'turns of threads', ARRAY['turn.started'], turns FROM thread
      UNION ALL SELECT 'turns', ARRAY['turn.started'], n FROM turn
      UNION ALL SELECT 'ended turns', ARRAY['turn.completed'], ended FROM turn
      UNION ALL SELECT 'steers of turns', ARRAY['turn.steered'], steers FROM turn
      UNION ALL SELECT 'items of turns', ARRAY['item.started'], items FROM turn
      UNION ALL SELECT 'items', ARRAY['item.started'], n FROM item
      UNION ALL SELECT 'ended items', ARRAY['item.completed', 'item.failed', 'item.interrupted'], ended
                  FROM item
      UNION ALL SELECT 'prompts', ARRAY['prompt.admitted'], n FROM prompt
      UNION ALL SELECT 'promoted prompts', ARRAY['prompt.promoted'], promoted FROM prompt
      UNION ALL SELECT 'withdrawn prompts', ARRAY['prompt.withdrawn'], withdrawn FROM prompt
      UNION ALL SELECT 'approvals', ARRAY['approval.requested'], n FROM approval
      UNION ALL SELECT 'ended approvals', ARRAY['approval.resolved', 'approval.cancelled'], resolved
                  FROM approval
  ) AS c (what, types, n)
