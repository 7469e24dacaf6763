"""What Claude Code logs say of queued prompts: taken in, begun, withdrawn, or left waiting."""

from __future__ import annotations

import pytest

from domain.events.base import Json
from tests.adapters.importers.logs import (
    INTERRUPT,
    Importing,
    assistant,
    duration,
    hook,
    queue,
    result,
    say,
    use,
    user,
)

ENDED_OVER = "a turn ended over a message it could have taken in (L6)"
OVERTAKEN = "a prompt overtook those queued before it (L3)"
TAKEN_IN = "a prompt that waited for a turn of its own was taken into another (L3)"
NO_BEGINNING = "the log does not show what began this turn"
NEXT = "the next prompt shows that the turn has ended"
LAST_WORDS = "the model's last message ended its turn"

CALL = assistant("m1", use("c1", "Bash", command="x"))
RESULT = result("c1", "done")


def told(importing: Importing, *records: Json) -> list[str]:
    """The story, without items."""
    kinds = (": command_execution", ": agent_message", ": status", ": context_compaction")
    return [line for line in importing.tell(records).story if not any(k in line for k in kinds)]


def test_a_prompt_the_turn_took_in_is_a_steer(importing: Importing) -> None:
    assert told(importing, user("go"), CALL, queue("enqueue", "left"), queue("remove"), RESULT) == [
        "1: 'go' admitted to queue",
        "1: turn 1 starts with 'go'",
        "3: 'left' admitted to steer",
        "4: turn 1 takes in 'left'",
    ]


def test_prompts_are_taken_in_one_by_one(importing: Importing) -> None:
    enqueues = [queue("enqueue", text) for text in ("a", "b", "c")]
    lines = told(importing, user("go"), CALL, *enqueues, queue("remove"), queue("remove"))
    assert lines[2:] == [
        "3: 'a' admitted to steer",
        "4: 'b' admitted to steer",
        "5: 'c' admitted to steer",
        "6: turn 1 takes in 'a'",
        "7: turn 1 takes in 'b'",
    ]


def test_a_prompt_nothing_became_of_stays_admitted(importing: Importing) -> None:
    answer = importing.tell([user("go"), CALL, queue("enqueue", "later")])
    assert answer.story[-1] == "3: 'later' admitted to steer"
    assert answer.report.pending_prompts == 1


def test_a_prompt_queued_while_no_turn_ran_runs_at_once(importing: Importing) -> None:
    lines = told(importing, queue("enqueue", "go"), queue("dequeue"), user("go"), CALL)
    assert lines == ["1: 'go' admitted to queue", "1: turn 1 starts with 'go'"]


def test_until_the_log_shows_it_such_a_prompt_is_held_back(importing: Importing) -> None:
    queued = "queued while no turn ran; the log must show what became of it"
    answer = importing.tell([queue("enqueue", "go")])
    assert answer.story == []
    assert answer.held == {queued: 1}
    answer = importing.tell([queue("enqueue", "go"), queue("dequeue")])
    assert answer.held == {queued: 1, "a dequeue waits for the prompt it has started": 1}


