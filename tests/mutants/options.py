"""What is asked for."""

from __future__ import annotations

import argparse
import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.mutants.edit import ROOT, Edit

Kind = Literal["python", "read-models", "append", "sql"]
Mutant = tuple[str, int, int, str]
"""A file, from where to where it is changed, and what is there then."""


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
    go_on: bool
    retried: frozenset[Mutant] | None = None
    done: frozenset[Mutant] = frozenset()

    def wants(self, edit: Edit) -> bool:
        mutant = edit.file, edit.start, edit.end, edit.after
        if mutant in self.done or (self.retried is not None and mutant not in self.retried):
            return False
        named = not self.only or any(fnmatch.fnmatch(edit.file, name) for name in self.only)
        # By what it is, not by its number: the same ones, whatever else is asked for.
        return named and hash((edit.start, len(edit.after))) % self.every == 0


def _reported(report: Path, *verdicts: str) -> frozenset[Mutant]:
    """The mutants in that report; only those with one of the verdicts, if there are any."""
    lines = map(json.loads, report.read_text(encoding="utf-8").splitlines())
    return frozenset(
        (line["file"], line["start"], line["end"], line["after"])
        for line in lines
        if not verdicts or line["verdict"] in verdicts
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
    parser.add_argument("--go-on", action="store_true", help="what the report does not have yet")
    given = vars(parser.parse_args(arguments))
    # Read now: the report may be the one that is about to be written.
    retry, earlier = given.pop("retry"), given["report"] / f"{given['kind']}.jsonl"
    return Options(
        **{**given, "only": tuple(given["only"])},
        retried=_reported(retry, "survived") if retry else None,
        done=_reported(earlier) if given["go_on"] and earlier.exists() else frozenset(),
    )
