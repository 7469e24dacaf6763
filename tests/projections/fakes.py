"""Sessions that keep the promises of `projections.ports` over a number instead of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import TurnlogError
from projections.errors import RangeRejected, SwapBlocked
from projections.ports import ReadModelStatus, Step, Suspect
from projections.registry import definition
from projections.rows import ThreadRows


class Away(TurnlogError):
    """The store is away."""


@dataclass
class FakeSession:
    """A log of `head` events, of which `position` are applied; those in `poisonous` never are.

    `steps` has the sizes of the ranges that were asked for. `before_step` runs before each one.
    """

    head: int = 0
    position: int = 0
    poisonous: frozenset[int] = frozenset()
    poison_type: str = "thread.updated"
    poison_version: str | None = "1"
    failures: list[tuple[int, str]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    before_step: Callable[[], None] = lambda: None
    leads: bool = True
    made_by: str | None = field(default_factory=definition)
    is_led_until: float = 0.0
    busy: bool = False
    now: float = 0.0
    stood_aside: int = 0

    temporary: tuple[type[TurnlogError], ...] = (Away,)

    def step(self, limit: int, *, wait: bool = True) -> Step | None:
        self.before_step()
        if self.busy and not wait:
            return None
        self.steps.append(limit)
        after, upto = self.position, min(self.position + limit, self.head)
        if self.poisonous & set(range(after + 1, upto + 1)):
            raise RangeRejected(first=after + 1, last=upto, why="it tastes odd")
        self.position = upto
        return Step(after, upto, self.head)

    def suspect(self, position: int) -> Suspect:
        return Suspect(position, self.poison_type, "thr_1", position, self.poison_version)

    def seconds(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def is_led(self) -> bool:
        return self.now < self.is_led_until

    def stand_aside(self) -> None:
        self.stood_aside += 1

    def lead(self) -> bool:
        return self.leads

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def status(self) -> ReadModelStatus:
        return ReadModelStatus(self.position, self.head, None, None, self.made_by)

    def record_failure(self, position: int, why: str) -> None:
        self.failures.append((position, why))


@dataclass
class FakeRebuild(FakeSession):
    """Notes in `done` what is done to it. The first `filled` events are filled in two parts, but
    not if it is `unfit`. `blocked` swaps fail; `late` events come just then."""

    found: int = 0
    unfit: bool = False
    wrong: Sequence[str] = ()
    rows: Mapping[str, tuple[ThreadRows, int]] = field(default_factory=dict)
    blocked: int = 0
    filled: int = 0
    late: list[int] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    def claim(self) -> None:
        self.done.append("claim")

    def prepare(self) -> int:
        self.done.append("prepare")
        self.position = self.found
        return self.found

    def fill(self, tell: Callable[[int, int], None]) -> None:
        self.done.append("fill")
        if self.unfit:
            raise RangeRejected(first=1, last=self.head, why="something tastes odd")
        if not self.found:
            for part in (1, 2):
                self.now += 1
                tell(self.filled * part // 2, self.filled)
            self.position = self.filled

    def start_over(self) -> None:
        self.done.append("start over")
        self.position = 0

    def keep_indexes(self) -> None:
        self.done.append("keep indexes")

    def sample(self, events: int, seed: int) -> Sequence[str]:
        self.done.append(f"sample {events} {seed}")
        return list(self.rows)

    def snapshot(self, thread_id: str) -> tuple[ThreadRows, int]:
        return self.rows[thread_id]

    def mismatches(self, meanwhile: Callable[[], None]) -> Sequence[str]:
        self.done.append("compare")
        meanwhile()
        return self.wrong

    def swap(self, limit: int) -> int | None:
        self.limits.append(limit)
        if self.blocked:
            self.blocked -= 1
            raise SwapBlocked(why="somebody reads")
        self.head += self.late.pop(0) if self.late else 0
        if self.head - self.position > limit:
            return None
        self.step(limit)
        self.done.append("swap")
        return self.position

    def discard(self) -> None:
        self.done.append("discard")

    def release(self) -> None:
        self.done.append("release")
