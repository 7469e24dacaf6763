"""What the text of a user record is: typed, a command, its output, a notice, a mark of the program.

The program writes all of them as if the user had said them, and tells them apart by tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

UserText = Literal[
    "prompt", "command", "shell", "output", "notification", "interrupt", "note", "blank"
]

DECLINED: Final = "doesn't want to proceed with this tool use"
INTERRUPTED: Final = "[Request interrupted by user"
_INTERRUPT: Final = re.compile(r"\[Request interrupted by user(?: for tool use)?\]")
_SAID: Final = "the user said:"

_NOTIFICATIONS: Final = ("<task-notification>", "<agent-notification>")
_OUTPUTS: Final = (
    "<bash-stdout>",
    "<bash-stderr>",
    "<local-command-stdout>",
    "<local-command-stderr>",
)
_NOTES: Final = ("<local-command-caveat>", "Caveat: The messages below were generated")
_COMMANDS: Final = ("<command-name>", "<command-message>")
_OUTPUT_TAGS: Final = ("bash-stdout", "bash-stderr", "local-command-stdout", "local-command-stderr")


@dataclass(frozen=True, slots=True)
class Said:
    """A user record's text: what it is, and what of it a person would recognise."""

    kind: UserText
    text: str


def said(text: str) -> Said:
    """What `text`, the content of a user record, is."""
    begin = text.lstrip()
    if not begin:
        return Said("blank", "")
    if _INTERRUPT.fullmatch(begin.rstrip()):
        return Said("interrupt", begin)
    if begin.startswith(_COMMANDS) and (name := _tag(text, "command-name")):
        return Said("command", f"{name} {_tag(text, 'command-args') or ''}".strip())
    if begin.startswith("<bash-input>") and (command := _tag(text, "bash-input")):
        return Said("shell", command)
    if begin.startswith(_OUTPUTS):
        parts = (_tag(text, tag) for tag in _OUTPUT_TAGS)
        return Said("output", "\n".join(part for part in parts if part))
    if begin.startswith(_NOTES):
        return Said("note", text)
    return Said("notification" if is_notification(begin) else "prompt", text)


def is_notification(text: str) -> bool:
    """Whether background work reports here, rather than the user."""
    return text.lstrip().startswith(_NOTIFICATIONS)


def words_of_decline(text: str) -> str | None:
    """What the user said when declining a tool call, if anything: a steer in disguise."""
    if DECLINED not in text or _SAID not in text:
        return None
    return text.split(_SAID, 1)[1].strip() or None


def _tag(text: str, tag: str) -> str | None:
    found = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return found[1].strip() if found else None
