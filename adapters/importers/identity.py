"""Which thread a file is, found from its name and its first records."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from adapters.importers.records import Record
from adapters.importers.values import MAX_NAME_CHARS, name
from domain.events.thread import Origin

UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """A session as its own program knows it. `time` is when it began, as far as the log says."""

    format: str
    native_id: str
    time: datetime
    version: str | None = None
    parent_native_id: str | None = None

    @property
    def thread_id(self) -> str:
        """The id of its thread, the same for every copy and every state of the log."""
        key = f"{self.format}\0{self.native_id}".encode("utf-8", "surrogatepass")
        return f"thr_{hashlib.sha256(key).hexdigest()[:32]}"

    def origin(self, file_name: str) -> Origin:
        """Where the thread comes from, for its first event."""
        return Origin(
            kind="imported",
            format=self.format,
            native_id=name(self.native_id) or "unnamed",
            file_name=name(file_name),
            program_version=self.version,
            parent_native_id=self.parent_native_id,
        )


class Opening(Protocol):
    """Looks at a file's first records until they say which session it is."""

    def see(self, record: Record) -> Identity | None:
        """The identity, as soon as the records so far give it; they are held back until then."""
        ...


def uuid_in(file_name: str) -> str | None:
    """The last UUID in a file's name."""
    found = UUID.findall(file_name[-MAX_NAME_CHARS:])
    return found[-1].lower() if found else None
