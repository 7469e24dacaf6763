"""Who commands, why and when: what a decision is told besides its arguments and the state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict

from domain import ids, text
from domain.events.base import Json


class Header(TypedDict):
    """The fields every event of a command has in common."""

    thread_id: str
    actor: str
    command_id: str
    at: datetime


@dataclass(frozen=True)
class Command:
    """One command: its id (what a retry repeats), its actor, the time, and 16 random bytes.

    Ids are minted from time and bytes, so a command that has to be decided again after a conflict
    decides the same ids.
    """

    command_id: str
    actor: str
    at: datetime
    entropy: bytes

    def header(self, thread_id: str) -> Header:
        """The common fields of its events in that thread."""
        return Header(thread_id=thread_id, actor=self.actor, command_id=self.command_id, at=self.at)

    def mint(self, prefix: ids.Prefix, label: str) -> str:
        """A new id; `label` tells several of one command apart."""
        return ids.mint(prefix, self.at, self.entropy, label)


def body_hash(name: str, body: Mapping[str, object]) -> str:
    """SHA-256, in hex, of a command's name and arguments: what tells a retry from a conflict."""
    # Lone surrogates may still be in here: the body is what the client sent, not what is stored.
    return hashlib.sha256(_CANONICAL.encode([name, body]).encode("ascii")).hexdigest()


def said(details: Json | None) -> str | None:
    """An item's details, for the body of the command that records them: what is stored of them.

    What is no JSON goes by its type here; the event refuses it, and can say which field it is.
    """
    if details is None:
        return None
    return _DETAILS.encode(text.clean_json(details))


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} cannot be part of a command's body")
    return dump(mode="json")


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)
_DETAILS: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=lambda value: type(value).__name__
)
