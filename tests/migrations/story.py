"""A history in which every event happens, with every field and every value it can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from domain.events.approval import ApprovalDecision
from domain.events.base import Event, ItemKind, Source, Usage
from domain.events.thread import Origin, ThreadCreated
from domain.execution import Execution
from domain.options import (
    Overrides,
    QueuePolicy,
    Routing,
    SettingsChange,
    ThreadSettings,
    TurnOptions,
)
from domain.ports import Recorded
from domain.service import ThreadService
from tests.domain.world import TinyLog, TinyThreads
from tests.fixtures.clock import CountingEntropy, HandClock

OPTIONS: Final = TurnOptions(
    model="large",
    mode="plan",
    allow_shell=True,
    trust_mode=False,
    auto_approve=True,
    temperature=0.5,
    top_p=0.9,
    max_tokens=2**53 - 1,
)
SETTINGS: Final = ThreadSettings(options=OPTIONS)
USAGE: Final = Usage(
    input_tokens=2**53 - 1, cached_input_tokens=2, output_tokens=3, reasoning_tokens=4
)
ODD: Final = 'naïve ✓ \U0001f600 "\\" \u2028 </script>\r\n\ttab'


def every_event() -> list[Recorded]:
    """Some threads' events, in the order of the log; the second is as if it had been imported."""
    clock, log = HandClock(), TinyLog()
    threads = TinyThreads(log)
    execution = Execution(log, threads, clock, CountingEntropy())
    service = ThreadService(execution, Routing(rules={"review": "careful"}))
    for thread_id in ("thr_native", "thr_imported"):
        _Teller(service, clock, thread_id).tell()
    service.fork("thr_native", new_thread_id="thr_fork", title="Another way")
    for policy in get_args(QueuePolicy):
        settings = ThreadSettings(options=OPTIONS, queue_on_interrupt=policy, steerable=False)
        service.create(thread_id=f"thr_empty_{policy}", settings=settings)
    return [
        entry._replace(event=_imported(entry.event, entry.seq))
        if entry.event.thread_id == "thr_imported"
        else entry
        for entry in log.entries
    ]


