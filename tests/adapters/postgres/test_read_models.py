"""Reading the read models: the rows, and what somebody has done to them by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any, LiteralString

import pytest

from adapters.errors import NotMigrated
from adapters.postgres.connection import Connection, open_pool
from adapters.postgres.database import Database
from adapters.postgres.follower import PostgresFollowerSession
from adapters.postgres.read_models import PostgresReadModels
from domain.events.thread import Origin
from projections.errors import (
    ReadModelError,
    ReadModelsMissing,
    ReadModelsNewer,
    ReadModelsOutdated,
    UnreadableRow,
)
from projections.follow import Follower
from projections.registry import ROWS
from projections.verify import MISSING
from tests.fixtures.clock import START
from tests.projections.tables import Tables


def conversation(tables: Tables, thread_id: str = "thr_1") -> None:
    """A thread with a finished turn, one that runs, a steer into it, and a queue behind it."""
    service = tables.service()
    service.create(thread_id=thread_id, title="A talk")
    first = service.submit(thread_id, "hello", input_id="inp_1").started_turn_id
    assert first is not None
    service.record_item(thread_id, first, "agent_message", "hi", text="hi", detail={"n": 1})
    service.finish(thread_id, first, "completed")
    service.submit(thread_id, "and then", input_id="inp_2")
    for number, delivery in ((3, "queue"), (4, "queue"), (5, "steer")):
        name = f"inp_{number}"
        service.submit(thread_id, name, delivery=delivery, input_id=name)  # type: ignore[arg-type]
    tables.follower.catch_up()


def test_the_columns_of_the_tables_are_the_fields_of_the_rows(connection: Connection) -> None:
    for table, row_class in ROWS.items():
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        columns = {name for (name,) in connection.execute(query, (table,))}
        # The table has a key to sort by where a row has the place that results.
        columns = {"place" if name == "inbox_key" else name for name in columns}
        assert columns == {field.name for field in fields(row_class)}


def test_a_thread_comes_with_its_turns_items_and_prompts(tables: Tables) -> None:
    conversation(tables)
    rows = tables.rows("thr_1")
    assert rows.thread is not None
    assert (rows.thread.title, rows.thread.turn_count, rows.thread.pending_count) == (
        "A talk",
        2,
        3,
    )
    assert [turn.status for turn in rows.turns] == ["completed", "in_progress"]
    assert [item.kind for item in rows.items] == ["user_message", "agent_message", "user_message"]
    assert rows.items[1].detail == {"n": 1}
    assert [prompt.input_id for prompt in rows.inbox] == ["inp_3", "inp_4", "inp_5"]
    assert [prompt.place for prompt in rows.prompts] == [None, None, 1, 2, 3]


def test_an_interrupting_prompt_is_first_and_a_held_steer_keeps_its_place(tables: Tables) -> None:
    conversation(tables)
    tables.service().submit("thr_1", "now", delivery="interrupt", input_id="inp_6")
    tables.follower.catch_up()
    inbox = tables.rows("thr_1").inbox
    assert [(p.input_id, p.state, p.delivery, p.asked_delivery) for p in inbox] == [
        ("inp_6", "pending", "interrupt", "interrupt"),
        ("inp_3", "held", "queue", "queue"),
        ("inp_4", "held", "queue", "queue"),
        ("inp_5", "held", "queue", "steer"),
    ]


def test_an_unknown_thread_has_no_rows(tables: Tables) -> None:
    assert tables.reader.thread("thr_9") is None
    assert tables.reader.snapshot("thr_9")[1] == 0


def test_threads_are_listed_by_their_last_change_page_by_page(tables: Tables) -> None:
    service = tables.service()
    for number in range(5):
        service.create(thread_id=f"thr_{number}")
    service.archive("thr_3")
    tables.follower.catch_up()
    with tables.pool.connection() as connection:
        for number in range(4):
            at = START + timedelta(seconds=number)
            change = "UPDATE threads SET updated_at = %s WHERE thread_id = %s"
            connection.execute(change, (at, f"thr_{number}"))
    ids = [row.thread_id for row in tables.reader.threads()]
    assert ids == ["thr_3", "thr_2", "thr_1", "thr_4", "thr_0"]
    page = tables.reader.threads(limit=2, archived=False)
    assert [row.thread_id for row in page] == ["thr_2", "thr_1"]
    after = (page[-1].updated_at, page[-1].thread_id)
    rest = tables.reader.threads(limit=5, archived=False, before=after)
    assert [row.thread_id for row in rest] == ["thr_4", "thr_0"]
    assert [row.thread_id for row in tables.reader.threads(archived=True)] == ["thr_3"]


def test_imported_threads_are_listed_or_left_out(tables: Tables, connection: Connection) -> None:
    for number in range(4):
        tables.service().create(thread_id=f"thr_{number}")
    tables.follower.catch_up()
    later = "UPDATE threads SET updated_at = now() + right(thread_id, 1)::int * interval '1 s'"
    connection.execute(later)
    origin = Origin(kind="imported", format="codex", native_id="a").model_dump_json()
    connection.execute(
        "UPDATE threads SET origin = %s WHERE thread_id IN ('thr_1', 'thr_3')", [origin]
    )

    def listed(**chosen: Any) -> list[str]:
        return [row.thread_id for row in tables.reader.threads(**chosen)]

    assert listed() == ["thr_3", "thr_2", "thr_1", "thr_0"]
    assert listed(imported=True) == ["thr_3", "thr_1"]
    assert listed(imported=False, archived=False) == ["thr_2", "thr_0"]
    assert listed(imported=False, limit=1) == ["thr_2"]


def test_the_ids_are_those_of_the_log_and_of_the_tables(
    tables: Tables, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres.read_models._ID_PAGE", 2)
    conversation(tables, "thr_1")
    for thread_id in ("thr_0", "thr_2", "thr_3"):
        tables.service().create(thread_id=thread_id)  # and the tables do not know them yet
    connection.execute("UPDATE items SET thread_id = 'thr_of_nobody' WHERE kind = 'agent_message'")
    ids = list(tables.reader.thread_ids())
    assert ids == ["thr_0", "thr_1", "thr_2", "thr_3", "thr_of_nobody"]


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE approvals SET note = 'yes'", "note"),
        ("UPDATE approvals SET state = 'denied'", "state"),
        ("DELETE FROM approvals", None),
    ],
)
def test_an_approval_that_was_changed_by_hand_is_found(
    tables: Tables, connection: Connection, statement: LiteralString, column: str | None
) -> None:
    conversation(tables)
    service = tables.service()
    turn = service.thread("thr_1").turn
    assert turn is not None
    asked = service.request_approval("thr_1", turn.turn_id, "rm -r", detail={"n": 1}).approval_id
    assert asked is not None
    tables.follower.catch_up()
    [row] = tables.rows("thr_1").open_approvals
    assert (row.approval_id, row.turn_id, row.detail) == (asked, turn.turn_id, {"n": 1})
    service.resolve_approval("thr_1", asked, "approved", actor="boss")
    tables.follower.catch_up()
    rows = tables.rows("thr_1")
    assert [(a.state, a.asked_by, a.decided_by) for a in rows.approvals] == [
        ("approved", "engine", "boss")
    ]
    assert rows.open_approvals == ()
    assert tables.differences() == []
    connection.execute(statement)
    [difference] = tables.differences()
    assert (difference.table, difference.column) == ("approvals", column)


ANOTHER_ITEM: LiteralString = """
    INSERT INTO items SELECT (json_populate_record(i, '{"item_id": "item_x"}')).*
    FROM items i WHERE kind = 'agent_message'"""
CORRUPTIONS: list[tuple[LiteralString, str, str | None]] = [
    ("UPDATE threads SET title = 'Another'", "threads", "title"),
    ("UPDATE threads SET held_count = 1", "threads", "held_count"),
    ("UPDATE threads SET settings = '{\"steerable\": false}'", "threads", "settings"),
    ("UPDATE threads SET settings = '{\"steerable\": 7}'", "threads", "settings"),
    ("UPDATE turns SET output_tokens = 5 WHERE ended_seq IS NULL", "turns", "output_tokens"),
    ("UPDATE turns SET in_context = false WHERE ended_seq IS NULL", "turns", "in_context"),
    ("UPDATE items SET detail = '{\"n\": true}' WHERE detail IS NOT NULL", "items", "detail"),
    ("UPDATE items SET text = text || ' ' WHERE kind = 'agent_message'", "items", "text"),
    ("UPDATE prompts SET admitted_at = now() WHERE input_id = 'inp_3'", "prompts", "admitted_at"),
    ("UPDATE prompts SET route_intent = '' WHERE input_id = 'inp_3'", "prompts", "route_intent"),
    ("DELETE FROM items WHERE kind = 'agent_message'", "items", None),
    ("DELETE FROM threads", "threads", None),
    (ANOTHER_ITEM, "items", None),
]


@pytest.mark.parametrize(("statement", "table", "column"), CORRUPTIONS)
def test_a_row_that_was_changed_by_hand_is_found(
    tables: Tables,
    connection: Connection,
    statement: LiteralString,
    table: str,
    column: str | None,
) -> None:
    conversation(tables)
    assert tables.differences() == []
    connection.execute(statement)
    [difference] = tables.differences()
    assert (difference.table, difference.column) == (table, column)
    assert difference.thread_id == "thr_1"


def test_prompts_whose_order_was_changed_by_hand_are_both_found(
    tables: Tables, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("UPDATE prompts SET inbox_key = 16384 * 1000 WHERE input_id = 'inp_3'")
    found = [(d.key, d.column, d.expected, d.found) for d in tables.differences()]
    assert found == [
        ("inp_3", "place", 1, 3),
        ("inp_4", "place", 2, 1),
        ("inp_5", "place", 3, 2),
    ]


def test_rows_of_a_thread_the_log_does_not_know_are_found(
    tables: Tables, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("UPDATE items SET thread_id = 'thr_x' WHERE kind = 'agent_message'")
    gone, debris = tables.differences()
    assert (gone.thread_id, gone.found) == ("thr_1", MISSING)
    assert (debris.thread_id, debris.expected) == ("thr_x", MISSING)


def test_a_row_that_cannot_be_read_says_which(tables: Tables, connection: Connection) -> None:
    conversation(tables)
    connection.execute("UPDATE turns SET options = '[]'")
    with pytest.raises(UnreadableRow, match=r"row turn_\w+ of the table turns .* options"):
        tables.reader.thread("thr_1")


def test_tables_behind_the_log_are_compared_where_they_are(tables: Tables) -> None:
    conversation(tables)
    tables.service().submit("thr_1", "late", delivery="queue", input_id="inp_9")
    assert tables.reader.status().lag == 1
    assert tables.differences() == []


def test_tables_filled_by_another_definition_are_not_added_to(
    tables: Tables, connection: Connection
) -> None:
    conversation(tables)
    connection.execute("UPDATE read_models SET definition = 'of old'")
    with pytest.raises(ReadModelsOutdated, match="turnlog rebuild"):
        tables.follower.catch_up()


@pytest.mark.parametrize("table", ["items", "read_models"])
def test_a_table_that_is_gone_is_a_case_for_a_rebuild(
    tables: Tables, connection: Connection, table: LiteralString
) -> None:
    connection.execute(f"DROP TABLE {table}")
    tables.service().create(thread_id="thr_1")
    tables.service().submit("thr_1", "hello")
    with pytest.raises(ReadModelsMissing, match="turnlog rebuild"):
        tables.follower.catch_up()


def reads(reader: PostgresReadModels) -> dict[str, Callable[[], object]]:
    return {
        "list": reader.threads,
        "show": lambda: reader.thread("thr_1"),
        "ids": lambda: list(reader.thread_ids()),
        "status": reader.status,
    }


DAMAGES: list[tuple[LiteralString, set[str]]] = [
    ("ALTER TABLE threads DROP COLUMN title", {"list", "show"}),
    ("DROP TABLE threads", {"list", "show", "ids"}),
    ("DROP TABLE items", {"show", "ids"}),
    ("DROP TABLE read_models", {"show", "status"}),
]


@pytest.mark.parametrize(("statement", "spoilt"), DAMAGES)
def test_reading_what_is_gone_is_a_case_for_a_rebuild(
    tables: Tables, connection: Connection, statement: LiteralString, spoilt: set[str]
) -> None:
    conversation(tables)
    connection.execute(statement)
    for name, read in reads(tables.reader).items():
        if name in spoilt:
            with pytest.raises(ReadModelsMissing, match=r"does not exist.*`turnlog rebuild`"):
                read()
        else:
            read()


@pytest.mark.parametrize(
    ("made_by", "error"), [("0.of-old", ReadModelsOutdated), ("9.to-come", ReadModelsNewer)]
)
def test_a_column_that_another_turnlog_has_left_out_is_a_case_for_a_rebuild(
    tables: Tables, connection: Connection, made_by: str, error: type[ReadModelError]
) -> None:
    conversation(tables)
    connection.execute("UPDATE read_models SET definition = %s", [made_by])
    connection.execute("ALTER TABLE threads DROP COLUMN title")
    with pytest.raises(error, match="`turnlog rebuild`"):
        tables.reader.threads()


def test_a_log_that_is_gone_is_no_case_for_a_rebuild(
    tables: Tables, connection: Connection
) -> None:
    connection.execute("DROP TABLE log CASCADE")
    with pytest.raises(NotMigrated):
        tables.reader.status()
    with pytest.raises(NotMigrated):
        tables.follower.catch_up()


def test_a_schema_that_is_behind_is_to_be_upgraded_first(
    tables: Tables, connection: Connection
) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.execute("ALTER TABLE threads DROP COLUMN title")
    with pytest.raises(NotMigrated, match="turnlog db upgrade"):
        tables.reader.threads()


def test_a_state_that_is_gone_is_a_case_for_a_rebuild(
    tables: Tables, connection: Connection
) -> None:
    connection.execute("DELETE FROM read_models")
    with pytest.raises(ReadModelsMissing, match="turnlog rebuild"):
        tables.follower.catch_up()
    with pytest.raises(ReadModelsMissing):
        tables.reader.status()


def test_tables_ahead_of_the_log_are_a_case_for_a_rebuild(
    tables: Tables, connection: Connection
) -> None:
    connection.execute("UPDATE read_models SET position = 7")
    with pytest.raises(ReadModelsMissing, match="at position 7, and the log ends at 0"):
        tables.follower.catch_up()


def test_a_schema_that_was_never_migrated_says_so(empty_database: Database) -> None:
    with (
        PostgresFollowerSession(empty_database) as session,
        pytest.raises(NotMigrated, match="turnlog db upgrade"),
    ):
        Follower(session).catch_up()
    with open_pool(empty_database) as pool, pytest.raises(NotMigrated):
        PostgresReadModels(empty_database, pool).threads()


@pytest.mark.parametrize("position", [20_000, 32_767, 2**31])
def test_a_step_can_begin_anywhere_in_a_log(
    tables: Tables, connection: Connection, position: int
) -> None:
    # Numbers go to the server in the smallest type that holds them, and sums may need a larger one.
    connection.execute("UPDATE read_models SET position = %s", [position])
    with pytest.raises(ReadModelsMissing, match=f"at position {position}, and the log ends at 0"):
        tables.session.step(20_000)
