"""Routing and overrides, resolved at admission."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from domain.events.prompt import PromptAdmitted
from domain.events.turn import TurnStarted
from domain.options import Overrides, Routing, SettingsChange, ThreadSettings, TurnOptions
from domain.ports import Recorded
from tests.domain.given import given
from tests.domain.steps import complete, queue, submit, update
from tests.domain.world import World

ROUTING = Routing(rules={"Code": "m-code", "chat": "m-chat", "Straße": "m-street"})
FULL = TurnOptions(
    model="m",
    mode="plan",
    allow_shell=False,
    trust_mode=True,
    auto_approve=False,
    temperature=0.0,
    top_p=0.5,
    max_tokens=7,
)
BASE = ThreadSettings(options=TurnOptions(model="base", mode="act", max_tokens=9))


def admitted(history: list[Recorded]) -> PromptAdmitted:
    """The last prompt that came in."""
    return [e.event for e in history if isinstance(e.event, PromptAdmitted)][-1]


def submitted(overrides: Overrides, settings: ThreadSettings | None = None) -> World:
    """A world where A came in with those overrides."""
    return given(submit("A", overrides=overrides), settings=settings, routing=ROUTING).world()


@pytest.mark.parametrize("intent", ["code", "CODE", "Code", "cOdE"])
def test_routing_does_not_mind_case(intent: str) -> None:
    event = admitted(submitted(Overrides(route_intent=intent)).history())
    assert event.options.model == "m-code"
    assert event.route_intent == intent


def test_routing_compares_as_unicode_does() -> None:
    assert ROUTING.model_for("STRASSE") == "m-street"


@pytest.mark.parametrize("intent", [None, "unknown", "code "])
def test_without_a_rule_the_thread_s_model_stays(intent: str | None) -> None:
    event = admitted(submitted(Overrides(route_intent=intent), BASE).history())
    assert event.options.model == "base"


def test_a_route_wins_over_the_prompt_s_own_model_and_that_over_the_thread_s() -> None:
    own = TurnOptions(model="own")
    routed = submitted(Overrides(options=own, route_intent="chat"), BASE)
    assert admitted(routed.history()).options.model == "m-chat"
    assert admitted(submitted(Overrides(options=own), BASE).history()).options.model == "own"


def test_every_override_is_written_into_the_admission_and_the_turn() -> None:
    world = submitted(Overrides(options=FULL), BASE)
    assert admitted(world.history()).options == FULL
    started = [e.event for e in world.history() if isinstance(e.event, TurnStarted)]
    assert [event.options for event in started] == [FULL]


def test_an_override_of_false_or_zero_is_an_override() -> None:
    base = ThreadSettings(options=TurnOptions(allow_shell=True, temperature=1.0))
    event = admitted(submitted(Overrides(options=FULL), base).history())
    assert (event.options.allow_shell, event.options.temperature) == (False, 0.0)


def test_what_is_not_overridden_comes_from_the_thread() -> None:
    event = admitted(submitted(Overrides(options=TurnOptions(mode="plan")), BASE).history())
    assert event.options == TurnOptions(model="base", mode="plan", max_tokens=9)


def test_a_queued_prompt_runs_with_what_was_resolved_when_it_came_in() -> None:
    later = SettingsChange(options=TurnOptions(model="later"))
    world = given(
        submit("A"), queue("B"), update(settings=later), complete("A"), settings=BASE
    ).world()
    turn = world.state().turn
    assert turn is not None
    assert turn.options.model == "base"


def test_replay_does_not_depend_on_the_routing_of_today() -> None:
    world = submitted(Overrides(route_intent="code"))
    elsewhere = World(Routing(rules={"code": "another"}))
    elsewhere.put(*(entry.event for entry in world.history()))
    assert elsewhere.threads.current("thr_1") == world.state()


def test_an_edited_prompt_is_routed_as_well() -> None:
    world = given(submit("A"), complete("A"), routing=ROUTING).world()
    world.service.edit_last_turn(
        "thr_1", "B", overrides=Overrides(route_intent="CHAT"), input_id="inp_B"
    )
    assert admitted(world.history()).options.model == "m-chat"


def test_the_summary_is_the_prompt_s_own_if_it_brings_one() -> None:
    world = submitted(Overrides(input_summary=" in\nshort "))
    assert admitted(world.history()).summary == "in short"


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_p": 1.1},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"allow_shell": 1},
        {"max_tokens": 2**53},
        {"unknown": 1},
        {"model": ""},
        {"model": "a\0"},
        {"mode": "a\ud800"},
        {"mode": "a\n"},
    ],
    ids=ascii,
)
def test_options_out_of_range_do_not_come_into_being(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TurnOptions.model_validate(wrong)


@pytest.mark.parametrize("wrong", ["", " ", "a\0", "\ud800"], ids=ascii)
def test_an_intent_that_cannot_be_shown_does_not_come_into_being(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Overrides(route_intent=wrong)


def test_a_blank_summary_is_none() -> None:
    assert admitted(submitted(Overrides(input_summary=" ")).history()).summary == "A"
