"""Numbers, times and texts as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.cli.words import ago, count, duration, listed, one_line, printable, size

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0004, "0 s"),
        (0.012, "12 ms"),
        (0.42, "0.4 s"),
        (5, "5 s"),
        (9.97, "10 s"),
        (59.6, "1 min"),
        (72, "1 min 12 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "just now"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (180, "3 minutes ago"),
        (7200, "2 hours ago"),
        (86_400 * 3, "3 days ago"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_after_weeks_the_date_is_said() -> None:
    assert ago(NOW - timedelta(days=30), NOW) == "2025-01-30"


def test_what_is_yet_to_come_is_said_as_a_time() -> None:
    assert ago(NOW + timedelta(hours=1), NOW).startswith("2025-03-01 ")


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert count(1, "event") == "1 event"
    assert count(1234, "event") == "1,234 events"
    assert count(0, "event") == "0 events"


def test_sizes_have_a_unit_that_leaves_a_short_number() -> None:
    assert size(0) == "0 bytes"
    assert size(5_200_000) == "5.2 MB"
    assert size(3e15) == "3,000.0 TB"


@pytest.mark.parametrize("nasty", ["\x1b[2J", "\x07", "\x9b31m", "\u202e", "\udc80", "\r"])
def test_nothing_a_terminal_obeys_gets_through(nasty: str) -> None:
    assert printable(f"a{nasty}b").isprintable()


def test_line_feeds_and_tabs_stay() -> None:
    assert printable("a\n\tb\r\nc") == "a\n\tb\nc"


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("a\n b\t c") == "a b c"
    assert one_line("x" * 300) == "x" * 279 + "…"
    assert one_line("") == ""


def test_a_list_is_cut_after_a_few() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdef"), limit=2) == "a, b and 4 more"
