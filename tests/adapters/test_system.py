"""The real randomness: never the same bytes twice, whoever asks."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from adapters.system import SystemEntropy


def test_no_two_draws_are_the_same_in_many_threads() -> None:
    entropy = SystemEntropy()
    with ThreadPoolExecutor(8) as callers:
        drawn = list(callers.map(lambda _: entropy.bytes(), range(5_000)))
    assert len(set(drawn)) == len(drawn)
    assert {len(piece) for piece in drawn} == {16}


def test_a_child_process_draws_its_own() -> None:
    entropy = SystemEntropy()
    entropy.bytes()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(entropy.bytes() for _ in range(300)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 300 * 16)
    os.close(reader)
    os.close(writer)
    ours = {entropy.bytes() for _ in range(300)}
    assert not ours & {theirs[i : i + 16] for i in range(0, len(theirs), 16)}
