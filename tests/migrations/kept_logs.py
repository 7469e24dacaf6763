"""The logs in `logs/`: one folder for each form that events were ever stored in, kept for ever.

`events.jsonl` has a line for each row of the table `log`, with the exact bytes of the body as text;
`rows.json` what the read models showed when it was made. Nothing in an existing folder is ever
changed. A new one is made, by the code of today, with

    python -m tests.migrations.kept_logs v2
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from psycopg import sql
from pydantic import TypeAdapter

from adapters import codec
from adapters.memory.recorder import MemoryLogRecorder
from adapters.postgres.connection import Connection
from adapters.records import LogEntry, LogRecord
from domain.ports import Recorded
from projections.replay import replay
from projections.rows import ThreadRows
from tests.fixtures.clock import START
from tests.migrations.story import every_event

FOLDER: Final = Path(__file__).with_name("logs")
ROWS: Final = TypeAdapter(ThreadRows)

COLUMNS: Final = (
    *("position", "thread_id", "seq", "stream_id", "version", "type", "data"),
    *("command_id", "receipt", "recorded_at", "hash"),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True)
class KeptLog:
    """One of the folders."""

    folder: Path

    @property
    def rows(self) -> list[Row]:
        """The rows of the table `log`; `recorded_at` in microseconds, `hash` in hex."""
        lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]

    @property
    def shown(self) -> dict[str, Row]:
        """What the read models showed of each thread."""
        found: dict[str, Row] = json.loads((self.folder / "rows.json").read_text(encoding="utf-8"))
        return found

    def entries(self) -> Iterator[LogEntry]:
        """The rows as a store gives them."""
        for row in self.rows:
            yield LogEntry(
                row["stream_id"],
                row["version"],
                row["type"],
                row["data"].encode(),
                row["position"],
                row["thread_id"],
                row["seq"],
                row["command_id"],
                row["receipt"],
                _time(row["recorded_at"]),
                bytes.fromhex(row["hash"]),
            )

    def load(self, connection: Connection) -> None:
        """Into an empty log, as its owner restores it from a backup: every byte as it was.

        By the columns it has, so that whatever a later schema adds stays as the schema says.
        """
        names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        rows = self.rows
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(sql.SQL("COPY log ({}) FROM STDIN").format(names)) as copy:
                for row in rows:
                    copy.write_row([_value(name, row[name]) for name in COLUMNS])
            connection.execute(
                "UPDATE log_head SET position = %s, recorded_at = %s",
                [rows[-1]["position"], _time(rows[-1]["recorded_at"])],
            )


def _value(name: str, value: Any) -> object:
    match name:
        case "recorded_at":
            return _time(value)
        case "hash":
            return bytes.fromhex(value)
        case _:
            return value


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def kept_logs() -> list[KeptLog]:
    """All of them."""
    return [KeptLog(folder) for folder in sorted(FOLDER.iterdir()) if folder.is_dir()]


# ── A new one ────────────────────────────────────────────────────────────────────────────────────


def make(folder: Path) -> None:
    """A new folder, by the code of today."""
    history = every_event()
    entries = _stored(history)
    folder.mkdir()
    lines = [json.dumps(_row(entry), ensure_ascii=False) for entry in entries]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    threads = sorted({entry.event.thread_id for entry in history})
    shown = {
        thread_id: ROWS.dump_python(
            replay([entry for entry in history if entry.event.thread_id == thread_id]), mode="json"
        )
        for thread_id in threads
    }
    text = json.dumps(shown, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "rows.json").write_text(text + "\n", encoding="utf-8")


def _stored(history: Sequence[Recorded]) -> list[LogEntry]:
    """The events through a store, command by command, which gives them times and hashes."""
    ticks = iter(range(sys.maxsize))
    recorder = MemoryLogRecorder(clock=lambda: START + timedelta(microseconds=1_001 * next(ticks)))
    entries: list[LogEntry] = []
    for entry in history:
        event = entry.event
        record = LogRecord(
            originator_id=event.stream_id,
            originator_version=entry.version,
            topic=event.name,
            state=codec.encode(event),
            thread_id=event.thread_id,
            command_id=event.command_id,
            receipt=event.receipt,
        )
        entries.extend(recorder.append([record]))
    return entries


def _row(entry: LogEntry) -> Row:
    values = (
        *(entry.id, entry.thread_id, entry.seq, entry.stream_id, entry.originator_version),
        *(entry.topic, entry.state.decode(), entry.command_id, entry.receipt),
        *((entry.recorded_at - _EPOCH) // timedelta(microseconds=1), entry.hash.hex()),
    )
    return dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    [name] = sys.argv[1:]
    make(FOLDER / name)
