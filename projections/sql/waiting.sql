-- How many prompts of each thread wait, when all prompts are there: what threads.sql leaves open while
-- the tables have no indexes. Takes no event.
UPDATE threads t
   SET pending_count = waiting.pending,
       held_count    = waiting.held
  FROM (SELECT thread_id,
               count(*) FILTER (WHERE state = 'pending') AS pending,
               count(*) FILTER (WHERE state = 'held')    AS held
          FROM prompts
         WHERE state IN ('pending', 'held') AND thread_id > %(first)s AND thread_id <= %(last)s
         GROUP BY thread_id) AS waiting
 WHERE t.thread_id = waiting.thread_id
