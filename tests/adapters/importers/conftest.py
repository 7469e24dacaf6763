"""Fixtures of the importers' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.importers.logs import Importing


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    """An empty log, and a folder to put files in."""
    return Importing(tmp_path)
