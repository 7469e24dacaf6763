"""An update says what it changes; the rest is as the thread has it when the update is decided."""

from __future__ import annotations

from typing import Any, Final, get_args

import pytest
from pydantic import ValidationError

from domain.errors import CommandConflict
from domain.events.thread import ThreadUpdated
from domain.options import OptionName, SettingsChange, ThreadSettings, TurnOptions
from tests.domain.given import check, given
from tests.domain.steps import Step, submit, update
from tests.domain.world import World

FULL: Final = TurnOptions(
    model="m",
    mode="plan",
    allow_shell=True,
    trust_mode=False,
    auto_approve=True,
    temperature=0.0,
    top_p=1.0,
    max_tokens=9,
)
BASE: Final = ThreadSettings(options=FULL, queue_on_interrupt="continue", steerable=False)

MODEL: Final = SettingsChange(options=TurnOptions(model="other"))
MODE: Final = SettingsChange(options=TurnOptions(mode="act"))
SHELL: Final = SettingsChange(options=TurnOptions(allow_shell=False))
POLICY: Final = SettingsChange(queue_on_interrupt="discard")
STEERABLE: Final = SettingsChange(steerable=True)
NO_MODEL: Final = SettingsChange(cleared=("model",))
NO_MODE: Final = SettingsChange(cleared=("mode",))


def base(**changed: Any) -> ThreadSettings:  # the fields of either
    """BASE but for these settings or options."""
    options = {
        name: changed.pop(name) for name in list(changed) if name in TurnOptions.model_fields
    }
    return BASE.model_copy(update={**changed, "options": FULL.model_copy(update=options)})


