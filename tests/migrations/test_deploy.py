"""Deploys end to end: processes of this turnlog and of the next one, on one filled database.

The next turnlog is a copy of this one with a few edits, as docs/schema-changes.md tells to make
them. While one takes the place of the other, both append, follow and read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.connection import Connection
from adapters.postgres.database import Database
from adapters.postgres.migrate import revisions
from domain.events.turn import TurnCompleted
from projections.registry import NUMBER
from tests.migrations.kept_logs import COLUMNS, KeptLog, kept_logs
from tests.migrations.releases import (
    NEXT_REVISION,
    Release,
    next_release,
    this_release,
    until_appended,
)

HEAD = revisions()[0]
Report = dict[str, Any]


@pytest.fixture
def kept(connection: Connection) -> KeptLog:
    """What the database is filled with."""
    log = kept_logs()[0]
    log.load(connection)
    return log


def test_a_new_column_of_a_read_model(
    kept: KeptLog, connection: Connection, database: Database, tmp_path: Path
) -> None:
    old = this_release(database)
    old.document("verify")
    new = next_release(old, tmp_path)
    say_who_created_a_thread(new)
    old_reports: list[Report] = []
    new_reports: list[Report] = []
    # The old ones end first: somebody must follow while they wait to see what they wrote.
    with ExitStack() as news, ExitStack() as olds:
        olds.enter_context(old.working(old_reports))
        assert new.document("db", "upgrade")["to"] == NEXT_REVISION
        news.enter_context(new.working(new_reports))
        until_appended(connection, 50)
        assert creators(connection) == {None}  # nobody has filled it
        new.document("rebuild")
        until_appended(connection, 50)  # the old one goes on, and leaves following to the new one
        assert creators(connection) == {"user"}
        olds.enter_context(old.working(old_reports))  # one that starts only now
        until_appended(connection, 50)
    assert_all_there(connection, [*old_reports, *new_reports])
    assert troubles(old_reports) == {"read_models_newer"}
    for report in [*old_reports, *new_reports]:
        assert len(report["troubles"]) <= 1  # told once, not at every poll
    assert troubles(new_reports) <= {"read_models_outdated"}  # if it ever had the lead before
    assert new.document("verify")["clean"] is True
    # The old one verifies, too; it only says that it does not move the tables on.
    verified = old.run("verify").ok()
    assert verified.json["clean"] is True
    assert "newer turnlog" in verified.err
    # And back.
    old.document("rebuild")
    assert old.document("verify")["clean"] is True
    # And forward once more, in the wrong order: the new code says what is to be done.
    refused = new.run("threads")
    assert refused.code == 1
    assert json.loads(refused.err.splitlines()[-1])["error"]["code"] == "read_models_outdated"
    new.document("rebuild")
    assert new.run("threads").code == 0


def test_a_new_version_of_an_event(
    kept: KeptLog, connection: Connection, database: Database, tmp_path: Path
) -> None:
    before = this_release(database)
    reader = next_release(before, tmp_path / "reader")
    learn_to_read_the_steps_of_a_turn(reader)
    writer = next_release(reader, tmp_path / "writer")
    write_the_steps_of_a_turn(writer)
    reports: list[Report] = []
    before.document("verify")
    with ExitStack() as writers, ExitStack() as readers:
        with before.working(reports):
            readers.enter_context(reader.working(reports))
            until_appended(connection, 50)
        reader.document("rebuild")  # before the writers come: only now are both versions taken
        writers.enter_context(writer.working(reports))
        until_appended(connection, 100)
    assert_all_there(connection, reports)
    old_version = TurnCompleted.schema_version
    assert versions(connection, "turn.completed") == {old_version, old_version + 1}
    # Both read both versions, to the same rows; what was stored is as it was stored.
    assert reader.document("verify")["clean"] is True
    writer.document("rebuild")
    assert writer.document("verify")["clean"] is True
    assert_log_begins_as(connection, kept)
    # Who skipped a release is told so, and shows nothing wrong.
    late = before.run("verify")
    assert late.code == 1
    assert "written by a newer turnlog" in late.out


def test_a_change_of_the_log_itself(
    kept: KeptLog, connection: Connection, database: Database, tmp_path: Path
) -> None:
    old = this_release(database)
    new = next_release(old, tmp_path)
    note_in_the_log_who_appended(new)
    reports: list[Report] = []
    with old.working(reports):
        new.document("db", "upgrade")
        assert old.document("db", "check")["state"] == "compatible"
        with new.working(reports):
            until_appended(connection, 50)
        assert noted(connection) == {None, "append_next"}
        assert_log_begins_as(connection, kept)
        new.python(MIGRATE.format(how="downgrade"), HEAD)
        until_appended(connection, 50)
        assert_log_begins_as(connection, kept)
        new.document("db", "upgrade")
        with new.working(reports):
            until_appended(connection, 50)
    assert_all_there(connection, reports)
    assert_log_begins_as(connection, kept)
    assert old.document("verify")["clean"] is True
    assert new.document("verify")["clean"] is True


def test_a_schema_that_old_code_cannot_work_with_is_left_alone_by_it(
    kept: KeptLog, database: Database, tmp_path: Path
) -> None:
    """The last step of a change, when no old process is left: what only it needed goes."""
    old = this_release(database)
    new = next_release(old, tmp_path)
    note_in_the_log_who_appended(new, oldest_code=NEXT_REVISION)
    new.document("db", "upgrade")
    refused = old.run("submit", "--new", "hello", "--no-run")
    assert (refused.code, refused.error["code"]) == (1, "newer_schema")


# ── The next turnlog ─────────────────────────────────────────────────────────────────────────────

MIGRATE = """
import sys
from adapters.postgres.database import Database
from adapters.postgres.migrate import {how}
{how}(Database(sys.argv[1]), sys.argv[2])
"""


def say_who_created_a_thread(new: Release) -> None:
    """A column `created_by` in `threads`, from the actor of `thread.created`."""
    new.edit(
        "projections/sql/tables.sql",
        "    last_position  bigint      NOT NULL\n",
        "    last_position  bigint      NOT NULL,\n    created_by     text\n",
    )
    new.edit(
        "projections/sql/threads.sql",
        "updated_at, last_seq, last_position)\n",
        "updated_at, last_seq, last_position, created_by)\n",
    )
    new.edit(
        "projections/sql/threads.sql",
        "           last_seq, last_position\n      FROM line\n",
        "           last_seq, last_position, creation ->> 'actor'\n      FROM line\n",
    )
    new.edit(
        "projections/rows.py",
        "    last_position: int\n",
        "    last_position: int\n    created_by: str | None = None\n",
    )
    new.edit(
        "projections/replay.py",
        "            last_position=self.last.position,\n",
        "            last_position=self.last.position,\n            created_by=self.created_by,\n",
    )
    new.edit(
        "projections/replay.py",
        "    last: Recorded | None = None\n",
        "    last: Recorded | None = None\n    created_by: str | None = None\n",
    )
    new.edit(
        "projections/replay.py",
        "    folded.origin, folded.created_at = event.origin, event.at\n",
        "    folded.origin, folded.created_at = event.origin, event.at\n"
        "    folded.created_by = event.actor\n",
    )
    made_anew(new)
    new.add_revision(
        up='run_sql("ALTER TABLE threads ADD COLUMN IF NOT EXISTS created_by text;")',
        down="pass  # older code does not mind the column",
        oldest_code=HEAD,
    )


def learn_to_read_the_steps_of_a_turn(new: Release) -> None:
    """The first of two releases: the next version of `turn.completed` can be read."""
    version = TurnCompleted.schema_version
    new.edit(
        "domain/events/upcasts.py",
        "DOWNCASTS: Final[Casts] = {",
        f'DOWNCASTS: Final[Casts] = {{("turn.completed", {version + 1}): lambda body:'
        ' {key: value for key, value in body.items() if key != "steps"},',
    )
    accept_next_version(new, version)
    made_anew(new)


def write_the_steps_of_a_turn(new: Release) -> None:
    """The second one: it is written."""
    version = TurnCompleted.schema_version
    new.edit(
        "domain/events/turn.py",
        '    name: ClassVar[str] = "turn.completed"\n',
        '    name: ClassVar[str] = "turn.completed"\n'
        f"    schema_version: ClassVar[int] = {version + 1}\n    v: int = {version + 1}\n"
        "    steps: int\n",
    )
    new.edit(
        "domain/events/upcasts.py",
        "UPCASTS: Final[Casts] = {",
        f'UPCASTS: Final[Casts] = {{("turn.completed", {version}): lambda body:'
        ' {**body, "steps": 0},',
    )
    new.edit("domain/decide/finish.py", "        usage=usage,\n", "        usage=usage, steps=3,\n")


def accept_next_version(new: Release, version: int) -> None:
    """In what fills the read models, which only takes versions it knows."""
    path = new.folder / "projections/sql/turns.sql"
    text = path.read_text(encoding="utf-8")
    changed, count = re.subn(rf"\bv = {version}\b", f"v IN ({version}, {version + 1})", text)
    assert count > 0
    path.write_text(changed, encoding="utf-8")


def made_anew(new: Release) -> None:
    """The tables are others than before."""
    new.edit(
        "projections/registry.py",
        f"NUMBER: Final = {NUMBER}\n",
        f"NUMBER: Final = {NUMBER + 1}\n",
    )


def note_in_the_log_who_appended(new: Release, oldest_code: str = HEAD) -> None:
    """A column of the log, which a new version of the append function fills."""
    path = new.folder / "adapters/postgres/sql/log.sql"
    text = path.read_text(encoding="utf-8")
    [append] = re.findall(r"FROM (append_v\d+)\(", text)
    path.write_text(text.replace(f"{append}(", "append_next("), encoding="utf-8")
    made = f"pg_get_functiondef('{append}'::regproc)"
    for old, its in (
        (f"{append}(", "append_next("),
        ("INSERT INTO log (position,", "INSERT INTO log (written_by, position,"),
        ("SELECT e.position,", "SELECT ''append_next'', e.position,"),
    ):
        made = f"replace({made}, '{old}', '{its}')"
    up = f"ALTER TABLE log ADD COLUMN written_by text; DO $do$ BEGIN EXECUTE {made}; END $do$;"
    down = "DROP FUNCTION append_next; ALTER TABLE log DROP COLUMN written_by;"
    new.add_revision(
        up=f'run_sql("{up}"); copy_grants("{append}", "append_next")',
        down=f'run_sql("{down}")',
        oldest_code=oldest_code,
    )


# ── What must be so ──────────────────────────────────────────────────────────────────────────────


def assert_all_there(connection: Connection, reports: Sequence[Report]) -> None:
    """Nobody's follower died; each prompt is in the log once, and all of them were shown."""
    for report in reports:
        assert report["died"] is None
        assert report["shown"] == report["prompts"] > 0
        found = connection.execute(
            "SELECT data ->> 'text' FROM log WHERE thread_id = %s AND type = 'prompt.admitted'"
            " ORDER BY seq",
            [report["thread_id"]],
        ).fetchall()
        assert found == [(f"prompt {number}",) for number in range(report["prompts"])]


