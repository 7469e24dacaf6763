"""One thread's rows in words: the same for `show`, from the tables, and `replay`, from the fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Final

from adapters.cli.screen import Screen
from adapters.cli.words import ago, count, duration, one_line, printable, short_thread

if TYPE_CHECKING:
    from projections.rows import ApprovalRow, ItemRow, PromptRow, ThreadRow, ThreadRows, TurnRow

LABELS: Final = {
    "user_message": "you",
    "agent_message": "agent",
    "reasoning": "thinks",
    "tool_call": "tool",
    "file_change": "changes",
    "command_execution": "runs",
    "context_compaction": "summary",
    "status": "status",
    "error": "error",
}
LABEL_WIDTH: Final = 8
SPEECH: Final = frozenset({"user_message", "agent_message", "reasoning", "context_compaction"})
ITEM_STYLES: Final = {"user_message": "bold", "reasoning": "dim", "status": "dim", "error": "red"}


def document(rows: ThreadRows) -> dict[str, object]:
    """The rows for a program: every column of every table."""
    return {
        "thread": asdict(rows.thread) if rows.thread else None,
        "turns": [asdict(turn) for turn in rows.turns],
        "items": [asdict(item) for item in rows.items],
        "prompts": [asdict(prompt) for prompt in rows.prompts],
        "inbox": [prompt.input_id for prompt in rows.inbox],
        "approvals": [asdict(approval) for approval in rows.approvals],
    }


def slot_and_inbox(thread: ThreadRow) -> str:
    """`running, 2 waiting, 1 held`; `idle`."""
    words = ["running" if thread.active_turn_id else "idle"]
    if thread.archived:
        words = ["archived"]
    elif thread.origin is not None:
        words = ["imported"]
    if thread.pending_count:
        words.append(f"{thread.pending_count} waiting")
    if thread.held_count:
        words.append(f"{thread.held_count} held")
    return ", ".join(words)


def tell_thread(
    rows: ThreadRows, screen: Screen, now: datetime, *, turns: int | None, full: bool
) -> None:
    """Head, the last `turns` turns with their items (None: all), the inbox and the way out of it.

    `full` prints texts whole, else each item is one line.
    """
    thread = rows.thread
    if thread is None:
        return
    if thread.title:
        screen.say(one_line(thread.title), "bold")
    screen.say(thread.thread_id, "dim")
    numbers = [
        slot_and_inbox(thread),
        count(thread.turn_count, "turn"),
        ago(thread.updated_at, now),
    ]
    screen.say(f"{numbers[0]} · {numbers[1]} · last event {numbers[2]}")
    if thread.origin is not None:
        file = f" ({thread.origin.file_name})" if thread.origin.file_name else ""
        screen.say(f"imported from {thread.origin.format}{file}", "dim")
    if thread.forked_from is not None:
        origin = thread.forked_from
        screen.say(f"forked from {origin.thread_id} at {origin.seq}", "dim")
    _tell_turns(rows, screen, now, turns, full=full)
    _tell_approvals(rows.open_approvals, thread.thread_id, screen)
    _tell_inbox(rows.inbox, thread.thread_id, screen)


def _tell_turns(
    rows: ThreadRows, screen: Screen, now: datetime, limit: int | None, *, full: bool
) -> None:
    items: defaultdict[str, list[ItemRow]] = defaultdict(list)
    for item in rows.items:
        items[item.turn_id].append(item)
    imported = rows.thread is not None and rows.thread.origin is not None
    if imported and rows.thread is not None:
        now = rows.thread.updated_at  # nothing happens in it after its last event
    shown = rows.turns if limit is None else rows.turns[len(rows.turns) - limit :]
    if len(shown) < len(rows.turns):
        screen.say()
        hidden = count(len(rows.turns) - len(shown), "earlier turn")
        screen.say(f"{hidden} not shown; --turns 0 shows all", "dim")
    for turn in shown:
        number = rows.turns.index(turn) + 1
        screen.say()
        _tell_turn(number, turn, screen, now, imported=imported)
        for item in items[turn.turn_id]:
            _tell_item(item, screen, full=full)


def _tell_turn(
    number: int, turn: TurnRow, screen: Screen, now: datetime, *, imported: bool
) -> None:
    kind = "Compaction" if turn.kind == "compaction" else "Turn"
    under_way = "open where its log ends" if imported else "running"
    state = under_way if turn.status == "in_progress" else turn.status
    words: list[str] = []
    if turn.status == "in_progress" and turn.interrupt:
        words.append("asked to stop")
    length = ((turn.ended_at or now) - turn.started_at).total_seconds()
    words.append(duration(length))
    if turn.model:
        words.append(one_line(turn.model, 40))
    if turn.input_tokens is not None:
        words.append(f"{turn.input_tokens:,} + {turn.output_tokens or 0:,} tokens")
    if not turn.in_context:
        words.append("out of the context")
    if turn.inferred:
        words.append("partly inferred")
    screen.heading(f"{kind} {number}", state, "  " + " · ".join(words), turn.turn_id)
    if turn.error:
        screen.cut(f"because: {one_line(turn.error)}", "red", indent=2)


def _tell_item(item: ItemRow, screen: Screen, *, full: bool) -> None:
    label = LABELS[item.kind].ljust(LABEL_WIDTH)
    speaks = item.kind in SPEECH
    text = (item.text if speaks else None) or item.summary
    style = ITEM_STYLES.get(item.kind, "")
    if full:
        screen.say(f"{label} {printable(text)}", style, indent=2)
        if not speaks and item.text:
            screen.say(item.text, "dim", indent=LABEL_WIDTH + 3)
    else:
        screen.cut(f"{label} {one_line(text)}{_answer(item)}", style, indent=2)
    if item.status in ("failed", "interrupted"):
        how = "failed" if item.status == "failed" else "cut short"
        why = f": {one_line(item.error)}" if item.error else ""
        screen.cut(
            f"{how}{why}", "red" if item.status == "failed" else "yellow", indent=LABEL_WIDTH + 3
        )
    elif item.status == "in_progress":
        screen.cut("not finished", "cyan", indent=LABEL_WIDTH + 3)


def _answer(item: ItemRow) -> str:
    """What came back from a call, after an arrow."""
    if item.kind in SPEECH or not item.text or item.text == item.summary:
        return ""
    return f" → {one_line(item.text)}"


def _tell_approvals(approvals: Sequence[ApprovalRow], thread_id: str, screen: Screen) -> None:
    if not approvals:
        return
    screen.say()
    screen.say(f"Waits for an answer: {count(len(approvals), 'approval')}", "bold")
    for approval in approvals:
        screen.cut(f"“{one_line(approval.summary)}”", "yellow", indent=2)
        screen.cut(approval.approval_id, "dim", indent=5)
    one = "" if len(approvals) == 1 else " APPROVAL"
    screen.say(f"To answer: turnlog approve {short_thread(thread_id)}{one} [--deny]", "dim")


def _tell_inbox(inbox: Sequence[PromptRow], thread_id: str, screen: Screen) -> None:
    if not inbox:
        return
    screen.say()
    screen.say(f"Inbox: {count(len(inbox), 'prompt')}", "bold")
    for prompt in inbox:
        state = "held" if prompt.state == "held" else "pending"
        how = f" as {prompt.delivery}" if prompt.delivery != "queue" else ""
        screen.heading(
            f"{prompt.place}.", state, f"{how} “{one_line(prompt.summary)}”", "", indent=2
        )
        screen.cut(prompt.input_id, "dim", indent=5)
    held = [prompt for prompt in inbox if prompt.state == "held"]
    short = short_thread(thread_id)
    if held:
        why = "after an interrupt" if held[0].held_reason == "interrupt" else "after failed turns"
        screen.say(f"Held {why}. To let them run: turnlog release {short}", "magenta")
    screen.say(f"To take one back: turnlog withdraw {short} PROMPT", "dim")
