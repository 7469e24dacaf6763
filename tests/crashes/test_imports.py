"""An import that dies at every point, and is begun again."""

from __future__ import annotations

import uuid
from pathlib import Path

from adapters.event_log import RecordedLog
from adapters.importers.import_files import import_paths
from adapters.memory.recorder import MemoryLogRecorder
from adapters.records import MAX_EVENT_BYTES
from tests.adapters.importers import logs
from tests.crashes.imports import bring
from tests.crashes.process import Given
from tests.crashes.site import Site
from tests.crashes.trial import World, names, points

APPENDS = 8
"""How many there are for the two files, a few events at a time."""


def test_an_import_that_dies_anywhere_ends_as_one_that_did_not(site: Site, tmp_path: Path) -> None:
    stand = site.stand()
    given = prepared(site, tmp_path)
    life, _ = stand.live(bring, given, World())
    expect_as_in_memory(site, given)
    for point in points(life.effects):
        given = prepared(site, tmp_path)
        try:
            _, wire = stand.live(bring, given, World(), point)
            stand.live(bring, given, World())
            wire.deliver()
            expect_as_in_memory(site, given)
        except BaseException as error:
            error.add_note(f"when the process died {point}")
            raise
    assert names(life.effects) == ["append_batch"] * APPENDS
    site.expect_all_clean()


def prepared(site: Site, folder: Path) -> Given:
    """A folder with a session of each kind, which nobody has seen before."""
    given = site.given()
    place = folder / given["thread"]
    place.mkdir()
    for records in (CODEX, CLAUDE):
        session = str(uuid.uuid4())
        data = logs.jsonl([dict(record) for record in records])
        (place / f"{session}.jsonl").write_bytes(
            data.replace(logs.SESSION.encode(), session.encode())
        )
    return {**given, "folder": str(place)}


def expect_as_in_memory(site: Site, given: Given) -> None:
    """The threads are those that an import makes of a log that never fails, to the byte."""
    memory = RecordedLog(MemoryLogRecorder(max_event_bytes=MAX_EVENT_BYTES), MAX_EVENT_BYTES)
    report = import_paths([Path(given["folder"])], memory)
    assert len(report.files) == 2
    for file in report.files:
        assert file.thread_id is not None
        assert not file.problem
        wanted = [entry.event for entry in memory.read_thread(file.thread_id)]
        assert [entry.event for entry in site.user.log.read_thread(file.thread_id)] == wanted


CODEX = [
    logs.meta(),
    logs.task(),
    *logs.typed("List the files"),
    logs.call("shell", "c1", {"command": ["ls"]}),
    logs.output("c1", "a b"),
    *logs.answer("There are two"),
    logs.done(),
    logs.task("t2"),
    *logs.typed("And now?"),
    *logs.answer("Still two"),
    logs.done("t2"),
]
CLAUDE = [
    logs.user("List the files"),
    logs.assistant("m1", logs.use("c1", "Bash", command="ls"), stop="tool_use"),
    logs.result("c1", "a b"),
    logs.assistant("m2", logs.say("There are two"), stop="end_turn"),
    logs.user("And now?"),
    logs.assistant("m3", logs.say("Still two"), stop="end_turn"),
]
