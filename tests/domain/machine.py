"""A state machine: random commands on several threads, with retries, crashes, old memory and races.

What is remembered is what the log folds to; inbox and slot are what a model written from the
contract says, after every command; and every law holds over each history. A law is judged over the
whole history, at every place in it, so not after each command but now and then and at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.errors import CommandConflict, Refused, ThreadNotFound
from domain.events.prompt import PromptAdmitted
from domain.laws import violations
from domain.outcome import Outcome
from domain.ports import Lease
from domain.thread import Thread, fold
from tests.domain.model import Model, Running
from tests.domain.world import World
from tests.model.remembered import folded, seen
from tests.strategies import Call, Kind, Move, aim, moves, play

THREADS: Final = ("thr_1", "thr_2")
# Mostly one of them, so that its history gets long.
Chosen = st.sampled_from(["thr_1", "thr_1", "thr_1", "thr_2"])

# Arguments that have another value, too.
CHANGEABLE: Final = {"text", "reason", "error", "queued", "turns", "note"}
# These do nothing when there is nothing to do: said again, they append nothing.
QUIET_AGAIN: Final = {
    *("take_steers", "interrupt", "update", "archive", "unarchive"),
    *("edit", "redeliver", "move"),
}
IN_A_TURN: Final[tuple[Kind, ...]] = (
    *("start_item", "request_approval", "request_approval", "resolve_approval", "end_item"),
)
IN_LINE: Final[tuple[Kind, ...]] = (
    *("submit", "edit", "redeliver", "redeliver", "move", "move", "withdraw", "take_steers"),
    "interrupt",
)
BY_WORKERS: Final[tuple[Kind, ...]] = (
    *("take_steers", "start_item", "end_item", "record_item", "request_approval"),
    *("finish", "start_failed", "recover"),
)
QUEUED: Final = Move("submit", delivery="queue")
# New events of a thread after which its laws are judged again.
OFTEN_ENOUGH: Final = 100


class Runtime(RuleBasedStateMachine):
    """The service in a small world, and a model of each thread."""

    @initialize(receipts_first=st.booleans())
    def begin(self, receipts_first: bool) -> None:
        self.world = World(receipts_first=receipts_first)
        self.models = {thread_id: Model() for thread_id in THREADS}
        self.recorded: dict[str, tuple[Call, Outcome]] = {}
        self.number = 0
        self.judged = dict.fromkeys(THREADS, 0)
        self.once: dict[str, list[Thread]] = {}
        for thread_id in THREADS:
            self.world.service.create(thread_id=thread_id)

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────

    @rule(script=st.lists(moves(), min_size=1, max_size=12), thread_id=Chosen)
    def commands(self, script: list[Move], thread_id: str) -> None:
        self._follow(script, thread_id)

    @rule(script=st.lists(moves(IN_A_TURN), min_size=6, max_size=16), thread_id=Chosen)
    def what_a_turn_does(self, script: list[Move], thread_id: str) -> None:
        """Items and approvals, with nothing between that would end them all."""
        turn = self._now(thread_id).turn
        if turn is not None and turn.interrupt is not None:
            self._follow([Move("finish", status="interrupted")], thread_id)
        self._follow(script, thread_id)

    @rule(script=st.lists(moves(IN_LINE), min_size=6, max_size=16), thread_id=Chosen)
    def what_users_do_to_the_line(self, script: list[Move], thread_id: str) -> None:
        """Prompts that come, change and stand elsewhere, while a turn runs."""
        self._follow([QUEUED, QUEUED, *script], thread_id)

    @rule(prompts=st.integers(1, 4), failures=st.integers(1, 4), thread_id=Chosen)
    def an_outage(self, prompts: int, failures: int, thread_id: str) -> None:
        """The engine fails again and again, while prompts wait."""
        failed = Move("finish", status="failed")
        self._follow([*[QUEUED] * prompts, *[failed] * failures], thread_id)

    @rule(text=st.sampled_from(["a", "b"]))
    def start(self, text: str) -> None:
        """A thread of its own; a retry finds it."""
        input_id, before = f"inp_start_{self._next_number()}", len(self.world.log.entries)
        first = self.world.service.start(text, input_id=input_id)
        after = len(self.world.log.entries)
        assert after > before
        broken = violations(self.world.history(first.thread_id))
        assert not broken, f"in a thread that is started: {broken}"
        assert self.world.service.start(text, input_id=input_id) == first, "L10: another outcome"
        assert len(self.world.log.entries) == after, "L10: the retry starts another thread"

    @rule(move=moves(BY_WORKERS), thread_id=Chosen)
    def only_who_has_the_lease(self, move: Move, thread_id: str) -> None:
        """A worker without the turn's lease writes nothing, and its holder does."""
        call = self._aim(move, thread_id)
        if "turn_id" not in call.arguments:  # nothing runs
            self._do(call)
            return
        turn_id = str(call.arguments["turn_id"])
        self.world.log.leases[turn_id] = 2
        for token in (None, 1):
            before = len(self.world.log.entries)
            play(self.world.service, _leased(call, turn_id, token))
            assert len(self.world.log.entries) == before, "L14: written without the lease"
        self._expect(call, play(self.world.service, _leased(call, turn_id, 2)))
        del self.world.log.leases[turn_id]

    @rule(move=moves(), thread_id=Chosen)
    def twice(self, move: Move, thread_id: str) -> None:
        """The same wish again under a new id, for those commands that then have nothing to do."""
        call = self._aim(move, thread_id)
        first = self._do(call)
        if isinstance(first, Outcome) and call.method in QUIET_AGAIN:
            before = len(self.world.log.entries)
            renamed = (
                {"command_id": f"cmd_again_{self.number}"} if "command_id" in call.arguments else {}
            )
            self._do(Call(call.method, thread_id, {**call.arguments, **renamed}))
            assert len(self.world.log.entries) == before, "the command table: nothing is left to do"

    @rule(move=moves(), thread_id=Chosen, meanwhile=moves())
    def race(self, move: Move, thread_id: str, meanwhile: Move) -> None:
        """Another writer gets in between the decision and its append."""
        call, other = self._aim(move, thread_id), self._aim(meanwhile, thread_id)
        self.world.log.before_append = lambda: self._do(other)
        answer = play(self.world.service, call)
        self.world.log.before_append = None
        if isinstance(answer, Refused) and call.key is not None:
            assert not self.world.log.read_command(call.key), f"L7: {answer!r} leaves a trace"
        self._expect(call, answer)

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """A command that was recorded, once more: from the same process or from a new one."""
        if not self.recorded:
            return
        call, outcome = data.draw(st.sampled_from(list(self.recorded.values())))
        before = len(self.world.log.entries)
        again = play(self.world.service, call)
        assert again == outcome, f"L10: another outcome, {again!r}"
        assert isinstance(again, Outcome)
        assert again.repeated
        assert len(self.world.log.entries) == before, "L10: the retry appends"

    @rule(data=st.data(), elsewhere=st.booleans())
    def misuse(self, data: st.DataObject, elsewhere: bool) -> None:
        """The id of a recorded command for another body, or for another thread."""
        if not self.recorded:
            return
        call, _ = data.draw(st.sampled_from(list(self.recorded.values())))
        other = Call(call.method, _next(call.thread_id), call.arguments)
        if not elsewhere:
            changeable = CHANGEABLE & call.arguments.keys()
            if not changeable:
                return
            changed = min(changeable)
            value: object = {"turns": 3, "queued": "discard"}.get(changed, "other")
            if call.arguments[changed] == value:
                return
            other = Call(call.method, call.thread_id, {**call.arguments, changed: value})
        before = len(self.world.log.entries)
        answer = play(self.world.service, other)
        assert isinstance(answer, CommandConflict), f"L10: answered with {answer!r}"
        assert len(self.world.log.entries) == before

    @rule(move=moves())
    def nowhere(self, move: Move) -> None:
        call = aim(move, Thread("thr_9"), self._next_number())
        assert isinstance(play(self.world.service, call), ThreadNotFound)

    @rule(thread_id=Chosen, share=st.floats(0, 1, allow_nan=False))
    def fork(self, thread_id: str, share: float) -> None:
        """From any point on there can be another thread, which waits for nothing."""
        history = self.world.history(thread_id)
        seq = 1 + int(share * (len(history) - 1))
        outcome = self.world.service.fork(thread_id, at_seq=seq)
        broken = violations(self.world.history(outcome.thread_id))
        assert not broken, f"in a fork: {broken}"
        forked = self.world.state(outcome.thread_id)
        assert (forked.turn, forked.inbox) == (None, ())
        assert self.world.history(thread_id) == history

    # ── The process ──────────────────────────────────────────────────────────────────────────────

    @rule()
    def crash(self) -> None:
        self.world.crash()

    @rule(thread_id=Chosen, share=st.floats(0, 1, allow_nan=False), move=moves())
    def remember_the_past(self, thread_id: str, share: float, move: Move) -> None:
        """Another process has written since; this one does not know yet."""
        ends = self.world.ends(thread_id)
        self.world.remember_at(ends[int(share * (len(ends) - 1))], thread_id)
        self._do(self._aim(move, thread_id))

    # ── What holds after every step ──────────────────────────────────────────────────────────────

    @invariant()
    def what_is_remembered_is_what_the_log_says(self) -> None:
        for thread_id, thread in self.world.threads.cache.items():
            self._now(thread_id)
            said = self.once[thread_id][thread.seq]
            assert thread == said, f"L12: it remembers {thread}, the log says {said}"

    @invariant()
    def the_laws_hold_now_and_then(self) -> None:
        for thread_id in THREADS:
            if len(self.world.history(thread_id)) - self.judged[thread_id] > OFTEN_ENOUGH:
                self._judge(thread_id)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            for thread_id in THREADS:
                self._judge(thread_id)

    def _judge(self, thread_id: str) -> None:
        history = self.world.history(thread_id)
        broken = violations(history)
        assert not broken, f"{broken}"
        self.judged[thread_id] = len(history)
        events = [entry.event for entry in history]
        told, is_so = seen(events), folded(self._now(thread_id))
        assert told == is_so, f"L12: the events say {told}, the fold says {is_so}"
        admitted = {e.input_id for e in events if isinstance(e, PromptAdmitted)}
        final = [
            getattr(event, "input_id", "")
            for event in events
            if event.name in {"prompt.promoted", "prompt.withdrawn"}
        ]
        inbox = [prompt.input_id for prompt in self.world.state(thread_id).inbox]
        assert sorted([*final, *inbox]) == sorted(admitted), "L2: a prompt is in one state"

    # ── Helpers ──────────────────────────────────────────────────────────────────────────────────

    def _now(self, thread_id: str) -> Thread:
        """The thread as its log folds, each event once. What it was after each is kept, too."""
        states = self.once.setdefault(thread_id, [Thread(thread_id)])
        for entry in self.world.history(thread_id)[len(states) - 1 :]:
            states.append(fold(states[-1], [entry.event]))
        return states[-1]

    def _next_number(self) -> int:
        self.number += 1
        return self.number

    def _follow(self, script: Sequence[Move], thread_id: str) -> None:
        for move in script:
            self._do(self._aim(move, thread_id))

    def _aim(self, move: Move, thread_id: str) -> Call:
        return aim(move, self._now(thread_id), self._next_number())

    def _do(self, call: Call) -> Outcome | Refused:
        before = len(self.world.log.entries)
        answer = play(self.world.service, call)
        if isinstance(answer, Refused):
            assert len(self.world.log.entries) == before, f"L7: {answer!r} leaves a trace"
        self._expect(call, answer)
        return answer

    def _expect(self, call: Call, answer: Outcome | Refused) -> None:
        model = self.models[call.thread_id]
        refusal = model.do(call)
        came = type(answer) if isinstance(answer, Refused) else None
        assert came is refusal, f"the command table: {refusal} is due, {answer!r} came"
        if isinstance(answer, Outcome):
            self._learn(model, call, answer)
            if answer.seq is not None and call.key is not None:
                self.recorded[call.key] = (call, answer)
        due, is_so = list(_modelled(model)), list(_modelled_of(self._now(call.thread_id)))
        assert due == is_so, f"the command table: {due} is due, {is_so} came"

    def _learn(self, model: Model, call: Call, outcome: Outcome) -> None:
        """The ids the service chose."""
        assert not outcome.repeated
        slot = model.slot
        if slot is not None and slot.turn_id is None:
            slot.turn_id = outcome.started_turn_id
        if call.method == "start_item":
            assert slot is not None
            slot.items.extend(outcome.item_ids)
        if call.method == "take_steers":
            assert [steer.input_id for steer in outcome.delivered] == model.delivered


