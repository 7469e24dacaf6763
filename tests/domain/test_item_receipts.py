"""What an engine records, sent again: all that it says belongs to the command (L10)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from domain.command import body_hash
from domain.errors import CommandConflict
from domain.events.base import Json
from tests.domain.given import Given, check, given
from tests.domain.steps import Step, last_item, submit
from tests.domain.world import THREAD


def begin_item(detail: Json | None = None) -> Step:
    return lambda world: world.service.start_item(
        THREAD, world.turn("A"), "tool_call", "ls", detail=detail, command_id="cmd_begin"
    )


def close_item(
    text: str | None = None, result: Json | None = None, reason: str | None = None
) -> Step:
    """The last call fails, as an end with anything to say of it."""
    return lambda world: world.service.end_item(
        THREAD,
        world.turn("A"),
        last_item(world, "tool_call"),
        "failed",
        text=text,
        result=result,
        reason=reason,
        command_id="cmd_close",
    )


def note_item(text: str | None = None, detail: Json | None = None) -> Step:
    return lambda world: world.service.record_item(
        THREAD, world.turn("A"), "status", "s", text=text, detail=detail, command_id="cmd_note"
    )


CALLED = (submit("A"), begin_item())
OTHERS: dict[str, tuple[Given, Step]] = {
    "start_item, detail": (
        given(submit("A"), begin_item({"q": 1})),
        begin_item({"q": 2}),
    ),
    "end_item, text": (given(*CALLED, close_item("a")), close_item("b")),
    "end_item, result": (
        given(*CALLED, close_item(result={"q": 1})),
        close_item(result={"q": True}),
    ),
    "end_item, reason": (
        given(*CALLED, close_item(reason="a")),
        close_item(reason="b"),
    ),
    "record_item, text": (given(submit("A"), note_item("a")), note_item("b")),
    "record_item, detail": (
        given(submit("A"), note_item(detail={})),
        note_item(detail=None),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_command_id_with_other_words_is_a_conflict(name: str) -> None:
    past, other = OTHERS[name]
    past.when(other).refused(CommandConflict)


def test_details_are_compared_as_they_are_stored() -> None:
    """Whatever the engine put into them: what is stored can be hashed."""
    deep: Json = {"a": 1}
    for _ in range(5_000):
        deep = {"deeper": deep}
    details: list[Json] = [deep, {"n": float("nan")}, {"n": 10**5000}, {"t": "\ud800"}]
    for detail in details:
        world = given(submit("A"), begin_item(detail)).world()
        assert begin_item(detail)(world).repeated
        world.service.request_approval(
            THREAD, world.turn("A"), "may I?", detail=detail, approval_id="appr_1"
        )
        assert world.service.request_approval(
            THREAD, world.turn("A"), "may I?", detail=detail, approval_id="appr_1"
        ).repeated
        check(world)


def test_details_that_are_no_json_are_refused_by_the_field_they_are_for() -> None:
    past = given(submit("A"))
    for step in (begin_item({"q": {1}}), note_item(detail={"q": object()})):  # type: ignore[dict-item]
        with pytest.raises(ValidationError, match="detail"):
            step(past.world())


def test_without_an_id_texts_are_not_part_of_the_body() -> None:
    """They may be long, and nothing will ever be compared with them."""
    world = given(submit("A")).world()
    outcome = world.service.record_item(THREAD, world.turn("A"), "status", "s", text="long")
    first = world.log.read_command(outcome.command_id)[0].event
    body = {"turn_id": world.turn("A"), "kind": "status", "summary": "s"}
    assert first.receipt == body_hash("record_item", body)
