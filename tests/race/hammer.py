"""A process whose threads give commands to the same few threads of the log as those of others.

`python -m tests.race.hammer SEED NAME CALLS FILE THREAD…`, on the database that
TURNLOG_DATABASE_URL names. What is chosen comes from the seed; what is written to the file are the
calls and their answers.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final

from adapters.composition import Turnlog, open_turnlog
from adapters.errors import StoreError
from adapters.settings import load_settings
from domain.ports import EventLog, Fence, Recorded, Uncommitted
from domain.thread import Thread
from tests.race.calls import HOUR, Operation, Recorder, do

CALLERS: Final = 3
SPREAD: Final = 6
"""Of so many prompts next to one another each caller takes one: others take the same."""

LONGEST_DELAY_SECONDS: Final = 0.01

Chosen = tuple[str, dict[str, Any]]


class HesitantLog:
    """A log whose callers are now and then held up between decision and append."""

    def __init__(self, log: EventLog, random: Random) -> None:
        self._log = log
        self._random = random
        self.read_thread = log.read_thread
        self.read_command = log.read_command

    def append(
        self, entries: Sequence[Uncommitted], *, expected_seq: int, fence: Fence | None = None
    ) -> tuple[Recorded, ...]:
        if self._random.random() < 0.2:
            time.sleep(self._random.random() * LONGEST_DELAY_SECONDS)
        return self._log.append(entries, expected_seq=expected_seq, fence=fence)


class Product:
    """Where calls are done. A lease that lapses is let run out, whoever holds it."""

    def __init__(self, turnlog: Turnlog, random: Random) -> None:
        self.log = HesitantLog(turnlog.log, random)
        self.threads = turnlog.threads
        self._leases = turnlog.leases

    def acquire(self, turn_id: str, thread_id: str) -> int | None:
        lease = self._leases.acquire(turn_id, thread_id, "somebody", HOUR)
        return lease.token if lease else None

    def token(self, turn_id: str) -> int | None:
        """Of the turn's last lease, whether it runs or not."""
        lease = self._leases.find(turn_id)
        return lease.token if lease else None

    def lapse(self, turn_id: str, token: int) -> None:
        lease = self._leases.find(turn_id)
        if lease is not None and lease.token == token:
            self._leases.release(lease)


class Caller:
    """One thread of the process."""

    def __init__(
        self,
        name: str,
        seed: str,
        product: Product,
        recorder: Recorder,
        threads: Sequence[str],
        random: Random,
    ) -> None:
        self._name, self._seed = name, seed
        self._product = product
        self._recorder = recorder
        self._threads = threads
        self._random = random
        self._seen: dict[str, str] = {}  # the last turn seen, by thread

    def work(self, calls: int) -> None:
        for number in range(calls):
            self._call(number)

    def _call(self, number: int) -> None:
        thread_id = self._random.choice(self._threads)
        # As remembered: others may have been there since, and that is the point of it.
        thread = self._product.threads.remembered(thread_id) or Thread(thread_id)
        turn_id = thread.turn.turn_id if thread.turn else self._seen.get(thread_id)
        chosen = None
        if turn_id is not None:
            self._seen[thread_id] = turn_id
            if self._random.random() < 0.55:
                chosen = self._about_turn(turn_id)
        if chosen is None and thread.inbox and self._random.random() < 0.45:
            chosen = self._about_inbox([prompt.input_id for prompt in thread.inbox])
        method, arguments = chosen or self._prompt(thread_id, number)
        token = None
        if method in WORKERS and self._random.random() < 0.8:
            token = self._product.token(arguments["turn_id"])
        name = f"{self._name}.{number}"
        self._give(Operation(name, thread_id, method, arguments, token))

    def _give(self, operation: Operation) -> None:
        self._recorder.begin(operation)
        try:
            answer = do(operation, self._product, time.sleep)
        except StoreError:
            return  # nobody knows whether it was done
        self._recorder.end(operation, answer)

    def _prompt(self, thread_id: str, number: int) -> Chosen:
        """A prompt, which others send, too; in rare cases another one by the same id."""
        place = number // 2 + self._random.randrange(SPREAD)
        what = Random(f"{self._seed} {thread_id} {place}")
        how = what.choice([None, "queue", "queue", "queue", "steer", "steer", "interrupt"])
        arguments: dict[str, Any] = {
            "text": f"prompt {place}" + (" other" if self._random.random() < 0.05 else ""),
            "input_id": f"inp_{thread_id}_{place}",
        }
        if what.random() < 0.15 and (turn_id := self._seen.get(thread_id)):
            return "steer", {"turn_id": turn_id, **arguments}
        if how == "interrupt":
            arguments["queued"] = what.choice(POLICIES)
        return "submit", {"delivery": how, **arguments}

    def _about_turn(self, turn_id: str) -> Chosen | None:
        about: dict[str, Any] = {"turn_id": turn_id}
        number = self._random.randrange(20)
        if number < 3:
            return "take_steers", about
        if number < 5:
            about["queued"] = self._random.choice(POLICIES)
            return "interrupt", about
        if number < 8:
            return "acquire", about
        if number < 10:
            token = self._product.token(turn_id)
            return ("lapse", {**about, "token": token}) if token else ("acquire", about)
        if number < 11:
            return "recover", about
        if number < 12:
            return "start_item", {**about, "kind": "tool_call", "summary": "ls"}
        if number < 19:
            about["status"] = self._random.choice(STATUSES)
            if self._random.random() < 0.5:  # a retry is a retry of anybody's
                about["command_id"] = f"cmd_{about['status']}_{turn_id}"
            return "finish", about
        return "read", {}

    def _about_inbox(self, waiting: Sequence[str]) -> Chosen:
        about = {"input_id": self._random.choice(waiting)}
        match self._random.randrange(7):
            case 0:
                return "withdraw", about
            case 1:
                return "edit", {**about, "text": f"edited by {self._name}"}
            case 2:
                return "redeliver", {**about, "delivery": self._random.choice(["steer", "queue"])}
            case 3:
                return "move", {**about, "place": self._random.choice(["first", "last"])}
            case 4:
                anchor = self._random.choice(waiting)
                return "move", {**about, "place": "before", "anchor_id": anchor}
            case 5:
                return "release", {"input_ids": [about["input_id"]]}
            case _:
                return "release", {"command_id": f"cmd_release_{about['input_id']}"}


WORKERS: Final = frozenset({"take_steers", "finish", "recover", "start_item"})
POLICIES: Final = (None, "hold", "continue", "discard")
STATUSES: Final = ("completed",) * 4 + ("failed", "interrupted")


def hammer(
    turnlog: Turnlog, seed: str, name: str, calls: int, recorder: Recorder, threads: Sequence[str]
) -> None:
    """Give so many calls, by several threads that begin together."""
    ready = threading.Barrier(CALLERS)

    def caller(number: int) -> None:
        random = Random(f"{seed} {name} {number}")  # str: the same in every process
        product = Product(turnlog, random)
        one = Caller(f"{name}.{number}", seed, product, recorder, threads, random)
        ready.wait()
        one.work(calls)

    with ThreadPoolExecutor(CALLERS) as executor:
        list(executor.map(caller, range(CALLERS)))


def appending_to(file: int) -> Callable[[bytes], object]:
    return lambda line: os.write(file, line)


def main() -> None:
    seed, name, calls, path, *threads = sys.argv[1:]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    recorder = Recorder(appending_to(file), time.monotonic_ns)
    with open_turnlog(load_settings()) as turnlog:
        hammer(turnlog, seed, name, int(calls), recorder, threads)


if __name__ == "__main__":
    main()
