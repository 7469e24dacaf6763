"""Mistakes in the domain, one for each law, made on purpose: who explores must find them.

Each is a function of `domain/` replaced by one that is wrong in one place. Whoever imported the
function gets the wrong one, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

from domain import inbox as inboxes
from domain.command import Command
from domain.decide.finish import _close_items, decide_finish
from domain.decide.interrupt import _claims, decide_interrupt, request_interrupt
from domain.decide.promote import drain, user_message
from domain.decide.queue import decide_withdraw
from domain.decide.steering import decide_take_steers
from domain.decide.submit import decide_submit
from domain.errors import ThreadBusy
from domain.events.base import Event
from domain.events.item import ItemCompleted
from domain.events.prompt import PromptAdmitted, PromptWithdrawn, QueueHeld, QueueReleased
from domain.execution import Execution, Intent, number
from domain.inbox import Inbox, Prompt
from domain.intents.base import worker_fence
from domain.outcome import Outcome
from domain.ports import Uncommitted
from domain.replacing import replace
from domain.thread import Thread
from domain.turn import Turn
from tests.model.actors import Budget
from tests.model.real import ThreadLog

Anything = Callable[..., Any]


@dataclass(frozen=True)
class Bug:
    """A mistake: the law it breaks, and what is wrong where."""

    law: str
    what: str
    where: Anything  # the function, or the class that has the method
    wrong: Callable[[Anything], Anything]  # makes the wrong one of the right one
    depth: int  # steps of the shortest schedule that shows it
    budgets: Mapping[Budget, int]  # with which it shows
    method: str = ""

    @contextmanager
    def made(self) -> Iterator[None]:
        """The domain with this mistake in it."""
        with ExitStack() as stack:
            if self.method:
                right = getattr(self.where, self.method)
                stack.enter_context(mock.patch.object(self.where, self.method, self.wrong(right)))
            else:
                wrong = self.wrong(self.where)
                for module in [m for name, m in sys.modules.items() if name.startswith("domain")]:
                    for name, value in list(vars(module).items()):
                        if value is self.where:
                            stack.enter_context(mock.patch.object(module, name, wrong))
            yield


def _changed(kind: type[Event], **fields: object) -> Callable[[Anything], Anything]:
    """The decision, but its events of this kind say something else."""

    def wrong(right: Anything) -> Anything:
        return lambda *args: tuple(
            e.model_copy(update=fields) if isinstance(e, kind) else e for e in right(*args)
        )

    return wrong


def _turn_changed(**fields: Any) -> Callable[[Anything], Anything]:
    """The decision, but it takes the active turn for another one."""

    def wrong(right: Anything) -> Anything:
        def decide(*args: Any) -> Any:
            thread = args[-1]
            assert isinstance(thread, Thread)
            turn = replace(thread.turn, **fields) if thread.turn else None
            return right(*args[:-1], replace(thread, turn=turn))

        return decide

    return wrong


def _accepted_on_old_state(right: Anything) -> Anything:
    def append(log: ThreadLog, entries: Sequence[Uncommitted], **how: Any) -> Any:
        # A new thread has no old state.
        seq = len(log.history) if how["expected_seq"] else 0
        return right(log, entries, **{**how, "expected_seq": seq})

    return append


def _last_first(right: Anything) -> Anything:
    def next_to_run(inbox: Inbox) -> Prompt | None:
        chosen: Prompt | None = right(inbox)
        queued = [p for p in inbox if p.state == "pending" and p.delivery == "queue"]
        return queued[-1] if chosen is not None and chosen.delivery == "queue" else chosen

    return next_to_run


def _admitted_before_the_check(right: Anything) -> Anything:
    def run(self: Execution, intent: Intent) -> Outcome:
        def left_behind(command: Command, thread: Thread) -> tuple[Event, ...]:
            return (QueueReleased(**command.header(thread.thread_id), input_ids=()),)

        try:
            outcome: Outcome = right(self, intent)
        except ThreadBusy:
            right(self, replace(intent, decide=left_behind))
            raise
        return outcome

    return run


def _waits_behind_the_held(right: Anything) -> Anything:
    def decide(*args: Any) -> tuple[Event, ...]:
        thread = args[-1]
        events: tuple[Event, ...] = right(*args)
        return events[:1] if thread.turn is None and inboxes.held(thread.inbox) else events

    return decide


def _remembers_too_little(right: Anything) -> Anything:
    def numbered(events: Sequence[Event], thread: Thread) -> tuple[list[Uncommitted], Thread]:
        return right(events, thread)[0], thread

    return numbered


def _version_again(right: Anything) -> Anything:
    def numbered(events: Sequence[Event], thread: Thread) -> tuple[list[Uncommitted], Thread]:
        entries, after = right(events, thread)
        return [*entries[:-1], entries[-1]._replace(version=entries[-1].version - 1)], after

    return numbered


def _any_turn(right: Anything) -> Anything:
    def decide(turn_id: str, queued: Any, command: Command, thread: Thread) -> Any:
        return right(thread.turn.turn_id if thread.turn else turn_id, queued, command, thread)

    return decide


def _forgets_failures(right: Anything) -> Anything:
    return lambda turn_id, command, thread: right(turn_id, command, replace(thread, failures=0))


def _milder_again(right: Anything) -> Anything:
    def request(queued: Any, turn: Turn, command: Command, thread: Thread) -> Any:
        return right(queued, replace(turn, interrupt=None), command, thread)

    return request


def _nothing(_right: Anything) -> Anything:
    return lambda *_: ()


def _none(_right: Anything) -> Anything:
    return lambda *_: None


TWO: Final[Mapping[Budget, int]] = {"prompts": 2, "trouble": 1}
THREE: Final[Mapping[Budget, int]] = {"prompts": 3}

BUGS: Final[tuple[Bug, ...]] = (
    Bug("L1", "an append is accepted on an old state", ThreadLog, _accepted_on_old_state,
        2, TWO, "append"),
    Bug("L2", "a withdrawn prompt comes back with another text", decide_withdraw,
        _changed(PromptWithdrawn, text="?"), 3, TWO),
    Bug("L3", "the drain takes the last prompt first", inboxes.next_to_run, _last_first, 5, THREE),
    Bug("L4", "a hold claims nobody", _claims, _changed(QueueHeld, input_ids=()), 3, TWO),
    Bug("L5", "an end does not drain", drain, _nothing, 4, TWO),
    Bug("L6", "a turn completes over a steer", decide_finish,
        _turn_changed(steerable=False), 4, TWO),
    Bug("L7", "a refused command is written down", Execution, _admitted_before_the_check,
        2, TWO, "run"),
    Bug("L8", "a steer gets into an interrupted turn", decide_take_steers,
        _turn_changed(interrupt=None), 5, TWO),
    Bug("L8", "an interrupt stops whichever turn is active", decide_interrupt, _any_turn, 6, TWO),
    Bug("L9", "an end leaves items open", _close_items, _nothing, 3, {"prompts": 1, "items": 1}),
    Bug("L10", "receipts are not looked up", Execution, _none, 2, TWO, "_answer"),
    Bug("L11", "a new prompt waits behind the held", decide_submit, _waits_behind_the_held,
        6, THREE),
    Bug("L12", "the process remembers an old state", number, _remembers_too_little, 1, TWO),
    Bug("L13", "a version is given twice", number, _version_again, 1, TWO),
    Bug("L14", "nobody asks for the lease", worker_fence, _none, 3, TWO),
    Bug("L15", "a second interrupt counts again", request_interrupt, _milder_again, 3, TWO),
    Bug("L16", "failures are not counted", drain, _forgets_failures, 10,
        {"prompts": 4, "failures": 3}),
    Bug("L17", "the held are not reported", decide_submit, _changed(PromptAdmitted, held=0),
        3, THREE),
    Bug("L18", "the model is shown another text", user_message, _changed(ItemCompleted, text="?"),
        1, TWO),
)  # fmt: skip
