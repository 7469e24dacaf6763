"""Histories that went wrong: one legal story, and ways to spoil it.

For whoever wants to see that a law, `verify` or a test can fail. A spoiled history has its numbers
and receipts put right again, so that only what was meant to be wrong is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from domain.ports import Recorded
from tests.domain.given import given
from tests.domain.steps import (
    answer,
    archive,
    ask,
    compact,
    complete,
    edit,
    edit_waiting,
    end_item,
    fail,
    interrupt,
    move,
    queue,
    redeliver,
    release,
    rollback,
    send_now,
    start_item,
    steer,
    stop,
    submit,
    take_steers,
    unarchive,
    update,
    withdraw,
)

History = list[Recorded]
Breaker = Callable[[History], History]

STORY: Final = given(
    *(submit("A"), queue("B"), steer("S"), take_steers("A")),
    *(start_item("A"), end_item("A"), start_item("A", "reasoning")),
    *(queue("C"), steer("T"), steer("U"), fail("A"), take_steers("T"), complete("T")),
    *(queue("D"), interrupt("B", "continue"), interrupt("B", "hold"), queue("E"), stop("B")),
    *(complete("E"), submit("F"), release("C"), send_now("X", "continue"), stop("F")),
    *(send_now("Y", "discard"), withdraw("Y"), stop("X")),
    *(compact(), queue("G"), complete("compaction"), complete("G"), rollback(), edit("H")),
    *(queue("I"), queue("J"), queue("K"), fail("H"), fail("I"), fail("J")),
    *(release(), complete("K"), archive(), unarchive(), update("t")),
    *(submit("L"), queue("M"), queue("N"), edit_waiting("M", "m"), move("N", "before", "M")),
    *(queue("O"), redeliver("O", "steer"), steer("P"), redeliver("P", "queue"), take_steers("L")),
    *(complete("L"), move("P", "first"), edit_waiting("P", "p"), withdraw("P"), complete("N")),
    *(complete("M"), submit("V"), ask("V", "1"), answer("1"), start_item("V")),
    *(ask("V", "2", "tool_call"), end_item("V"), ask("V", "3"), interrupt("V", "hold"), stop("V")),
    *(submit("Z"), ask("Z", "4"), complete("Z")),
)


def story() -> History:
    """A legal history with nearly everything in it."""
    return STORY.world().history()


def forked() -> History:
    """The history of a fork, taken while a turn ran and prompts waited; and a prompt of its own."""
    steps = (submit("A"), queue("B"), start_item("A"), complete("A"), queue("C"), steer("S"))
    world = given(*steps).world()
    world.service.fork("thr_1", new_thread_id="thr_fork", command_id="cmd_fork")
    submit("Z", thread_id="thr_fork")(world)
    return world.history("thr_fork")


def failing() -> History:
    """Three turns in a row fail and the queue is held; released, it fails as often again."""
    waiting = map(queue, "BCDEFGH")
    steps = (submit("A"), *waiting, fail("A"), fail("B"), fail("C"), release())
    return given(*steps, fail("D"), fail("E"), fail("F")).world().history()


def repaired(history: Sequence[Recorded]) -> History:
    """The history with seq, position, versions and receipts as they should be for its events."""
    versions: Counter[str] = Counter()
    whole: History = []
    before: str | None = None
    for number, entry in enumerate(history, start=1):
        first, before = entry.event.command_id != before, entry.event.command_id
        event, receipt = entry.event, "r" if first else None
        if event.receipt != receipt:
            event = event.model_copy(update={"receipt": receipt})
        versions[event.stream_id] += 1
        whole.append(
            entry._replace(
                seq=number,
                position=number,
                version=versions[event.stream_id],
                event=event,
            )
        )
    return whole


def without(history: Sequence[Recorded], index: int) -> History:
    """One event lost."""
    return repaired([*history[:index], *history[index + 1 :]])


def doubled(history: Sequence[Recorded], index: int) -> History:
    """One event written twice."""
    return repaired([*history[: index + 1], *history[index:]])


def swapped(history: Sequence[Recorded], index: int) -> History:
    """One event before the one it should follow."""
    return repaired([*history[:index], history[index + 1], history[index], *history[index + 2 :]])


def changed(history: Sequence[Recorded], index: int, **fields: object) -> History:
    """One event that says something else."""
    whole = list(history)
    event = whole[index].event.model_copy(update=fields)
    whole[index] = whole[index]._replace(event=event)
    return repaired(whole)


def find(history: Sequence[Recorded], name: str, **fields: object) -> int:
    """The index of the first event of that name with those fields."""
    for index, entry in enumerate(history):
        wanted = entry.event.name == name
        if wanted and all(getattr(entry.event, key) == value for key, value in fields.items()):
            return index
    raise LookupError(f"no {name} with {fields}")


def turn_of(history: Sequence[Recorded], name: str) -> str:
    """The turn that prompt opened."""
    found = history[find(history, "turn.started", input_id=f"inp_{name}")]
    return found.event.stream_id


# ── One event lost, doubled, moved or changed ────────────────────────────────────────────────────


def lost(name: str, **fields: object) -> Breaker:
    return lambda history: without(history, find(history, name, **fields))


def twice(name: str, **fields: object) -> Breaker:
    return lambda history: doubled(history, find(history, name, **fields))


def early(name: str, **fields: object) -> Breaker:
    """The event before the one it follows."""
    return lambda history: swapped(history, find(history, name, **fields) - 1)


def says(name: str, change: dict[str, object], **fields: object) -> Breaker:
    return lambda history: changed(history, find(history, name, **fields), **change)


def turn_id(name: str, event: str, **fields: object) -> Breaker:
    """The event names that turn instead of its own."""
    return lambda history: changed(
        history, find(history, event, **fields), turn_id=turn_of(history, name)
    )


def receipt(index: int, value: str | None) -> Breaker:
    def breaker(history: History) -> History:
        spoiled = list(history)
        event = spoiled[index].event.model_copy(update={"receipt": value})
        spoiled[index] = spoiled[index]._replace(event=event)
        return spoiled

    return breaker
