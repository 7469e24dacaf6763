"""Laws about prompts and the order they run in: L2, L3, L5, L6, L11, L17 and L18."""

from __future__ import annotations

from collections.abc import Iterator

from domain.events.base import Event, Source
from domain.events.item import ItemCompleted, ItemStarted
from domain.events.prompt import (
    PromptAdmitted,
    PromptEdited,
    PromptPromoted,
    PromptWithdrawn,
    QueueHeld,
    QueueReleased,
)
from domain.events.turn import (
    TurnCompleted,
    TurnStarted,
    TurnSteered,
)
from domain.predicates.history import History, Violation, decision, ends_command
from domain.predicates.observed import ObservedInbox, slot_taken


def one_state(history: History) -> Iterator[Violation]:
    """L2: every prompt is in one state, is promoted at most once, and its end is final."""
    allowed = {
        "promoted": ("pending",),
        "withdrawn": ("pending", "held"),
        "held": ("pending",),
        "pending": ("held",),
    }
    state: dict[str, str] = {}
    for entry in history:
        if isinstance(entry.event, PromptAdmitted):
            if entry.event.input_id in state:
                yield Violation("L2", entry.seq, f"{entry.event.input_id} is admitted again")
            state[entry.event.input_id] = "pending"
            continue
        for input_id, new in _moves(entry.event):
            old = state.get(input_id, "unknown")
            if old not in allowed[new]:
                yield Violation("L2", entry.seq, f"{input_id} goes from {old} to {new}")
            state[input_id] = new


def _moves(event: Event) -> list[tuple[str, str]]:
    match event:
        case PromptPromoted():
            return [(event.input_id, "promoted")]
        case PromptWithdrawn():
            return [(event.input_id, "withdrawn")]
        case QueueHeld():
            return [(input_id, "held") for input_id in event.input_ids]
        case QueueReleased():
            return [(input_id, "pending") for input_id in event.input_ids]
        case _:
            return []


def first_in_first_out(history: History) -> Iterator[Violation]:
    """L3 and L6: an interrupting prompt opens the next turn, else a steer that fell back, else
    the first of the queue; and steers enter a turn in admission order."""
    inbox = ObservedInbox()
    opens = {e.event.input_id for e in history if isinstance(e.event, TurnStarted)}
    for entry in history:
        if isinstance(entry.event, PromptPromoted):
            input_id = entry.event.input_id
            if input_id in opens:
                order = [i for d in ("interrupt", "steer", "queue") for i in inbox.pending(d)]
            else:
                order = inbox.pending("steer")
            if order[:1] != [input_id]:
                law = "L3" if inbox.delivery.get(input_id) == "queue" else "L6"
                first = order[0] if order else "nothing"
                yield Violation(law, entry.seq, f"{input_id} is promoted, but {first} is first")
        inbox.see(entry.event)


def no_lost_wake(history: History) -> Iterator[Violation]:
    """L5: after each command, a free slot has no pending prompt."""
    inbox = ObservedInbox()
    active = False
    for index, entry in enumerate(history):
        inbox.see(entry.event)
        active = slot_taken(entry.event, before=active)
        if ends_command(history, index) and not active and (left := inbox.waiting("pending")):
            yield Violation("L5", entry.seq, f"the slot is free and {', '.join(left)} waits")


def steers_arrive(history: History) -> Iterator[Violation]:
    """L6: a turn that can be steered does not complete over a pending steer."""
    inbox = ObservedInbox()
    steerable = False
    for entry in history:
        inbox.see(entry.event)
        match entry.event:
            case TurnStarted():
                steerable = entry.event.steerable
            case TurnCompleted(status="completed") if steerable and inbox.pending("steer"):
                left = ", ".join(inbox.pending("steer"))
                yield Violation("L6", entry.seq, f"{entry.event.turn_id} completes over {left}")
            case _:
                pass


def idle_runs_at_once(history: History) -> Iterator[Violation]:
    """L11 and L17: a prompt to a free slot is promoted at once, and reports how many are held."""
    inbox = ObservedInbox()
    active = False
    for index, entry in enumerate(history):
        event = entry.event
        if isinstance(event, PromptAdmitted):
            if event.held != (held := len(inbox.waiting("held"))):
                yield Violation("L17", entry.seq, f"{event.held} are said to be held, not {held}")
            following = history[index + 1].event if index + 1 < len(history) else None
            at_once = isinstance(following, PromptPromoted) and following.input_id == event.input_id
            if not active and not at_once:
                yield Violation("L11", entry.seq, f"{event.input_id} does not run at once")
        inbox.see(event)
        active = slot_taken(event, before=active)


def seen_is_recorded(history: History) -> Iterator[Violation]:
    """L18: a promotion is followed, in the same command, by the user message with its text, as it
    was last edited."""
    texts: dict[str, str] = {}
    for index, entry in enumerate(history):
        if isinstance(entry.event, PromptAdmitted | PromptEdited):
            texts[entry.event.input_id] = entry.event.text
        if isinstance(entry.event, PromptPromoted):
            text = _message_after(history, index)
            if text is None or text != texts.get(entry.event.input_id):
                what = f"{entry.event.input_id} is promoted without its user message"
                yield Violation("L18", entry.seq, what)


def _message_after(history: History, index: int) -> str | None:
    """The user message of the promotion at `index`: three events on, all of its command."""
    group = [entry.event for entry in history[index : index + 4]]
    if len({decision(event) for event in group}) > 1:
        return None
    match group:
        case [
            PromptPromoted() as promoted,
            (TurnStarted() | TurnSteered()) as entry,
            ItemStarted(kind="user_message") as started,
            ItemCompleted() as completed,
        ]:
            items = {started.item_id, completed.item_id}
            items |= {entry.item_id} if isinstance(entry, TurnSteered) else set()
            turns = {promoted.turn_id, entry.turn_id, started.turn_id, completed.turn_id}
            prompts = {promoted.input_id, entry.input_id, started.input_id}
            alike = len(items) == len(turns) == len(prompts) == 1
            return completed.text if alike else None
        case _:
            return None


def nothing_enters_unpromoted(history: History) -> Iterator[Violation]:
    """L2: a turn takes in a prompt only by the promotion right before it, and shows it to the model
    once, right after; a compaction takes none.

    A turn of imported history may have begun without any prompt.
    """
    before: Event | None = None
    for entry in history:
        match entry.event:
            case ItemStarted(input_id=str(i)) as event if not _shows(before, event):
                yield Violation("L2", entry.seq, f"{event.item_id} shows {i} once more")
            case TurnStarted(kind="compaction", input_id=None):
                pass
            case TurnStarted(kind="prompt", input_id=None, source=Source()):
                pass
            case TurnStarted() | TurnSteered() as event if not _promotes(before, event):
                what = f"{event.turn_id} takes in {event.input_id}, which was not promoted into it"
                yield Violation("L2", entry.seq, what)
            case _:
                pass
        before = entry.event


def _shows(before: Event | None, event: ItemStarted) -> bool:
    return (
        isinstance(before, TurnStarted | TurnSteered)
        and (before.input_id, before.turn_id) == (event.input_id, event.turn_id)
        and decision(before) == decision(event)
    )


def _promotes(before: Event | None, event: TurnStarted | TurnSteered) -> bool:
    if isinstance(event, TurnStarted) and event.kind == "compaction":
        return False
    return (
        isinstance(before, PromptPromoted)
        and (before.input_id, before.turn_id) == (event.input_id, event.turn_id)
        and decision(before) == decision(event)
    )
