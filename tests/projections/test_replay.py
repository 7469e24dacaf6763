"""The fold of a history into rows, on small examples one can check by hand."""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given

from domain.errors import ImpossibleEvent
from domain.events.base import Source, TurnEvent, Usage
from domain.events.item import ItemCompleted, ItemStarted
from domain.events.thread import Origin
from domain.ports import Recorded
from domain.thread import Thread, evolve
from projections.replay import _apply, _Folded, replay, until
from projections.rows import PromptRow, Row, ThreadRow, ThreadRows
from tests.domain import steps
from tests.domain.steps import Step
from tests.domain.world import THREAD, World
from tests.fixtures.clock import START
from tests.projections.histories import Log, logs
from tests.projections.story import STORY


def world(*done: Step) -> World:
    made = World()
    for step in (steps.create("A thread"), *done):
        step(made)
    return made


def rows_after(*done: Step) -> ThreadRows:
    return replay(world(*done).history())


def thread_of(rows: ThreadRows) -> ThreadRow:
    assert rows.thread is not None
    return rows.thread


def prompt(rows: ThreadRows, name: str) -> PromptRow:
    return next(row for row in rows.prompts if row.input_id == f"inp_{name}")


def test_no_history_gives_no_rows() -> None:
    assert replay([]) == ThreadRows(None, (), (), ())


def test_a_prompt_to_an_idle_thread_opens_a_turn_with_its_message() -> None:
    rows = rows_after(steps.submit("A"))
    [turn], [item], [row] = rows.turns, rows.items, rows.prompts
    assert (turn.status, turn.kind, turn.input_id, turn.item_count) == (
        "in_progress", "prompt", "inp_A", 1,
    )  # fmt: skip
    assert (item.kind, item.status, item.text, item.input_id) == (
        "user_message", "completed", "A", "inp_A",
    )  # fmt: skip
    assert (row.state, row.turn_id, row.place) == ("promoted", turn.turn_id, None)
    assert (row.admitted_seq, row.promoted_seq, turn.started_seq) == (2, 3, 4)
    assert thread_of(rows).active_turn_id == turn.turn_id
    assert thread_of(rows).last_seq == 6


def test_an_end_frees_the_slot_and_keeps_the_usage() -> None:
    used = Usage(input_tokens=7, output_tokens=2)
    rows = rows_after(steps.submit("A"), steps.finish("A", "failed", "boom", used))
    [turn] = rows.turns
    assert (turn.status, turn.error, turn.ended_seq) == ("failed", "boom", 7)
    assert (turn.input_tokens, turn.cached_input_tokens, turn.output_tokens) == (7, 0, 2)
    thread = thread_of(rows)
    assert (thread.active_turn_id, thread.latest_turn_id) == (None, turn.turn_id)


def test_a_turn_without_usage_says_nothing_of_tokens() -> None:
    [turn] = rows_after(steps.submit("A"), steps.complete("A")).turns
    assert turn.input_tokens is None


def test_a_held_steer_is_a_queued_prompt_and_keeps_its_place() -> None:
    rows = rows_after(
        steps.submit("A"), steps.steer("B"), steps.queue("C"), steps.interrupt("A", "hold")
    )
    assert [(p.input_id, p.place, p.state, p.delivery) for p in rows.inbox] == [
        ("inp_B", 1, "held", "queue"),
        ("inp_C", 2, "held", "queue"),
    ]
    assert prompt(rows, "B").asked_delivery == "steer"
    assert prompt(rows, "B").held_reason == "interrupt"
    [turn] = rows.turns
    assert (turn.interrupt, turn.status) == ("hold", "in_progress")
    thread = thread_of(rows)
    assert (thread.pending_count, thread.held_count) == (0, 2)


def test_a_second_interrupt_changes_the_policy_but_not_when_the_first_came() -> None:
    once = rows_after(steps.submit("A"), steps.interrupt("A", "continue"))
    twice = rows_after(
        steps.submit("A"), steps.interrupt("A", "continue"), steps.interrupt("A", "discard")
    )
    assert (once.turns[0].interrupt, twice.turns[0].interrupt) == ("continue", "discard")
    assert once.turns[0].interrupt_seq == twice.turns[0].interrupt_seq == 7


def test_what_left_the_inbox_says_how_it_waited() -> None:
    rows = rows_after(
        steps.submit("A"), steps.steer("B"), steps.interrupt("A", "hold"), steps.stop("A"),
        steps.release(),
    )  # fmt: skip
    row = prompt(rows, "B")
    assert (row.state, row.delivery, row.held_reason) == ("promoted", "queue", None)
    assert row.turn_id == rows.turns[1].turn_id


def test_failures_hold_and_say_so() -> None:
    rows = rows_after(
        steps.submit("A"), *(steps.queue(name) for name in "BCD"),
        steps.fail("A"), steps.fail("B"), steps.fail("C"),
    )  # fmt: skip
    assert prompt(rows, "D").held_reason == "failures"


@pytest.mark.parametrize(
    ("step", "reason"),
    [(steps.withdraw("B"), "user"), (steps.interrupt("A", "discard"), "interrupt")],
)
def test_a_withdrawn_prompt_says_who_withdrew_it(step: Step, reason: str) -> None:
    row = prompt(rows_after(steps.submit("A"), steps.queue("B"), step), "B")
    assert (row.state, row.withdrawn_reason, row.turn_id) == ("withdrawn", reason, None)
    assert row.withdrawn_at is not None


def test_steers_are_counted_where_they_went() -> None:
    [turn] = rows_after(
        steps.submit("A"), steps.steer("B"), steps.steer("C"), steps.take_steers("A")
    ).turns
    assert (turn.steer_count, turn.item_count) == (2, 3)


