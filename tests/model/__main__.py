"""`make schedules` and `make prove`: every schedule of the scopes in `scopes.py`, with progress."""

from __future__ import annotations

import os
import sys
import time

from tests.model.actors import ROWS
from tests.model.explorer import Count, Report, explore
from tests.model.schedule import told
from tests.model.scopes import AT_LEAST, DAILY, SCOPES


def main(names: list[str]) -> int:
    """Explores those scopes (`daily`: those of CI), or all. The last line is the verdict; 1 if a
    law breaks, or if fewer states were seen than are promised."""
    chosen = DAILY if names == ["daily"] else [SCOPES[name] for name in names or SCOPES]
    due = AT_LEAST["daily" if names == ["daily"] else ""] if names in ([], ["daily"]) else 0
    began = time.monotonic()
    reports: list[Report] = []
    for scope in chosen:
        report = explore(scope, processes=os.cpu_count() or 1, progress=_show)
        reports.append(report)
        _say(str(report))
        if report.breach:
            again = f"python -m tests.model '{scope.name}'"
            _say(f"{told(scope, report.breach)}\nFAIL  A law is broken. To see it again: {again}")
            return 1
    return _verdict(reports, due, time.monotonic() - began)


def _verdict(reports: list[Report], due: int, seconds: float) -> int:
    total = sum((report.count for report in reports), Count())
    memory = max(report.count.memory for report in reports) / 1e6
    seen = (
        f"{total.states:,} states of the world, distinct within each of {len(reports)} scopes, and"
        f" all {total.moves + total.quiet:,} steps between them; {seconds:.0f} s"
        f" ({total.cpu:.0f} s of CPU, {memory:,.0f} MB)."
    )
    if due and (idle := _idle(reports)):
        _say(f"FAIL  No law is broken, but these commands never took effect: {', '.join(idle)}")
        return 1
    if total.states < due:
        _say(f"FAIL  No law is broken, but at least {due:,} states are to be seen: {seen}")
        return 1
    _say(f"PASS  No law is broken: {seen}")
    return 0


def _idle(reports: list[Report]) -> list[str]:
    did = frozenset[int]().union(*(report.effective for report in reports))
    return [row.says for number, row in enumerate(ROWS) if number not in did]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _show(depth: int, count: Count, seconds: float) -> None:
    rate = count.states / max(seconds, 1e-9)
    line = f"{depth:4} steps  {count.states:>12,} states  {seconds:6.0f} s  {rate:,.0f} a second"
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
