"""`python -m tests.mutants python` or `… sql`: makes mutants and says which of them survive.

See docs/mutants.md. Nothing in the tree is changed: a mutant lives in a process that was forked.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from adapters.postgres.embedded import EmbeddedServer
from tests.fixtures.server import FAST_BUT_FORGETFUL, external_url
from tests.mutants import sql_quick
from tests.mutants.edit import tell
from tests.mutants.options import Options, parsed
from tests.mutants.report import Report
from tests.mutants.trial import Trials

_QUICK: Final = {"read-models": sql_quick.run, "append": sql_quick.run_append}
_MARKS: Final = {"killed": ".", "too slow": "t", "no mutant": "-", "survived": "S"}


def main() -> int:
    """0, however many survive; 1 if there was nothing to measure."""
    options = parsed()
    began = time.monotonic()
    report = Report(options.report, options.kind, go_on=options.go_on)
    with _server():
        code = _run(options, report)
    tell(report.finish(time.monotonic() - began))
    return int(code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED})


def _run(options: Options, report: Report) -> int:
    if options.kind in _QUICK:
        for result in _QUICK[options.kind](options):
            report.add(result)
            tell(_MARKS[result.verdict], end="")
        return 0
    # Only now: the one kind needs mutmut, and the other does not.
    kind = importlib.import_module(f"tests.mutants.{options.kind}_trials")

    def run(trials: Trials) -> None:
        for result in kind.run(trials, options):
            report.add(result)
            tell(_MARKS[result.verdict], end="")

    arguments = ["-q", "-s", "-p", "no:cacheprovider", "--hypothesis-profile=ci"]
    # This process has imported a few things already.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", *kind.TESTS]
    memory = options.report / f"{options.kind}-tests.json"
    trials = Trials(run, memory, thorough=options.thorough, again=options.again)
    return int(pytest.main(arguments, plugins=[trials]))


@contextmanager
def _server() -> Iterator[None]:
    """For the tests that want one: a child's would go away with it."""
    if external_url():
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="turnlog-mutants-"))
    folder.chmod(0o711)  # for root, whose server runs under another account
    try:
        with EmbeddedServer(folder, FAST_BUT_FORGETFUL) as server:
            os.environ["TURNLOG_TEST_DATABASE_URL"] = server.url
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
