"""The tests against one mutant after the other, each in a process that was forked for it.

The tests are collected once. A child puts its mutant in place, runs one test after the other, those
first that found the most for the least, and stops at the first that fails.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import hypothesis
import pytest
from hypothesis import Phase

from tests.mutants.edit import Edit, tell

Verdict = Literal["killed", "too slow", "survived", "no mutant"]
Try = Callable[[Edit | None], bool]
"""Puts a mutant (None: what is there) in place for the rest of a process; False if it is none."""
Quickly = Callable[[Edit], str | None]
"""Which test would fail with the mutant that is in place, if that is known without running it."""

# How much longer a test may take with a mutant than without: an endless loop is a kill, too.
PATIENCE: Final = 20
LEAST_SECONDS: Final = 5
LONGEST_WAIT_SECONDS: Final = 300


@dataclass(frozen=True)
class Result:
    """What became of a mutant, which test told it, and what that took of processor time."""

    edit: Edit
    verdict: Verdict
    by: str | None = None
    seconds: float = 0


@dataclass
class Known:
    """What is known of the tests: how long each takes, which functions it enters, its kills."""

    seconds: dict[str, float] = field(default_factory=dict)
    entered: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    kills: dict[tuple[str, str], int] = field(default_factory=dict)
    killers: dict[str, str] = field(default_factory=dict)

    def order(self, item: pytest.Item, edit: Edit) -> float:
        """Small for those that find much for little; smallest for what found it last time."""
        if self.killers.get(_name(edit)) == item.nodeid:
            return 0
        kills = self.kills
        worth = 4 * kills.get((item.nodeid, edit.file), 0) + kills.get((item.nodeid, ""), 0)
        return (0.002 + self.seconds[item.nodeid]) / (0.25 + worth)

    def killed(self, nodeid: str, edit: Edit) -> None:
        self.killers[_name(edit)] = nodeid
        self._count(nodeid, edit.file)

    def _count(self, nodeid: str, file: str) -> None:
        for key in ((nodeid, file), (nodeid, "")):
            self.kills[key] = self.kills.get(key, 0) + 1

    def recall(self, path: Path) -> None:
        """What was written down of an earlier run: only the order of the tests comes of it."""
        if path.exists():
            self.killers = json.loads(path.read_text(encoding="utf-8"))
        for name, nodeid in self.killers.items():
            self._count(nodeid, name.split(": ")[0])

    def write_down(self, path: Path) -> None:
        path.write_text(json.dumps(self.killers, indent=1), encoding="utf-8")


def _name(edit: Edit) -> str:
    """What it is, also when the lines before it have changed."""
    return f"{edit.file}: {edit.shown()}"


class Trials:
    """A plugin of pytest that runs mutants where pytest would run tests."""

    def __init__(
        self,
        run: Callable[[Trials], None],
        memory: Path,
        *,
        thorough: bool = False,
        again: bool = False,
    ) -> None:
        self._run = run
        self._memory = memory
        self._kills = memory.with_name(f"{memory.stem}-kills.json")
        self._thorough = thorough
        self._again = again
        self.known = Known()
        self.items: Sequence[pytest.Item] = ()
        self._session: pytest.Session | None = None
        self._failed: str | None = None
        self._quickly: Quickly = lambda _edit: None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        # Nobody wants to see the smallest example that a mutant fails.
        hypothesis.settings.register_profile(
            "mutants",
            hypothesis.settings.get_profile("ci"),
            phases=(Phase.explicit, Phase.generate),
            report_multiple_bugs=False,
            max_examples=25,
        )
        hypothesis.settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("errors during collection")
        self._session = session
        self.items = tuple(item for item in session.items if self._thorough or not _is_random(item))
        self.known.recall(self._kills)
        try:
            self._run(self)
        finally:
            self.known.write_down(self._kills)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = report.nodeid

    def measure(self, items: Sequence[pytest.Item], put: Try, watched: Path | None) -> list[str]:
        """Run them as they are, in a child; which of them fail? `watched` is whose functions."""
        found = self._kept(items)
        if found is None:
            pid = os.fork()
            if pid == 0:
                _child(lambda: self._measured(items, put, watched))
            os.waitpid(pid, 0)
            found = json.loads(self._memory.read_text(encoding="utf-8"))
        self.known.seconds |= found["seconds"]
        tell(f"{len(items)} tests take {sum(found['seconds'].values()):.0f} s; the longest:")
        for nodeid, seconds in sorted(found["seconds"].items(), key=lambda pair: -pair[1])[:20]:
            tell(f"  {seconds:6.1f}  {nodeid}")
        for nodeid, places in found["entered"].items():
            self.known.entered[nodeid] = {(file, line) for file, line in places}
        return list(found["failed"])

    def _kept(self, items: Sequence[pytest.Item]) -> Any:
        """What the last run measured, if it is to be used again and is of these tests."""
        if not (self._again and self._memory.exists()):
            return None
        found = json.loads(self._memory.read_text(encoding="utf-8"))
        return found if found["seconds"].keys() >= {item.nodeid for item in items} else None

    def _measured(self, items: Sequence[pytest.Item], put: Try, watched: Path | None) -> int:
        put(None)
        entered: set[tuple[str, int]] = set()
        prefix = str(watched)

        def profile(frame: object, event: str, _argument: object) -> None:
            if event == "call":
                code = frame.f_code  # type: ignore[attr-defined]
                if code.co_filename.startswith(prefix):
                    entered.add((code.co_filename, code.co_firstlineno))

        found: dict[str, dict[str, object]] = {"seconds": {}, "entered": {}}
        failed = []
        caches = _caches(prefix) if watched else []
        for item, following in _pairs(items):
            entered.clear()
            for cache in caches:
                cache.cache_clear()
            began = time.perf_counter()
            sys.setprofile(profile if watched else None)
            verdict = self._fails(item, following)
            sys.setprofile(None)
            found["seconds"][item.nodeid] = time.perf_counter() - began
            found["entered"][item.nodeid] = sorted(entered)
            if verdict:
                failed.append(item.nodeid)
        self._memory.write_text(json.dumps({**found, "failed": failed}), encoding="utf-8")
        return 0

    def _fails(self, item: pytest.Item, following: pytest.Item | None) -> bool:
        self._failed = None
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException:  # noqa: BLE001, whatever a mutant raises where nobody expects it
            return True
        return self._failed is not None

    def judge(
        self,
        edits: Iterable[Edit],
        chosen: Callable[[Edit], Sequence[pytest.Item]],
        put: Try,
        *,
        processes: int,
        seconds: float,
        quickly: Quickly = lambda _edit: None,
    ) -> Iterable[Result]:
        """Each mutant's fate, in the order in which they are known. `seconds` of processor time
        is what one may take; if no test has failed by then, it has survived. What `quickly` tells
        needs no test any more."""
        self._quickly = quickly
        running: dict[int, _Running] = {}
        gc.freeze()  # the children share what is there now
        for edit in edits:
            while len(running) >= processes:
                yield self._next(running)
            items = sorted(chosen(edit), key=lambda item: self.known.order(item, edit))
            if not items:
                yield Result(edit, "survived")
                continue
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                _child(lambda: self._tried(edit, items, put, writer, seconds), writer)  # noqa: B023
            os.close(writer)
            running[pid] = _Running(edit, reader)
        while running:
            yield self._next(running)

    def _next(self, running: dict[int, _Running]) -> Result:
        pid, status, used = os.wait4(-1, 0)
        while pid not in running:
            pid, status, used = os.wait4(-1, 0)
        seconds = used.ru_utime + used.ru_stime
        done = running.pop(pid)
        with os.fdopen(done.reader, encoding="utf-8") as pipe:
            by = pipe.read() or None
        if os.WIFSIGNALED(status):
            return Result(done.edit, "too slow", by, seconds)
        if os.WEXITSTATUS(status) not in _VERDICTS:
            raise RuntimeError(f"{done.edit.file}:{done.edit.line} {done.edit.shown()}: {by}")
        verdict = _VERDICTS[os.WEXITSTATUS(status)]
        if verdict == "killed" and by:
            self.known.killed(by, done.edit)
        return Result(done.edit, verdict, by if verdict == "killed" else None, seconds)

    def _tried(
        self, edit: Edit, items: Sequence[pytest.Item], put: Try, writer: int, seconds: float
    ) -> int:
        if not put(edit):
            return _CODES["no mutant"]
        signal.setitimer(signal.ITIMER_PROF, LEAST_SECONDS)
        if by := self._quickly(edit):
            os.write(writer, by.encode())
            return _CODES["killed"]
        verdict: Verdict = "survived"
        for item, following in _pairs(items):
            # Either ends the process, and the parent takes that for an answer: it never ends, or
            # waits for what never comes.
            most = LEAST_SECONDS + PATIENCE * self.known.seconds[item.nodeid]
            signal.setitimer(signal.ITIMER_PROF, most)
            signal.alarm(int(LONGEST_WAIT_SECONDS + most))
            failed = self._fails(item, following)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if failed:
                os.write(writer, item.nodeid.encode())
                verdict = "killed"
                break
            if time.process_time() > seconds:
                break
        signal.alarm(LONGEST_WAIT_SECONDS)  # what was set up goes away, or is left
        with suppress(BaseException):
            assert self._session is not None
            self._session._setupstate.teardown_exact(None)
        return _CODES[verdict]


@dataclass(frozen=True)
class _Running:
    edit: Edit
    reader: int


_VERDICTS: Final[Mapping[int, Verdict]] = {
    0: "survived", 1: "killed", 2: "no mutant", 3: "too slow"
}  # fmt: skip
_CODES: Final[Mapping[Verdict, int]] = {verdict: code for code, verdict in _VERDICTS.items()}


def _caches(prefix: str) -> list[functools._lru_cache_wrapper[object]]:
    """What would keep a function from being entered a second time."""
    return [
        found
        for found in gc.get_objects()
        if type(found) is functools._lru_cache_wrapper
        and found.__wrapped__.__code__.co_filename.startswith(prefix)
    ]


def _is_random(item: pytest.Item) -> bool:
    """A test of many random examples, which takes long."""
    function = getattr(item, "obj", None)
    return getattr(function, "is_hypothesis_test", False) or "machine" in item.nodeid


def _pairs(items: Sequence[pytest.Item]) -> Iterable[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _child(work: Callable[[], int], writer: int | None = None) -> None:
    """The rest of a forked process. What goes wrong outside of the tests is nobody's kill."""
    code = 70
    try:
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        code = work()
    except BaseException as error:  # noqa: BLE001, to be told by the parent
        if writer is not None:
            os.write(writer, repr(error).encode())
    finally:
        os._exit(code)
