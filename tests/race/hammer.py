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
from typing import Final

from adapters.composition import Turnlog, open_turnlog
from adapters.errors import StoreError
from adapters.settings import load_settings
from tests.race.calls import Operation, Recorder, calls_of, do
from tests.race.choices import WORKERS, Choices
from tests.race.linearizability import Call
from tests.race.product import Product

CALLERS: Final = 3


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
        self._name = name
        self._product = product
        self._recorder = recorder
        self._threads = threads
        self._random = random
        self._choices = Choices(name, seed, random)

    def work(self, calls: int) -> None:
        for number in range(calls):
            self._give(self._operation(number))

    def _operation(self, number: int) -> Operation:
        thread_id = self._random.choice(self._threads)
        method, arguments = self._choices.next(number, self._product.glance(thread_id))
        token = None
        if method == "lapse":
            last = self._product.token(arguments["turn_id"])
            method, arguments = ("lapse", {**arguments, "token": last}) if last else ("read", {})
        elif method in WORKERS and self._random.random() < 0.8:
            token = self._product.token(arguments["turn_id"])
        return Operation(f"{self._name}.{number}", thread_id, method, arguments, token)

    def _give(self, operation: Operation) -> None:
        self._recorder.begin(operation)
        try:
            answer = do(operation, self._product, time.sleep)
        except StoreError:
            return  # nobody knows whether it was done
        self._recorder.end(operation, answer)


def hammer(
    make: Callable[[Random], Product],
    seed: str,
    name: str,
    calls: int,
    recorder: Recorder,
    threads: Sequence[str],
) -> None:
    """Give so many calls, by several threads that begin together; each has a product made."""
    ready = threading.Barrier(CALLERS)

    def caller(number: int) -> None:
        random = Random(f"{seed} {name} {number}")  # str: the same in every process
        one = Caller(f"{name}.{number}", seed, make(random), recorder, threads, random)
        ready.wait()
        one.work(calls)

    with ThreadPoolExecutor(CALLERS) as executor:
        list(executor.map(caller, range(CALLERS)))


def calls_here(
    name: str, turnlog: Turnlog, method: str, threads: Sequence[str]
) -> list[Call[Operation]]:
    """`create` or `history` of those threads, by one who is alone."""
    lines: list[bytes] = []
    recorder = Recorder(lines.append, time.monotonic_ns)
    product = Product(turnlog, Random(name))
    for thread_id in threads:
        arguments = {"command_id": f"cmd_create_{thread_id}"} if method == "create" else {}
        operation = Operation(f"{name}.{thread_id}", thread_id, method, arguments)
        recorder.begin(operation)
        recorder.end(operation, do(operation, product, time.sleep))
    return calls_of(line.decode() for line in lines)


def products_of(turnlog: Turnlog) -> Callable[[Random], Product]:
    return lambda random: Product(turnlog, random)


def appending_to(file: int) -> Callable[[bytes], object]:
    return lambda line: os.write(file, line)


def main() -> None:
    seed, name, calls, path, *threads = sys.argv[1:]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    recorder = Recorder(appending_to(file), time.monotonic_ns)
    with open_turnlog(load_settings()) as turnlog:
        hammer(products_of(turnlog), seed, name, int(calls), recorder, threads)


if __name__ == "__main__":
    main()
