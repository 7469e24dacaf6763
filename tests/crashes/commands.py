"""Every command of the service, with what must be there before it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import adapters.postgres.connection
import adapters.threads
from adapters.composition import Turnlog
from domain.outcome import Outcome
from domain.service import ThreadService
from tests.crashes.process import Given, Stage

Prepare = Callable[[ThreadService, Given], None]
Give = Callable[[ThreadService, Given], Outcome]


@dataclass(frozen=True)
class Command:
    """A method of the service; `prepare` brings the thread to where it is to be given.

    A worker's is given while nobody has the turn's lease.
    """

    method: str
    give: Give
    prepare: Prepare


def nothing(_service: ThreadService, _given: Given) -> None:
    """The thread is not there."""


def idle(service: ThreadService, given: Given) -> None:
    service.create(thread_id=given["thread"])


def busy(service: ThreadService, given: Given) -> None:
    idle(service, given)
    started = service.submit(given["thread"], "first").started_turn_id
    assert started is not None
    given["turn"] = started


def steered(service: ThreadService, given: Given) -> None:
    busy(service, given)
    service.submit(given["thread"], "also", delivery="steer", input_id=given["waiting"])


def queued(service: ThreadService, given: Given) -> None:
    busy(service, given)
    service.submit(given["thread"], "second", delivery="queue", input_id=given["waiting"])
    service.submit(given["thread"], "third", delivery="queue")


def mixed(service: ThreadService, given: Given) -> None:
    queued(service, given)
    service.submit(given["thread"], "also", delivery="steer")


def held(service: ThreadService, given: Given) -> None:
    queued(service, given)
    service.interrupt(given["thread"], given["turn"], queued="hold")
    service.finish(given["thread"], given["turn"], "interrupted")


def ended(service: ThreadService, given: Given) -> None:
    busy(service, given)
    service.finish(given["thread"], given["turn"], "completed")


def archived(service: ThreadService, given: Given) -> None:
    idle(service, given)
    service.archive(given["thread"])


def working(service: ThreadService, given: Given) -> None:
    queued(service, given)
    (given["item"],) = service.start_item(
        given["thread"], given["turn"], "tool_call", "ls"
    ).item_ids


def asked(service: ThreadService, given: Given) -> None:
    working(service, given)
    service.request_approval(
        given["thread"], given["turn"], "May I?", item_id=given["item"], approval_id=given["asked"]
    )


def _submit(delivery: str | None, queued_: str | None = None) -> Give:
    def give(service: ThreadService, given: Given) -> Outcome:
        return service.submit(
            given["thread"],
            "the prompt",
            delivery=delivery,  # type: ignore[arg-type]
            queued=queued_,  # type: ignore[arg-type]
            input_id=given["input"],
        )

    return give


def _interrupt(queued_: str) -> Give:
    return lambda s, g: s.interrupt(
        g["thread"],
        g["turn"],
        queued=queued_,  # type: ignore[arg-type]
        command_id=g["command"],
    )


PROMPTS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "submit to an idle thread": Command("submit", _submit(None), idle),
        "submit over what is held": Command("submit", _submit("queue"), held),
        "submit to the queue": Command("submit", _submit("queue"), busy),
        "submit as a steer": Command("submit", _submit("steer"), busy),
        "submit as an interrupt": Command("submit", _submit("interrupt", "hold"), mixed),
        "steer": Command(
            "steer",
            lambda s, g: s.steer(g["thread"], g["turn"], "also", input_id=g["input"]),
            mixed,
        ),
        "edit the last turn": Command(
            "edit_last_turn",
            lambda s, g: s.edit_last_turn(g["thread"], "better", input_id=g["input"]),
            ended,
        ),
    }
)

INBOX: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "release": Command(
            "release", lambda s, g: s.release(g["thread"], command_id=g["command"]), held
        ),
        "withdraw": Command(
            "withdraw",
            lambda s, g: s.withdraw(g["thread"], g["waiting"], command_id=g["command"]),
            queued,
        ),
        "edit": Command(
            "edit",
            lambda s, g: s.edit(g["thread"], g["waiting"], "better", command_id=g["command"]),
            queued,
        ),
        "redeliver": Command(
            "redeliver",
            lambda s, g: s.redeliver(g["thread"], g["waiting"], "steer", command_id=g["command"]),
            queued,
        ),
        "move": Command(
            "move",
            lambda s, g: s.move(g["thread"], g["waiting"], "last", command_id=g["command"]),
            queued,
        ),
    }
)

TURNS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "interrupt and hold": Command("interrupt", _interrupt("hold"), mixed),
        "interrupt and continue": Command("interrupt", _interrupt("continue"), mixed),
        "interrupt and discard": Command("interrupt", _interrupt("discard"), mixed),
        "take steers": Command(
            "take_steers",
            lambda s, g: s.take_steers(g["thread"], g["turn"], command_id=g["command"]),
            steered,
        ),
        "finish": Command(
            "finish",
            lambda s, g: s.finish(g["thread"], g["turn"], "completed", command_id=g["command"]),
            asked,
        ),
        "start failed": Command(
            "start_failed",
            lambda s, g: s.start_failed(g["thread"], g["turn"], "why", command_id=g["command"]),
            steered,
        ),
    }
)

WORK: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "start an item": Command(
            "start_item",
            lambda s, g: s.start_item(
                g["thread"], g["turn"], "tool_call", "ls", command_id=g["command"]
            ),
            busy,
        ),
        "end an item": Command(
            "end_item",
            lambda s, g: s.end_item(g["thread"], g["turn"], g["item"], command_id=g["command"]),
            asked,
        ),
        "record an item": Command(
            "record_item",
            lambda s, g: s.record_item(
                g["thread"], g["turn"], "agent_message", "hello", command_id=g["command"]
            ),
            busy,
        ),
        "request an approval": Command(
            "request_approval",
            lambda s, g: s.request_approval(
                g["thread"], g["turn"], "May I?", approval_id=g["asked"]
            ),
            busy,
        ),
        "resolve an approval": Command(
            "resolve_approval",
            lambda s, g: s.resolve_approval(
                g["thread"], g["asked"], "approved", command_id=g["command"]
            ),
            asked,
        ),
    }
)

THREADS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "create": Command(
            "create", lambda s, g: s.create(title="New", command_id=g["command"]), nothing
        ),
        "create with an id": Command(
            "create",
            lambda s, g: s.create(thread_id=g["thread"], command_id=g["command"]),
            nothing,
        ),
        "start": Command("start", lambda s, g: s.start("Hello", input_id=g["input"]), nothing),
        "fork": Command("fork", lambda s, g: s.fork(g["thread"], command_id=g["command"]), mixed),
        "update": Command(
            "update",
            lambda s, g: s.update(g["thread"], title="Other", command_id=g["command"]),
            idle,
        ),
        "archive": Command(
            "archive", lambda s, g: s.archive(g["thread"], command_id=g["command"]), idle
        ),
        "unarchive": Command(
            "unarchive", lambda s, g: s.unarchive(g["thread"], command_id=g["command"]), archived
        ),
        "compact": Command(
            "compact", lambda s, g: s.compact(g["thread"], command_id=g["command"]), ended
        ),
        "roll back": Command(
            "rollback", lambda s, g: s.rollback(g["thread"], command_id=g["command"]), ended
        ),
    }
)

COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {**PROMPTS, **INBOX, **TURNS, **WORK, **THREADS}
)


def give(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """The process of a client: gives one command, and tells its user what came of it."""
    stage.tell(given["name"], COMMANDS[given["name"]].give(turnlog.service, given))


def give_to_a_long_thread(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """The same where a snapshot is due before the command, and another one after it.

    Neither is left out because no connection is free at once.
    """
    adapters.threads.SNAPSHOT_EVENTS = 4  # type: ignore[misc]
    adapters.postgres.connection.FREE_SECONDS = 60
    give(turnlog, given, stage)
