"""Old bodies made new: pure functions from the stored dict of version n to version n+1.

Stored events are never rewritten. Every reader comes through here, so an old log reads the same
to the fold, the command side and `verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from domain.events.base import Json

Upcast = Callable[[Json], Json]

# (event name, version n) -> the function that makes a body of version n one of version n + 1.
UPCASTS: Final[Mapping[tuple[str, int], Upcast]] = {}


def upcast(
    name: str, body: Json, *, to_version: int, upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS
) -> Json:
    """`body` brought to `to_version`. A missing step is a KeyError with name and version."""
    version = body.get("v", 1)
    if not isinstance(version, int):
        raise KeyError(name, version)
    while version < to_version:
        body = {**upcasts[name, version](body), "v": version + 1}
        version += 1
    return body
