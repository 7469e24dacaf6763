"""What must be true of every command on every thread, whatever came before.

The laws, as predicates over the whole history that led here; what the laws do not see because it
is not in a history (refusals, retries, races, what the process remembers); and the contract's
model, which was written from the command table alone.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Final, NamedTuple

from domain.errors import CommandConflict, ImpossibleEvent, Refused
from domain.laws import violations
from domain.outcome import Outcome, outcome_of
from domain.thread import Thread, fold
from tests.domain.model import Model, Running
from tests.model.actors import Row
from tests.model.real import THREAD, Done, History, do
from tests.model.remembered import folded, seen
from tests.strategies import Call


class Fault(NamedTuple):
    """A broken law, and how it shows. With `raced`, only when another command came between."""

    law: str
    what: str
    raced: bool = False


# What nobody may be refused: every way out of a hold, and every end of a turn (L5, L17).
_WAYS_OUT: Final = frozenset({"finish failed", "finish interrupted", "start_failed", "recover"})


class Trial(NamedTuple):
    """A command on a thread, and what became of it.

    `done` is what it did for a process that remembers `thread` as it is, `stale` what it did for
    one that has not seen the last command before it, `fenced` what it did for workers that do not
    hold the lease of the turn.
    """

    row: Row
    call: Call
    done: Done
    stale: Done
    fenced: tuple[Done, ...]
    history: History
    thread: Thread
    lost: bool


def judged(trial: Trial, model: bytes | None) -> tuple[tuple[Fault, ...], bytes | None]:
    """What is wrong with the command's effect, and the contract's model after it.

    Without a model the laws stand alone.
    """
    faults = [*_failed(trial), *_lawful(trial), *_aimed(trial), *_fenced(trial)]
    if trial.lost or faults:
        return tuple(faults), model
    faults += [*_not_stuck(trial), *_raced(trial)]
    if model is None:
        return tuple(faults), None
    expected = pickle.loads(model)
    faults += _contracted(expected, trial)
    return tuple(faults), pickle.dumps(expected)


def _failed(trial: Trial) -> Iterator[Fault]:
    """An error is no answer. The fold refuses what cannot be: L1 and L9 once more."""
    error = trial.done.answer
    if isinstance(error, ImpossibleEvent):
        yield Fault("L1" if "turn.started" in error.message else "L9", error.message)
    elif not isinstance(error, Outcome | Refused):
        yield Fault("L7", f"the process fails: {error!r}")


def _lawful(trial: Trial) -> Iterator[Fault]:
    done, history, thread = trial.done, trial.history, trial.thread
    if isinstance(done.answer, Refused) and done.appended:
        yield Fault("L7", f"{done.refusal} leaves {_names(done.appended)}")
    if not done.appended:
        return
    for violation in violations((*history, *done.appended)):
        yield Fault(violation.law, violation.what)
    if isinstance(done.answer, Outcome) and done.answer != outcome_of(done.appended):
        yield Fault("L12", "the outcome is not that of what was appended")
    after = fold(thread, (entry.event for entry in done.appended))
    if done.remembered != after:
        yield Fault("L12", "what the process remembers is not what the log folds to")
    told = seen(entry.event for entry in (*history, *done.appended))
    if told != (state := folded(after)):
        yield Fault("L12", f"the events say {told}, the fold says {state}")


def _aimed(trial: Trial) -> Iterator[Fault]:
    """L8, L14: a command for a turn that is not active does nothing, whoever gives it."""
    row, call, done, thread = trial.row, trial.call, trial.done, trial.thread
    turn_id = call.arguments.get("turn_id")
    if turn_id is None or (thread.turn is not None and thread.turn.turn_id == turn_id):
        return
    if done.appended or isinstance(done.answer, Outcome):
        law = "L8" if row.who == "client" else "L14"
        yield Fault(law, f"{row.says} of a turn that is not active is done")


def _fenced(trial: Trial) -> Iterator[Fault]:
    """L14: only the holder of the turn's lease writes into it."""
    for other in (*trial.fenced, *((trial.done,) if trial.lost else ())):
        if other.appended:
            what = f"a worker without the lease appends {_names(other.appended)}"
            yield Fault("L14", what)


