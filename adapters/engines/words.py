"""What the texts of a script can speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from domain.ports import Answer

_PLACEHOLDER: Final = re.compile(r"\{(prompt|last|steers|steer|messages|answer|by|note)\}")


@dataclass(slots=True)
class Words:
    """What texts of a script can speak of."""

    prompt: str
    last: str
    messages: int
    steers: list[str] = field(default_factory=list)
    answer: Answer | None = None

    def fill(self, text: str, steer: str = "") -> str:
        """`text` with its placeholders filled in."""
        values = {
            "prompt": self.prompt,
            "last": self.last,
            "messages": str(self.messages),
            "steers": ", ".join(self.steers),
            "steer": steer,
            "answer": self.answer.decision if self.answer else "",
            "by": (self.answer.by if self.answer else None) or "",
            "note": (self.answer.note if self.answer else None) or "",
        }
        # In one pass: a prompt may contain braces, too.
        return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def refusal(answer: Answer) -> str:
    """`denied by Ada: not on a Friday`."""
    by = f" by {answer.by}" if answer.by else ""
    return f"{answer.decision}{by}" + (f": {answer.note}" if answer.note else "")
