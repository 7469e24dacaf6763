"""Everything `doctor` looks at. Each check says what it found, and what to do if that is bad."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from adapters.cli.screen import Screen
from adapters.cli.words import count, duration, listed, size
from domain.errors import TurnlogError

if TYPE_CHECKING:
    from adapters.composition import OpenDatabase, Turnlog
    from adapters.settings import Settings

State = Literal["ok", "note", "bad"]
OK: Final[State] = "ok"
NOTE: Final[State] = "note"
BAD: Final[State] = "bad"

OURS: Final = ("domain", "projections", "adapters")
LEAST_FREE_BYTES: Final = 500_000_000
CLOCK_TOLERANCE_SECONDS: Final = 5.0
LAG_WORTH_A_NOTE: Final = 1_000  # events
NAME_WIDTH: Final = 11
STYLES: Final = {"ok": "green", "note": "yellow", "bad": "bold red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `name` is stable, `what` a sentence for people."""

    name: str
    state: State
    what: str
    advice: str = ""

    def as_document(self) -> dict[str, object]:
        return asdict(self)

    def tell(self, screen: Screen) -> None:
        """One line, and one more with the advice."""
        mark = {"ok": "ok  ", "note": "note", "bad": "BAD "}[self.state]
        screen.marked(mark, STYLES[self.state], f"{self.name:<{NAME_WIDTH}} {self.what}")
        if self.advice:
            screen.say(self.advice, "yellow", indent=6 + NAME_WIDTH)


def diagnose(screen: Screen) -> list[Check]:
    """All checks, as far as one can get: without settings no database, without it no log."""
    from adapters.cli.session import read_settings

    checks = [*program_checks()]
    try:
        settings = read_settings()
    except TurnlogError as error:
        return [*checks, Check("settings", BAD, error.message)]
    checks.extend(_settings(settings))
    checks.extend(_database(settings, screen))
    return checks


def program_checks() -> Iterator[Check]:
    try:
        what = f"turnlog {version('turnlog')}"
    except PackageNotFoundError:
        what = "turnlog, run from its folder without being installed"
    where = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("program", OK, f"{what}, {where}")
    yield _packages()


def _packages() -> Check:
    """Our packages have common names: another distribution can ship one of them, too."""
    folders = {
        str(Path(sys.modules[name].__path__[0]).parent) for name in OURS if name in sys.modules
    }
    owners = packages_distributions()
    others = sorted({o for name in OURS for o in owners.get(name, []) if o != "turnlog"})
    if others or len(folders) > 1:
        what = f"{listed(list(OURS))} come from {listed(sorted(folders) + others)}"
        advice = "Install turnlog into an environment of its own (pipx, uv tool, a container)."
        return Check("packages", BAD, what, advice)
    return Check("packages", OK, f"{listed(list(OURS))} are ours alone")


def _settings(settings: Settings) -> Iterator[Check]:
    given = sorted(name for name in os.environ if name.startswith("TURNLOG_") and os.environ[name])
    yield Check("settings", OK, listed(given, 10) or "nothing is set: all defaults")
    if settings.database_url is None:
        yield _room(settings.data_dir)


def _room(folder: Path) -> Check:
    # By os.path, as it takes a folder that may not be looked into for one that is not there.
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110
    free = shutil.disk_usage(there).free
    what = f"{folder}, {size(free)} free"
    if free < LEAST_FREE_BYTES:
        return Check("data", BAD, what, "Free some room, or set TURNLOG_DATA_DIR to another disk.")
    return Check("data", OK, what)


def _database(settings: Settings, screen: Screen) -> Iterator[Check]:
    from adapters.cli.session import database_session

    try:
        with database_session(screen, settings) as opened:
            yield from _server(opened)
            status = opened.schema()
            if not status.works and opened.embedded_in is None:
                opened.require_exactly()
            opened.make_current()
            yield _schema(opened)
            yield from _log(opened, settings)
    except TurnlogError as error:
        yield Check("database", BAD, error.message)


def _schema(opened: OpenDatabase) -> Check:
    status = opened.schema()
    what = f"“{opened.database.schema}” is at {status.found}"
    if status.state != "compatible":
        return Check("schema", OK, what)
    what += f", which is newer than this turnlog ({status.wanted}) and works with it"
    return Check("schema", NOTE, what, "Upgrade turnlog once the deploy is done.")


