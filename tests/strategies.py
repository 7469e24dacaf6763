"""What Hypothesis draws: texts, and random commands on threads.

A `Move` is a command with its choices left as numbers; `aim` makes a `Call` of it, which is
concrete, by looking at the thread as it is at that moment. So most moves mean something (the turn
that runs, a prompt that waits), some are wrong on purpose, and every sequence shrinks. Calls can be
played against any service:

    for number, move in enumerate(moves):
        play(service, aim(move, service.thread(thread_id), number))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from hypothesis import strategies as st

from domain.errors import Refused, ThreadNotFound
from domain.events.base import ItemKind
from domain.events.turn import TurnStatus
from domain.inbox import Inbox, held
from domain.options import Delivery, OptionName, Overrides, QueuePolicy, SettingsChange, TurnOptions
from domain.outcome import Outcome
from domain.service import ThreadService
from domain.thread import Thread

Kind = Literal[
    "submit",
    "steer",
    "take_steers",
    "interrupt",
    "finish",
    "start_failed",
    "recover",
    "release",
    "withdraw",
    "edit",
    "redeliver",
    "move",
    "compact",
    "edit_last_turn",
    "rollback",
    "request_approval",
    "resolve_approval",
    "start_item",
    "end_item",
    "record_item",
    "update",
    "archive",
    "unarchive",
]

EVERY: Final[tuple[Kind, ...]] = get_args(Kind)

# Kinds that come more often than once in a round, so that histories get somewhere.
OFTEN: Final[tuple[Kind, ...]] = (
    *("submit",) * 3,
    *("finish",) * 8,
    *("take_steers", "interrupt", "start_item", "end_item", "compact", "release") * 2,
    *("edit", "redeliver", "move", "request_approval", "request_approval", "resolve_approval"),
)

DELIVERIES: Final[tuple[Delivery | None, ...]] = (
    *("queue", "queue", "queue"),
    *("steer", "steer"),
    *("interrupt", None),
)  # fmt: skip
POLICIES: Final[tuple[QueuePolicy | None, ...]] = ("hold", "continue", "discard", None)
STATUSES: Final[tuple[TurnStatus, ...]] = ("completed", "completed", "failed", "interrupted")
KINDS: Final[tuple[ItemKind, ...]] = get_args(ItemKind)

TEXTS: Final = st.one_of(
    st.text(min_size=1, max_size=20),
    st.sampled_from(["", "  ", " \n\t a  b \n", "a\0b", "\ud83d", "x" * 400, "日本語", "😀" * 141]),
)
MODELS: Final[Sequence[tuple[str | None, tuple[OptionName, ...]]]] = (
    (None, ("model",)),
    (None, ()),
    ("m1", ()),
)
# One choice, not three: they are drawn for every move.
SETTINGS: Final = st.sampled_from(
    [
        SettingsChange(
            options=TurnOptions(model=model),
            cleared=cleared,
            queue_on_interrupt=queued,
            steerable=steerable,
        )
        for steerable in (True, None, False)
        for model, cleared in MODELS
        for queued in POLICIES
    ]
)


@dataclass(frozen=True)
class Move:
    """A command whose `pick` chooses among what there is; `wrong` aims at something else."""

    kind: Kind
    pick: int = 0
    wrong: bool = False
    text: str = "text"
    delivery: Delivery | None = None
    queued: QueuePolicy | None = None
    status: TurnStatus = "completed"
    settings: SettingsChange = field(default_factory=SettingsChange)


@dataclass(frozen=True)
class Call:
    """A method of the service with its arguments."""

    method: str
    thread_id: str
    arguments: Mapping[str, object]

    @property
    def key(self) -> str | None:
        """What a retry repeats, for commands that have it."""
        names = ("command_id", "approval_id", "input_id")
        key = next((self.arguments[name] for name in names if name in self.arguments), None)
        return key if isinstance(key, str) else None


def moves(kinds: Sequence[Kind] = EVERY) -> st.SearchStrategy[Move]:
    """Random moves of those kinds; the chosen weights make about one in eight wrong on purpose."""
    return st.builds(
        Move,
        kind=st.sampled_from((*kinds, *(kind for kind in OFTEN if kind in kinds))),
        pick=st.integers(0, 7),
        wrong=st.integers(0, 7).map(lambda number: number == 7),
        text=TEXTS,
        delivery=st.sampled_from(DELIVERIES),
        queued=st.sampled_from(POLICIES),
        status=st.sampled_from(STATUSES),
        settings=SETTINGS,
    )


def aim(move: Move, thread: Thread, number: int) -> Call:
    """The command of that move on the thread as it is. `number` makes its ids: give new ones."""
    if not move.wrong and _is_idle_talk(move, thread):
        move = replace(move, kind="submit")
    return Call(move.kind, thread.thread_id, _arguments(move, thread, number))


def play(service: ThreadService, call: Call) -> Outcome | Refused:
    """What the service answers. Any error but a refusal comes through."""
    # A start makes a thread of its own.
    thread = {} if call.method == "start" else {"thread_id": call.thread_id}
    try:
        outcome = getattr(service, call.method)(**thread, **call.arguments)
    except Refused as refusal:
        return refusal
    assert isinstance(outcome, Outcome)
    return outcome


def play_all(
    service: ThreadService, script: Sequence[Move], thread_ids: Sequence[str] = ("thr_1",)
) -> None:
    """A whole script; each move goes to one of those threads, which are made if need be."""
    for number, thread_id in enumerate(thread_ids):
        try:
            service.thread(thread_id)
        except ThreadNotFound:
            service.create(thread_id=thread_id, command_id=f"cmd_create_{number}")
    for number, move in enumerate(script):
        thread_id = thread_ids[(move.pick + number) % len(thread_ids)]
        play(service, aim(move, service.thread(thread_id), number))


def scripts(max_size: int = 40) -> st.SearchStrategy[list[Move]]:
    """Whole scripts of moves, for `play_all`."""
    return st.lists(moves(), max_size=max_size)


def _is_idle_talk(move: Move, thread: Thread) -> bool:
    """Whether the thread would refuse this or shrug: a prompt gets further, mostly."""
    match move.kind:
        case "withdraw" | "edit" | "redeliver" | "move":
            return not thread.inbox
        case "release":
            return not held(thread.inbox)
        case "archive":
            return thread.turn is not None or move.pick > 3
        case "end_item":
            return thread.turn is None or not thread.turn.open_items
        case "request_approval" if move.pick % 2:
            return thread.turn is None or not thread.turn.open_items
        case "resolve_approval":
            return thread.turn is None or not thread.turn.open_approvals
        case "unarchive":
            return not thread.archived
        case "compact" | "rollback" | "edit_last_turn":
            return thread.turn is not None
        case "submit" | "update":
            return False
        case _:
            return thread.turn is None


def _arguments(move: Move, thread: Thread, number: int) -> dict[str, object]:
    prompt = {"text": move.text, "input_id": f"inp_{number}", "overrides": _overrides(move)}
    command = {"command_id": f"cmd_{number}"}
    turn = {"turn_id": _turn_id(move, thread)}
    arguments: dict[Kind, dict[str, object]] = {
        "submit": {**prompt, "delivery": move.delivery, "queued": move.queued},
        "steer": {**turn, **prompt},
        "edit_last_turn": {**prompt},
        "take_steers": {**turn},
        "recover": {**turn},
        "interrupt": {**turn, **command, "queued": move.queued},
        "finish": {**turn, **command, "status": move.status, "error": _error(move)},
        "start_failed": {**turn, **command, "error": move.text},
        "release": {**command, "input_ids": _held(move, thread)},
        "withdraw": {**command, "input_id": _one_of(thread.inbox, move)},
        "edit": {
            **command,
            "input_id": _one_of(thread.inbox, move),
            "text": move.text,
            "overrides": _overrides(move) if move.pick % 3 else None,
        },
        "redeliver": {
            **command,
            "input_id": _one_of(thread.inbox, move),
            "delivery": "queue" if move.delivery == "queue" else "steer",
        },
        "move": {**command, **_place(move, thread)},
        "request_approval": {
            **turn,
            "approval_id": f"appr_{number}",
            "summary": move.text,
            "item_id": _item_id(move, thread) if move.pick % 2 else None,
            "detail": {"": move.text},
        },
        "resolve_approval": {
            **command,
            "approval_id": _approval_id(move, thread),
            "decision": ("approved", "denied")[move.pick % 2],
            "note": move.text,
        },
        "compact": {**command, "reason": move.text},
        "rollback": {**command, "turns": 1 + move.pick // 3},
        "update": {**command, "settings": move.settings},
        "archive": {**command},
        "unarchive": {**command},
    }
    return arguments.get(move.kind) or {**turn, **_item(move, thread)}


def _item(move: Move, thread: Thread) -> dict[str, object]:
    detail: dict[str, object] = {"name": move.text, "nested": [{"": move.text}, None, 1.5]}
    if move.kind == "end_item":
        item_id = _item_id(move, thread)
        ends = ("completed", "failed", "interrupted")
        return {"item_id": item_id, "end": ends[move.pick % 3], "text": move.text, "result": detail}
    return {"kind": KINDS[move.pick % len(KINDS)], "summary": move.text, "detail": detail}


def _item_id(move: Move, thread: Thread) -> str:
    if thread.turn is None or move.wrong or not thread.turn.open_items:
        return "item_9"
    # Those that wait for an approval come first, as that is when more can happen to them.
    asking = {approval.item_id for approval in thread.turn.open_approvals}
    still_open = [item.item_id for item in thread.turn.open_items]
    still_open.sort(key=lambda item_id: item_id not in asking)
    return still_open[move.pick // 2 % len(still_open)]


def _approval_id(move: Move, thread: Thread) -> str:
    waiting = thread.turn.open_approvals if thread.turn and not move.wrong else ()
    return waiting[move.pick % len(waiting)].approval_id if waiting else "appr_9999"


def _overrides(move: Move) -> Overrides:
    return Overrides(options=move.settings.options if move.pick % 2 else TurnOptions())


def _error(move: Move) -> str | None:
    return None if move.status == "completed" else move.text


def _turn_id(move: Move, thread: Thread) -> str:
    if thread.turn is not None and not move.wrong:
        return thread.turn.turn_id
    past = [turn.turn_id for turn in thread.context]
    return past[move.pick % len(past)] if past else "turn_9"


def _one_of(inbox: Inbox, move: Move) -> str:
    return inbox[move.pick % len(inbox)].input_id if inbox and not move.wrong else "inp_9999"


def _place(move: Move, thread: Thread) -> dict[str, object]:
    """Where a waiting prompt is to stand; relative to another one, or by mistake to itself."""
    place = ("first", "last", "before", "after")[move.pick % 4]
    other = replace(move, pick=3 * move.pick + len(move.text), wrong=False)
    anchor = _one_of(thread.inbox, other) if place in ("before", "after") else None
    return {"input_id": _one_of(thread.inbox, move), "place": place, "anchor_id": anchor}


def _held(move: Move, thread: Thread) -> list[str] | None:
    if move.pick < 3:
        return None
    waiting = thread.inbox if move.wrong else held(thread.inbox)
    return [prompt.input_id for prompt in waiting][move.pick % 2 :: 2] or None
