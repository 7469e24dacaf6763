"""What else is in the queue of Claude Code logs: notifications, and attachments for prompts."""

from __future__ import annotations

import pytest

from domain.events.base import Json
from tests.adapters.importers.logs import (
    Importing,
    assistant,
    claude,
    queue,
    system,
    use,
    user,
)

ENDED_OVER = "a turn ended over a message it could have taken in (L6)"
OVERTAKEN = "a prompt overtook those queued before it (L3)"
NEXT = "the next prompt shows that the turn has ended"

CALL = assistant("m1", use("c1", "Bash", command="x"))


def told(importing: Importing, *records: Json) -> list[str]:
    """The story, without items."""
    kinds = (": command_execution", ": agent_message", ": status", ": context_compaction")
    return [line for line in importing.tell(records).story if not any(k in line for k in kinds)]


NOTICE = "<task-notification>built</task-notification>"


def test_a_queued_notification_is_a_status(importing: Importing) -> None:
    answer = importing.tell([user("go"), CALL, queue("enqueue", NOTICE), queue("remove", NOTICE)])
    assert answer.story[3:] == [
        "3: status 'queued notification'",
        f"3: status completed {NOTICE!r}",
    ]
    assert answer.skipped == {"remove of a notice": 1}


def test_bookkeeping_in_the_queue_is_a_status(importing: Importing) -> None:
    answer = importing.tell([user("go"), queue("enqueue", '{"task_id": "b1"}')])
    assert answer.story[2] == "2: status 'queued notification'"


def test_a_notification_from_the_queue_begins_a_turn(importing: Importing) -> None:
    lines = told(
        importing,
        user("go"),
        queue("enqueue", NOTICE),
        queue("enqueue", "a"),
        queue("dequeue"),
        user(NOTICE),
        queue("dequeue"),
        user("a"),
    )
    assert lines[2:] == [
        "3: 'a' admitted to steer",
        f"5?: 'a' withdrawn [{OVERTAKEN}]",
        f"5?: turn 1 completed [{NEXT}]",
        f"5: {NOTICE!r} admitted to queue from notification",
        f"5: turn 2 starts with {NOTICE!r}",
        f"5?: 'a' admitted to steer [{OVERTAKEN}]",
        f"7?: 'a' withdrawn [{ENDED_OVER}]",
        f"7?: 'a' admitted to queue [{ENDED_OVER}]",
        f"6?: turn 2 completed [{NEXT}]",
        "6: turn 3 starts with 'a'",
    ]


def attached(text: str, mode: str = "prompt") -> Json:
    attachment: Json = {"type": "queued_command", "prompt": text, "commandMode": mode}
    return claude("attachment", attachment=attachment)


@pytest.mark.parametrize("attachment_first", [True, False])
def test_an_attachment_is_the_twin_of_a_remove(
    importing: Importing, attachment_first: bool
) -> None:
    pair = [attached("a"), queue("remove", "a")]
    records = pair if attachment_first else pair[::-1]
    answer = importing.tell([user("go"), CALL, queue("enqueue", "a"), *records])
    assert len([line for line in answer.story if "takes in 'a'" in line]) == 1
    assert answer.skipped == {"attachment (queued_command): twin of the queue's remove": 1}


def test_an_attachment_of_what_was_never_queued(importing: Importing) -> None:
    answer = importing.tell([user("go"), CALL, attached("a"), queue("remove", "a")])
    assert answer.story[-2:] == ["3: 'a' admitted to steer", "3: turn 1 takes in 'a'"]
    assert answer.skipped == {"remove: twin of an attachment": 1}
    assert answer.contradictions == {"a prompt was taken in that was never queued": 1}


def test_a_remove_has_one_twin(importing: Importing) -> None:
    answer = importing.tell(
        [user("go"), CALL, queue("enqueue", "a"), queue("remove"), attached("a"), attached("a")]
    )
    assert len([line for line in answer.story if "takes in 'a'" in line]) == 2
    assert answer.contradictions == {"a prompt was taken in that was never queued": 1}


def test_an_attached_notification_is_skipped(importing: Importing) -> None:
    answer = importing.tell([user("go"), attached("x", "task-notification"), attached(NOTICE)])
    assert answer.skipped == {"attachment (queued_command): a notification": 2}


def test_a_prompt_taken_in_while_the_context_is_compacted(importing: Importing) -> None:
    boundary = system("compact_boundary", compactMetadata={"trigger": "manual"})
    answer = importing.tell([boundary, queue("enqueue", "a"), queue("remove", "a")])
    why = "a prompt was taken in while the context was compacted"
    assert answer.story[-2:] == ["2: 'a' admitted to queue", f"3: 'a' withdrawn [{why}]"]