def test_a_prompt_queued_behind_last_words_begins_the_next_turn(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    lines = told(
        importing, user("go"), last, queue("enqueue", "more"), queue("dequeue"), user("more")
    )
    assert lines[2:] == [
        "3: 'more' admitted to queue",
        f"4?: turn 1 completed [{LAST_WORDS}]",
        "4: turn 2 starts with 'more'",
    ]


def test_a_late_stop_hook_belongs_to_the_turn_before(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    answer = importing.tell(
        [user("go"), last, queue("enqueue", "more"), queue("dequeue"), hook(), user("more")]
    )
    assert answer.story[-2:] == [
        "4?: turn 1 completed [a stop hook has run]",
        "4: turn 2 starts with 'more'",
    ]


def test_a_turn_that_ended_over_a_message_sends_it_again(importing: Importing) -> None:
    answer = importing.tell(
        [user("go"), CALL, queue("enqueue", "a"), RESULT, queue("dequeue"), user("a")]
    )
    assert answer.story[-4:] == [
        f"6?: 'a' withdrawn [{ENDED_OVER}]",
        f"6?: 'a' admitted to queue [{ENDED_OVER}]",
        f"5?: turn 1 completed [{NEXT}]",
        "5: turn 2 starts with 'a'",
    ]
    assert answer.contradictions == {ENDED_OVER: 1}


def test_an_end_waits_until_the_queue_goes_on(importing: Importing) -> None:
    before = [user("go"), CALL, queue("enqueue", "a"), RESULT, duration()]
    answer = importing.tell(before)
    assert answer.report.open_turn is not None
    assert answer.report.pending_prompts == 1
    answer = importing.tell([*before, queue("dequeue"), user("a")])
    assert answer.story[-2:] == ["6: turn 1 completed", "6: turn 2 starts with 'a'"]


def test_an_interrupt_holds_the_queue_and_a_dequeue_releases(importing: Importing) -> None:
    lines = told(
        importing,
        user("go"),
        CALL,
        queue("enqueue", "a"),
        queue("enqueue", "b"),
        user(INTERRUPT),
        queue("dequeue"),
        user("a"),
        queue("dequeue"),
        user("b"),
    )
    assert lines[4:] == [
        "5: turn 1 must stop [what becomes of the queue is not in the log]",
        "5: held: 'a', 'b' [what becomes of the queue is not in the log]",
        "5: turn 1 interrupted",
        "6: released: 'a'",
        "6: turn 2 starts with 'a'",
        "8: released: 'b'",
        f"8?: turn 2 completed [{NEXT}]",
        "8: turn 3 starts with 'b'",
    ]


def test_a_new_prompt_runs_while_others_are_held(importing: Importing) -> None:
    lines = told(
        importing, user("go"), CALL, queue("enqueue", "a"), user(INTERRUPT), user("b"), CALL
    )
    assert lines[-1] == "5: turn 2 starts with 'b'"


def test_a_held_prompt_that_was_taken_in(importing: Importing) -> None:
    answer = importing.tell(
        [user("go"), CALL, queue("enqueue", "a"), user(INTERRUPT), user("b"), queue("remove")]
    )
    assert answer.story[-4:] == [
        "6: released: 'a' [taken in after it was held]",
        f"6?: 'a' withdrawn [{TAKEN_IN}]",
        f"6?: 'a' admitted to steer [{TAKEN_IN}]",
        "6: turn 2 takes in 'a'",
    ]
    assert answer.contradictions == {TAKEN_IN: 1}


def test_pop_all_withdraws(importing: Importing) -> None:
    lines = told(
        importing,
        user("go"),
        CALL,
        queue("enqueue", "a"),
        queue("enqueue", "b"),
        queue("popAll", "a\nb"),
        queue("enqueue", "a b"),
    )
    assert lines[4:] == [
        "5: 'a' withdrawn",
        "5: 'b' withdrawn",
        "6: 'a b' admitted to steer",
    ]


def test_pop_all_after_an_interrupt_withdraws_what_is_held(importing: Importing) -> None:
    lines = told(
        importing, user("go"), queue("enqueue", "a"), user(INTERRUPT), queue("popAll", "a")
    )
    assert lines[-1] == "4: 'a' withdrawn"


def test_pop_all_of_what_was_never_admitted(importing: Importing) -> None:
    answer = importing.tell([queue("enqueue", "x"), queue("enqueue", "y"), queue("popAll")])
    assert answer.story == []
    assert answer.skipped["queued and taken back while no turn ran"] == 2


@pytest.mark.parametrize("operation", ["remove", "dequeue"])
def test_an_operation_on_an_empty_queue(importing: Importing, operation: str) -> None:
    answer = importing.tell([user("go"), queue(operation), CALL])
    assert answer.contradictions == {f"a {operation} met an empty queue": 1}


def test_a_dequeue_of_an_empty_queue_with_its_prompt(importing: Importing) -> None:
    answer = importing.tell([queue("dequeue"), user("go")])
    assert answer.story[-1] == "2: turn 1 starts with 'go'"
    assert answer.contradictions == {"a dequeue met an empty queue": 1}


def test_a_removal_of_another_entry_than_the_head(importing: Importing) -> None:
    enqueues = [queue("enqueue", text) for text in ("a", "b")]
    answer = importing.tell([user("go"), CALL, *enqueues, queue("remove", "b"), queue("remove")])
    assert answer.story[-4:] == [
        f"5?: 'a' withdrawn [{OVERTAKEN}]",
        f"5?: 'a' admitted to steer [{OVERTAKEN}]",
        "5: turn 1 takes in 'b'",
        "6: turn 1 takes in 'a'",
    ]
    assert answer.contradictions == {OVERTAKEN: 1}


def test_a_dequeue_of_another_entry_than_the_head(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    enqueues = [queue("enqueue", text) for text in ("a", "b")]
    sent = [queue("dequeue"), user("b"), queue("dequeue"), user("a")]
    lines = told(importing, user("go"), last, *enqueues, *sent)
    assert lines[4:] == [
        f"6?: 'b' withdrawn [{OVERTAKEN}]",
        f"6?: 'b' admitted to queue [{OVERTAKEN}]",
        f"6?: 'a' withdrawn [{OVERTAKEN}]",
        f"6?: 'a' admitted to queue [{OVERTAKEN}]",
        f"5?: turn 1 completed [{LAST_WORDS}]",
        "5: turn 2 starts with 'b'",
        f"7?: turn 2 completed [{NEXT}]",
        "7: turn 3 starts with 'a'",
    ]


def test_a_typed_prompt_that_overtakes_the_queue(importing: Importing) -> None:
    lines = told(importing, user("go"), queue("enqueue", "a"), user("b"))
    assert lines[3:] == [
        f"3?: 'a' withdrawn [{OVERTAKEN}]",
        f"3?: turn 1 completed [{NEXT}]",
        "3: 'b' admitted to queue",
        "3: turn 2 starts with 'b'",
        f"3?: 'a' admitted to steer [{OVERTAKEN}]",
    ]


def test_a_queued_prompt_sent_without_a_dequeue(importing: Importing) -> None:
    answer = importing.tell([queue("enqueue", "a"), user("a"), CALL])
    assert answer.story[1] == "1: turn 1 starts with 'a'"
    assert answer.contradictions == {"a queued prompt was sent without a dequeue": 1}


def test_a_prompt_sent_with_another_text_keeps_both(importing: Importing) -> None:
    answer = importing.tell([queue("enqueue", "a"), queue("dequeue"), user("a, expanded")])
    why = "a dequeued prompt was sent with another text"
    assert answer.story == [
        "1: 'a' admitted to queue",
        "1: turn 1 starts with 'a'",
        f"3: status {why!r} [{why}]",
        f"3: status completed 'a, expanded' [{why}]",
    ]


def test_prompts_sent_together(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    enqueues = [queue("enqueue", text) for text in ("a", "b")]
    dequeues = [queue("dequeue"), queue("dequeue")]
    answer = importing.tell([user("go"), last, *enqueues, *dequeues, user("a\nb")])
    assert [line for line in answer.story if "turn 2" in line] == [
        "5: turn 2 starts with 'a'",
        "7: turn 2 takes in 'b'",
    ]
    assert answer.contradictions == {TAKEN_IN: 1}


def test_a_turn_whose_user_record_never_comes(importing: Importing) -> None:
    lines = told(importing, queue("enqueue", "a"), queue("dequeue"), CALL, user("a"))
    assert lines == ["1: 'a' admitted to queue", "1: turn 1 starts with 'a'"]


def test_an_interrupt_of_a_turn_whose_user_record_never_came(importing: Importing) -> None:
    lines = told(importing, queue("enqueue", "a"), queue("dequeue"), user(INTERRUPT))
    assert lines[1:] == [
        "1: turn 1 starts with 'a'",
        "3: turn 1 must stop",
        "3: turn 1 interrupted",
    ]


def test_a_turn_that_takes_something_in_is_not_over(importing: Importing) -> None:
    last = assistant("m1", say("bye"), stop="end_turn")
    lines = told(importing, user("go"), last, queue("enqueue", "a"), queue("remove"), user("b"))
    assert f"5?: turn 1 completed [{NEXT}]" in lines


def test_a_slash_command_from_the_queue(importing: Importing) -> None:
    command = "<command-message>pr</command-message>\n<command-name>/pr</command-name>"
    lines = told(importing, queue("enqueue", "/pr"), queue("dequeue"), user(command))
    assert lines == ["1: '/pr' admitted to queue", "1: turn 1 starts with '/pr'"]


def test_taken_in_while_no_turn_is_known(importing: Importing) -> None:
    lines = told(importing, queue("enqueue", "a"), queue("remove", "a"))
    assert lines == [
        f"2?: turn 1 starts with no prompt [{NO_BEGINNING}]",
        "1: 'a' admitted to steer",
        "2: turn 1 takes in 'a'",
    ]


def test_entries_without_content(importing: Importing) -> None:
    answer = importing.tell(
        [user("go"), queue("enqueue"), queue("dequeue"), user("a"), queue("enqueue")]
    )
    assert [line for line in answer.story if "turn 2" in line] == ["4: turn 2 starts with 'a'"]
    assert answer.skipped == {
        "enqueue without content": 2,
        "dequeue: told with its prompt": 1,
    }
    assert answer.contradictions == {}
