"""The two forms of the statements: for a step, and for whole threads in a rebuild."""

from __future__ import annotations

import pytest

from domain.events.registry import ALL
from projections.registry import (
    FILL_STEPS,
    STEPS,
    TABLES,
    load_fill,
    load_indexes,
    load_part,
    load_sql,
    load_tables,
    load_types,
    steps_for,
)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_reads_the_log_within_its_range(name: str) -> None:
    text = load_sql(name)
    assert text.count("%(after)s") == text.count("%(upto)s") > 0
    assert "part l" not in text
    assert "%(first)s" not in text


@pytest.mark.parametrize("name", FILL_STEPS)
def test_a_fill_reads_its_part_and_updates_nothing(name: str) -> None:
    text = load_fill(name)
    assert "FROM part l\n" in text
    assert "%(" not in text
    assert "UPDATE" not in text
    # All that is left of the log are rows looked up by their key.
    assert text.count("FROM log l") == text.count("FROM log l WHERE l.position = t.")


@pytest.mark.parametrize("text", [load_fill("context"), load_part()])
def test_what_else_reads_the_log_reads_some_threads_in_a_range(text: str) -> None:
    for name in ("after", "upto", "first", "last"):
        assert f"%({name})s" in text


def test_a_fill_names_only_types_that_are_made_for_it() -> None:
    made = [text.split()[2] for text in load_types()]
    named = [
        word.removeprefix("json_populate_record(NULL::").rstrip(",")
        for name in FILL_STEPS
        for word in load_fill(name).split()
        if "NULL::pg_temp." in word
    ]
    assert made == named == ["pg_temp.item_started", "pg_temp.item_ended"]
    assert "pg_temp" not in load_sql("items")


def test_tables_and_indexes_are_all_there_is() -> None:
    whole = [line for line in load_sql("tables").splitlines() if line]
    parts = [line for line in load_tables().splitlines() if line]
    indexes = ";".join(load_indexes()).splitlines()
    assert whole == parts + [line for line in (*indexes[:-1], indexes[-1] + ";") if line]
    assert all(f"CREATE TABLE {table} " in load_tables() for table in TABLES)
    assert "INDEX" not in load_tables()


def test_a_step_runs_only_what_its_events_are_about() -> None:
    assert steps_for(["item.completed"]) == ["items", "threads"]
    assert steps_for(["item.started", "item.completed"]) == ["turns", "items", "threads"]
    assert steps_for(["prompt.admitted"]) == ["prompts", "threads"]
    assert steps_for(["queue.held"]) == ["prompts", "threads"]
    assert steps_for(["thread.rolled_back"]) == ["context", "threads"]
    assert steps_for(event.name for event in ALL) == list(STEPS)
    # What nobody knows is refused, as nothing takes it.
    assert steps_for(["turtle.painted"]) == ["threads"]
