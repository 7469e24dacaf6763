"""What the model sees of a thread, folded from its events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.context import messages, turn_context
from domain.events.base import ItemKind, Json
from domain.events.item import ItemStarted
from domain.options import Delivery, SettingsChange, TurnOptions
from domain.ports import Message
from tests.domain.world import THREAD, World


def seen(world: World) -> list[tuple[str, str]]:
    """Role and text of each message."""
    return [(message.role, message.text) for message in folded(world)]


def folded(world: World) -> tuple[Message, ...]:
    return messages(entry.event for entry in world.history())


def run(world: World, prompt: str, *answers: str, status: str = "completed") -> str:
    """A turn from its prompt to its end. Its id."""
    turn_id = world.service.submit(THREAD, prompt, input_id=f"inp_{prompt}").started_turn_id
    assert turn_id is not None
    for answer in answers:
        note(world, "agent_message", answer)
    world.service.finish(THREAD, turn_id, status)  # type: ignore[arg-type]
    return turn_id


def note(world: World, kind: ItemKind, text: str | None) -> None:
    """An item of the active turn that is over at once."""
    turn = world.state().turn
    assert turn is not None
    world.service.record_item(THREAD, turn.turn_id, kind, text or "", text=text)


def compact(world: World, summary: str | None, *, status: str = "completed") -> None:
    """A compaction turn with that summary."""
    turn_id = world.service.compact(THREAD).started_turn_id
    assert turn_id is not None
    note(world, "context_compaction", summary)
    world.service.finish(THREAD, turn_id, status)  # type: ignore[arg-type]


def test_a_conversation_reads_as_it_was_held() -> None:
    world = World.with_thread()
    run(world, "A", "yes")
    run(world, "B", "no", "well")
    assert seen(world) == [
        ("user", "A"),
        ("assistant", "yes"),
        ("user", "B"),
        ("assistant", "no"),
        ("assistant", "well"),
    ]


def test_reasoning_is_seen_and_notes_for_people_are_not() -> None:
    world = World.with_thread()
    world.service.submit(THREAD, "A")
    for kind in ("reasoning", "status", "error", "agent_message"):
        note(world, kind, kind)
    assert [(m.role, m.kind, m.text) for m in folded(world)][1:] == [
        ("assistant", "reasoning", "reasoning"),
        ("assistant", "agent_message", "agent_message"),
    ]


def test_what_was_said_names_its_item() -> None:
    world = World.with_thread()
    run(world, "A", "a")
    events = [entry.event for entry in world.history()]
    items = [event.item_id for event in events if isinstance(event, ItemStarted)]
    assert [message.item_id for message in folded(world)] == items


def test_l18_a_prompt_is_not_seen_before_it_is_promoted() -> None:
    world = World.with_thread()
    turn_id = world.service.submit(THREAD, "A").started_turn_id
    assert turn_id is not None
    world.service.submit(THREAD, "queued", delivery="queue")
    world.service.submit(THREAD, "steer", delivery="steer")
    assert seen(world) == [("user", "A")]
    world.service.take_steers(THREAD, turn_id)
    assert seen(world) == [("user", "A"), ("user", "steer")]


def test_a_withdrawn_prompt_is_never_seen() -> None:
    world = World.with_thread()
    world.service.submit(THREAD, "A")
    world.service.submit(THREAD, "B", delivery="queue", input_id="inp_B")
    world.service.withdraw(THREAD, "inp_B")
    assert seen(world) == [("user", "A")]


@pytest.mark.parametrize("kind", ["tool_call", "command_execution", "file_change"])
def test_a_call_comes_with_its_answer(kind: ItemKind) -> None:
    world = World.with_thread()
    turn_id = world.service.submit(THREAD, "A").started_turn_id or ""
    detail: Json = {"name": "search", "arguments": {"q": "x"}}
    begun = world.service.start_item(THREAD, turn_id, kind, "search", detail=detail)
    [item_id] = begun.item_ids
    note(world, "agent_message", "meanwhile")
    world.service.end_item(THREAD, turn_id, item_id, text="found", result={"hits": 3})
    call = folded(world)[1]
    assert call == Message(
        role="tool",
        kind=kind,
        text="found",
        item_id=item_id,
        summary="search",
        detail=detail,
        result={"hits": 3},
    )


def test_a_failed_call_is_answered_with_its_error_and_what_came_before_it() -> None:
    world = World.with_thread()
    turn_id = world.service.submit(THREAD, "A").started_turn_id or ""
    [item_id] = world.service.start_item(THREAD, turn_id, "command_execution", "make").item_ids
    world.service.end_item(THREAD, turn_id, item_id, "failed", text="cc x.c", reason="exit code 2")
    call = folded(world)[1]
    assert (call.text, call.error) == ("cc x.c\nfailed: exit code 2", "exit code 2")


@pytest.mark.parametrize("status", ["interrupted", "failed", "completed"])
def test_d20_a_call_cut_short_by_the_end_of_its_turn_is_answered(status: str) -> None:
    world = World.with_thread()
    turn_id = world.service.submit(THREAD, "A").started_turn_id or ""
    world.service.start_item(THREAD, turn_id, "tool_call", "search")
    world.service.finish(THREAD, turn_id, status)  # type: ignore[arg-type]
    run(world, "B", "yes")
    call = folded(world)[1]
    assert call.role == "tool"
    assert call.error is not None
    assert call.text == f"{'failed' if status == 'failed' else 'interrupted'}: {call.error}"


def test_d20_a_call_that_is_still_open_is_answered_too() -> None:
    world = World.with_thread()
    turn_id = world.service.submit(THREAD, "A").started_turn_id or ""
    world.service.start_item(THREAD, turn_id, "tool_call", "search")
    assert folded(world)[1].text == "interrupted: no answer was recorded"


def test_what_was_said_before_a_turn_was_cut_short_is_kept() -> None:
    """Field case 77: the next turn must know what the interrupted one did."""
    world = World.with_thread()
    turn_id = world.service.submit(THREAD, "A").started_turn_id or ""
    [tool] = world.service.start_item(THREAD, turn_id, "tool_call", "deploy").item_ids
    world.service.end_item(THREAD, turn_id, tool, text="deployed")
    [half] = world.service.start_item(THREAD, turn_id, "agent_message", "I have").item_ids
    world.service.end_item(THREAD, turn_id, half, "interrupted", text="I have dep")
    world.service.start_item(THREAD, turn_id, "agent_message", "not a word")
    world.service.finish(THREAD, turn_id, "interrupted")
    assert seen(world) == [("user", "A"), ("tool", "deployed"), ("assistant", "I have dep")]


def test_turns_rolled_back_are_not_seen() -> None:
    world = World.with_thread()
    for prompt in ("A", "B", "C"):
        run(world, prompt, prompt.lower())
    world.service.rollback(THREAD, 2)
    run(world, "D", "d")
    assert seen(world) == [
        ("user", "A"),
        ("assistant", "a"),
        ("user", "D"),
        ("assistant", "d"),
    ]


def test_d10_an_edited_prompt_is_seen_in_place_of_the_old_one() -> None:
    world = World.with_thread()
    run(world, "A", "a")
    run(world, "B", "b")
    world.service.edit_last_turn(THREAD, "B2")
    assert seen(world) == [("user", "A"), ("assistant", "a"), ("user", "B2")]


def test_a_compaction_stands_for_what_came_before_it() -> None:
    world = World.with_thread()
    run(world, "A", "a")
    compact(world, "They said A.")
    run(world, "B", "b")
    assert seen(world) == [("system", "They said A."), ("user", "B"), ("assistant", "b")]
    compact(world, "A, then B.")
    assert seen(world) == [("system", "A, then B.")]


def test_a_compaction_within_a_turn_keeps_what_came_after_it() -> None:
    world = World.with_thread()
    run(world, "A", "a")
    turn_id = world.service.submit(THREAD, "B").started_turn_id or ""
    begun = world.service.start_item(THREAD, turn_id, "context_compaction", "compacting")
    world.service.submit(THREAD, "S", delivery="steer")
    world.service.take_steers(THREAD, turn_id)
    world.service.end_item(THREAD, turn_id, begun.item_ids[0], text="A and B.")
    note(world, "agent_message", "b")
    assert seen(world) == [("system", "A and B."), ("user", "S"), ("assistant", "b")]


@pytest.mark.parametrize("summary", [None, ""])
def test_a_compaction_without_a_summary_replaces_nothing(summary: str | None) -> None:
    world = World.with_thread()
    run(world, "A", "a")
    compact(world, summary)
    assert seen(world) == [("user", "A"), ("assistant", "a")]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_compaction_that_did_not_complete_replaces_nothing(status: str) -> None:
    world = World.with_thread()
    run(world, "A", "a")
    turn_id = world.service.compact(THREAD).started_turn_id or ""
    begun = world.service.start_item(THREAD, turn_id, "context_compaction", "compacting")
    [item_id] = begun.item_ids
    world.service.end_item(THREAD, turn_id, item_id, status, text="Half")  # type: ignore[arg-type]
    world.service.finish(THREAD, turn_id, status)  # type: ignore[arg-type]
    assert seen(world) == [("user", "A"), ("assistant", "a")]


def test_rolling_back_over_a_compaction_brings_the_past_back() -> None:
    world = World.with_thread()
    run(world, "A", "a")
    run(world, "B", "b")
    compact(world, "A and B.")
    run(world, "C", "c")
    world.service.rollback(THREAD, 2)
    assert seen(world) == [("user", "A"), ("assistant", "a")]


def test_the_context_of_a_turn_has_its_kind_and_options() -> None:
    world = World.with_thread()
    run(world, "A", "a")
    world.service.update(THREAD, settings=SettingsChange(options=TurnOptions(model="m")))
    turn_id = world.service.compact(THREAD).started_turn_id or ""
    context = turn_context(turn_id, [entry.event for entry in world.history()])
    assert (context.thread_id, context.turn_id, context.kind) == (THREAD, turn_id, "compaction")
    assert context.options.model == "m"
    assert context.messages == folded(world)
    with pytest.raises(LookupError, match="turn_none"):
        turn_context("turn_none", [])


STEPS = st.sampled_from(
    ["submit", "steer", "take", "call", "say", "finish", "interrupt", "rollback", "compact"]
)


@given(st.lists(STEPS, max_size=25))
def test_after_every_prefix_the_history_is_one_a_model_accepts(steps: list[str]) -> None:
    """User messages are exactly the promoted prompts in context, each once and in order."""
    world = World.with_thread()
    for number, step in enumerate(steps):
        attempt(world, step, number)
    events = [entry.event for entry in world.history()]
    for end in range(len(events) + 1):
        folded = messages(events[:end])
        assert len({message.item_id for message in folded}) == len(folded)
        assert all(message.text for message in folded if message.role != "tool")
        assert all(message.error or message.text for message in folded if message.role == "tool")
        promoted = [e.input_id for e in events[:end] if e.name == "prompt.promoted"]  # type: ignore[attr-defined]
        numbers = [f"inp_{m.text}" for m in folded if m.role == "user"]
        assert numbers == [i for i in promoted if i in numbers]


def attempt(world: World, step: str, number: int) -> None:
    """One command, if it makes sense now."""
    turn, service, text = world.state().turn, world.service, f"{number}"
    if step == "submit":
        delivery: Delivery | None = None if turn is None else "queue"
        service.submit(THREAD, text, delivery=delivery, input_id=f"inp_{text}")
    elif turn is None:
        if step == "compact":
            service.compact(THREAD)
        elif step == "rollback" and any(t.prompted for t in world.state().context):
            service.rollback(THREAD)
    elif step == "steer" and turn.steerable and not turn.interrupt:
        service.steer(THREAD, turn.turn_id, text, input_id=f"inp_{text}")
    elif step == "take" and not turn.interrupt:
        service.take_steers(THREAD, turn.turn_id)
    elif step == "call":
        service.start_item(THREAD, turn.turn_id, "tool_call", text)
    elif step == "say":
        kind: ItemKind = "context_compaction" if turn.kind == "compaction" else "agent_message"
        service.record_item(THREAD, turn.turn_id, kind, text, text=text)
    elif step == "finish":
        service.finish(THREAD, turn.turn_id, "failed" if number % 3 else "interrupted")
    elif step == "interrupt":
        service.interrupt(THREAD, turn.turn_id, queued="continue")
