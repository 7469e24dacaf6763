"""Bodies of another version made bodies of this one: pure functions from dict to dict.

Stored events are never rewritten. Every reader comes through here, so an old log reads the same
to the fold, the command side and `verify`. A new version of an event takes two releases
(docs/schema-changes.md): the first has the downcast, so that it can read what the second writes
while both are running; the second writes the new version and has the upcast. An upcast is never
removed, as a log may hold such a body for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from domain.events.base import Json


class NoCast(LookupError):
    """Nothing brings a body of that version to the one that is wanted."""


class CastFailed(ValueError):
    """The body is not what one of its version looks like, so it cannot be brought to another."""


Cast = Callable[[Json], Json]
Casts = Mapping[tuple[str, int], Cast]

# (event name, version n) -> the function that makes a body of version n one of version n + 1.
UPCASTS: Final[Casts] = {}

# (event name, version n) -> the function that makes a body of version n one of version n - 1.
DOWNCASTS: Final[Casts] = {}


def bring_to(
    version: int, name: str, body: Json, *, up: Casts = UPCASTS, down: Casts = DOWNCASTS
) -> Json:
    """`body`, of whichever version, as one of `version`.

    NoCast with name and version for a step that is missing, or for a body whose version is no
    whole number; CastFailed, from the error, for a body that a cast cannot do anything with.
    """
    found = body.get("v", 1)
    if not isinstance(found, int) or isinstance(found, bool):
        raise NoCast(name, found)
    while found != version:
        casts, to = (up, found + 1) if found < version else (down, found - 1)
        cast = casts.get((name, found))
        if cast is None:
            raise NoCast(name, found)
        try:
            body = {**cast(body), "v": to}
        except Exception as error:  # what a cast relies on may be missing in any way
            raise CastFailed(name, found) from error
        found = to
    return body


def newest_readable(name: str, version: int, *, down: Casts = DOWNCASTS) -> int:
    """The newest version that code which writes `version` of the event can read."""
    while (name, version + 1) in down:
        version += 1
    return version