CHANGES: Final[dict[str, tuple[SettingsChange, ThreadSettings]]] = {
    "nothing": (SettingsChange(), BASE),
    "a model": (MODEL, base(model="other")),
    "a mode": (MODE, base(mode="act")),
    "an option of False": (SHELL, base(allow_shell=False)),
    "an option of zero": (
        SettingsChange(options=TurnOptions(top_p=0.0)),
        base(top_p=0.0),
    ),
    "the queue's policy": (POLICY, base(queue_on_interrupt="discard")),
    "steerable": (STEERABLE, base(steerable=True)),
    "no model": (NO_MODEL, base(model=None)),
    "no model, and a mode": (
        SettingsChange(options=TurnOptions(mode="act"), cleared=("model",)),
        base(model=None, mode="act"),
    ),
    "nothing for the engine": (
        SettingsChange(cleared=get_args(OptionName)),
        BASE.model_copy(update={"options": TurnOptions()}),
    ),
    "everything": (
        SettingsChange(
            options=TurnOptions(model="a", mode="b"),
            cleared=("max_tokens", "top_p"),
            queue_on_interrupt="hold",
            steerable=True,
        ),
        base(
            model="a",
            mode="b",
            max_tokens=None,
            top_p=None,
            queue_on_interrupt="hold",
            steerable=True,
        ),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_an_update_changes_and_what_stays(what: str) -> None:
    change, expected = CHANGES[what]
    world = World.with_thread(BASE)
    outcome = update(settings=change)(world)
    assert world.state().settings == expected
    assert (outcome.seq is None) == (expected == BASE)
    assert update(settings=change, command_id="cmd_2")(world).seq is None
    check(world)


def test_an_update_can_clear_every_option_there_is() -> None:
    assert set(get_args(OptionName)) == set(TurnOptions.model_fields)
    assert None not in FULL.model_dump().values()


@pytest.mark.parametrize("name", get_args(OptionName))
def test_an_option_cannot_be_given_and_cleared(name: OptionName) -> None:
    options = TurnOptions(**{name: getattr(FULL, name)})
    with pytest.raises(ValidationError, match=f"given and cleared: {name}"):
        SettingsChange(options=options, cleared=(name,))


PAIRS: Final[dict[str, tuple[Step, Step, str | None, ThreadSettings]]] = {
    "model and mode": (
        update(settings=MODEL),
        update(settings=MODE, command_id="cmd_2"),
        None,
        base(model="other", mode="act"),
    ),
    "policy and steerable": (
        update(settings=POLICY),
        update(settings=STEERABLE, command_id="cmd_2"),
        None,
        base(queue_on_interrupt="discard", steerable=True),
    ),
    "one set, one cleared": (
        update(settings=MODEL),
        update(settings=NO_MODE, command_id="cmd_2"),
        None,
        base(model="other", mode=None),
    ),
    "two cleared": (
        update(settings=NO_MODEL),
        update(settings=NO_MODE, command_id="cmd_2"),
        None,
        base(model=None, mode=None),
    ),
    "title and model": (
        update("T"),
        update(settings=MODEL, command_id="cmd_2"),
        "T",
        base(model="other"),
    ),
}


@pytest.mark.parametrize("what", PAIRS)
def test_two_at_once_that_change_different_settings_both_hold(what: str) -> None:
    one, other, title, expected = PAIRS[what]
    for first, second in ((one, other), (other, one)):
        world = World.with_thread(BASE)
        world.log.before_append = lambda first=first, world=world: first(world)
        assert second(world).seq is not None
        assert (world.state().title, world.state().settings) == (title, expected)
        check(world)


@pytest.mark.parametrize("what", PAIRS)
def test_also_if_the_later_one_remembers_the_thread_as_it_was_before(what: str) -> None:
    one, other, title, expected = PAIRS[what]
    for first, second in ((one, other), (other, one)):
        world = World.with_thread(BASE)
        first(world)
        world.remember_at(1)
        second(world)
        assert (world.state().title, world.state().settings) == (title, expected)
        check(world)


def test_of_two_that_change_the_same_setting_the_later_one_holds() -> None:
    world = World.with_thread(BASE)
    mine, theirs = (SettingsChange(options=TurnOptions(model=name)) for name in ("mine", "theirs"))
    world.log.before_append = lambda: update(settings=theirs, command_id="cmd_2")(world)
    update(settings=mine)(world)
    assert world.state().settings == base(model="mine")


def test_an_update_that_is_true_already_leaves_what_another_changed() -> None:
    """Decided on old memory it would say something; on the thread as it is it says nothing."""
    world = World.with_thread(BASE)
    update(settings=MODEL)(world)
    update(settings=MODE, command_id="cmd_2")(world)
    world.remember_at(1)
    assert update(settings=MODEL, command_id="cmd_3")(world).seq is None
    assert world.state().settings == base(model="other", mode="act")


LATER: Final[dict[str, Step]] = {
    "the same setting": update(settings=MODEL, command_id="cmd_2"),
    "another setting": update(settings=POLICY, command_id="cmd_2"),
    "the title": update("Later", command_id="cmd_2"),
    "the setting cleared": update(settings=NO_MODEL, command_id="cmd_2"),
    "a turn": submit("A"),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("what", ["a mode", "the queue's policy", "no model, and a mode"])
def test_a_retry_is_answered_whatever_the_settings_are_by_then(what: str, later: str) -> None:
    change, _ = CHANGES[what]
    for forget in (World.crash, lambda _world: None):
        world = World.with_thread(BASE)
        first = update("T", change)(world)
        LATER[later](world)
        before, settings = len(world.history()), world.state().settings
        forget(world)
        again = update("T", change)(world)
        assert (again, again.repeated) == (first, True)
        assert (len(world.history()), world.state().settings) == (before, settings)


def test_a_retry_may_name_what_it_clears_in_another_order_or_twice() -> None:
    world = World.with_thread(BASE)
    first = update(settings=SettingsChange(cleared=("top_p", "model")))(world)
    again = update(settings=SettingsChange(cleared=("model", "top_p", "model")))(world)
    assert (again, again.repeated) == (first, True)


OTHERS: Final[dict[str, SettingsChange]] = {
    "nothing": SettingsChange(),
    "another value": SettingsChange(options=TurnOptions(model="third")),
    "cleared": NO_MODEL,
    "more": SettingsChange(options=TurnOptions(model="other"), steerable=False),
    "the whole, as it is after it": SettingsChange(
        options=base(model="other").options, queue_on_interrupt="continue", steerable=False
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_change_under_the_same_id_is_a_conflict(what: str) -> None:
    given(update(settings=MODEL), settings=BASE).when(update(settings=OTHERS[what])).refused(
        CommandConflict
    )


def test_the_event_says_the_settings_whole() -> None:
    """So the fold takes them as they are, those of old logs too."""
    world = World.with_thread(BASE)
    update(settings=MODEL)(world)
    event = world.history()[-1].event
    assert isinstance(event, ThreadUpdated)
    assert event.settings == base(model="other")


def test_an_event_of_before_that_replaced_all_settings_still_does() -> None:
    world = World.with_thread(BASE)
    world.put(
        ThreadUpdated(
            **world.history()[0].event.model_dump(include={"thread_id", "actor", "at"}),
            command_id="cmd_old",
            receipt="r",
            settings=ThreadSettings(),
        )
    )
    assert world.state().settings == ThreadSettings()
    update(settings=MODEL)(world)
    assert world.state().settings == ThreadSettings(options=TurnOptions(model="other"))