def _server(opened: OpenDatabase) -> Iterator[Check]:
    server = opened.server_health()
    kind = "embedded PostgreSQL" if opened.embedded_in else "PostgreSQL"
    what = f"{kind} {server.version}, {opened.database.target}, {size(server.size_bytes)}"
    yield Check("database", OK, what)
    if server.standby:
        advice = "Set TURNLOG_DATABASE_URL to the primary."
        yield Check("writable", BAD, "this server is a standby: it takes no events", advice)
    if not server.durable:
        advice = "Set fsync and synchronous_commit to on."
        yield Check("durable", BAD, "what is committed can be lost with the machine", advice)
    used = server.connections / server.max_connections
    if used > 0.9:
        what = f"{server.connections} of {server.max_connections} connections are taken"
        yield Check("connections", NOTE, what)
    skew = abs((server.now - datetime.now(UTC)).total_seconds())
    if skew > CLOCK_TOLERANCE_SECONDS:
        what = f"the server's clock and this machine's differ by {duration(skew)}"
        yield Check("clock", NOTE, what, "Nothing breaks, but times in the log look odd.")


def _log(opened: OpenDatabase, settings: Settings) -> Iterator[Check]:
    from adapters.composition import turnlog_on

    log = opened.log_health()
    what = f"{count(log.head, 'event')}, {size(log.size_bytes)}"
    yield Check("log", OK, what)
    if not log.append_only:
        advice = "Somebody has removed the trigger log_append_only; put it back."
        yield Check("append-only", BAD, "the database does not refuse changes to the log", advice)
    with turnlog_on(opened, settings) as turnlog:
        yield from _read_models(turnlog)
        yield from _turns(turnlog)
    yield from _locks(opened)


def _read_models(log: Turnlog) -> Iterator[Check]:
    from projections.registry import definition, is_newer

    try:
        status = log.rows.status()
    except TurnlogError as error:
        yield Check("read models", BAD, error.message)
        return
    if status.failure is not None:
        yield Check("read models", BAD, status.failure)
    elif status.made_by is not None and is_newer(status.made_by):
        what = f"made by a newer turnlog, which moves them on; at position {status.position}"
        advice = "Upgrade turnlog; or, to go back for good, make them anew with `turnlog rebuild`."
        yield Check("read models", NOTE, what, advice)
    elif status.made_by != definition():
        what = f"made by an older turnlog, and they stay at position {status.position}"
        yield Check("read models", NOTE, what, "Make them anew with `turnlog rebuild`.")
    elif status.lag > LAG_WORTH_A_NOTE:
        yield Check("read models", NOTE, f"{count(status.lag, 'event')} behind the log")
    else:
        yield Check("read models", OK, f"at position {status.position}, the log at {status.head}")


def _turns(log: Turnlog) -> Iterator[Check]:
    active = log.active_turns()
    lost: list[str] = []
    unclaimed: list[str] = []
    for _, turn_id in active:
        lease = log.leases.find(turn_id)
        if lease is None:
            unclaimed.append(turn_id)
        elif lease.seconds_left <= 0:
            lost.append(turn_id)
    at_work = len(active) - len(lost) - len(unclaimed)
    yield Check("turns", OK, f"{count(at_work, 'turn')} being worked on")
    if lost:
        what = f"{count(len(lost), 'turn')} left by a lost worker: {listed(lost, 3)}"
        yield Check("turns", NOTE, what, "`turnlog run` ends them and goes on with the queue.")
    if unclaimed:
        what = (
            f"{count(len(unclaimed), 'turn')} nobody has begun to work on: {listed(unclaimed, 3)}"
        )
        yield Check("turns", NOTE, what, "`turnlog run` works on them.")


def _locks(opened: OpenDatabase) -> Iterator[Check]:
    sessions = opened.blocking_sessions()
    if not sessions:
        yield Check("locks", OK, "nobody keeps anybody waiting")
    for session in sessions:
        who = ", ".join(filter(None, [session.application or "unnamed", session.state]))
        does = []
        if session.seconds is not None:
            does.append(f"has a transaction open for {duration(session.seconds)}")
        if session.waiting:
            does.append(f"keeps {count(session.waiting, 'session')} waiting")
        advice = f"If it hangs: SELECT pg_terminate_backend({session.pid});"
        yield Check("locks", NOTE, f"session {session.pid} ({who}) {' and '.join(does)}", advice)
