"""docs/proof.md names files and laws: they are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "proof.md").read_text("utf-8")
FOLDERS: Final = sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir())
FILES: Final = re.findall(rf"`((?:tests/)?(?:{'|'.join(FOLDERS)})/[\w/]+\.py)`", PAGE)
TARGETS: Final = sorted(set(re.findall(r"`make (\w+)", PAGE)))


@pytest.mark.parametrize("file", sorted(set(FILES)))
def test_what_the_page_names_is_there(file: str) -> None:
    assert (ROOT / file).is_file() or (ROOT / "tests" / file).is_file()


@pytest.mark.parametrize("target", TARGETS)
def test_what_it_says_to_run_can_be_run(target: str) -> None:
    assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8")


def test_each_law_has_its_row() -> None:
    ordering = (ROOT / "docs" / "ordering.md").read_text("utf-8")
    laws = re.findall(r"^- (L\d+) ", ordering, re.MULTILINE)
    assert laws
    assert re.findall(r"^\| (L\d+) \|", PAGE, re.MULTILINE) == laws
