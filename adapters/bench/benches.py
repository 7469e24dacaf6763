"""The benches, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from adapters.bench import append, growth, lag, rebuild, replay, turns
from adapters.bench.database import open_server
from adapters.bench.report import Report
from adapters.bench.scene import Meter, Pace, Scene
from adapters.settings import Settings

Run = Callable[[Scene, bool], Report]
S_contra = TypeVar("S_contra", contravariant=True)


class _Measures(Protocol[S_contra]):
    def __call__(self, scene: Scene, scale: S_contra, /, *, quick: bool) -> Report: ...


def _at(run: _Measures[S_contra], quick: S_contra, full: S_contra) -> Run:
    """That bench at either of its scales."""
    return lambda scene, is_quick: run(scene, quick if is_quick else full, quick=is_quick)


BENCHES: Final[Mapping[str, Run]] = MappingProxyType(
    {
        "append": _at(append.run, append.QUICK, append.FULL),
        "turns": _at(turns.run, turns.QUICK, turns.FULL),
        "rebuild": _at(rebuild.run, rebuild.QUICK, rebuild.FULL),
        "replay": _at(replay.run, replay.QUICK, replay.FULL),
        "growth": _at(growth.run, growth.QUICK, growth.FULL),
        "lag": _at(lag.run, lag.QUICK, lag.FULL),
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
