"""The environment, read once and checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.errors import InvalidSettings
from adapters.settings import Settings, load_settings, variable_names


def test_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.schema_name == "turnlog"
    assert settings.max_event_bytes == 1024 * 1024
    assert settings.data_dir.is_absolute()


def test_what_is_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNLOG_DATABASE_URL", "postgresql://app:secret@host/orders")
    monkeypatch.setenv("TURNLOG_DATA_DIR", "~/somewhere")
    monkeypatch.setenv("TURNLOG_SCHEMA", "my_log")
    monkeypatch.setenv("TURNLOG_ROUTING", '{"review": "large"}')
    monkeypatch.setenv("TURNLOG_LEASE_SECONDS", "2.5")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://app:secret@host/orders"
    assert settings.data_dir == Path.home() / "somewhere"
    assert (settings.schema_name, settings.lease_seconds) == ("my_log", 2.5)
    assert settings.routing == {"review": "large"}
    assert "secret" not in repr(settings)


def test_a_way_past_a_pooler_needs_a_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNLOG_DIRECT_URL", "postgresql://app:secret@host/orders")
    with pytest.raises(InvalidSettings, match="goes with TURNLOG_DATABASE_URL") as caught:
        load_settings()
    assert "secret" not in caught.value.message
    monkeypatch.setenv("TURNLOG_DATABASE_URL", "postgresql://app:secret@pooler/orders")
    settings = load_settings()
    assert settings.direct_url is not None
    assert settings.direct_url.get_secret_value() == "postgresql://app:secret@host/orders"
    assert "secret" not in repr(settings)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variable_names().values():
        monkeypatch.setenv(name, "")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TURNLOG_LEASE_SECONDS", "soon", "valid number"),
        ("TURNLOG_LEASE_SECONDS", "0", "greater than or equal to 1"),
        ("TURNLOG_SCHEMA", "public", "choose a name of its own"),
        ("TURNLOG_SCHEMA", "pg_mine", "choose a name of its own"),
        ("TURNLOG_SCHEMA", 'x"; DROP', "pattern"),
        ("TURNLOG_SCHEMA", "s" * 41, "at most 40"),
        ("TURNLOG_MAX_EVENT_BYTES", "10", "1024"),
        ("TURNLOG_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("TURNLOG_ROUTING", "{", "JSON object"),
        ("TURNLOG_ROUTING", "[1]", "TURNLOG_ROUTING"),
        ("TURNLOG_ROUTING", '{"a": 1}', "TURNLOG_ROUTING.a"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert name in caught.value.message
    assert expected in caught.value.message


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNLOG_LEASE_SECONDS", "0")
    monkeypatch.setenv("TURNLOG_LOG_LEVEL", "loud")
    with pytest.raises(InvalidSettings, match=r"LEASE_SECONDS.*LOG_LEVEL"):
        load_settings()


def test_a_misspelt_variable_is_an_error_that_names_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURNLOG_DATABSE_URL", "postgresql://app:secret@host/orders")
    with pytest.raises(InvalidSettings, match="Did you mean TURNLOG_DATABASE_URL") as caught:
        load_settings()
    assert "secret" not in caught.value.message


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings().schema_name = "other"  # type: ignore[misc]
