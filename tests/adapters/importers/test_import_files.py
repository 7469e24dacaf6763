"""Files and folders: what is found, what is a log, what is told about the rest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.event_log import RecordedLog
from adapters.importers.import_files import import_paths
from adapters.importers.report import FileReport, ImportReport, Progress
from domain.events.prompt import PromptAdmitted
from domain.ports import Recorded, Uncommitted
from tests.adapters.importers.logs import (
    SESSION,
    Importing,
    answer,
    assistant,
    check_tally,
    done,
    jsonl,
    meta,
    result,
    say,
    task,
    typed,
    use,
    user,
)

OTHER = "99999999-2222-4333-8444-555555555555"
ROLLOUT = jsonl([meta(), task(), *typed("hello"), *answer("hi"), done()])
CLAUDE = jsonl([user("go"), assistant("m1", say("gone"))])


def by_name(report: ImportReport) -> dict[str, FileReport]:
    return {file.path.name: file for file in report.files}


def test_a_folder_with_everything_in_it(importing: Importing) -> None:
    folder = importing.folder
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "log.jsonl").write_bytes(ROLLOUT)
    (folder / "deep" / "er" / "rollout.jsonl").write_bytes(ROLLOUT)
    (folder / "deep" / f"{OTHER}.json.bak").write_bytes(CLAUDE)
    (folder / "notes.md").write_text("# Notes\n")
    (folder / "empty.jsonl").touch()
    (folder / "picture.png").write_bytes(bytes(range(256)) * 40)
    (folder / "other.jsonl").write_text('{"type": "user.message", "data": {}, "id": 1}\n')
    report = import_paths([folder], importing.log)
    files = by_name(report)
    assert {name: file.format for name, file in files.items() if file.format} == {
        "rollout.jsonl": "codex",
        f"{OTHER}.json.bak": "claude-code",
    }
    assert {name: file.not_a_log for name, file in files.items() if file.not_a_log} == {
        "notes.md": "no session log",
        "empty.jsonl": "empty",
        "picture.png": "no session log",
        "other.jsonl": "no session log",
    }
    assert report.problems == []
    assert report.new == sum(file.new for file in files.values()) > 0
    assert report.total.records == 9
    assert (report.known, len(report.imported)) == (0, 2)


def test_paths_that_are_no_files(importing: Importing) -> None:
    folder = importing.folder
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "dangling.jsonl").symlink_to(folder / "nowhere")
    report = import_paths([folder, folder / "missing.jsonl"], importing.log)
    problems = {name: file.problem for name, file in by_name(report).items()}
    assert problems == {
        "pipe.jsonl": "is not a regular file",
        "dangling.jsonl": "cannot be read: No such file or directory",
        "missing.jsonl": "cannot be read: No such file or directory",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_files_that_may_not_be_read(importing: Importing) -> None:
    path = importing.folder / "secret.jsonl"
    path.write_bytes(ROLLOUT)
    path.chmod(0)
    (file,) = import_paths([path], importing.log).files
    assert file.problem == "cannot be read: Permission denied"


def test_a_file_named_twice_is_imported_once(importing: Importing) -> None:
    path = importing.folder / "a.jsonl"
    path.write_bytes(ROLLOUT)
    (importing.folder / "b.jsonl").symlink_to(path)
    report = import_paths(
        [path, importing.folder, importing.folder / "." / "a.jsonl"], importing.log
    )
    assert [file.path.name for file in report.files] == ["a.jsonl"]


def test_two_states_of_a_session_in_any_order(importing: Importing) -> None:
    shorter = b"".join(ROLLOUT.splitlines(keepends=True)[:5])
    (importing.folder / "1.jsonl").write_bytes(ROLLOUT)
    (importing.folder / "2.jsonl").write_bytes(shorter)
    first, second = import_paths([importing.folder], importing.log).files
    assert first.thread_id == second.thread_id
    assert (first.problem, second.problem) == (None, None)
    assert (second.new, second.known) == (0, second.events.total())
    assert second.known < first.new


def test_a_rewritten_file_is_refused_and_nothing_is_written(importing: Importing) -> None:
    importing.bring(ROLLOUT)
    before = importing.log.read_thread(thread_of(importing))
    rewritten = ROLLOUT.replace(b'"hi"', b'"ho"') + jsonl(typed("more"))
    told = importing.bring(rewritten)
    assert told.report.problem is not None
    assert told.report.problem.startswith("Line 5 is not what was imported before (thread thr_")
    assert "Nothing was written" in told.report.problem
    assert told.history == before
    assert told.report.new == 0


def test_a_log_whose_first_line_is_lost_is_refused(importing: Importing) -> None:
    importing.bring(ROLLOUT)
    told = importing.bring(b"".join(ROLLOUT.splitlines(keepends=True)[1:]))
    assert told.report.problem is not None
    assert told.report.problem.startswith("Line 1 is not")


def test_the_same_content_by_another_name_is_the_same_thread(importing: Importing) -> None:
    first = importing.bring(ROLLOUT, "one.jsonl")
    again = importing.bring(ROLLOUT, "two.jsonl")
    assert (again.report.new, again.report.problem) == (0, None)
    assert again.events == first.events


def test_a_rollout_without_its_beginning_is_named_by_its_file_or_itself(
    importing: Importing,
) -> None:
    tail = b"".join(ROLLOUT.splitlines(keepends=True)[1:])
    named = importing.bring(tail, f"rollout-2026-03-04T05-06-07-{OTHER}.jsonl")
    nameless = importing.bring(tail, "rollout.jsonl")
    again = importing.bring(tail + jsonl(typed("more")), "moved.jsonl")
    assert named.report.thread_id != nameless.report.thread_id == again.report.thread_id
    assert again.report.known == nameless.report.new


def thread_of(importing: Importing) -> str:
    told = importing.bring(ROLLOUT)
    assert told.report.thread_id is not None
    return told.report.thread_id


class Overtaken:
    """A log to which another import of the same files appends each time before we do."""

    def __init__(self, log: RecordedLog, times: int) -> None:
        self._log = log
        self._left = times
        self.read_thread = log.read_thread

    def append(self, entries: Sequence[Uncommitted], *, expected_seq: int) -> tuple[Recorded, ...]:
        if self._left:
            self._left -= 1
            # The other one is at another place of the file each time: one command further.
            ours = entries[0].event.command_id
            first = [entry for entry in entries if entry.event.command_id == ours]
            self._log.append(first, expected_seq=expected_seq)
        return self._log.append(entries, expected_seq=expected_seq)


def test_a_file_that_two_imports_are_at_is_whole_in_the_end(importing: Importing) -> None:
    path = importing.folder / f"{SESSION}.jsonl"
    path.write_bytes(ROLLOUT)
    (file,) = import_paths([path], Overtaken(importing.log, 2)).files
    assert file.problem is None
    assert file.new > 0
    assert file.known > 0
    assert file.new + file.known == file.events.total()
    check_tally(file)
    again = importing.bring(ROLLOUT)
    assert (again.report.new, again.report.known) == (0, file.events.total())


def test_an_import_that_is_overtaken_again_and_again_gives_up(importing: Importing) -> None:
    path = importing.folder / f"{SESSION}.jsonl"
    path.write_bytes(ROLLOUT)
    seen: list[Progress] = []
    (file,) = import_paths([path], Overtaken(importing.log, 3), seen.append).files
    assert file.problem is not None
    assert "import it again when that one is done" in file.problem
    assert seen[-1].bytes_done == seen[-1].bytes_total
    assert importing.bring(ROLLOUT).report.problem is None


# ── Sizes ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_too_large_for_the_log_is_cut_and_says_so(tmp_path: Path) -> None:
    importing = Importing(tmp_path, max_event_bytes=50_000)
    huge = "é\0" * 60_000
    told = importing.tell(
        [
            user(huge),
            assistant("m1", say(huge)),
            assistant("m2", use("c1", "Write", content=huge, lines=["x" * 100] * 2000)),
            result("c1", huge),
            assistant("m3", use("c2", "Write", **{f"k{n}": n for n in range(20_000)})),
        ]
    )
    notes = [e.source.note for e in told.events if e.source and e.source.note]
    assert notes == ["cut to fit the log"] * 4
    (admitted,) = [e for e in told.events if isinstance(e, PromptAdmitted)]
    assert "[cut by the import: " in admitted.text
    assert len(admitted.text.encode()) > 20_000
    assert told.report.tally.mapped == 5


def test_cutting_does_not_depend_on_what_was_imported_before(tmp_path: Path) -> None:
    importing = Importing(tmp_path, max_event_bytes=50_000)
    data = jsonl([user("x" * 70_000), assistant("m1", say("y" * 70_000))])
    importing.bring(data)
    assert importing.bring(data).report.new == 0


def test_a_line_of_many_megabytes(importing: Importing) -> None:
    told = importing.tell([user("x" * 5_000_000), assistant("m1", say("done"))])
    assert told.story[1].startswith("1: turn 1 starts with 'xxx")
    assert told.story[-1] == "2: agent_message completed 'done'"


def test_a_long_log_is_appended_in_chunks(importing: Importing) -> None:
    records = [
        record for n in range(400) for record in (user(f"{n}"), assistant(f"m{n}", say("x")))
    ]
    data = jsonl(records)
    told = importing.bring(data)
    assert told.report.new == len(told.events) > 2500
    more = importing.bring(data + jsonl([user("and more")]))
    assert (more.report.known, more.report.new) == (len(told.events), 6)


# ── Progress ──────────────────────────────────────────────────────────────────────────────────────


def test_progress_grows_and_ends_with_all(importing: Importing) -> None:
    for name in ("a", "b"):
        session = SESSION.replace("1", name)
        (importing.folder / f"{session}.jsonl").write_bytes(jsonl([user("x" * 300_000)] * 3))
    seen: list[Progress] = []
    import_paths([importing.folder], importing.log, seen.append)
    assert [p.files_done for p in seen] == sorted(p.files_done for p in seen)
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert len(seen) > 4
    last = seen[-1]
    assert (
        (last.files_done, last.bytes_done)
        == (last.files_total, last.bytes_total)
        == (
            2,
            last.bytes_total,
        )
    )
