"""What a bench found: figures, baselines, ratios, and whether the aims are met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Aim:
    """What a ratio should be: at least, or at most, that much."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, ratio: float) -> bool:
        """Whether that ratio is good enough."""
        if self.at_least is not None:
            return ratio >= self.at_least
        return self.at_most is None or ratio <= self.at_most

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:,g}"
        return f"at most {self.at_most:,g}"


AIMS: Final[Mapping[str, Aim]] = MappingProxyType(
    {
        "append_vs_library_32": Aim(at_least=10),
        "append_vs_pgbench_128x5": Aim(at_least=1),
        "turns_events_per_s_32": Aim(at_least=10_000),
        "rebuild_vs_library_page": Aim(at_least=4),
        "rebuild_vs_single_statement": Aim(at_most=3),
        "replay_vs_fetch": Aim(at_most=3),
        "append_growth_p50": Aim(at_most=1.2),
        "submit_growth_p50": Aim(at_most=1.2),
        "read_model_lag_p99_vs_append": Aim(at_most=5),
        "subscriber_lag_p99_vs_append": Aim(at_most=5),
    }
)
"""By ratio. A ratio that is not here is told, and has no aim."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The median of several rounds, with the least and the greatest of them.

    `value` is None if it could not be measured, and `why` says why.
    """

    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    why: str | None = None

    @staticmethod
    def of(rounds: Sequence[float], unit: str) -> Measure:
        """The measure of what the rounds gave; at least one."""
        return Measure(statistics.median(rounds), unit, min(rounds), max(rounds))

    @staticmethod
    def missing(unit: str, why: str) -> Measure:
        """What could not be measured."""
        return Measure(None, unit, why=why)

    def as_document(self) -> dict[str, object]:
        """For programs."""
        document: dict[str, object] = {"value": _short(self.value), "unit": self.unit}
        if self.low is not None and self.high is not None and self.low != self.high:
            document |= {"low": _short(self.low), "high": _short(self.high)}
        if self.why is not None:
            document["why"] = self.why
        return document


@dataclass(slots=True)
class Report:
    """All that one bench has to say. `missing` says of a ratio that is None why it is."""

    bench: str
    quick: bool
    figures: dict[str, Measure] = field(default_factory=dict)
    baselines: dict[str, Measure] = field(default_factory=dict)
    ratios: dict[str, float | None] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)

    def compare(
        self, name: str, ours: Sequence[float], theirs: Sequence[float], why: str | None = None
    ) -> None:
        """The ratio of ours to theirs: the median of the rounds, each compared with its own.

        None if there is nothing to compare with, because of `why`.
        """
        pairs = [one / other for one, other in zip(ours, theirs, strict=False) if other > 0]
        if pairs:
            self.ratios[name] = statistics.median(pairs)
        else:
            self.lack(name, why or "nothing was measured to compare with")

    def lack(self, name: str, why: str) -> None:
        """There is no such ratio."""
        self.ratios[name] = None
        self.missing[name] = why

    def verdicts(self) -> list[Verdict]:
        """Each ratio that has an aim, and whether it meets it."""
        return [
            Verdict(name, ratio, AIMS[name], self.missing.get(name))
            for name, ratio in self.ratios.items()
            if name in AIMS
        ]

    def as_document(self) -> dict[str, object]:
        """For programs."""
        return {
            "bench": self.bench,
            "quick": self.quick,
            "figures": {name: value.as_document() for name, value in self.figures.items()},
            "baselines": {name: value.as_document() for name, value in self.baselines.items()},
            "ratios": {name: _short(ratio) for name, ratio in self.ratios.items()},
            "aims": {v.name: {"aim": str(v.aim), "met": v.is_met} for v in self.verdicts()},
            "missing": dict(self.missing),
            "settings": dict(self.settings),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ratio beside its aim. `is_met` is None if there is no ratio."""

    name: str
    ratio: float | None
    aim: Aim
    why: str | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met."""
        return None if self.ratio is None else self.aim.is_met(self.ratio)


def _short(value: float | None) -> float | None:
    """Four significant digits, and all of those before the point."""
    if value is None:
        return None
    return float(round(value)) if abs(value) >= 1000 else float(f"{value:.4g}")