def _leased(call: Call, turn_id: str, token: int | None) -> Call:
    lease = Lease(turn_id, call.thread_id, "worker", token, 60) if token else None
    return Call(call.method, call.thread_id, {**call.arguments, "lease": lease})


def _next(thread_id: str) -> str:
    return THREADS[(THREADS.index(thread_id) + 1) % len(THREADS)]


def _modelled(model: Model) -> Iterator[object]:
    yield [(p.input_id, p.text, p.state, p.delivery) for p in model.inbox]
    yield from (model.archived, model.failures, len(model.context), _expected(model.slot))
    yield from (model.policy, model.steerable, model.model)


def _modelled_of(thread: Thread) -> Iterator[object]:
    yield [(p.input_id, p.text, p.state, p.delivery) for p in thread.inbox]
    yield from (thread.archived, thread.failures, len(thread.context), _slot(thread))
    settings = thread.settings
    yield from (settings.queue_on_interrupt, settings.steerable, settings.options.model)


def _slot(thread: Thread) -> object:
    turn = thread.turn
    if turn is None:
        return None
    still_open = sorted(item.item_id for item in turn.open_items)
    asked = {approval.approval_id: approval.item_id for approval in turn.open_approvals}
    return (turn.turn_id, turn.input_id, turn.steerable, turn.interrupt, still_open, asked)


def _expected(slot: Running | None) -> object:
    if slot is None:
        return None
    still_open = sorted(slot.items)
    return (
        *(slot.turn_id, slot.opened_by, slot.steerable, slot.interrupt),
        *(still_open, slot.approvals),
    )
