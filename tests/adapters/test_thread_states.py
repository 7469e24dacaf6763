"""Folded threads as bytes: nothing is lost, whatever has happened to the thread."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from adapters.thread_states import decode_state, encode_state
from domain.thread import Thread, evolve
from tests.projections.histories import Log, logs


@settings(max_examples=30)
@given(logs(20, 40))
def test_a_state_comes_back_as_it_was_at_every_point(log: Log) -> None:
    for thread_id in log.thread_ids():
        thread = Thread(thread_id)
        for recorded in log.history(thread_id):
            # Going on from what came back, so that a value of another type would be noticed.
            thread = evolve(thread, recorded.event)
            back = decode_state(encode_state(thread))
            assert back == thread
            assert hash(back) == hash(thread)
            thread = back


def test_bytes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="inbox"):
        decode_state(b'{"thread_id": "thr_1", "inbox": [{}]}')
