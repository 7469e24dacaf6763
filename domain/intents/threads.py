"""Commands on a thread as a whole: its life, its context."""

from __future__ import annotations

from domain import ids
from domain.command import Command
from domain.decide.compact import decide_compact
from domain.decide.fork import decide_fork, find_cut
from domain.decide.lifecycle import (
    decide_archive,
    decide_create,
    decide_unarchive,
    decide_update,
)
from domain.decide.rewind import decide_rollback
from domain.decide.start import decide_start
from domain.decide.submit import NewPrompt
from domain.events.base import Event
from domain.execution import Intent
from domain.intents.base import Commands
from domain.options import Overrides, SettingsChange, ThreadSettings
from domain.outcome import Outcome
from domain.thread import Thread


class ThreadCommands(Commands):
    """Create, start, fork, update, archive, compact, roll back."""

    def create(
        self,
        *,
        thread_id: str | None = None,
        title: str | None = None,
        settings: ThreadSettings | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """A new thread; `ThreadExists`."""
        new_id = ids.check("thr", thread_id or self.new_id("thr"))
        chosen = settings or ThreadSettings()

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_create(title, chosen, None, command, thread)

        body = {"title": title, "settings": chosen}
        thread_chosen = thread_id is not None
        return self._run(
            "create", body, new_id, decide, actor, command_id, thread_chosen=thread_chosen
        )

    def start(
        self,
        text: str,
        *,
        title: str | None = None,
        settings: ThreadSettings | None = None,
        overrides: Overrides = Overrides(),
        actor: str = "user",
        input_id: str | None = None,
    ) -> Outcome:
        """A new thread and its first prompt, or neither. Retried by the `input_id`, which finds the
        thread that was made then."""
        prompt = NewPrompt(ids.check("inp", input_id or self.new_id("inp")), text, None, overrides)
        chosen = settings or ThreadSettings()

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_start(title, chosen, prompt, self._routing, command, thread)

        # Without the settings: a client may take another engine when it tries again.
        body = {"title": title, "text": text, "overrides": overrides}
        intent = Intent(
            "start",
            body,
            self.new_id("thr"),
            decide,
            actor,
            prompt.input_id,
            retryable=input_id is not None,
            thread_chosen=False,
        )
        return self._execution.run(intent)

    def fork(
        self,
        thread_id: str,
        *,
        at_turn: str | None = None,
        at_seq: int | None = None,
        new_thread_id: str | None = None,
        title: str | None = None,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """A new thread with a copy of this one's history: up to the end of a turn, up to an event,
        or all of it. The outcome's `thread_id` is the new thread's.

        `ThreadNotFound`, `TurnNotFound`, `InvalidArgument`, `ThreadExists`.
        """
        new_id = ids.check("thr", new_thread_id or self.new_id("thr"))
        body = {"parent": thread_id, "turn_id": at_turn, "seq": at_seq, "title": title}
        ids.check_named(body)

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            # In here, so that who forked before is answered first (L10), whatever is asked now.
            history = self._execution.history(thread_id)
            cut = find_cut(at_turn, at_seq, history)
            return decide_fork(history[:cut], title, command, thread)

        chosen = new_thread_id is not None
        return self._run("fork", body, new_id, decide, actor, command_id, thread_chosen=chosen)

    def update(
        self,
        thread_id: str,
        *,
        title: str | None = None,
        settings: SettingsChange = SettingsChange(),
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """New title (an empty one takes it away) or settings; what is not given stays."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_update(title, settings, command, thread)

        # The change alone, so that a retry is the same whatever the settings are by then.
        changed = settings.model_dump(mode="json", exclude_defaults=True) or None
        body = {"title": title, "settings": changed}
        return self._run("update", body, thread_id, decide, actor, command_id)

    def archive(
        self, thread_id: str, *, actor: str = "user", command_id: str | None = None
    ) -> Outcome:
        """No more prompts until unarchived; `ThreadBusy`."""
        return self._run("archive", {}, thread_id, decide_archive, actor, command_id)

    def unarchive(
        self, thread_id: str, *, actor: str = "user", command_id: str | None = None
    ) -> Outcome:
        """Prompts are taken again."""
        return self._run("unarchive", {}, thread_id, decide_unarchive, actor, command_id)

    def compact(
        self,
        thread_id: str,
        reason: str | None = None,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """A compaction turn; `ThreadBusy`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_compact(reason, command, thread)

        return self._run("compact", {"reason": reason}, thread_id, decide, actor, command_id)

    def rollback(
        self,
        thread_id: str,
        turns: int = 1,
        *,
        actor: str = "user",
        command_id: str | None = None,
    ) -> Outcome:
        """The last turns leave the context; `ThreadBusy`, `NothingToEdit`, `RollbackTooDeep`."""

        def decide(command: Command, thread: Thread) -> tuple[Event, ...]:
            return decide_rollback(turns, command, thread)

        return self._run("rollback", {"turns": turns}, thread_id, decide, actor, command_id)
