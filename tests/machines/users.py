"""What users and workers do: every command of the service, under leases and without, and misuse."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from domain.ports import Lease
from domain.thread import Thread
from tests.machines.twins import Twins
from tests.machines.wishes import WORK, Wish
from tests.strategies import TEXTS, Kind, Move, aim, moves

MOST_THREADS: Final = 7
UNKNOWN: Final = ("thr_9", "thr_a b", "turn_1", "")

IN_A_TURN: Final[tuple[Kind, ...]] = (
    *("submit", "steer", "take_steers", "start_item", "start_item", "end_item", "record_item"),
    *("request_approval", "request_approval", "resolve_approval", "interrupt", "finish"),
)
IN_LINE: Final[tuple[Kind, ...]] = (
    *("submit", "submit", "edit", "redeliver", "redeliver", "move", "move", "withdraw"),
    *("take_steers", "interrupt", "release", "finish"),
)

# These are retried by a `command_id` if there is one; moves give them none.
MAY_BE_RETRIED: Final = frozenset({"take_steers", "start_item", "end_item", "record_item"})

# Mostly the first threads, so that their histories get long.
Threads = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6))
Who = st.integers(0, 1)
Picks = st.integers(0, 63)
# Most schedules have only some of the rules: each has enough of what all the others need.
Scripts = st.lists(moves(), min_size=8, max_size=25)


class Users(RuleBasedStateMachine):
    """Those who command. Whoever inherits it sets the `twins`."""

    twins: Twins

    @rule(script=Scripts, at=Threads, who=Who)
    def commands(self, script: list[Move], at: int, who: int) -> None:
        self.follow(script, at, who)

    @rule(
        script=st.lists(moves(IN_A_TURN), min_size=8, max_size=20),
        at=Threads,
        who=Who,
        leased=st.booleans(),
    )
    def what_a_turn_does(self, script: list[Move], at: int, who: int, leased: bool) -> None:
        """By the one who has the lease, if `leased`, until it is taken from them."""
        for move in script:
            turn = self.thread(at).turn
            if leased and turn is not None and turn.turn_id not in self.twins.leases:
                self.twins.acquire(turn.turn_id, self.thread(at).thread_id, who)
            self.twins.ask(self.wish(move, at), who)

    @rule(script=st.lists(moves(IN_LINE), min_size=8, max_size=20), at=Threads, who=Who)
    def what_users_do_to_the_line(self, script: list[Move], at: int, who: int) -> None:
        self.follow(script, at, who)

    @rule(script=Scripts, at=Threads)
    def taking_turns(self, script: list[Move], at: int) -> None:
        """Each process knows only what it has done itself."""
        for who, move in enumerate(script):
            self.twins.ask(self.wish(move, at), who % 2)

    @rule(move=moves(), meanwhile=moves(), at=Threads, who=Who)
    def race(self, move: Move, meanwhile: Move, at: int, who: int) -> None:
        self.twins.race(self.wish(move, at), who, self.wish(meanwhile, at))

    @rule(pick=Picks, who=Who, what=st.sampled_from(("again", "again", "otherwise", "elsewhere")))
    def retry_or_misuse(self, pick: int, who: int, what: str) -> None:
        """A command that was recorded, once more; or its id for something else."""
        known = list(self.twins.asked.values())
        if not known:
            return
        wish, before = known[-1 - pick % len(known)]
        number_of_events = self.twins.chronicle.head
        if what == "elsewhere" and "thread_id" in wish.arguments:
            wish = wish.elsewhere(self.thread(pick).thread_id)
        said = wish.otherwise(pick) if what == "otherwise" else wish
        if said is not None:
            answer = self.twins.ask(said, who)
            assert said != known[-1 - pick % len(known)][0] or answer == before
        assert self.twins.chronicle.head == number_of_events

    @rule(move=moves(), pick=Picks, who=Who)
    def mistakes(self, move: Move, pick: int, who: int) -> None:
        """Threads that are not there, and names that are none."""
        wish = self.wish(move, 0).elsewhere(UNKNOWN[pick % len(UNKNOWN)])
        number_of_events = self.twins.chronicle.head
        self.twins.ask(wish, who)
        assert self.twins.chronicle.head == number_of_events

    @rule(
        what=st.sampled_from(
            ("create", "start", "fork", "fork", "fork at a turn", "fork at a seq")
        ),
        at=Threads,
        pick=Picks,
        text=TEXTS,
        who=Who,
    )
    def threads_come(self, what: str, at: int, pick: int, text: str, who: int) -> None:
        number = self.twins.next_number()
        command = {"command_id": f"cmd_{number}"}
        if len(self.twins.chronicle.thread_ids) >= MOST_THREADS:
            what = "create"
        if what == "create":  # one that is there, if there are many
            names = {"thread_id": f"thr_{len(self.twins.chronicle.thread_ids) % MOST_THREADS}"}
            wish = Wish("create", {**names, "title": text, **(command if pick % 2 else {})})
        elif what == "start":
            wish = Wish(
                "start", {"text": text, **({"input_id": f"inp_{number}"} if pick % 2 else {})}
            )
        else:
            wish = Wish("fork", {**command, **self.cut(what, at, pick), "title": text or None})
        self.twins.ask(wish, who)

    def cut(self, what: str, at: int, pick: int) -> dict[str, object]:
        """Where to fork."""
        parent = self.thread(at)
        arguments: dict[str, object] = {"thread_id": parent.thread_id}
        if what == "fork at a turn" and parent.context:
            arguments["at_turn"] = parent.context[pick % len(parent.context)].turn_id
        if what == "fork at a seq":
            arguments["at_seq"] = 1 + pick * parent.seq // 60
        return arguments

    # ── Leases ───────────────────────────────────────────────────────────────────────────────────

    @rule(
        what=st.sampled_from(("take", "take", "take", "renew", "give back", "time goes by")),
        at=Threads,
        pick=Picks,
        who=Who,
    )
    def lease(self, what: str, at: int, pick: int, who: int) -> None:
        thread = self.thread(at)
        known = [lease for leases in self.twins.leases.values() for lease in leases]
        if what == "take":
            turns = [turn.turn_id for turn in thread.context[-2:]]
            active = thread.turn.turn_id if thread.turn else "turn_9"
            turn_id = turns[0] if turns and pick % 8 == 7 else active
            self.twins.acquire(turn_id, thread.thread_id, who)
        elif what == "time goes by":
            self.twins.pass_time()
        elif known:
            lease = known[-1 - pick % min(len(known), 4)]
            (self.twins.renew if what == "renew" else self.twins.give_back)(lease, who)
        self.twins.compare_leases()

    @rule(
        script=st.lists(moves(IN_A_TURN), min_size=2, max_size=6),
        at=Threads,
        who=Who,
        taken=st.booleans(),
    )
    def a_lease_runs_out(self, script: list[Move], at: int, who: int, taken: bool) -> None:
        """Its holder is back too late, and perhaps another has it; both go on (L14)."""
        thread = self.thread(at)
        if thread.turn is None:
            return
        self.twins.acquire(thread.turn.turn_id, thread.thread_id, who)
        self.twins.pass_time()
        if taken:
            self.twins.acquire(thread.turn.turn_id, thread.thread_id, 1 - who)
        self.follow(script, at, who)
        self.twins.compare_leases()

    # ── Helpers ──────────────────────────────────────────────────────────────────────────────────

    def thread(self, at: int) -> Thread:
        """One of those there are; an imported one, which takes no commands, only now and then."""
        chronicle = self.twins.chronicle
        every = [chronicle.state(thread_id) for thread_id in chronicle.thread_ids]
        chosen = every if at == 6 else [thread for thread in every if not thread.imported]
        return chosen[at % len(chosen)]

    def wish(self, move: Move, at: int) -> Wish:
        """The move, aimed at that thread as it is; a worker's under a lease of its turn."""
        number = self.twins.next_number()
        wish = Wish.of(aim(move, self.thread(at), number))
        if wish.method in MAY_BE_RETRIED and move.pick % 2:
            wish = wish.known_as(f"cmd_{number}")
        turn_id = wish.arguments.get("turn_id")
        if wish.method not in WORK or not isinstance(turn_id, str):
            return wish
        return wish.under(self.lease_for(turn_id, move))

    def lease_for(self, turn_id: str, move: Move) -> Lease | None:
        """The last one, as a rule; now and then an older one, another turn's, or none."""
        own = self.twins.leases.get(turn_id, [])
        if not own or (move.wrong and move.pick % 2):
            others = [leases[0] for turn, leases in self.twins.leases.items() if turn != turn_id]
            return others[-1] if others and move.wrong and move.pick > 4 else None
        return own[0] if move.wrong else own[-1]

    def follow(self, script: list[Move], at: int, who: int) -> None:
        for move in script:
            self.twins.ask(self.wish(move, at), who)
