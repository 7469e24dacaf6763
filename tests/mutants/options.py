"""What is asked for."""

from __future__ import annotations

import argparse
import fnmatch
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.mutants.edit import ROOT, Edit

Kind = Literal["python", "read-models", "append", "sql"]


@dataclass(frozen=True)
class Options:
    """`only` are patterns of files; `every` takes one of so many mutants, `seconds` is for one."""

    kind: Kind
    only: tuple[str, ...]
    every: int
    processes: int
    seconds: float
    report: Path
    thorough: bool
    again: bool
    retry: Path | None

    def wants(self, edit: Edit) -> bool:
        if self.retry and (edit.file, edit.start, edit.end, edit.after) not in _survivors(
            self.retry
        ):
            return False
        named = not self.only or any(fnmatch.fnmatch(edit.file, name) for name in self.only)
        # By what it is, not by its number: the same ones, whatever else is asked for.
        return named and hash((edit.start, len(edit.after))) % self.every == 0


@functools.cache
def _survivors(report: Path) -> frozenset[tuple[str, int, int, str]]:
    lines = map(json.loads, report.read_text(encoding="utf-8").splitlines())
    return frozenset(
        (line["file"], line["start"], line["end"], line["after"])
        for line in lines
        if line["verdict"] == "survived"
    )


def parsed(arguments: Sequence[str] | None = None) -> Options:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("kind", choices=get_args(Kind))
    parser.add_argument("--only", nargs="*", default=[], help="files, as patterns from the root")
    parser.add_argument("--every", type=int, default=1, help="one of so many mutants")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30, help="at most for one mutant")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "mutants")
    parser.add_argument("--thorough", action="store_true", help="with the tests of random examples")
    parser.add_argument("--again", action="store_true", help="measure the tests as last time")
    parser.add_argument("--retry", type=Path, help="only what survived, by this *.jsonl")
    given = parser.parse_args(arguments)
    return Options(**{**vars(given), "only": tuple(given.only)})
