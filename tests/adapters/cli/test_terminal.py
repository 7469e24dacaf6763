"""What a person at a terminal sees: colours, widths, progress."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len

from adapters.cli.progress import bar, estimate, progress
from adapters.cli.screen import Screen
from tests.adapters.cli.harness import ROOT, Cli, new_thread
from tests.fixtures.patience import PATIENCE

ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
COLOURS = re.compile(r"\x1b\[[0-9;]*3[0-7](;[0-9]+)*m")


# Several commands in one process, for the start of one takes longer than all that it does.
ONE_AFTER_THE_OTHER = """
import sys
from adapters.cli.main import app
codes = [app(command.split(), standalone_mode=False) for command in sys.argv[1:]]
sys.exit(max(codes))
"""


def at_terminal(cli: Cli, *args: str, columns: int = 80, **env: str) -> str:
    """Everything the command writes to a terminal of that width."""
    return written(cli, ["-m", "adapters.cli.main", *args], columns, **env)


def written(cli: Cli, program: Sequence[str], columns: int, **env: str) -> str:
    """Everything that Python writes to a terminal of that width when it runs this."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-P", *program],
        env={**kept, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **cli.env, **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    return b"".join(chunks).decode().replace("\r\n", "\n")


def test_states_have_colours_unless_they_are_not_wanted(cli: Cli) -> None:
    new_thread(cli, "Hello")
    assert COLOURS.search(at_terminal(cli, "show", "last"))
    assert not COLOURS.search(at_terminal(cli, "show", "last", NO_COLOR="1"))
    assert "\x1b[2K" not in at_terminal(cli, "threads", TERM="dumb")


@pytest.mark.parametrize("columns", [40, 80, 132])
def test_nothing_is_wider_than_the_terminal(cli: Cli, columns: int) -> None:
    thread_id = new_thread(cli, "A prompt with a great many words in it, " * 8)
    long_word = "https://example.org/" + "x" * 200
    cli("submit", thread_id, long_word, "--delivery", "queue", "--no-run").ok()
    commands = ["threads", "show last", "show last --full", "replay last"]
    shown = ESCAPES.sub("", written(cli, ["-c", ONE_AFTER_THE_OTHER, *commands], columns))
    assert shown.count(thread_id) >= 2
    for line in shown.replace("\r", "\n").splitlines():
        assert cell_len(line) <= columns


def test_ids_to_copy_are_whole_at_eighty_columns(cli: Cli) -> None:
    thread_id = new_thread(cli, "Hello")
    options = ("--delivery", "queue", "--no-run", "--input-id", "inp_" + "0" * 32)
    cli("submit", thread_id, "More", *options).ok()
    shown = ESCAPES.sub("", at_terminal(cli, "show", "last"))
    assert thread_id in shown
    assert "inp_" + "0" * 32 in shown


def test_long_work_shows_how_far_it_is_and_cleans_up_after_itself(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no log")
    new_thread(cli)
    shown = at_terminal(cli, "verify")
    drawn = [part for part in shown.split("\r") if "Verifying" in part]
    assert drawn
    assert shown.rstrip().endswith("snapshots against the fold.\x1b[0m")
    # The last thing the line of progress does is to be empty.
    assert "\x1b[2K" in shown.split("Verifying")[-1]


def test_an_estimate_comes_once_there_is_something_to_go_by() -> None:
    assert estimate(10, 100, seconds=0.5) is None
    assert estimate(0, 100, seconds=5) is None
    assert estimate(25, 100, seconds=5) == 15
    assert estimate(120, 100, seconds=5) == 0


def test_a_bar_fills_up() -> None:
    assert bar(0, 0, 0).endswith("0%")
    assert bar(1, 2, 0).count("━") == 12
    assert bar(5, 2, 0).count("━") == 24
    assert "15 s left  3 files" in bar(25, 100, 5, "3 files")


def test_a_bar_takes_the_word_of_who_knows_what_was_there_before() -> None:
    assert "15 s left" in bar(85, 100, 5, left=15.0)
    assert "left" not in bar(85, 100, 5, left=None)
    assert "left" not in bar(85, 100, 0.5, left=15.0)


def test_nobody_watches_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(Screen(), "Waiting") as meter:
        meter(1, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
