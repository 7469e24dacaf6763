"""The names of what a process does: what others can see, and what changes nothing."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

from adapters.postgres.migrate import MIGRATIONS
from adapters.postgres.queries import FOLDER, load_queries
from projections.registry import FILL_STEPS, STEPS, load_fill, load_indexes, load_sql, load_tables

BEGIN: Final = "BEGIN"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"

EFFECTS: Final = frozenset(
    {
        # The log.
        "append_batch",
        "fence_append",
        "save_snapshot",
        # Leases.
        "acquire_lease",
        "renew_lease",
        "release_lease",
        # The read models: one step.
        *(f"step {name}" for name in STEPS),
        "finish_step",
        "record_failure",
        # Locks of a session: who follows, who rebuilds.
        "try_lock",
        "unlock_all",
        # A rebuild: its schema, its tasks, what it fills.
        "CREATE SCHEMA",
        "create tables",
        "create an index",
        "insert_state",
        "create_work",
        "insert_parts",
        "insert_statement",
        *(f"fill {name}" for name in (*FILL_STEPS, "context", "waiting")),
        "finish_work",
        "drop_work",
        "ANALYZE",
        # A rebuild: putting the tables in place, or dropping them.
        "LOCK TABLE",
        "lock_head",
        "DROP TABLE",
        "DROP TABLE IF EXISTS",
        "DROP SCHEMA",
        "ALTER TABLE",
        "GRANT",
        # A migration; what it gives rights with.
        "migration",
        "DO",
        "REVOKE ALL ON FUNCTION",
        # Not by way of the database.
        "engine starts",
        "engine works",
        "user is told",
    }
)
"""What is seen by others, or stays."""

QUIET: Final = frozenset(
    {
        BEGIN,
        COMMIT,
        ROLLBACK,
        "DEALLOCATE ALL",
        "LISTEN",
        "no statement",
        "settings",
        "select_belongings",
        "select_indexes",
        "select_publications",
        "select_active_turns",
        "select_command",
        "select_counts",
        "select_end",
        "select_history",
        "select_is_locked",
        "select_left",
        "select_lock_holder",
        "select_owners",
        "select_grants",
        "select_column_grants",
        "select_relations",
        "select_sample",
        "select_seq",
        "select_snapshot",
        "select_status",
        "select_suspect",
        "select_thread",
        "select_versions",
        "select_work",
        "find_lease",
        "begin_step",
        "bound_step",
        "compare counts",
        "count_part",
        "part",
        "rows",
        "types",
        "look at the schema",
        "lock of migrations",
    }
)
"""What leaves nothing: reads, settings and objects that end with the session."""

LATE: Final = frozenset(
    {"append_batch", "save_snapshot", "acquire_lease", "renew_lease", "release_lease"}
)
"""Statements by themselves, which a server may get to when their process is long dead."""

# What has no name in a file of queries, by how it begins.
_BEGINNINGS: Final[Mapping[str, str]] = {
    "SELECT set_config": "settings",
    "SELECT current_setting('server_version_num')": "settings",
    "SET LOCAL": "settings",
    "SELECT pg_advisory_xact_lock": "lock of migrations",
    "SELECT to_regclass": "look at the schema",
    "SELECT max(version_num) FROM": "look at the schema",
    "SELECT count(*) FROM pg_namespace": "look at the schema",
    "SELECT pg_catalog.pg_class.relname": "look at the schema",
    "select current_schema": "look at the schema",
    "select pg_catalog.version": "look at the schema",
    "show ": "look at the schema",
    "INSERT INTO turnlog.alembic_version": "migration",
    "UPDATE turnlog.alembic_version": "migration",
    "CREATE TABLE turnlog.alembic_version": "migration",
    "INSERT INTO read_models": "migration",
    "UPDATE schema_compatibility": "migration",
    "CREATE TYPE pg_temp": "types",
    "CREATE TEMPORARY TABLE part": "part",
    **{f"SELECT {quote}thread_id{quote}": "rows" for quote in ('"', "")},
}
_PARAMETER: Final = re.compile(r"\$\d+|%\(\w+\)s")
_WORDS: Final = re.compile(r"[A-Z]+(?: [A-Z]+)*")


def name_of(statement: str) -> str:
    """What a statement is called; for one that nobody has named, how it begins."""
    text = _plain(statement)
    if not text:
        return "no statement"
    if name := _known().get(text):
        return name
    for beginning, name in _BEGINNINGS.items():
        if text.startswith(beginning):
            return name
    found = _WORDS.match(text)
    words = found[0] if found else ""
    # Anything can be called in a SELECT, and changed by these.
    return text[:60] if words.split(" ")[0] in ("", "SELECT", "WITH", "UPDATE", "INSERT") else words


def is_quiet(name: str) -> bool:
    """Whether nobody else can tell that it was done."""
    return name in QUIET


def is_known(name: str) -> bool:
    """Whether it is in one of the two lists."""
    return name in QUIET or name.removeprefix(f"{COMMIT} ") in EFFECTS


@functools.cache
def _known() -> Mapping[str, str]:
    named = {load_sql(name): f"step {name}" for name in STEPS}
    named |= {load_fill(name): f"fill {name}" for name in (*FILL_STEPS, "context", "waiting")}
    named |= dict.fromkeys(load_indexes(), "create an index")
    named |= {load_tables(): "create tables", load_sql("tables"): "create tables"}
    named[load_sql("counts")] = "compare counts"
    for file in (MIGRATIONS / "versions" / "sql").iterdir():
        named[file.read_text(encoding="utf-8")] = "migration"
    for file in FOLDER.glob("*.sql"):
        named |= {text: name for name, text in load_queries(file.name).items()}
    return {_plain(text): name for text, name in named.items()}


def _plain(statement: str) -> str:
    """The same for a statement with its parameters by name and by number."""
    return " ".join(_PARAMETER.sub("?", statement).replace("%%", "%").split()).rstrip(";")
