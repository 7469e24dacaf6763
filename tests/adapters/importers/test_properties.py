"""What must hold for any file at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import event, given
from hypothesis import strategies as st

from domain.events.base import Event
from tests.adapters.importers.logs import SESSION, Importing
from tests.adapters.importers.mutations import files, queues

names = st.sampled_from([f"{SESSION}.jsonl", "renamed.jsonl"])


def bring(*states: bytes, name: str) -> tuple[list[Event], int]:
    """The events after importing these states of one file, and how many the last one added.

    Laws and tallies are checked after each.
    """
    with tempfile.TemporaryDirectory() as folder:
        importing = Importing(Path(folder))
        told = [importing.bring(state, name) for state in states][-1]
        assert told.report.problem is None
        assert not any(reason.startswith("refused") for reason in told.skipped)
        assert "says nothing of its own" not in told.skipped
        for what in told.contradictions:
            event(what)
    return told.events, told.report.new


@given(files(), names)
def test_nothing_in_a_file_makes_the_import_fail_or_break_a_law(data: bytes, name: str) -> None:
    bring(data, name=name)


@given(queues(), st.data())
def test_whatever_the_queue_does_no_prompt_is_lost(data: bytes, draw: st.DataObject) -> None:
    whole, _ = bring(data, name=f"{SESSION}.jsonl")
    cut = draw.draw(st.integers(0, len(data)))
    grown, _ = bring(data[:cut], data, name=f"{SESSION}.jsonl")
    assert grown == whole


@given(st.binary(max_size=200), names)
def test_any_bytes_are_a_file(data: bytes, name: str) -> None:
    bring(data, name=name)


@given(files(), names, st.data())
def test_a_file_in_any_states_is_imported_once(data: bytes, name: str, draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    part, _ = bring(data[:cut], name=name)
    again, added = bring(data, data[:cut], data, name=name)
    assert added == 0
    assert part == again[: len(part)]
    grown, _ = bring(data[:cut], data, name=name)
    assert grown == again
