"""The loader of named queries, and the names that SQL and Python share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.postgres import errors, names, queries
from adapters.postgres.connection import Connection
from adapters.postgres.migration_sql import FOLDER
from adapters.postgres.queries import load_queries


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(queries, "FOLDER", tmp_path)
    load_queries.cache_clear()
    return tmp_path


def test_queries_come_by_name_without_their_comments(folder: Path) -> None:
    text = "-- On the file.\n\n-- one --\n-- Says one.\nSELECT 1;\n\n-- two --\nSELECT\n    2;\n"
    (folder / "some.sql").write_text(text)
    assert dict(load_queries("some.sql")) == {"one": "SELECT 1", "two": "SELECT\n    2"}


def test_a_name_given_twice_is_an_error(folder: Path) -> None:
    (folder / "some.sql").write_text("-- one --\nSELECT 1;\n-- one --\nSELECT 2;\n")
    with pytest.raises(ValueError, match="two queries named one"):
        load_queries("some.sql")


def test_every_query_says_what_it_is_for() -> None:
    text = (queries.FOLDER / "log.sql").read_text()
    without = re.findall(r"^-- (\w+) --\n(?!-- )", text, re.MULTILINE)
    assert without == []


def test_constraints_have_the_names_that_errors_are_told_apart_by(connection: Connection) -> None:
    rows = connection.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'log'::regclass AND contype <> 'n'"
        " UNION SELECT indexrelid::regclass::text FROM pg_index"
        " WHERE indrelid = 'log'::regclass AND indisunique"
    ).fetchall()
    assert {name for (name,) in rows} == names.LOG_KEYS | names.LOG_CHECKS


def test_sqlstates_of_ours_are_those_in_the_migration() -> None:
    codes = {names.SQLSTATE_FENCED, names.SQLSTATE_WRONG_ISOLATION, errors.SQLSTATE_APPEND_ONLY}
    for file, expected in (
        ("0001_event_log.up.sql", codes),
        ("0006_fenced_appends.up.sql", codes - {errors.SQLSTATE_APPEND_ONLY}),
    ):
        assert set(re.findall(r"ERRCODE = '(\w+)'", (FOLDER / file).read_text())) == expected


def test_the_channel_is_the_one_that_append_notifies(connection: Connection) -> None:
    query = "SELECT prosrc FROM pg_proc WHERE proname LIKE 'append\\_v%'"
    sources = connection.execute(query.encode()).fetchall()
    assert len(sources) == 2
    assert all(f"pg_notify('{names.CHANNEL}'" in source for (source,) in sources)