@dataclass
class _Teller:
    """Tells the story to one thread."""

    service: ThreadService
    clock: HandClock
    thread_id: str
    prompts: int = 0

    def tell(self) -> None:
        self.service.create(
            thread_id=self.thread_id,
            title=f"Of {ODD}",
            settings=SETTINGS,
            command_id=f"cmd_{self.thread_id}",
        )
        self._a_turn_with_everything()
        self._a_queue_held_by_an_interrupt()
        self._a_queue_held_by_failures()
        self._what_is_withdrawn_and_taken_back()
        self._what_changes_while_it_waits()
        self._what_a_turn_asks_for()
        for policy in get_args(QueuePolicy):
            settings = SettingsChange(options=OPTIONS, queue_on_interrupt=policy)
            self.service.update(self.thread_id, title=f"Another {policy}", settings=settings)
        self.service.archive(self.thread_id)
        self.service.unarchive(self.thread_id)
        self.submit("left waiting behind a turn that runs", "queue")
        self.submit("waits", "queue")

    def submit(self, text: str, delivery: str | None = None, **more: object) -> None:
        """A prompt, with an id of its own; time passes before it."""
        self.prompts += 1
        self.clock.advance(1.000001)
        self.service.submit(
            self.thread_id,
            text,
            delivery=delivery,  # type: ignore[arg-type]
            input_id=f"inp_{self.thread_id}_{self.prompts}",
            **more,  # type: ignore[arg-type]
        )

    def running(self) -> str:
        turn = self.service.thread(self.thread_id).turn
        assert turn is not None
        return turn.turn_id

    def finish(self, status: str = "completed", **more: object) -> None:
        self.clock.advance(0.25)
        self.service.finish(self.thread_id, self.running(), status, **more)  # type: ignore[arg-type]

    def _a_turn_with_everything(self) -> None:
        asks = Overrides(options=OPTIONS, route_intent="Review", input_summary="in short")
        self.submit(f"first\0 {ODD}", overrides=asks)
        turn = self.running()
        for kind in get_args(ItemKind):
            self.service.record_item(
                self.thread_id, turn, kind, f"a {kind}", text=ODD, detail={"kind": kind}
            )
        for number, end in enumerate(("completed", "failed", "interrupted")):
            begun = self.service.start_item(
                self.thread_id, turn, "tool_call", "ls", detail={"n": number, "deep": [None, 1.5]}
            )
            self.service.end_item(
                self.thread_id,
                turn,
                begun.item_ids[0],
                end,  # type: ignore[arg-type]
                text=ODD,
                result={"n": number},
                reason=f"because {number}",
            )
        self.service.steer(self.thread_id, turn, "aside", input_id=f"inp_{self.thread_id}_steer")
        self.service.take_steers(self.thread_id, turn)
        self.finish(usage=USAGE)

    def _a_queue_held_by_an_interrupt(self) -> None:
        for origin in ("human", "notification", "command", "shell", "program"):
            self.submit(origin, "queue", origin=origin)
        self.submit("steers", "steer")
        self.service.interrupt(self.thread_id, self.running(), queued="hold")
        self.finish("interrupted")
        self.submit("now", "interrupt")
        self.service.release(self.thread_id)
        while self.service.thread(self.thread_id).turn is not None:
            self.finish()
        self.submit("goes on")
        self.submit("next", "queue")
        self.service.interrupt(self.thread_id, self.running(), queued="continue")
        self.service.recover(self.thread_id, self.running())
        self.finish()

    def _a_queue_held_by_failures(self) -> None:
        for number in range(7):
            self.submit(f"fails {number}", "queue")
        while self.service.thread(self.thread_id).turn is not None:
            self.finish("failed", error=f"no luck {ODD}")
        self.service.release(self.thread_id)
        while self.service.thread(self.thread_id).turn is not None:
            self.finish()

    def _what_is_withdrawn_and_taken_back(self) -> None:
        self.submit("runs")
        self.submit("never mind", "queue")
        self.service.withdraw(self.thread_id, f"inp_{self.thread_id}_{self.prompts}")
        self.submit("discarded", "queue")
        self.service.interrupt(self.thread_id, self.running(), queued="discard")
        self.finish("interrupted")
        self.service.compact(self.thread_id, "it is long")
        self.finish()
        self.submit("said badly")
        self.finish()
        self.service.edit_last_turn(
            self.thread_id, "said better", input_id=f"inp_{self.thread_id}_edit"
        )
        self.finish()
        self.service.rollback(self.thread_id, 1)

    def _what_changes_while_it_waits(self) -> None:
        self.submit("runs")
        waits = [self._queued(text) for text in ("said badly", "in a hurry", "last")]
        asks = Overrides(options=OPTIONS, route_intent="Review", input_summary="in short")
        self.service.edit(self.thread_id, waits[0], f"said better\0 {ODD}", overrides=asks)
        self.service.redeliver(self.thread_id, waits[1], "steer")
        self.service.redeliver(self.thread_id, waits[1], "queue")
        self.service.move(self.thread_id, waits[2], "first")
        while self.service.thread(self.thread_id).turn is not None:
            self.finish()

    def _queued(self, text: str) -> str:
        self.submit(text, "queue")
        return f"inp_{self.thread_id}_{self.prompts}"

    def _what_a_turn_asks_for(self) -> None:
        for ends in ("interrupt", "end"):
            self.submit("may ask")
            turn = self.running()
            for decision in get_args(ApprovalDecision):
                approval_id = self._ask(turn, f"{ends}_{decision}")
                self.service.resolve_approval(
                    self.thread_id, approval_id, decision, note=f"because {ODD}"
                )
            call = self.service.start_item(self.thread_id, turn, "tool_call", "rm -r").item_ids[0]
            self._ask(turn, f"{ends}_item", call)
            self.service.end_item(self.thread_id, turn, call, "failed", reason="nobody answers")
            self._ask(turn, f"{ends}_open")
            if ends == "interrupt":
                self.service.interrupt(self.thread_id, turn)
            self.finish("interrupted")

    def _ask(self, turn: str, name: str, item_id: str | None = None) -> str:
        approval_id = f"appr_{self.thread_id}_{name}"
        self.service.request_approval(
            self.thread_id,
            turn,
            f"may I? {ODD}",
            item_id=item_id,
            detail={"name": name},
            approval_id=approval_id,
        )
        return approval_id


def _imported(event: Event, number: int) -> Event:
    source = Source(
        format="codex",
        line=number,
        part=2,
        record=f"rec-{number}",
        time=event.at,
        inferred=number % 3 == 0,
        note="a line that says so was missing",
    )
    changes: dict[str, object] = {"source": source}
    if isinstance(event, ThreadCreated):
        changes["origin"] = Origin(
            kind="imported",
            format="codex",
            native_id="0190-abc",
            file_name="rollout.jsonl",
            program_version="1.2.3",
            parent_native_id="0190-aaa",
        )
    return event.model_copy(update=changes)
