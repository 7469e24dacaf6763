"""The comparison of rows with the fold: what differs, what cannot be compared."""

from __future__ import annotations

from dataclasses import replace

from domain.errors import CorruptEvent, ImpossibleEvent
from domain.ports import Recorded
from projections.errors import UnreadableRow
from projections.replay import replay
from projections.rows import ThreadRows
from projections.verify import MISSING, compare, compare_thread
from tests.domain import steps
from tests.domain.world import THREAD, TinyLog, World


class Rows:
    """Tables with these rows of a thread, up to that seq."""

    def __init__(self, rows: ThreadRows | UnreadableRow, seq: int) -> None:
        self.rows, self.seq = rows, seq

    def snapshot(self, thread_id: str) -> tuple[ThreadRows, int]:
        if isinstance(self.rows, UnreadableRow):
            raise self.rows
        return self.rows, self.seq


def world() -> World:
    made = World()
    story = (steps.create(), steps.submit("A"), steps.start_item("A"), steps.queue("B"))
    for step in story:
        step(made)
    return made


def test_rows_that_say_what_the_log_says_are_clean() -> None:
    made = world()
    history = made.history()
    compared = compare_thread(THREAD, made.log, Rows(replay(history), len(history)))
    assert compared.is_clean
    assert (compared.seq, compared.rows) == (8, 1 + 1 + 2 + 2)


def test_rows_behind_the_log_are_compared_with_the_log_as_it_was() -> None:
    made = world()
    rows = Rows(replay(made.history()[:4]), 4)
    assert compare_thread(THREAD, made.log, rows).is_clean
    assert compare_thread(THREAD, made.log, rows, made.history()).is_clean
    # A history at hand that is too short is read again.
    assert compare_thread(THREAD, made.log, rows, made.history()[:2]).is_clean


def test_a_difference_names_row_column_and_both_values() -> None:
    made = world()
    rows = replay(made.history())
    item = replace(rows.items[1], status="completed")
    changed = replace(rows, items=(rows.items[0], item))
    [difference] = compare_thread(THREAD, made.log, Rows(changed, 8)).differences
    assert str(difference) == (
        f"items, row {item.item_id}, column status: is 'completed', the log says 'in_progress'"
    )


def test_missing_and_surplus_rows_are_named() -> None:
    made = world()
    rows = replay(made.history())
    other = replace(rows.prompts[0], input_id="inp_X")
    changed = replace(rows, thread=None, prompts=(*rows.prompts, other))
    first, second = compare_thread(THREAD, made.log, Rows(changed, 8)).differences
    assert (str(first), first.found) == ("threads, row thr_1: missing", MISSING)
    assert (str(second), second.expected) == ("prompts, row inp_X: not in the log", MISSING)


def test_json_that_is_only_equal_in_python_is_different() -> None:
    made = world()
    rows = replay(made.history())
    with_true = replace(rows, items=(replace(rows.items[0], detail={"n": [True]}), rows.items[1]))
    for value in (1, 1.0):
        number = replace(rows.items[0], detail={"n": [value]})
        assert number == with_true.items[0]
        with_number = replace(rows, items=(number, rows.items[1]))
        assert len(compare(THREAD, with_true, with_number)[0]) == 1


def test_a_row_that_cannot_be_read_is_a_difference() -> None:
    error = UnreadableRow(table="turns", key="turn_1", column="options", why="not readable")
    [difference] = compare_thread(THREAD, TinyLog(), Rows(error, 0)).differences
    assert (difference.table, difference.key, difference.column, difference.found) == (
        "turns", "turn_1", "options", "not readable",
    )  # fmt: skip


class Shelf(TinyLog):
    """A log of one thread, with just this history, or an error instead."""

    def __init__(self, history: list[Recorded] | CorruptEvent) -> None:
        super().__init__()
        self._history = history

    def read_thread(
        self, thread_id: str, *, after_seq: int = 0, upto_seq: int | None = None
    ) -> list[Recorded]:
        if isinstance(self._history, CorruptEvent):
            raise self._history
        return self._history if thread_id == THREAD else []


NO_ROWS = ThreadRows(None, (), (), ())


def test_a_history_that_does_not_fold_is_a_problem_of_its_thread_alone() -> None:
    history = world().history()
    history[3] = history[3]._replace(event=history[4].event)
    log, rows = Shelf(history), Rows(NO_ROWS, 8)
    assert isinstance(compare_thread(THREAD, log, rows).problem, ImpossibleEvent)
    assert compare_thread("thr_9", log, rows).is_clean


def test_an_event_that_cannot_be_read_is_a_problem_of_its_thread_alone() -> None:
    log = Shelf(CorruptEvent(position=7, type="item.started", why="no body"))
    compared = compare_thread(THREAD, log, Rows(NO_ROWS, 8))
    assert isinstance(compared.problem, CorruptEvent)
    assert not compared.is_clean
