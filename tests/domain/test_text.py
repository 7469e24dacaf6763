"""Text as it may enter the log: trimmed, storable, summed up."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import text
from domain.errors import PromptRequired
from domain.events.base import Json
from domain.events.item import ItemCompleted
from domain.events.prompt import PromptAdmitted
from tests.domain.given import check, given
from tests.domain.steps import finish, queue, start_item, submit

ANY_TEXT = st.text(st.characters(codec=None), max_size=600)


@pytest.mark.parametrize(
    ("sent", "kept", "replaced"),
    [
        ("  a  ", "a", 0),
        ("\n a\n b \n", "a\n b", 0),
        ("a\0b", "a\ufffdb", 1),
        ("\ud83d", "\ufffd", 1),
        ("a\udfff\0\ud800", "a\ufffd\ufffd\ufffd", 3),
        ("😀", "😀", 0),
        ("\0", "\ufffd", 1),
        ("﻿a", "﻿a", 0),
    ],
    ids=ascii,
)
def test_a_prompt_is_trimmed_and_made_storable(sent: str, kept: str, replaced: int) -> None:
    world = given(submit("A", text=sent)).world()
    (admitted,) = [e.event for e in world.history() if isinstance(e.event, PromptAdmitted)]
    assert (admitted.text, admitted.replaced) == (kept, replaced)
    (message,) = [e.event for e in world.history() if isinstance(e.event, ItemCompleted)]
    assert message.text == kept


def test_the_outcome_says_how_much_was_replaced() -> None:
    outcome = given().world().service.submit("thr_1", "a\0b\0")
    assert outcome.admission is not None
    assert outcome.admission.replaced == 2


@pytest.mark.parametrize("length", [279, 280, 281, 100_000])
def test_a_summary_has_at_most_280_characters(length: int) -> None:
    world = given(submit("A"), queue("B"), submit("C", "queue", text="x" * length)).world()
    (admitted,) = [
        e.event
        for e in world.history()
        if isinstance(e.event, PromptAdmitted) and e.event.input_id == "inp_C"
    ]
    assert admitted.text == "x" * length
    expected = "x" * length if length <= 280 else "x" * 279 + "…"
    assert admitted.summary == expected


@for_all(ANY_TEXT)
def test_cleaning_leaves_what_utf8_can_store(anything: str) -> None:
    cleaned = text.clean(anything)
    assert "\0" not in cleaned.text
    cleaned.text.encode()
    assert len(cleaned.text) == len(anything)
    assert text.clean(cleaned.text) == (cleaned.text, 0)


@for_all(ANY_TEXT)
def test_a_summary_is_one_line_of_280(anything: str) -> None:
    line = text.summarize(anything)
    assert len(line) <= 280
    assert line == " ".join(line.split())


@for_all(ANY_TEXT)
def test_a_prompt_is_refused_or_has_no_space_around_it(anything: str) -> None:
    try:
        cleaned = text.clean_prompt(anything)
    except PromptRequired:
        assert not anything.strip()
    else:
        assert cleaned.text
        assert cleaned.text == cleaned.text.strip()


def test_json_is_cleaned_at_every_depth_and_stays_the_same_otherwise() -> None:
    value: Json = {"a": [1, None, True, {"b": "c"}], "d": "e"}
    assert text.clean_json(value) == value
    assert text.clean_json(None) is None
    assert text.clean_json({"a\0": ["\0"]}) == {"a\ufffd": ["\ufffd"]}


def test_numbers_that_json_does_not_have_become_text() -> None:
    value: Json = {"a": float("nan"), "b": [float("inf"), -float("inf"), 1.5]}
    assert text.clean_json(value) == {"a": "nan", "b": ["inf", "-inf", 1.5]}


@pytest.mark.parametrize("levels", [1, 5_000])
def test_what_is_nested_too_deep_is_cut_off_and_says_so(levels: int) -> None:
    value: Json = {"a": 1}
    for _ in range(levels):
        value = {"deeper": value}
    cleaned = text.clean_json(value)
    assert ("nested deeper than" in repr(cleaned)) == (levels > text.MAX_DEPTH)
    world = given(submit("A")).world()
    world.service.start_item("thr_1", world.turn("A"), "tool_call", "deep", detail=value)
    check(world)


@pytest.mark.parametrize("length", [text.ERROR_LIMIT - 1, text.ERROR_LIMIT, text.ERROR_LIMIT + 1])
def test_an_error_is_kept_whole_up_to_the_limit(length: int) -> None:
    """An end that could not be stored would leave its turn open for ever."""
    kept = text.shorten_error("x" * length)
    assert len(kept) == min(length, text.ERROR_LIMIT)
    assert kept.endswith("…") == (length > text.ERROR_LIMIT)


def test_an_engine_s_endless_error_ends_its_turn_and_its_items_all_the_same() -> None:
    world = given(submit("A"), start_item("A")).world()
    finish("A", "failed", "boom" * 1_000_000)(world)
    assert all(len(e.event.model_dump_json()) < 70_000 for e in world.history())
    assert world.state().turn is None


def test_json_is_kept_down_to_the_deepest_level_allowed() -> None:
    def nested(levels: int) -> Json:
        value: Json = {"a": 1}
        for _ in range(levels - 1):
            value = {"a": value}
        return value

    whole = nested(text.MAX_DEPTH + 1)
    assert text.clean_json(whole) == whole
    assert "nested deeper" in repr(text.clean_json(nested(text.MAX_DEPTH + 2)))