def assert_log_begins_as(connection: Connection, kept: KeptLog) -> None:
    """Every byte of what was there before is there."""
    columns = "position, thread_id, seq, stream_id, version, type, data::text, command_id, receipt,"
    found = connection.execute(
        f"SELECT {columns} (extract(epoch FROM recorded_at) * 1000000)::bigint,"
        " encode(hash, 'hex') FROM log WHERE position <= %s ORDER BY position".encode(),
        [len(kept.rows)],
    ).fetchall()
    assert found == [tuple(row[name] for name in COLUMNS) for row in kept.rows]


def troubles(reports: Sequence[Report]) -> set[str]:
    """What their followers were told."""
    return {trouble for report in reports for trouble in report["troubles"]}


def creators(connection: Connection) -> set[str | None]:
    rows = connection.execute("SELECT DISTINCT created_by FROM threads").fetchall()
    return {name for (name,) in rows}


def noted(connection: Connection) -> set[str | None]:
    rows = connection.execute("SELECT DISTINCT written_by FROM log").fetchall()
    return {name for (name,) in rows}


def versions(connection: Connection, type_: str) -> set[int]:
    query = "SELECT DISTINCT data ->> 'v' FROM log WHERE type = %s"
    return {int(json.loads(v)) for (v,) in connection.execute(query, [type_]).fetchall()}
