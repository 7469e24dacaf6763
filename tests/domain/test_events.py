"""The events are the storage format: names, versions, schemas, and how old bodies become new."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_args

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from pydantic import ValidationError

from domain import events, thread, turn
from domain.events.approval import ApprovalEvent
from domain.events.base import Event, ItemKind, Json, TurnEvent, Usage
from domain.events.item import ItemEvent, ItemStarted
from domain.events.prompt import PromptAdmitted, PromptEdited, PromptWithdrawn
from domain.events.registry import ALL, BY_NAME
from domain.events.upcasts import DOWNCASTS, UPCASTS, CastFailed, NoCast, bring_to, newest_readable
from domain.ports import Recorded
from domain.thread import fold
from tests.domain import snapshot
from tests.domain.world import THREAD, World
from tests.fixtures.clock import START
from tests.strategies import Move, play_all, scripts

ABSTRACT = {Event, TurnEvent, ItemEvent, ApprovalEvent}
HOW_TO = (
    "The stored form of {what} changed. If old bodies still read as before, or have an upcaster "
    "and a new schema_version, accept it with: python -m tests.domain.snapshot"
)


@pytest.mark.parametrize("name", sorted(snapshot.current().keys() | snapshot.stored().keys()))
def test_names_and_schemas_are_as_they_were_agreed_on(name: str) -> None:
    now, agreed = snapshot.current().get(name), snapshot.stored().get(name)
    assert now == agreed, HOW_TO.format(what=name)


def subclasses(cls: type[Event]) -> set[type[Event]]:
    """All below `cls`, at any depth."""
    return {cls}.union(*(subclasses(below) for below in cls.__subclasses__()))


def test_every_event_there_is_stands_in_the_registry() -> None:
    for module in pkgutil.iter_modules(events.__path__):
        importlib.import_module(f"domain.events.{module.name}")
    ours = {cls for cls in subclasses(Event) if cls.__module__.startswith("domain.")}
    assert ours - ABSTRACT == set(ALL)


def test_no_two_events_share_a_name() -> None:
    assert len(BY_NAME) == len(ALL)
    assert all(BY_NAME[cls.name] is cls for cls in ALL)
    assert all("name" in vars(cls) for cls in ALL)


@pytest.mark.parametrize("cls", ALL)
def test_an_event_is_frozen_strict_and_knows_all_its_fields(cls: type[Event]) -> None:
    config = cls.model_config
    assert (config.get("frozen"), config.get("strict"), config.get("extra")) == (
        True,
        True,
        "forbid",
    )
    assert cls.model_fields["v"].default == cls.schema_version >= 1, "what it writes is its version"


@pytest.mark.parametrize("cls", ALL)
def test_a_field_that_may_be_empty_may_be_missing(cls: type[Event]) -> None:
    """Empty fields are not stored, so they must come back by their default."""
    for name, field in cls.model_fields.items():
        if type(None) in get_args(field.annotation):
            assert field.default is None, f"{cls.name}.{name}"


@pytest.mark.parametrize("cls", ALL)
def test_the_fold_knows_every_event(cls: type[Event]) -> None:
    folded = turn._apply if issubclass(cls, TurnEvent) else thread._apply
    known = folded.dispatch(cls) is not folded.dispatch(Event)
    assert known or cls.name == "turn.started"  # which makes the turn


@pytest.mark.parametrize(
    ("field", "value"),
    [("at", START.replace(tzinfo=None)), ("thread_id", 1), ("v", "1"), ("unknown", 1)],
)
def test_a_body_of_another_shape_is_refused(field: str, value: object) -> None:
    body = {"thread_id": "t", "actor": "a", "command_id": "c", "at": START, field: value}
    with pytest.raises(ValidationError):
        BY_NAME["thread.archived"].model_validate(body)


def test_usage_is_summed_kind_by_kind() -> None:
    one, other = (
        Usage(
            input_tokens=n, cached_input_tokens=2 * n, output_tokens=3 * n, reasoning_tokens=4 * n
        )
        for n in (1, 10)
    )
    assert one.plus(other) == Usage(
        input_tokens=11, cached_input_tokens=22, output_tokens=33, reasoning_tokens=44
    )


def test_item_kinds_are_those_of_the_contract() -> None:
    assert set(get_args(ItemKind)) == {
        "user_message",
        "agent_message",
        "reasoning",
        "tool_call",
        "file_change",
        "command_execution",
        "context_compaction",
        "status",
        "error",
    }


# ── Any history ──────────────────────────────────────────────────────────────────────────────────


def played(script: list[Move]) -> list[Recorded]:
    """The history of one thread to which a script was played."""
    world = World()
    play_all(world.service, script)
    return world.history()


@for_all(scripts())
def test_every_event_reads_back_from_its_json_as_it_was(script: list[Move]) -> None:
    for entry in played(script):
        stored = entry.event.model_dump_json(exclude_none=True)
        assert type(entry.event).model_validate_json(stored) == entry.event


@for_all(scripts(), st.data())
def test_folding_in_two_parts_is_folding_at_once(script: list[Move], data: st.DataObject) -> None:
    every = [entry.event for entry in played(script)]
    cut = data.draw(st.integers(0, len(every)))
    empty = thread.Thread(THREAD)
    assert fold(fold(empty, every[:cut]), every[cut:]) == fold(empty, every)


@for_all(scripts())
def test_the_fold_counts_what_the_store_counts(script: list[Move]) -> None:
    history = played(script)
    folded = fold(thread.Thread(THREAD), (entry.event for entry in history))
    assert folded.seq == len(history)
    assert folded.version == max(e.version for e in history if e.event.stream_id == THREAD)
    if folded.turn is not None:
        turn_id = folded.turn.turn_id
        assert folded.turn.version == sum(e.event.stream_id == turn_id for e in history)


@for_all(scripts())
def test_all_of_a_command_s_events_say_who_why_and_when(script: list[Move]) -> None:
    by_command: dict[str, set[tuple[str, object]]] = {}
    for entry in played(script):
        by_command.setdefault(entry.event.command_id, set()).add(
            (entry.event.actor, entry.event.at)
        )
    assert all(len(found) == 1 for found in by_command.values())


@for_all(scripts())
def test_a_withdrawn_prompt_carries_the_text_it_had_last(script: list[Move]) -> None:
    texts: dict[str, str] = {}
    for entry in played(script):
        match entry.event:
            case PromptAdmitted() | PromptEdited() as event:
                texts[event.input_id] = event.text
            case PromptWithdrawn() as event:
                assert event.text == texts[event.input_id]
            case _:
                pass


@for_all(scripts())
def test_a_summary_is_never_longer_than_280_characters(script: list[Move]) -> None:
    for entry in played(script):
        if isinstance(entry.event, PromptAdmitted | ItemStarted):
            assert len(entry.event.summary) <= 280


# ── Old bodies ───────────────────────────────────────────────────────────────────────────────────


def renamed(body: Json) -> Json:
    """Version 1 called the text `message`."""
    return {
        **{key: value for key, value in body.items() if key != "message"},
        "text": body["message"],
    }


def counted(body: Json) -> Json:
    """Version 3 counts its characters."""
    return {**body, "length": len(str(body["text"]))}


def uncounted(body: Json) -> Json:
    """Version 2 does not."""
    return {key: value for key, value in body.items() if key != "length"}


UP = {("x.said", 1): renamed, ("x.said", 2): counted}
DOWN = {("x.said", 3): uncounted}


def test_an_old_body_goes_through_every_version_in_between() -> None:
    old: Json = {"v": 1, "message": "hi"}
    assert bring_to(3, "x.said", old, up=UP) == {"v": 3, "text": "hi", "length": 2}
    assert old == {"v": 1, "message": "hi"}


def test_a_body_of_a_version_in_between_skips_what_is_behind_it() -> None:
    body: Json = {"v": 2, "text": "hi"}
    assert bring_to(3, "x.said", body, up=UP)["length"] == 2


def test_a_body_without_a_version_is_of_the_first() -> None:
    assert bring_to(2, "x.said", {"message": "hi"}, up=UP) == {"v": 2, "text": "hi"}


def test_a_body_of_today_stays_as_it_is() -> None:
    body: Json = {"v": 3, "text": "hi", "length": 2}
    assert bring_to(3, "x.said", body, up=UP, down=DOWN) is body


def test_a_body_of_the_next_release_comes_down() -> None:
    body: Json = {"v": 3, "text": "hi", "length": 2}
    assert bring_to(2, "x.said", body, up=UP, down=DOWN) == {"v": 2, "text": "hi"}


@pytest.mark.parametrize(("writes", "reads"), [(1, 1), (2, 3), (3, 3)])
def test_what_can_be_read_goes_as_far_as_the_downcasts_do(writes: int, reads: int) -> None:
    assert newest_readable("x.said", writes, down=DOWN) == reads


@pytest.mark.parametrize(("version", "to"), [(1, 2), (2, 1)])
def test_a_step_that_is_missing_is_an_error_that_names_it(version: int, to: int) -> None:
    with pytest.raises(NoCast) as caught:
        bring_to(to, "x.said", {"v": version}, up={}, down={})
    assert caught.value.args == ("x.said", version)


@pytest.mark.parametrize("version", ["1", None, 1.5, True])
def test_a_version_that_is_no_number_is_an_error(version: str | float | None) -> None:
    with pytest.raises(NoCast):
        bring_to(2, "x.said", {"v": version}, up=UP)


@pytest.mark.parametrize("body", [{"v": 1}, {"v": 2}])
def test_a_body_that_a_cast_can_do_nothing_with_is_no_missing_step(body: Json) -> None:
    with pytest.raises(CastFailed) as caught:
        bring_to(3, "x.said", body, up=UP)
    assert caught.value.args == ("x.said", body["v"])
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("cls", ALL)
def test_every_version_an_event_ever_had_can_be_brought_up(cls: type[Event]) -> None:
    for version in range(1, cls.schema_version):
        assert (cls.name, version) in UPCASTS


def test_casts_are_for_events_and_versions_there_are() -> None:
    for name, version in UPCASTS:
        assert 1 <= version < BY_NAME[name].schema_version, f"{name} {version}"
    for name, version in DOWNCASTS:
        readable = newest_readable(name, BY_NAME[name].schema_version)
        assert 2 <= version <= readable, f"{name} {version}: there is a gap below it"
