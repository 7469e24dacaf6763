"""What can go wrong between the log and what is read. A class's docstring is its message."""

from __future__ import annotations

from domain.errors import TurnlogError


class ReadModelError(TurnlogError):
    """The read models cannot be used."""


class ReadModelsMissing(ReadModelError):
    """The read models in the schema "{schema}" are damaged: {why}. `turnlog rebuild` makes them
    anew from the log."""


class ReadModelsOutdated(ReadModelError):
    """The read models in the schema "{schema}" were filled by an older version of turnlog, whose
    columns may mean something else. `turnlog rebuild` makes them anew from the log, while the old
    ones serve."""


class ReadModelsNewer(ReadModelError):
    """The read models in the schema "{schema}" were made by a newer turnlog, which moves them on;
    this one only shows them, as far as they are. Upgrade it; or, to go back for good, make them
    anew with this one by `turnlog rebuild`."""


class RangeRejected(ReadModelError):
    """The events at positions {first} to {last} do not fit into the read models: {why}."""

    def __init__(self, *, first: int, last: int, why: str) -> None:
        self.first, self.last, self.why = first, last, why
        super().__init__(first=first, last=last, why=why)


class PoisonEvent(ReadModelError):
    """The read models have stopped at position {position}: the event of type {type} there (thread
    {thread_id}, seq {seq}) cannot be applied, because {why}. Nothing from there on is shown."""


class ReadTimedOut(ReadModelError):
    """After {seconds} s the read models are at position {reached}, not yet at {position}."""


class RebuildRunning(ReadModelError):
    """Another process is rebuilding the schema "{schema}"{who}. Wait for it to end."""


class RebuildSchemaTaken(ReadModelError):
    """The schema "{schema}" is where a rebuild puts its tables, but what is in it was not made by
    one. Rename it, or drop it if nobody needs it."""


class RebuildMismatch(ReadModelError):
    """The rebuilt tables do not agree with the log ({what}), so the old ones stay in use. The
    rebuilt ones were dropped; please report this."""


class SwapBlocked(ReadModelError):
    """The rebuilt tables are ready but could not be put in place: {why}. Nothing is lost: the next
    `turnlog rebuild` only has to put them in place."""


class SwapRefused(ReadModelError):
    """The rebuilt tables are ready but cannot be put in place, because {why}. Drop what depends on
    the old ones, run `turnlog rebuild` again, and create it anew."""


class IndexRefused(ReadModelError):
    """The tables in use have an index that turnlog has not made, {index} on {table}, and it cannot
    be made on the rebuilt ones: {why}. The old ones stay in use. Drop it, or make another one of
    it, and run `turnlog rebuild` again, which goes on where it was."""


class UnreadableRow(ReadModelError):
    """The row {key} of the table {table} cannot be read: its {column} is {why}."""

    def __init__(self, *, table: str, key: str, column: str, why: str) -> None:
        self.table, self.key, self.column, self.why = table, key, column, why
        super().__init__(table=table, key=key, column=column, why=why)
