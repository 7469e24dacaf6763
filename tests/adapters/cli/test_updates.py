"""`turnlog update`: what is given changes, what is cleared goes, the rest is left to others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from adapters.composition import open_turnlog
from adapters.settings import Settings
from domain.options import SettingsChange, TurnOptions
from tests.adapters.cli.harness import Cli, new_thread


@pytest.fixture
def thread_id(cli: Cli) -> str:
    """A thread with a title and settings, whose turn nobody works on."""
    made = new_thread(cli, "Write the tests")
    cli("update", made, "--title", "One", "--model", "small", "--mode", "plan").ok()
    return made


def thread(cli: Cli, thread_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = cli.document("show", thread_id)["thread"]
    return shown


def options(cli: Cli, thread_id: str) -> dict[str, object]:
    """The thread's options but for those that are left to the engine."""
    said = thread(cli, thread_id)["settings"]["options"]
    return {name: value for name, value in said.items() if value is not None}


def test_what_is_not_given_stays(cli: Cli, thread_id: str) -> None:
    cli("update", thread_id, "--on-interrupt", "discard").ok()
    cli("update", thread_id, "--not-steerable").ok()
    cli("update", thread_id, "--model", "large").ok()
    row = thread(cli, thread_id)
    assert options(cli, thread_id) == {"model": "large", "mode": "plan"}
    assert row["title"] == "One"
    assert row["settings"]["queue_on_interrupt"] == "discard"
    assert row["settings"]["steerable"] is False


def test_what_is_cleared_is_the_engine_s_choice_again(cli: Cli, thread_id: str) -> None:
    cli("update", thread_id, "--clear", "mode").ok()
    assert options(cli, thread_id) == {"model": "small"}
    cli("update", thread_id, "--mode", "act", "--clear", "model", "--clear", "top_p").ok()
    assert options(cli, thread_id) == {"mode": "act"}
    assert "nothing to do" in cli("update", thread_id, "--clear", "model").ok().out
    cli("update", thread_id, "--title", "").ok()
    assert thread(cli, thread_id)["title"] is None
    assert cli("verify").code == 0


def test_what_cannot_be_said_is_refused(cli: Cli, thread_id: str) -> None:
    for given, says in (
        (("--clear", "steerable"), "'steerable' is not among model, mode, allow_shell"),
        (("--clear", "mode", "--mode", "act"), "Give --mode or --clear mode, not both."),
        (("--clear", "model", "--model", "m"), "Give --model or --clear model, not both."),
        (("--model", ""), "Invalid value for '--model'"),
    ):
        ran = cli("update", thread_id, *given)
        assert ran.code == 2
        assert says in ran.err
    assert options(cli, thread_id) == {"model": "small", "mode": "plan"}


def test_of_two_at_once_each_changes_what_it_names(
    cli: Cli, thread_id: str, database_url: str
) -> None:
    """Both have read the thread before either writes."""
    with open_turnlog(Settings(database_url=SecretStr(database_url))) as other:
        before = other.service.thread(thread_id)
        cli("update", thread_id, "--model", "large", "--not-steerable").ok()
        change = SettingsChange(
            options=TurnOptions(temperature=0.5), cleared=("mode",), queue_on_interrupt="discard"
        )
        other.service.update(thread_id, title="Two", settings=change)
        after = other.service.thread(thread_id)
    assert (before.settings.options.mode, before.settings.steerable) == ("plan", True)
    assert options(cli, thread_id) == {"model": "large", "temperature": 0.5}
    row = thread(cli, thread_id)
    assert (row["title"], row["settings"]) == ("Two", after.settings.model_dump(mode="json"))
    assert (after.settings.queue_on_interrupt, after.settings.steerable) == ("discard", False)
    assert cli("verify").code == 0


@pytest.mark.parametrize(
    "change",
    [
        ("--title", "Two", "--clear", "model"),
        ("--mode", "chat", "--not-steerable"),
    ],
)
def test_a_retry_is_answered_and_changes_nothing_back(
    cli: Cli, thread_id: str, change: tuple[str, ...]
) -> None:
    """What was recorded is the change, not what the settings became by it (L10)."""
    update = ("update", thread_id, *change, "--command-id", "cmd_update")
    cli(*update).ok()
    cli("update", thread_id, "--model", "large", "--mode", "act", "--steerable").ok()
    assert "done before" in cli(*update).ok().out
    assert options(cli, thread_id) == {"model": "large", "mode": "act"}
    other = cli(*update, "--on-interrupt", "discard", "--json")
    assert (other.code, other.error["code"]) == (1, "command_conflict")
