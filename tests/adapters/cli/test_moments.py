"""A point in a history, as people name it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.cli.failures import UsageProblem
from adapters.cli.moments import parse_moment

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def test_a_number_is_a_seq() -> None:
    assert parse_moment("12", NOW) == 12


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-02-28T14:05:00Z", datetime(2025, 2, 28, 14, 5, tzinfo=UTC)),
        ("2025-02-28 14:05+02:00", datetime(2025, 2, 28, 12, 5, tzinfo=UTC)),
        ("10 min ago", NOW - timedelta(minutes=10)),
        ("90s", NOW - timedelta(seconds=90)),
        ("2 d", NOW - timedelta(days=2)),
    ],
)
def test_a_time_is_a_time(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


def test_without_a_zone_it_is_local_time() -> None:
    local = NOW.astimezone()
    assert parse_moment(f"{local:%Y-%m-%dT%H:%M:%S}", NOW) == NOW


def test_without_a_date_it_is_today() -> None:
    today = NOW.astimezone().date()
    found = parse_moment("9:30", NOW)
    assert isinstance(found, datetime)
    assert (found.date(), found.hour, found.minute) == (today, 9, 30)


def test_another_zone_is_the_same_moment() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    assert parse_moment(east.isoformat(), NOW) == NOW


@pytest.mark.parametrize("text", ["", "soon", "-3", "1.5", "99:99", "2025-13-01", "9" * 30, "\x1b"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        parse_moment(text, NOW)
