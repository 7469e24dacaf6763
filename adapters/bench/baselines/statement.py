"""One statement, written by hand, that fills a table of turns from the whole log.

It is what PostgreSQL can do if nothing else is asked of it: no other table, no batches, no checks,
nothing that could go on from where it stopped.
"""

from __future__ import annotations

import time
from typing import Final, LiteralString

from adapters.postgres.connection import connect
from adapters.postgres.database import Database
from adapters.postgres.errors import translated

_TABLE: Final[LiteralString] = """
    CREATE TABLE public.turn_by_hand (
        thread_id text COLLATE "C" NOT NULL, turn_id text COLLATE "C" NOT NULL,
        status text NOT NULL, kind text NOT NULL, summary text NOT NULL, options json NOT NULL,
        input_id text,
        steer_count bigint NOT NULL, item_count bigint NOT NULL, started_seq bigint NOT NULL,
        ended_seq bigint, started_at timestamptz NOT NULL, ended_at timestamptz,
        PRIMARY KEY (thread_id, turn_id)
    )
"""
_STATEMENT: Final[LiteralString] = """
    INSERT INTO public.turn_by_hand
    SELECT thread_id, stream_id,
           coalesce(max(data ->> 'status') FILTER (WHERE type = 'turn.completed'), 'in_progress'),
           max(data ->> 'kind') FILTER (WHERE type = 'turn.started'),
           max(data ->> 'summary') FILTER (WHERE type = 'turn.started'),
           (max(data ->> 'options') FILTER (WHERE type = 'turn.started'))::json,
           max(data ->> 'input_id') FILTER (WHERE type = 'turn.started'),
           count(*) FILTER (WHERE type = 'turn.steered'),
           count(*) FILTER (WHERE type = 'item.started'),
           min(seq) FILTER (WHERE type = 'turn.started'),
           min(seq) FILTER (WHERE type = 'turn.completed'),
           max((data ->> 'at')::timestamptz) FILTER (WHERE type = 'turn.started'),
           max((data ->> 'at')::timestamptz) FILTER (WHERE type = 'turn.completed')
    FROM log
    WHERE type IN ('turn.started', 'turn.steered', 'turn.completed', 'item.started')
    GROUP BY thread_id, stream_id
"""


def fill_turns(database: Database) -> tuple[float, int]:
    """The seconds it took, and the turns there are."""
    with connect(database) as connection, translated(database):
        connection.execute("DROP TABLE IF EXISTS public.turn_by_hand")
        connection.execute(_TABLE)
        connection.execute("SET work_mem = '64MB'")
        began = time.perf_counter()
        turns = connection.execute(_STATEMENT, prepare=False).rowcount
        return time.perf_counter() - began, turns
