"""What an import does."""

from __future__ import annotations

import adapters.importers.tail
from adapters.composition import Turnlog
from adapters.importers.report import Progress
from tests.crashes.process import Given, Stage

CHUNK_EVENTS = 6


def bring(turnlog: Turnlog, given: Given, stage: Stage) -> None:
    """Imports a folder, a few events an append."""
    adapters.importers.tail.CHUNK_EVENTS = CHUNK_EVENTS  # type: ignore[misc]
    report = turnlog.import_paths([given["folder"]], _unseen)
    assert not [file.problem for file in report.files if file.problem]


def _unseen(_progress: Progress) -> None:
    """Nobody watches."""
