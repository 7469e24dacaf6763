"""`make schedules` and `make prove`: every schedule of the scopes in `scopes.py`, with progress."""

from __future__ import annotations

import os
import sys
import time

from tests.model.explorer import Count, explore
from tests.model.schedule import told
from tests.model.scopes import DAILY, SCOPES


def main(names: list[str]) -> int:
    """Explores those scopes (`daily`: those of CI), or all; 1 if a law breaks."""
    chosen = DAILY if names == ["daily"] else [SCOPES[name] for name in names or SCOPES]
    total, began = Count(), time.monotonic()
    for scope in chosen:
        report = explore(scope, processes=os.cpu_count() or 1, progress=_show)
        sys.stdout.write(f"{report}\n")
        sys.stdout.flush()
        if report.breach:
            sys.stdout.write(told(scope, report.breach) + "\n")
            return 1
        total += report.count
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"No law is broken in {total.states:,} states of the world, by {total.moves:,} steps"
        f" between them. {seconds:.0f} s, {total.cpu:.0f} s of CPU.\n"
    )
    return 0


def _show(depth: int, count: Count, seconds: float) -> None:
    rate = count.states / max(seconds, 1e-9)
    line = f"{depth:4} steps  {count.states:>12,} states  {seconds:6.0f} s  {rate:,.0f} a second"
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
