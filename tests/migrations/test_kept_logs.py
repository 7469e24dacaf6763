"""Every log that was ever written replays for ever: chain, laws, read models, and work goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from adapters.audit import audit_thread
from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from domain.events.base import Event
from domain.events.registry import ALL, BY_NAME
from projections.registry import KEYS
from projections.rows import ThreadRows
from tests.adapters.cli.harness import Cli
from tests.contracts.chain import broken_links
from tests.migrations.kept_logs import ROWS, KeptLog, Row, kept_logs
from tests.projections.tables import tables_of

KEPT: Final = kept_logs()
MAKE_ONE: Final = "make another log with python -m tests.migrations.kept_logs v<number>"

# SHA-256 of events.jsonl and rows.json together. A new folder gets a line; no line ever changes.
FROZEN: Final = {
    "v1": "062dc148fc947047fa592dccffb98897ed25975e6791f689c6d3507ad98810fe",
    "v2": "d4837142f12eefd4f6db1b980f035941316e674cbacbf4c6e5434bb1690bba6b",
}

# Columns of rows.json that a later turnlog has given up on purpose, as table.column.
GIVEN_UP: Final[frozenset[str]] = frozenset()


@pytest.fixture(params=KEPT, ids=lambda log: log.folder.name)
def kept(request: pytest.FixtureRequest) -> KeptLog:
    log: KeptLog = request.param
    return log


def test_what_is_kept_stays_as_it_is() -> None:
    def digest(log: KeptLog) -> str:
        names = ("events.jsonl", "rows.json")
        return hashlib.sha256(b"".join((log.folder / n).read_bytes() for n in names)).hexdigest()

    assert {log.folder.name: digest(log) for log in KEPT} == FROZEN


# ── What the kept logs hold ──────────────────────────────────────────────────────────────────────


def test_every_version_of_every_event_is_in_a_log() -> None:
    kept = {(row["type"], _body(row).get("v", 1)) for log in KEPT for row in log.rows}
    ever = {(cls.name, v) for cls in ALL for v in range(1, cls.schema_version + 1)}
    assert kept >= ever, f"{sorted(ever - kept)} in no kept log: {MAKE_ONE}"


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
def test_every_field_and_every_value_it_may_have_is_in_a_log(cls: type[Event]) -> None:
    kept: set[str] = set()
    for log in KEPT:
        for row in log.rows:
            body = _body(row)
            if (row["type"], body.get("v", 1)) == (cls.name, cls.schema_version):
                kept.update(_held(body))
    wanted = {path for name in _own_fields(cls) for path in _paths(cls, name)}
    assert kept >= wanted, f"{sorted(wanted - kept)} in no kept log: {MAKE_ONE}"


def test_what_all_events_have_is_in_a_log() -> None:
    kept = {path for log in KEPT for row in log.rows for path in _held(_body(row))}
    assert kept >= {path for name in Event.model_fields for path in _paths(Event, name)}


def _body(row: Row) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(row["data"])
    return body


def _own_fields(cls: type[Event]) -> Iterator[str]:
    return (name for name in cls.model_fields if name not in Event.model_fields)


def _paths(model: type[BaseModel], name: str, before: str = "") -> Iterator[str]:
    """`status`, `status=failed`, `usage.input_tokens`…: all that can be under that field."""
    path = before + name
    yield path
    for kind in _kinds(model.model_fields[name].annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner in kind.model_fields:
                yield from _paths(kind, inner, f"{path}.")
        elif get_origin(kind) is Literal:
            yield from (f"{path}={value}" for value in get_args(kind))


def _kinds(annotation: Any) -> Iterator[Any]:
    """The alternatives of a field's type."""
    if get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _kinds(one)
    elif get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    else:
        yield annotation


def _held(body: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in body.items():
        yield before + name
        if isinstance(value, dict):
            yield from _held(value, f"{before}{name}.")
        elif isinstance(value, str):
            yield f"{before}{name}={value}"


# ── What the code of today makes of them ─────────────────────────────────────────────────────────


def test_its_chain_is_whole_and_its_laws_hold(kept: KeptLog) -> None:
    entries = list(kept.entries())
    assert broken_links(entries) == []
    threads = {entry.thread_id for entry in entries}
    for thread_id in sorted(threads):
        audit = audit_thread(thread_id, [e for e in entries if e.thread_id == thread_id])
        assert audit.findings == ()


def test_each_body_comes_to_the_version_of_today(kept: KeptLog) -> None:
    for entry in kept.entries():
        [recorded] = audit_thread(entry.thread_id, [entry]).history
        assert recorded.event.v == BY_NAME[entry.topic].schema_version


def test_the_read_models_show_what_they_showed(
    kept: KeptLog, connection: Connection, database: Database
) -> None:
    kept.load(connection)
    with tables_of(database) as tables:
        tables.follower.catch_up()
        assert tables.differences() == []
        for thread_id, shown in kept.shown.items():
            assert _missing(shown, _dumped(tables.rows(thread_id))) == []


def test_it_verifies_and_work_goes_on(
    kept: KeptLog, connection: Connection, database: Database
) -> None:
    kept.load(connection)
    cli = Cli({"TURNLOG_DATABASE_URL": database.url})
    assert cli.document("verify")["clean"] is True
    with tables_of(database) as tables:
        service = tables.service()
        for thread_id, shown in kept.shown.items():
            if shown["thread"]["origin"] is not None:
                continue  # imported history takes no commands
            service.submit(thread_id, "one more", delivery="queue")
            while (turn := service.thread(thread_id).turn) is not None:
                service.finish(thread_id, turn.turn_id, "completed")
    assert cli.document("rebuild")["rebuilt"]["position"] > len(kept.rows)
    verdict = cli.document("verify")
    assert verdict["clean"] is True
    assert verdict["events"] > len(kept.rows)


def _dumped(rows: ThreadRows) -> Row:
    found: Row = ROWS.dump_python(rows, mode="json")
    return found


def _missing(shown: Row, found: Row) -> list[str]:
    """What was shown and is not any more; tables and columns that came later do not matter."""
    lost: list[str] = []
    for table, key in KEYS.items():
        field = "thread" if table == "threads" else table
        if field not in shown:
            continue  # a table that came later
        before, now = ([r] if isinstance(r := x[field], dict) else r for x in (shown, found))
        by_key = {row[key]: row for row in now}
        assert len(before) == len(now), table
        lost.extend(
            f"{table} {row[key]}: {name} was {value!r}, is {by_key[row[key]].get(name)!r}"
            for row in before
            for name, value in row.items()
            if f"{table}.{name}" not in GIVEN_UP
            and (name not in by_key[row[key]] or by_key[row[key]][name] != value)
        )
    return lost
