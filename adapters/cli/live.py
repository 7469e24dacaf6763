"""What happens in threads, printed as it happens. It is read from the log, like everything else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator

from adapters.cli.failures import OutputClosed, OutputFailed
from adapters.cli.lines import line_of
from adapters.cli.screen import Screen
from adapters.cli.words import short_thread
from adapters.errors import StoreError
from adapters.event_log import decoded
from adapters.recorder import LogRecorder
from adapters.records import LogEntry
from domain.errors import CorruptEvent
from domain.events.approval import ApprovalRequested
from domain.events.item import ItemCompleted, ItemFailed, ItemInterrupted, ItemStarted
from domain.events.prompt import PromptPromoted
from domain.events.turn import TurnSteered
from domain.ports import Recorded
from projections.timeline import timeline

POLL_SECONDS = 1.0
PAGE = 500  # entries
JOIN_SECONDS = 30.0

_SPEECH = ("agent_message", "reasoning", "status")


class Watch:
    """Iterates over what is appended to the log after a position, until `stop` is called."""

    def __init__(self, recorder: LogRecorder, after_position: int) -> None:
        self._recorder = recorder
        self._position = after_position
        self._grown = threading.Event()
        self._stopped = False

    def stop(self) -> None:
        """Ends the iteration once everything appended until now was given out."""
        self._stopped = True
        self._grown.set()

    def __iter__(self) -> Iterator[LogEntry]:
        self._recorder.listen(self._grown)
        try:
            while True:
                # Asked before reading: what was appended by then is in what is read.
                is_last = self._stopped
                self._grown.clear()
                entries = self._recorder.select_log(after_position=self._position, limit=PAGE)
                yield from entries
                if entries:
                    self._position = entries[-1].id
                elif is_last:
                    return
                elif not self._stopped:
                    self._grown.wait(POLL_SECONDS)
        finally:
            self._recorder.unlisten(self._grown)


class LivePrinter:
    """Prints events in few words: what a person watching wants to know, and no more."""

    def __init__(self, screen: Screen, *, labelled: bool) -> None:
        self._screen = screen
        self._labelled = labelled
        self._thread_id = ""
        self._items: dict[str, ItemStarted] = {}

    def show(self, entry: LogEntry) -> None:
        """A line, or none for what a line before or after it tells."""
        if self._labelled and entry.thread_id != self._thread_id:
            self._thread_id = entry.thread_id
            self._screen.say(f"Thread {self._thread_id}", "bold")
        try:
            self._show(decoded(entry))
        except CorruptEvent as error:
            self._screen.say(error.message, "red")

    def _show(self, recorded: Recorded) -> None:
        match recorded.event:
            case PromptPromoted() | TurnSteered():
                pass  # the message that follows in the same append says it
            case ItemStarted() as event:
                self._begun(event)
            case ItemCompleted() as event:
                self._completed(event)
            case ItemFailed(error=why) | ItemInterrupted(reason=why) as event:
                self._broken_off(event, why)
            case ApprovalRequested() as event:
                self._say(f"asks: {event.summary}", "yellow", 1)
                short = short_thread(event.thread_id)
                self._say(f"to answer, elsewhere: turnlog approve {short} [--deny]", "dim", 2)
            case _:
                for line in timeline([recorded]):
                    self._say(*line_of(line))

    def _begun(self, event: ItemStarted) -> None:
        if event.input_id is not None:
            self._say(f"you: {event.summary}", "bold", 1)
            return
        # Speech is told at its end, with what was said.
        self._items[event.item_id] = event
        if event.kind not in _SPEECH:
            self._say(f"{event.kind.replace('_', ' ')}: {event.summary}", "", 1)

    def _completed(self, event: ItemCompleted) -> None:
        started = self._items.pop(event.item_id, None)
        if started is None:
            return
        if started.kind in _SPEECH:
            who = started.kind.replace("_", " ").removesuffix(" message")
            self._say(f"{who}: {event.text or started.summary}", "", 1)
        elif event.text:
            self._say(event.text, "dim", 2)

    def _broken_off(self, event: ItemFailed | ItemInterrupted, why: str) -> None:
        started = self._items.pop(event.item_id, None)
        kind = started.kind.replace("_", " ") if started else "item"
        how = "failed" if isinstance(event, ItemFailed) else "cut short"
        self._say(f"{kind} {how}: {why}", "red" if how == "failed" else "yellow", 1)

    def _say(self, text: str, style: str, depth: int) -> None:
        self._screen.say(text, style, indent=2 * depth)


@contextlib.contextmanager
def shown_live(
    recorder: LogRecorder, screen: Screen, thread_ids: Collection[str], after_position: int
) -> Iterator[None]:
    """While the block runs, what is appended to those threads after that position is printed."""
    if screen.as_json:
        yield
        return
    watch = Watch(recorder, after_position)
    printer = LivePrinter(screen, labelled=len(thread_ids) > 1)

    def print_all() -> None:
        # Output that fails must not stop the work: the turn runs on, and then it is said. Here it
        # is raised only if this thread is so late that nobody waits for it any more.
        with contextlib.suppress(OutputClosed, OutputFailed, StoreError):
            for entry in watch:
                if entry.thread_id in thread_ids:
                    printer.show(entry)

    thread = threading.Thread(target=print_all, name="turnlog-live", daemon=True)
    with screen.enduring():
        thread.start()
        try:
            yield
        finally:
            watch.stop()
            thread.join(JOIN_SECONDS)
