"""A folded thread as bytes and back, for snapshots.

The format is the version of the fold. Bytes of another format are of no use, and nobody tries: the
log has it all.
"""

from __future__ import annotations

import functools
from typing import Final

from pydantic import TypeAdapter

from domain.thread import FOLD_VERSION, Thread

STATE_FORMAT: Final = str(FOLD_VERSION)


@functools.cache
def state_adapter() -> TypeAdapter[Thread]:
    """What reads and writes states. Made at the first use, as few commands need it."""
    return TypeAdapter(Thread)


def encode_state(thread: Thread) -> bytes:
    """The state as UTF-8 JSON."""
    return state_adapter().dump_json(thread)


def decode_state(data: bytes | str) -> Thread:
    """The state of those bytes. ValueError if they are of another format after all."""
    return state_adapter().validate_json(data)
