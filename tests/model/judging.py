"""What must be true of every command on every thread, whatever came before.

The laws, as predicates over the whole history that led here; what the laws do not see because it
is not in a history (refusals, retries, races, what the process remembers); and the contract's
model, which was written from the command table alone.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import NamedTuple

from domain.errors import CommandConflict, ImpossibleEvent, Refused
from domain.events.base import Event
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


class Trial(NamedTuple):
    """A command on a thread, and what became of it.

    `done` is what it did for a process that remembers `thread` as it is, `stale` what it did for
    processes that remember it as it was once, `fenced` what it did for workers that do not hold the
    lease of the turn.
    """

    row: Row
    call: Call
    done: Done
    stale: tuple[Done, ...]
    fenced: tuple[Done, ...]
    history: History
    thread: Thread


def judged(trial: Trial, model: bytes | None) -> tuple[tuple[Fault, ...], bytes | None]:
    """What is wrong with the command's effect, and the contract's model after it.

    Without a model the laws stand alone.
    """
    faults = [*_failed(trial), *_lawful(trial), *_aimed(trial), *_fenced(trial)]
    if faults:
        return tuple(faults), model
    faults += [*_not_stuck(trial), *_raced(trial), *_repeated(trial)]
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
    call, done, history, thread = trial.call, trial.done, trial.history, trial.thread
    if isinstance(done.answer, Refused) and done.appended:
        yield Fault("L7", f"{done.refusal} leaves {_names(done.appended)}")
    if done.elsewhere and call.method != "start":
        yield Fault("L7", f"another thread gets {_names(done.elsewhere)}")
    for violation in violations(done.elsewhere):
        yield Fault(violation.law, f"in the thread it makes: {violation.what}")
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
        yield Fault(law, f"{row.method} of a turn that is not active is done")


def _fenced(trial: Trial) -> Iterator[Fault]:
    """L14: only the holder of the turn's lease writes into it."""
    for other in trial.fenced:
        if other.appended:
            what = f"a worker without the lease appends {_names(other.appended)}"
            yield Fault("L14", what)


def _not_stuck(trial: Trial) -> Iterator[Fault]:
    """L5, L17: a turn can always be ended, and what is held can always be released."""
    row, call, done, thread = trial.row, trial.call, trial.done, trial.thread
    if not isinstance(done.answer, Refused):
        return
    turn_id = call.arguments.get("turn_id")
    if row.frees and thread.turn is not None and thread.turn.turn_id == turn_id:
        yield Fault("L5", f"{turn_id} cannot be ended: {done.answer}")
    held = any(prompt.state == "held" for prompt in thread.inbox)
    if row.method == "release" and "input_ids" in row.fixed and held and not thread.archived:
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
    for stale in trial.stale:
        if not agree(stale, trial.done):
            yield from _why_not(stale, trial)
            return


def agree(stale: Done, done: Done) -> bool:
    """Whether both did the same."""
    return (stale.appended, stale.refusal) == (done.appended, done.refusal)


def _why_not(stale: Done, trial: Trial) -> Iterator[Fault]:
    found = violations((*trial.history, *stale.appended)) if stale.appended else []
    for violation in found:
        yield Fault(violation.law, violation.what, raced=True)
    if not found:
        came, due = _came(stale), _came(trial.done)
        what = f"decided on an old state it comes to {came}, and to {due} on the one that is"
        yield Fault("L12", what, raced=True)


def _came(done: Done) -> str:
    return _names(done.appended) or (done.refusal.__name__ if done.refusal else "nothing")


def _repeated(trial: Trial) -> Iterator[Fault]:
    """L10: given again at once, with its own record there, it is answered as before."""
    call, done, history = trial.call, trial.done, (*trial.history, *trial.done.appended)
    if not (trial.row.retryable and done.appended):
        return
    again = do(call, history, fold(trial.thread, _events(done)), remembered=done.remembered)
    yield from _no_new_effect(again)
    if isinstance(again.answer, Outcome) and again.answer != done.answer:
        yield Fault("L10", "the retry has another outcome")


def judged_again(
    call: Call, key: str, record: History, history: History, thread: Thread, *, misuse: bool
) -> tuple[Fault, ...]:
    """L10: what is wrong with the answer to a command that is recorded under `key`; and with
    `misuse`, to another command under that key, or to the same one for another thread."""
    recorded = {key: record}
    done = do(call, history, thread, remembered=thread, receipts=recorded)
    faults = list(_no_new_effect(done))
    if not faults and done.answer != outcome_of(record):
        faults.append(Fault("L10", "the retry has another outcome"))
    for other, how in _misuses(call) if misuse else ():
        done = do(other, history, thread, remembered=thread, receipts=recorded)
        if done.refusal is not CommandConflict or done.appended or done.elsewhere:
            faults.append(Fault("L10", f"the same id with another {how} gets {_said(done)}"))
    return tuple(faults)


def _no_new_effect(retry: Done) -> Iterator[Fault]:
    if retry.appended or retry.elsewhere:
        yield Fault("L10", f"the retry appends {_names((*retry.appended, *retry.elsewhere))}")
    elif not (isinstance(retry.answer, Outcome) and retry.answer.repeated):
        yield Fault("L10", f"the retry under the same id is answered with {_said(retry)}")


def _said(done: Done) -> str:
    answer = done.answer
    return "an outcome" if isinstance(answer, Outcome) else f"{type(answer).__name__}: {answer}"


def _misuses(call: Call) -> Iterator[tuple[Call, str]]:
    yield _otherwise(call), "body"
    if call.method != "start":  # which makes a new thread each time
        yield Call(call.method, "thr_2", call.arguments), "thread"


def _otherwise(call: Call) -> Call:
    """Another command under the same id."""
    if "text" in call.arguments:
        return Call(call.method, THREAD, {**call.arguments, "text": "something else"})
    method = "compact" if call.method != "compact" else "archive"
    arguments = {"command_id": call.arguments["command_id"]}
    return Call(method, THREAD, arguments)


def _events(done: Done) -> Iterator[Event]:
    return (entry.event for entry in done.appended)


def _names(appended: History) -> str:
    return ", ".join(entry.event.name for entry in appended)