def test_what_is_rolled_back_leaves_the_context_and_stays_in_the_rows() -> None:
    rows = rows_after(
        steps.submit("A"), steps.complete("A"), steps.submit("B"), steps.complete("B"),
        steps.edit("C"),
    )  # fmt: skip
    assert [(turn.input_id, turn.in_context) for turn in rows.turns] == [
        ("inp_A", True),
        ("inp_B", False),
        ("inp_C", True),
    ]


def test_an_item_that_is_cut_short_says_why() -> None:
    rows = rows_after(
        steps.submit("A"), steps.start_item("A"), steps.finish("A", "interrupted", "user stop")
    )
    assert (rows.items[1].status, rows.items[1].error) == ("interrupted", "user stop")


def test_imported_rows_say_so() -> None:
    origin = Origin(kind="imported", format="codex", native_id="x")
    source = Source(format="codex", line=12, inferred=True)
    history: list[Recorded] = []
    for entry in world(steps.submit("A")).history():
        marked = origin if entry.seq == 1 else None
        update = {"origin": marked} if marked else {"source": source} if entry.seq == 6 else {}
        history.append(entry._replace(event=entry.event.model_copy(update=update)))
    rows = replay(history)
    assert thread_of(rows).origin == origin
    # The item's end was inferred; it is the line of its beginning that counts.
    assert (rows.items[0].inferred, rows.items[0].source_line) == (True, None)
    assert not rows.turns[0].inferred


def test_any_seq_can_be_replayed() -> None:
    history = world(steps.submit("A"), steps.queue("B"), steps.complete("A")).history()
    states = [
        [p.state for p in replay(until(history, seq=seq)).prompts] for seq in (1, 2, 3, 7, 10)
    ]
    assert states == [
        [], ["pending"], ["promoted"], ["promoted", "pending"], ["promoted", "promoted"],
    ]  # fmt: skip
    assert until(history, seq=0) == []


def decided_at(history: list[Recorded], *seconds: float) -> list[Recorded]:
    """The history with these times, in seconds after START."""
    return [
        entry._replace(event=entry.event.model_copy(update={"at": START + timedelta(seconds=at)}))
        for entry, at in zip(history, seconds, strict=True)
    ]


def test_any_time_can_be_replayed() -> None:
    made = world(steps.submit("A"), steps.complete("A")).history()
    history = decided_at(made, 0, 1, 1, 1, 1, 1, 2)
    assert until(history, at=START) == history[:1]
    assert until(history, at=START + timedelta(seconds=1.5)) == history[:6]
    assert until(history, at=START - timedelta(seconds=1)) == []
    assert until(history, at=START + timedelta(days=1)) == history


def test_at_a_time_everything_before_an_event_of_that_time_had_happened() -> None:
    made = world(steps.submit("A"), steps.complete("A")).history()
    # The clock of whoever promoted the prompt was fast.
    history = decided_at(made, 0, 1, 9999, 1, 1, 1, 2)
    assert until(history, at=START + timedelta(seconds=1)) == history[:6]


@pytest.mark.parametrize(
    ("seqs", "why"),
    [
        ((1, 2, 4), "it follows seq 2"),
        ((2, 3), "it follows seq 0"),
    ],
)
def test_a_history_with_a_hole_is_not_folded(seqs: tuple[int, ...], why: str) -> None:
    history = [entry for entry in world(steps.submit("A")).history() if entry.seq in seqs]
    with pytest.raises(ImpossibleEvent, match=why):
        replay(history)


def test_a_history_whose_events_do_not_fit_says_where() -> None:
    history = world(steps.submit("A"), steps.complete("A")).history()
    broken = [entry._replace(seq=i) for i, entry in enumerate([*history, history[5]], start=1)]
    with pytest.raises(ImpossibleEvent, match=f"{THREAD} is damaged at seq {len(broken)}"):
        replay(broken)


def test_an_item_that_ends_twice_does_not_fit() -> None:
    made = world(steps.submit("A"), steps.start_item("A"), steps.end_item("A"))
    history = made.history()
    end = history[-1].event
    assert isinstance(end, ItemCompleted)
    again = history[-1]._replace(seq=history[-1].seq + 1)
    with pytest.raises(ImpossibleEvent, match="is not open"):
        replay([*history, again])


def test_an_item_of_another_turn_does_not_fit() -> None:
    made = world(steps.submit("A"), steps.start_item("A"), steps.complete("A"), steps.submit("B"))
    history = made.history()
    start = next(entry.event for entry in history if isinstance(entry.event, ItemStarted))
    active = history[-1].event
    assert isinstance(active, TurnEvent)
    assert active.turn_id != start.turn_id
    late = history[-1]._replace(seq=len(history) + 1, event=start)
    why = f"item.started of {start.turn_id}, while {active.turn_id} holds the slot"
    with pytest.raises(ImpossibleEvent, match=why):
        replay([*history, late])


@given(log=logs())
def test_the_state_kept_beside_the_rows_is_the_domains(log: Log) -> None:
    """What items change in it is made up for later: whoever looks must not see that."""
    for thread_id in log.thread_ids():
        folded, thread = _Folded(Thread(thread_id)), Thread(thread_id)
        for entry in log.history(thread_id):
            _apply(entry, folded)
            thread = evolve(thread, entry.event)
            # Looking settles it; a copy leaves it as unsettled as it was.
            assert copy.copy(folded).settled() == thread


def test_rows_have_the_fields_of_their_class_and_no_others() -> None:
    """They are made without its `__init__`."""
    rows = replay(STORY.history("thr_1"))
    made: tuple[Row, ...] = (*rows.turns, *rows.items, *rows.prompts)
    for row in made:
        assert set(vars(row)) == {field.name for field in fields(row)}
        assert replace(row) == row
