"""What belongs to a number that is raised when something that is kept would come out otherwise.

- `projections.registry.NUMBER`: the read models' tables and the SQL that fills them;
- `domain.thread.FOLD_VERSION`: the states that the kept logs fold to, as snapshots hold them.

`python -m tests.migrations.definition` writes `definition.json` anew, when a number was raised.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from adapters.event_log import decoded
from domain.thread import FOLD_VERSION, Thread, fold
from projections.registry import NUMBER, definition
from tests.migrations.kept_logs import KeptLog, kept_logs

STATE: Final = TypeAdapter(Thread)
PATH: Final = Path(__file__).with_name("definition.json")
Noted = dict[str, dict[str, object]]


def noted() -> Noted:
    """What was agreed on."""
    found: Noted = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def current() -> Noted:
    """What the code says now."""
    return {
        "read models": {"number": NUMBER, "definition": definition()},
        "states": {
            "version": FOLD_VERSION,
            **{log.folder.name: _digest(log) for log in kept_logs()},
        },
    }


def _digest(log: KeptLog) -> str:
    """SHA-256 of all its threads' states, in the order of their ids."""
    entries = list(log.entries())
    sha = hashlib.sha256()
    for thread_id in sorted({entry.thread_id for entry in entries}):
        events = (decoded(entry).event for entry in entries if entry.thread_id == thread_id)
        state = STATE.dump_python(fold(Thread(thread_id), events))
        sha.update(json.dumps(_ordered(state), default=str).encode())
    return sha.hexdigest()


def _ordered(value: object) -> object:
    """Sets come in any order."""
    match value:
        case dict():
            return {key: _ordered(inner) for key, inner in sorted(value.items())}
        case set() | frozenset():
            return sorted(json.dumps(_ordered(inner), default=str) for inner in value)
        case list() | tuple():
            return [_ordered(inner) for inner in value]
        case _:
            return value


if __name__ == "__main__":
    PATH.write_text(json.dumps(current(), indent=1) + "\n", encoding="utf-8")
