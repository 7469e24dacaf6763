"""The benches, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from adapters.bench import append, growth, lag, rebuild, replay, turns
from adapters.bench.database import open_server
from adapters.bench.report import Report
from adapters.bench.scene import Meter, Pace, Scene
from adapters.settings import Settings

Run = Callable[[Scene, bool], Report]


def _append(scene: Scene, quick: bool) -> Report:  # noqa: FBT001
    return append.run(scene, append.QUICK if quick else append.FULL, quick=quick)


def _turns(scene: Scene, quick: bool) -> Report:  # noqa: FBT001
    return turns.run(scene, turns.QUICK if quick else turns.FULL, quick=quick)


def _replay(scene: Scene, quick: bool) -> Report:  # noqa: FBT001
    return replay.run(scene, replay.QUICK if quick else replay.FULL, quick=quick)


def _rebuild(scene: Scene, quick: bool) -> Report:  # noqa: FBT001
    return rebuild.run(scene, rebuild.QUICK if quick else rebuild.FULL, quick=quick)


def _growth(scene: Scene, quick: bool) -> Report:  # noqa: FBT001
    return growth.run(scene, growth.QUICK if quick else growth.FULL, quick=quick)


def _lag(scene: Scene, quick: bool) -> Report:  # noqa: FBT001
    return lag.run(scene, lag.QUICK if quick else lag.FULL, quick=quick)


BENCHES: Final[Mapping[str, Run]] = MappingProxyType(
    {
        "append": _append,
        "turns": _turns,
        "rebuild": _rebuild,
        "replay": _replay,
        "growth": _growth,
        "lag": _lag,
    }
)


def run_bench(
    name: str, settings: Settings, meter: Meter, on_wait: Callable[[str], None], *, quick: bool
) -> Report:
    """Run the bench of that name on a database of its own, which is dropped afterwards.

    Raises NotDurable, BenchFailed, and errors of the store.
    """
    with open_server(settings, on_wait) as server:
        return BENCHES[name](Scene(server, Pace(meter)), quick)
