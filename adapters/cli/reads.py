"""Read models brought up to date before they are shown, or a word that they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from adapters.cli.failures import warn
from projections.errors import ReadModelError, ReadModelsOutdated

if TYPE_CHECKING:
    from adapters.composition import Turnlog

_warned: Final[WeakSet[Turnlog]] = WeakSet()  # a command may ask twice, and one warning is enough


def caught_up(log: Turnlog) -> bool:
    """Whether the tables show all of the log; if not, why is said on stderr.

    What stops them, such as an event of a newer turnlog, must not hide all the rest. On the
    embedded database, which is ours to keep, those of another version are made anew.
    """
    try:
        try:
            log.catch_up()
        except ReadModelsOutdated:
            if log.embedded_in is None:
                raise
            log.rebuild(lambda _: None)
    except ReadModelError as error:
        if log not in _warned:
            _warned.add(log)
            warn(error)
        return False
    return True
