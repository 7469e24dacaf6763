"""A world for the service to run in: a log, and threads remembered from it.

It keeps the promises of `domain.ports` in as few lines as it can, so that a test about decisions
depends on nothing else. The stores of the product are tested by their own contracts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from domain.errors import LeaseLost
from domain.events.base import Event
from domain.execution import Execution, number
from domain.options import Routing, ThreadSettings
from domain.ports import CommandRecorded, Conflict, Fence, Recorded, Uncommitted
from domain.service import ThreadService
from domain.thread import Thread, fold
from tests.fixtures.clock import START, CountingEntropy, HandClock

THREAD = "thr_1"


class TinyLog:
    """The log, in a list. Numbers are gapless; an append lands whole or not at all.

    `before_append` runs once, just before the next append is judged: what another writer does in
    that moment. `receipts_first` says which of two reasons to refuse is found first; a caller must
    get the same answer either way. `leases` are the tokens of the leases that run, by turn.
    """

    def __init__(self, *, receipts_first: bool = True) -> None:
        self.entries: list[Recorded] = []
        self.appends = 0
        self.before_append: Callable[[], object] | None = None
        self.leases: dict[str, int] = {}
        self._receipts_first = receipts_first
        self._threads: defaultdict[str, list[Recorded]] = defaultdict(list)
        self._commands: defaultdict[str, list[Recorded]] = defaultdict(list)
        self._versions: Counter[str] = Counter()

    def append(
        self,
        entries: Sequence[Uncommitted],
        *,
        expected_seq: int,
        fence: Fence | None = None,
    ) -> tuple[Recorded, ...]:
        if self.before_append is not None:
            meanwhile, self.before_append = self.before_append, None
            meanwhile()
        checks = [self._refuse_repeated, self._refuse_stale]
        for check in checks if self._receipts_first else reversed(checks):
            check(entries[0].event, expected_seq)
        if fence is not None and fence.token != self.leases.get(fence.turn_id):
            raise LeaseLost(turn_id=fence.turn_id, why="another has its lease")
        return self._write(entries)

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> list[Recorded]:
        return self._threads[thread_id][after_seq:upto_seq]

    def read_command(self, command_id: str) -> list[Recorded]:
        return self._commands[command_id][:]

    def _refuse_repeated(self, first: Event, _: int) -> None:
        if first.receipt is not None and self._commands[first.command_id]:
            raise CommandRecorded(command_id=first.command_id)

    def _refuse_stale(self, first: Event, expected_seq: int) -> None:
        if len(self._threads[first.thread_id]) != expected_seq:
            raise Conflict(thread_id=first.thread_id)

    def _write(self, entries: Sequence[Uncommitted]) -> tuple[Recorded, ...]:
        assert len({entry.event.thread_id for entry in entries}) == 1, "one thread an append"
        for event, version in ((entry.event, entry.version) for entry in entries):
            self._versions[event.stream_id] += 1
            assert version == self._versions[event.stream_id], f"L13: {event.name} {version}"
            thread, position = self._threads[event.thread_id], len(self.entries) + 1
            recorded = Recorded(position, len(thread) + 1, version, START, b"", event)
            for into in (self.entries, thread, self._commands[event.command_id]):
                into.append(recorded)
        self.appends += 1
        return tuple(self.entries[-len(entries) :])


class TinyThreads:
    """Folded threads. A test may put an old state into `cache`, or forget everything."""

    def __init__(self, log: TinyLog) -> None:
        self._log = log
        self.cache: dict[str, Thread] = {}

    def remembered(self, thread_id: str) -> Thread | None:
        return self.cache.get(thread_id)

    def current(self, thread_id: str) -> Thread:
        thread = fold(Thread(thread_id), (e.event for e in self._log.read_thread(thread_id)))
        if thread.exists:
            self.cache[thread_id] = thread
        return thread

    def remember(self, thread: Thread) -> None:
        self.cache[thread.thread_id] = thread


class World:
    """The service over a log in memory. Prompt A of a test has the id `inp_A`."""

    def __init__(self, routing: Routing | None = None, *, receipts_first: bool = True) -> None:
        self.log = TinyLog(receipts_first=receipts_first)
        self.threads = TinyThreads(self.log)
        self.clock = HandClock()
        execution = Execution(self.log, self.threads, self.clock, CountingEntropy())
        self.service = ThreadService(execution, routing or Routing())

    @classmethod
    def with_thread(
        cls, settings: ThreadSettings | None = None, routing: Routing | None = None
    ) -> World:
        """A world with one empty thread, `thr_1`."""
        world = cls(routing)
        world.service.create(thread_id=THREAD, settings=settings, command_id="cmd_create")
        return world

    def history(self, thread_id: str = THREAD) -> list[Recorded]:
        """All events of a thread, with their numbers."""
        return self.log.read_thread(thread_id)

    def state(self, thread_id: str = THREAD, *, upto_seq: int | None = None) -> Thread:
        """The thread as its log folds, at any `seq`."""
        entries = self.log.read_thread(thread_id, upto_seq=upto_seq)
        return fold(Thread(thread_id), (entry.event for entry in entries))

    def put(self, *events: Event) -> None:
        """Events straight into the log, as if some earlier command had decided them."""
        thread = self.state(events[0].thread_id)
        entries, after = number(events, thread)
        self.log.append(entries, expected_seq=thread.seq)
        self.threads.remember(after)

    def turn(self, name: str, thread_id: str = THREAD) -> str:
        """The turn that prompt opened (or the last `compaction`); an unknown id if it opened none.

        A name that is a turn's id already stands for itself.
        """
        if name.startswith("turn_"):
            return name
        found = [
            turn for turn, label in turn_names(self.history(thread_id)).items() if label == name
        ]
        return found[-1] if found else f"turn_{name}"

    def crash(self) -> None:
        """The process is gone, and with it everything it remembered."""
        self.threads.cache.clear()

    def ends(self, thread_id: str = THREAD) -> list[int]:
        """The `seq` after each command: appends are whole, so nobody ever sees a state between."""
        history = self.history(thread_id)
        following = [entry.event.command_id for entry in history[1:]]
        return [
            entry.seq
            for entry, next_id in zip(history, [*following, None], strict=True)
            if entry.event.command_id != next_id
        ]

    def remember_at(self, seq: int, thread_id: str = THREAD) -> None:
        """This process last saw the thread at `seq`: another one has written since."""
        self.threads.cache[thread_id] = self.state(thread_id, upto_seq=seq)


def turn_names(history: Sequence[Recorded]) -> dict[str, str]:
    """Turn ids, and the names tests call them by: that of the prompt that opened each."""
    names: dict[str, str] = {}
    for entry in history:
        if entry.event.name == "turn.started":
            input_id = getattr(entry.event, "input_id", None)
            names[entry.event.stream_id] = label(input_id) if input_id else "compaction"
    return names


def label(input_id: str) -> str:
    """The name tests call a prompt by."""
    return input_id.removeprefix("inp_")


def waiting(world: World) -> list[str]:
    """The inbox, by name and state."""
    return [f"{label(prompt.input_id)} {prompt.state}" for prompt in world.state().inbox]


def running(world: World) -> str | None:
    """The prompt whose turn holds the slot, or `compaction`."""
    turn = world.state().turn
    return label(turn.input_id or "compaction") if turn else None
