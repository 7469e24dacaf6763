"""Mistakes in the domain, one or more for each law, made on purpose.

Who looks for mistakes must find each of them: the explorer (`test_breakers.py`) by its shortest
schedule, and Hypothesis (`tests/domain/test_machine_can_fail.py`) among its first random ones.

Each is a function of `domain/` replaced by one that is wrong in one place. Whoever imported the
function gets the wrong one, too. Mistakes of a store are made in its own tests: which append may
pass (L1, L13, L14) in `tests/contracts`, what the read models show (L12) in `tests/projections`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final
from unittest import mock

from domain import inbox as inboxes
from domain.decide.approvals import cancel_approvals_of
from domain.decide.finish import _close_items, decide_finish
from domain.decide.fork import _closing
from domain.decide.interrupt import _claims, decide_interrupt, request_interrupt
from domain.decide.move import _index
from domain.decide.promote import drain, user_message
from domain.decide.queue import decide_withdraw
from domain.decide.redeliver import _aim
from domain.decide.steering import decide_take_steers
from domain.decide.submit import decide_submit
from domain.events.approval import ApprovalCancelled
from domain.events.item import ItemCompleted
from domain.events.prompt import PromptAdmitted, PromptWithdrawn, QueueHeld
from domain.execution import Execution, number
from domain.intents.base import worker_fence
from domain.thread import Thread
from tests.model import mistakes
from tests.model.actors import Budget
from tests.model.mistakes import Anything, Wrong, changed, turn_changed, without

# Not a law, but what the laws are stated in: an effect that is lawful and not the due one.
TABLE: Final = "the command table"


@dataclass(frozen=True)
class Bug:
    """A mistake: the law it breaks, and what is wrong where."""

    law: str
    what: str
    where: Anything  # the function, or the class that has the method
    wrong: Wrong  # makes the wrong one of the right one
    depth: int  # steps of the shortest schedule that shows it
    budgets: Mapping[Budget, int]  # with which it shows
    method: str = ""

    def __str__(self) -> str:
        return f"{self.law} {self.what}"

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


TWO: Final[Mapping[Budget, int]] = {"prompts": 2, "trouble": 1}
THREE: Final[Mapping[Budget, int]] = {"prompts": 3}
ASKS: Final[Mapping[Budget, int]] = {"prompts": 1, "approvals": 1, "items": 1}
CHANGES: Final[Mapping[Budget, int]] = {"prompts": 2, "changes": 1}

BUGS: Final[tuple[Bug, ...]] = (
    Bug("L1", "an append lands wherever the log ends", Execution, mistakes.wherever_the_log_ends,
        2, TWO, "_append"),
    Bug("L2", "a withdrawn prompt comes back with another text", decide_withdraw,
        changed(PromptWithdrawn, text="?"), 3, TWO),
    Bug("L3", "the drain takes the last prompt first", inboxes.next_to_run, mistakes.last_first,
        5, THREE),
    Bug("L4", "a hold claims nobody", _claims, changed(QueueHeld, input_ids=()), 3, TWO),
    Bug("L5", "an end does not drain", drain, mistakes.nothing, 3, TWO),
    Bug("L6", "a turn completes over a steer", decide_finish,
        turn_changed(steerable=False), 4, TWO),
    Bug("L7", "a refused command is written down", Execution, mistakes.admitted_before_the_check,
        2, TWO, "run"),
    Bug("L8", "a steer gets into an interrupted turn", decide_take_steers,
        turn_changed(interrupt=None), 5, TWO),
    Bug("L8", "a prompt is made a steer of whatever is there", _aim, mistakes.aims_at_anything,
        3, CHANGES),
    Bug("L8", "an interrupt stops whichever turn is active", decide_interrupt, mistakes.any_turn,
        6, TWO),
    Bug("L9", "an end leaves items open", _close_items, mistakes.nothing, 3, ASKS),
    Bug("L9", "an interrupt leaves approvals open", request_interrupt,
        without(ApprovalCancelled), 4, ASKS),
    Bug("L9", "an end leaves approvals open", decide_finish, without(ApprovalCancelled), 3, ASKS),
    Bug("L9", "an item leaves its approvals open", cancel_approvals_of, mistakes.nothing, 5, ASKS),
    Bug("L10", "receipts are not looked up", Execution, mistakes.none, 1, TWO, "_answer"),
    Bug("L11", "a new prompt waits behind the held", decide_submit, mistakes.waits_behind_the_held,
        6, THREE),
    Bug("L12", "the process remembers another state", number, mistakes.remembers_another_state,
        2, TWO),
    Bug("L12", "an old state refuses", Execution, mistakes.refused_from_memory, 2, TWO, "run"),
    Bug("L12", "an edit is forgotten", inboxes.edit, mistakes.inbox_as_it_was, 3, CHANGES),
    Bug("L12", "a redelivery is forgotten", inboxes.redeliver, mistakes.inbox_as_it_was,
        3, CHANGES),
    Bug("L12", "a move is forgotten", inboxes.reorder, mistakes.inbox_as_it_was,
        4, {"prompts": 3, "changes": 1}),
    Bug("L12", "a fork takes the inbox along", _closing, mistakes.nothing, 1, TWO),
    Bug("L13", "a version is given twice", number, mistakes.version_again, 1, TWO),
    Bug("L14", "nobody asks for the lease", worker_fence, mistakes.none, 2, TWO),
    Bug("L14", "a worker gets whichever turn is active", Thread, mistakes.of_any_turn,
        2, TWO, "active"),
    Bug("L15", "a second interrupt counts again", request_interrupt, mistakes.milder_again, 3, TWO),
    Bug("L16", "failures are not counted", drain, mistakes.forgets_failures, 10,
        {"prompts": 4, "failures": 3}),
    Bug("L17", "the held are not reported", decide_submit, changed(PromptAdmitted, held=0),
        3, THREE),
    Bug("L18", "the model is shown another text", user_message, changed(ItemCompleted, text="?"),
        1, TWO),
    Bug(TABLE, "every move is to the end", _index, mistakes.always_last,
        4, {"prompts": 3, "changes": 1}),
)  # fmt: skip
