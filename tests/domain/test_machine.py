"""Random commands on several threads, with retries, crashes, old memory and races.

After every step: the laws hold over each history, what is remembered is what the log folds to,
every prompt is in exactly one state, and inbox and slot are what a model written from the contract
says.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.errors import CommandConflict, Refused, ThreadNotFound
from domain.events.prompt import PromptAdmitted
from domain.laws import violations
from domain.outcome import Outcome
from domain.thread import Thread
from tests.domain.model import Model, Running
from tests.domain.world import World
from tests.strategies import Call, Kind, Move, aim, moves, play

THREADS = ("thr_1", "thr_2")
# Mostly one of them, so that its history gets long.
Chosen = st.sampled_from(["thr_1", "thr_1", "thr_1", "thr_2"])

# Arguments that "other" is another value of.
CHANGEABLE = {"text", "reason", "error", "queued", "turns", "note"}

# These do nothing when there is nothing to do: said again, they append nothing.
QUIET_AGAIN = {
    *("take_steers", "interrupt", "update", "archive", "unarchive"),
    *("edit", "redeliver", "move"),
}


IN_A_TURN: tuple[Kind, ...] = (
    *("submit", "start_item", "request_approval", "request_approval", "resolve_approval"),
    *("end_item", "interrupt"),
)
IN_LINE: tuple[Kind, ...] = (
    *("submit", "edit", "redeliver", "redeliver", "move", "move", "withdraw", "take_steers"),
    "interrupt",
)


class Runtime(RuleBasedStateMachine):
    """The service in a small world, and a model of each thread."""

    @initialize(receipts_first=st.booleans())
    def begin(self, receipts_first: bool) -> None:
        self.world = World(receipts_first=receipts_first)
        self.models = {thread_id: Model() for thread_id in THREADS}
        self.recorded: dict[str, tuple[Call, Outcome]] = {}
        self.number = 0
        for thread_id in THREADS:
            self.world.service.create(thread_id=thread_id)

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────

    @rule(script=st.lists(moves(), min_size=1, max_size=12), thread_id=Chosen)
    def commands(self, script: list[Move], thread_id: str) -> None:
        self._follow(script, thread_id)

    @rule(script=st.lists(moves(IN_A_TURN), min_size=4, max_size=12), thread_id=Chosen)
    def what_a_turn_does(self, script: list[Move], thread_id: str) -> None:
        """Items and approvals, with nothing between that would end them all."""
        self._follow(script, thread_id)

    @rule(script=st.lists(moves(IN_LINE), min_size=4, max_size=12), thread_id=Chosen)
    def what_users_do_to_the_line(self, script: list[Move], thread_id: str) -> None:
        """Prompts that come, change and stand elsewhere, while a turn runs."""
        self._follow(script, thread_id)

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
            assert len(self.world.log.entries) == before

    @rule(move=moves(), thread_id=Chosen, meanwhile=moves())
    def race(self, move: Move, thread_id: str, meanwhile: Move) -> None:
        """Another writer gets in between the decision and its append."""
        call, other = self._aim(move, thread_id), self._aim(meanwhile, thread_id)
        self.world.log.before_append = lambda: self._do(other)
        answer = play(self.world.service, call)
        self.world.log.before_append = None
        self._expect(call, answer)

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """A command that was recorded, once more: from the same process or from a new one."""
        if not self.recorded:
            return
        call, outcome = data.draw(st.sampled_from(list(self.recorded.values())))
        before = len(self.world.log.entries)
        again = play(self.world.service, call)
        assert again == outcome
        assert isinstance(again, Outcome)
        assert again.repeated
        assert len(self.world.log.entries) == before

    @rule(data=st.data(), elsewhere=st.booleans())
    def misuse(self, data: st.DataObject, elsewhere: bool) -> None:
        """The id of a recorded command for another body, or for another thread."""
        if not self.recorded:
            return
        call, _ = data.draw(st.sampled_from(list(self.recorded.values())))
        other = Call(call.method, _next(call.thread_id), call.arguments)
        if not elsewhere:
            arguments = {
                "text",
                "reason",
                "error",
                "queued",
                "turns",
                "note",
            } & call.arguments.keys()
            if not arguments:
                return
            changed = min(arguments)
            value: object = (
                3 if changed == "turns" else "discard" if changed == "queued" else "other"
            )
            if call.arguments[changed] == value:
                return
            other = Call(call.method, call.thread_id, {**call.arguments, changed: value})
        before = len(self.world.log.entries)
        assert isinstance(play(self.world.service, other), CommandConflict)
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
        assert violations(self.world.history(outcome.thread_id)) == []
        forked = self.world.state(outcome.thread_id)
        assert (forked.turn, forked.inbox) == (None, ())
        assert self.world.history(thread_id) == history

    # ── The process ──────────────────────────────────────────────────────────────────────────────

    @rule()
    def crash(self) -> None:
        self.world.crash()

    @rule(thread_id=Chosen, share=st.floats(0, 1, allow_nan=False))
    def remember_the_past(self, thread_id: str, share: float) -> None:
        """Another process has written since; this one does not know yet."""
        ends = self.world.ends(thread_id)
        self.world.remember_at(ends[int(share * (len(ends) - 1))], thread_id)

    # ── What holds after every step ──────────────────────────────────────────────────────────────

    @invariant()
    def the_laws_hold(self) -> None:
        for thread_id in THREADS:
            assert violations(self.world.history(thread_id)) == []

    @invariant()
    def what_is_remembered_is_what_the_log_says(self) -> None:
        for thread_id, thread in self.world.threads.cache.items():
            assert thread == self.world.state(thread_id, upto_seq=thread.seq)

    @invariant()
    def every_prompt_is_in_one_state(self) -> None:
        for thread_id in THREADS:
            events = [entry.event for entry in self.world.history(thread_id)]
            admitted = {e.input_id for e in events if isinstance(e, PromptAdmitted)}
            final = [
                getattr(event, "input_id", "")
                for event in events
                if event.name in {"prompt.promoted", "prompt.withdrawn"}
            ]
            inbox = [prompt.input_id for prompt in self.world.state(thread_id).inbox]
            assert sorted([*final, *inbox]) == sorted(admitted)

    @invariant()
    def the_model_agrees(self) -> None:
        for thread_id, model in self.models.items():
            thread = self.world.state(thread_id)
            assert [(p.input_id, p.text, p.state, p.delivery) for p in thread.inbox] == [
                (p.input_id, p.text, p.state, p.delivery) for p in model.inbox
            ]
            assert (thread.archived, thread.failures) == (model.archived, model.failures)
            assert len(thread.context) == len(model.context)
            assert _slot(thread) == _expected(model.slot)

    # ── Helpers ──────────────────────────────────────────────────────────────────────────────────

    def _next_number(self) -> int:
        self.number += 1
        return self.number

    def _follow(self, script: list[Move], thread_id: str) -> None:
        for move in script:
            self._do(self._aim(move, thread_id))
            self.the_laws_hold()
            self.the_model_agrees()

    def _aim(self, move: Move, thread_id: str) -> Call:
        return aim(move, self.world.state(thread_id), self._next_number())

    def _do(self, call: Call) -> Outcome | Refused:
        answer = play(self.world.service, call)
        self._expect(call, answer)
        return answer

    def _expect(self, call: Call, answer: Outcome | Refused) -> None:
        model = self.models[call.thread_id]
        refusal = model.do(call)
        assert (type(answer) if isinstance(answer, Refused) else None) is refusal
        if not isinstance(answer, Outcome):
            return
        self._learn(model, call, answer)
        if answer.seq is not None and call.key is not None:
            self.recorded[call.key] = (call, answer)

    def _learn(self, model: Model, call: Call, outcome: Outcome) -> None:
        """The ids the service chose."""
        assert not outcome.repeated
        slot = model.slot
        if slot is not None and slot.turn_id is None:
            assert outcome.started_turn_id is not None
            slot.turn_id = outcome.started_turn_id
        if call.method == "start_item":
            assert slot is not None
            slot.items.extend(outcome.item_ids)
        if call.method == "take_steers":
            assert [steer.input_id for steer in outcome.delivered] == model.delivered


def _next(thread_id: str) -> str:
    return THREADS[(THREADS.index(thread_id) + 1) % len(THREADS)]


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


TestRuntime = Runtime.TestCase
TestRuntime.settings = settings(stateful_step_count=30)
