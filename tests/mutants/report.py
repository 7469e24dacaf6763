"""What became of the mutants, as JSON and as tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.mutants.edit import Edit
from tests.mutants.trial import Result

_COLUMNS: Final = ("killed", "too slow", "survived")
_FATE: Final = ("verdict", "by", "seconds")


class Report:
    """Collects results, and writes them down as they come: to those of earlier runs, or anew."""

    def __init__(self, folder: Path, kind: str, *, go_on: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = folder / f"{kind}.jsonl"
        self._summary = folder / f"{kind}.md"
        self.results: list[Result] = []
        if go_on and self._lines.exists():
            self.results = [_read(line) for line in self._lines.read_text("utf-8").splitlines()]
        else:
            self._lines.write_text("", encoding="utf-8")

    def add(self, result: Result) -> None:
        self.results.append(result)
        line = {**asdict(result.edit), **{name: getattr(result, name) for name in _FATE}}
        with self._lines.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")

    def finish(self, seconds: float) -> str:
        """The tables, which it also writes into the folder."""
        told = [f"{share(self.results)}, in {seconds / 60:.0f} minutes.", "", *table(self.results)]
        told += ["", *survivors(self.results)]
        text = "\n".join(told) + "\n"
        self._summary.write_text(text, encoding="utf-8")
        return text


def _read(line: str) -> Result:
    found = json.loads(line)
    fate = {name: found.pop(name) for name in _FATE}
    return Result(Edit(**found), **fate)


def share(results: Iterable[Result]) -> str:
    """How many of the mutants were killed."""
    counts = Counter(result.verdict for result in results)
    killed = counts["killed"] + counts["too slow"]
    every = killed + counts["survived"]
    return f"{killed} of {every} mutants killed ({100 * killed / max(every, 1):.1f} %)"


def table(results: Sequence[Result]) -> list[str]:
    """A row for each file."""
    by_file: dict[str, Counter[str]] = {}
    for result in results:
        by_file.setdefault(result.edit.file, Counter())[result.verdict] += 1
    rows = ["| file | killed | too slow | survived | share |", "| --- | --- | --- | --- | --- |"]
    return rows + [_row(file, by_file[file]) for file in sorted(by_file)]


def _row(file: str, counts: Mapping[str, int]) -> str:
    numbers = [counts.get(column, 0) for column in _COLUMNS]
    killed = numbers[0] + numbers[1]
    percent = f"{100 * killed / sum(numbers):.0f} %" if sum(numbers) else "–"
    return f"| {file} | {' | '.join(map(str, numbers))} | {percent} |"


def survivors(results: Iterable[Result]) -> list[str]:
    """A line for each."""
    left = sorted(
        (result.edit for result in results if result.verdict == "survived"),
        key=lambda edit: (edit.file, edit.start),
    )
    return [f"{edit.file}:{edit.line}  {edit.operator}:  {edit.shown()}" for edit in left]
