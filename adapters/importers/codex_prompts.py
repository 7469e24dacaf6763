"""Codex CLI rollouts: which user messages are copies of prompts.

Every prompt is written twice: as a message to the model and, on the next line, as an event (newer
versions may write the event first). A message to the model that has no such event was not typed.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from adapters.importers.recording import Recording
from adapters.importers.records import Record
from adapters.importers.values import string
from domain.events.base import Json

PROMPT_HELD: Final = "a user message waits for the prompt it may be the copy of"
COPY: Final = "message(user): twin of the prompt"
INJECTED: Final = "injected message (user)"

# What the program puts into the user's mouth.
_INJECTED: Final = (
    "# AGENTS.md instructions",
    "<environment_context>",
    "<turn_aborted>",
    "<skill>",
    "<user_instructions>",
)


class PromptCopies:
    """The user messages of one rollout. None gives an event; this finds out why for each."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._waiting: Record | None = None
        self._prompts: Counter[str] = Counter()  # those whose copy has not come

    def message(self, text: str) -> None:
        """The current record is a user message of that text."""
        if text.startswith(_INJECTED):
            self._recording.skip(INJECTED)
        elif self._prompts[text.strip()]:
            self._prompts[text.strip()] -= 1
            self._recording.skip(COPY)
        else:
            self._waiting = self._recording.record
            self._recording.hold(PROMPT_HELD)

    def prompt(self, payload: Json) -> None:
        """A prompt follows. The message just before it is its copy, whatever its text: where there
        are images the texts differ."""
        if waiting := self._waiting:
            self._waiting = None
            self._recording.skip(COPY, waiting)
        else:
            self._prompts[(string(payload, "message") or "").strip()] += 1

    def something_else(self) -> None:
        """No prompt follows: the message was not typed."""
        if waiting := self._waiting:
            self._waiting = None
            self._recording.skip(INJECTED, waiting)


def prompt_text(payload: Json) -> str:
    """What was typed; of images alone that they were there."""
    text = string(payload, "message") or ""
    if text.strip():
        return text
    images = (payload.get("images"), payload.get("local_images"))
    number = sum(len(found) for found in images if isinstance(found, list))
    return "\n".join(["[image]"] * number)
