"""What a caller of the hammer asks for next: any command, on what it remembers of the thread."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from domain.thread import Thread
from domain.turn import Turn

SPREAD: Final = 6
"""Of so many prompts next to one another each caller takes one: others take the same."""

WORKERS: Final = frozenset(
    {"take_steers", "finish", "recover", "start_item", "end_item", "request_approval"}
)
"""What only the holder of the turn's lease may do."""

POLICIES: Final = (None, "hold", "continue", "discard")
STATUSES: Final = ("completed",) * 4 + ("failed", "interrupted")

Chosen = tuple[str, dict[str, Any]]


class Choices:
    """A method of the service and its arguments, or one of `read`, `acquire`, `lapse`.

    Many ids are the same for all callers, so that they send one another's commands again. What is
    chosen comes from the seed, and from what the thread looks like.
    """

    def __init__(self, name: str, seed: str, random: Random) -> None:
        self._name, self._seed = name, seed
        self._random = random
        self._seen: dict[str, str] = {}  # the last turn seen, by thread

    def next(self, number: int, thread: Thread) -> Chosen:
        """The call of that number, on that thread. An acquired lease may be named by its turn."""
        turn_id = thread.turn.turn_id if thread.turn else self._seen.get(thread.thread_id)
        if turn_id is not None:
            self._seen[thread.thread_id] = turn_id
            if self._random.random() < (0.55 if thread.turn else 0.25):
                return self._about_turn(turn_id, thread.turn)
        if thread.inbox and self._random.random() < 0.45:
            return self._about_inbox([prompt.input_id for prompt in thread.inbox])
        if thread.exists and self._random.random() < (0.1 if thread.turn else 0.4):
            return self._about_thread(number, thread)
        return self._prompt(number, thread.thread_id)

    def _prompt(self, number: int, thread_id: str) -> Chosen:
        """A prompt, which others send, too; in rare cases another one by the same id."""
        place = self._place(number)
        what = Random(f"{self._seed} {thread_id} {place}")
        how = what.choice([None, "queue", "queue", "queue", "steer", "steer", "interrupt"])
        arguments: dict[str, Any] = {
            "text": f"prompt {place}" + (" other" if self._random.random() < 0.05 else ""),
            "input_id": f"inp_{thread_id}_{place}",
        }
        if what.random() < 0.15 and (turn_id := self._seen.get(thread_id)):
            return "steer", {"turn_id": turn_id, **arguments}
        if how == "interrupt":
            arguments["queued"] = what.choice(POLICIES)
        return "submit", {"delivery": how, **arguments}

    def _place(self, number: int) -> int:
        return number // 2 + self._random.randrange(SPREAD)

    def _about_turn(self, turn_id: str, turn: Turn | None) -> Chosen:
        about: dict[str, Any] = {"turn_id": turn_id}
        number = self._random.randrange(26)
        if number < 3:
            return "take_steers", about
        if number < 5:
            about["queued"] = self._random.choice(POLICIES)
            return "interrupt", about
        if number < 8:
            return "acquire", about
        if number < 10:
            return "lapse", about
        if number < 11:
            return "recover", about
        if number < 13:
            return self._about_items(about, turn)
        if number < 18:
            return self._about_approvals(turn_id, turn)
        if number < 25:
            about["status"] = self._random.choice(STATUSES)
            if self._random.random() < 0.5:  # a retry is a retry of anybody's
                about["command_id"] = f"cmd_{about['status']}_{turn_id}"
            return "finish", about
        return "read", {}

    def _about_items(self, about: dict[str, Any], turn: Turn | None) -> Chosen:
        if turn is not None and turn.open_items and self._random.random() < 0.5:
            item = self._random.choice(turn.open_items)
            return "end_item", {**about, "item_id": item.item_id}
        return "start_item", {**about, "kind": "tool_call", "summary": "ls"}

    def _about_approvals(self, turn_id: str, turn: Turn | None) -> Chosen:
        """One of a few of this turn; who asks for the same is answered the same."""
        approval_id = f"appr_{turn_id}_{self._random.randrange(4)}"
        if self._random.random() < 0.5:
            items = turn.open_items if turn else ()
            item_id = self._random.choice([None, *(item.item_id for item in items)])
            about = {"turn_id": turn_id, "summary": "may I?", "item_id": item_id}
            return "request_approval", {**about, "approval_id": approval_id}
        if turn and turn.open_approvals and self._random.random() < 0.8:
            approval_id = self._random.choice(turn.open_approvals).approval_id
        decision = self._random.choice(["approved", "denied"])
        answer: dict[str, Any] = {"approval_id": approval_id, "decision": decision}
        if self._random.random() < 0.5:
            answer["command_id"] = f"cmd_{decision}_{approval_id}"
        return "resolve_approval", answer

    def _about_inbox(self, waiting: Sequence[str]) -> Chosen:
        about = {"input_id": self._random.choice(waiting)}
        match self._random.randrange(7):
            case 0:
                return "withdraw", about
            case 1:
                return "edit", {**about, "text": f"edited by {self._name}"}
            case 2:
                return "redeliver", {**about, "delivery": self._random.choice(["steer", "queue"])}
            case 3:
                return "move", {**about, "place": self._random.choice(["first", "last"])}
            case 4:
                anchor = self._random.choice(waiting)
                return "move", {**about, "place": "before", "anchor_id": anchor}
            case 5:
                return "release", {"input_ids": [about["input_id"]]}
            case _:
                return "release", {"command_id": f"cmd_release_{about['input_id']}"}

    def _about_thread(self, number: int, thread: Thread) -> Chosen:
        """Its context, or a fork. Most of them are refused while it is busy."""
        thread_id, place = thread.thread_id, self._place(number)
        match self._random.randrange(8):
            case 0 | 1:
                return "compact", {"command_id": f"cmd_compact_{thread_id}_{place}"}
            case 2 | 3:
                return "rollback", {"turns": self._random.choice([1, 1, 2])}
            case 4 | 5:
                return "edit_last_turn", {
                    "text": f"instead {place}",
                    "input_id": f"inp_{thread_id}_instead_{place}",
                }
            case _:
                return self._fork(place, thread)

    def _fork(self, place: int, thread: Thread) -> Chosen:
        """Somewhere in the history, or at its end. Two callers' forks may be one command."""
        end = self._random.choice([None, self._random.randrange(1, thread.seq + 2)])
        name = f"{thread.thread_id}_fork_{place}"
        about = {"new_thread_id": name, "command_id": f"cmd_{name}", "at_seq": end}
        return "fork", about