def _not_stuck(trial: Trial) -> Iterator[Fault]:
    """L5, L17: a turn can always be ended, and what is held can always be released."""
    row, call, done, thread = trial.row, trial.call, trial.done, trial.thread
    if not isinstance(done.answer, Refused):
        return
    turn_id = call.arguments.get("turn_id")
    if row.says in _WAYS_OUT and thread.turn is not None and thread.turn.turn_id == turn_id:
        yield Fault("L5", f"{turn_id} cannot be ended: {done.answer}")
    held = any(prompt.state == "held" for prompt in thread.inbox)
    if row.says == "release all" and held and not thread.archived:
        yield Fault("L17", f"what is held cannot be released: {done.answer}")


def _contracted(model: Model, trial: Trial) -> Iterator[Fault]:
    """The command table: refused when it says so, and else with the effect it gives."""
    call, done, thread = trial.call, trial.done, trial.thread
    refusal = model.do(call)
    if refusal is not done.refusal:
        wanted = refusal.__name__ if refusal else "no refusal"
        got = done.refusal.__name__ if done.refusal else "none"
        yield Fault("the command table", f"{wanted} is due, {got} came")
        return
    if isinstance(done.answer, Outcome):
        slot = model.slot
        if slot is not None and slot.turn_id is None:
            slot.turn_id = done.answer.started_turn_id
        if call.method == "start_item" and slot is not None:
            slot.items.extend(done.answer.item_ids)
    after = fold(thread, (entry.event for entry in done.appended))
    if (due := _modelled(model)) != (got_state := _modelled_of(after)):
        yield Fault("the command table", f"{due} is due, {got_state} came")


def _modelled(model: Model) -> object:
    prompts = [(p.input_id, p.state, p.delivery) for p in model.inbox]
    return (prompts, _slot(model.slot), model.failures, model.archived, len(model.context))


def _slot(slot: Running | None) -> object:
    if slot is None:
        return None
    return (
        slot.turn_id,
        slot.opened_by,
        slot.steerable,
        slot.interrupt,
        sorted(slot.items),
        sorted(slot.approvals),
    )


def _modelled_of(thread: Thread) -> object:
    turn = thread.turn
    prompts = [(p.input_id, p.state, p.delivery) for p in thread.inbox]
    slot = None
    if turn is not None:
        items = sorted(item.item_id for item in turn.open_items)
        asked = sorted(approval.approval_id for approval in turn.open_approvals)
        slot = (turn.turn_id, turn.input_id, turn.steerable, turn.interrupt, items, asked)
    return (prompts, slot, thread.failures, thread.archived, len(thread.context))


def _raced(trial: Trial) -> Iterator[Fault]:
    """A decision made on an old state has the same effect: it is made again on the new one."""
    done, stale, history = trial.done, trial.stale, trial.history
    if stale is done or (stale.appended, stale.refusal) == (done.appended, done.refusal):
        return
    found = violations((*history, *stale.appended)) if stale.appended else []
    for violation in found:
        yield Fault(violation.law, violation.what, raced=True)
    if not found:
        came = _names(stale.appended) or stale.refusal or "nothing"
        what = f"decided on an old state it appends {came}, not {_names(done.appended)}"
        yield Fault("L12", what, raced=True)


def judged_again(
    call: Call, key: str, record: History, history: History, thread: Thread, *, misuse: bool
) -> tuple[Fault, ...]:
    """L10: what is wrong with the answer to a command that is recorded under `key`; and with
    `misuse`, to another command under that key, or to the same one for another thread."""
    recorded = {key: record}
    faults = []
    done = do(call, history, thread, remembered=thread, receipts=recorded)
    if done.appended:
        faults.append(Fault("L10", f"the retry appends {_names(done.appended)}"))
    elif not (isinstance(done.answer, Outcome) and done.answer.repeated):
        faults.append(Fault("L10", f"the retry is answered with {done.answer!r}"))
    elif done.answer != outcome_of(record):
        faults.append(Fault("L10", "the retry has another outcome"))
    elsewhere = Call(call.method, "thr_2", call.arguments)
    others = ((_otherwise(call), "body"), (elsewhere, "thread")) if misuse else ()
    for other, how in others:
        done = do(other, history, thread, remembered=thread, receipts=recorded)
        if done.refusal is not CommandConflict or done.appended:
            faults.append(Fault("L10", f"with another {how} it is {done.answer!r}"))
    return tuple(faults)


def _otherwise(call: Call) -> Call:
    """Another command under the same id."""
    if "text" in call.arguments:
        return Call(call.method, THREAD, {**call.arguments, "text": "something else"})
    method = "compact" if call.method != "compact" else "archive"
    arguments = {"command_id": call.arguments["command_id"]}
    return Call(method, THREAD, arguments)


def _names(appended: History) -> str:
    return ", ".join(entry.event.name for entry in appended)
