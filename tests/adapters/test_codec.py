"""Stored bytes and events: one way in, one way out, and no byte skipped in silence (D17)."""

from __future__ import annotations

import json
from typing import cast

import pytest

from adapters import codec
from domain.errors import CorruptEvent, InvalidArgument, NewerEventVersion, UnknownEventType
from domain.events import upcasts
from domain.events.base import Json
from domain.events.prompt import PromptWithdrawn
from domain.events.registry import ALL
from domain.events.turn import TurnStarted
from domain.options import TurnOptions
from domain.ports import Recorded
from tests.fixtures.clock import START


def withdrawn(text: str = "hello") -> PromptWithdrawn:
    return PromptWithdrawn(
        thread_id="thr_1",
        actor="user",
        command_id="cmd_1",
        at=START,
        input_id="inp_1",
        text=text,
        reason="user",
    )


def stored(**changes: object) -> bytes:
    body = json.loads(codec.encode(withdrawn()))
    return json.dumps({**body, **changes}).encode()


def test_what_is_stored_reads_back_as_the_same_event() -> None:
    event = withdrawn("naïve ✓ \U0001f600")
    assert codec.decode(event.name, codec.encode(event), 1) == event


def test_empty_fields_are_not_stored_and_come_back_empty() -> None:
    event = TurnStarted(
        thread_id="thr_1",
        actor="user",
        command_id="cmd_1",
        at=START,
        turn_id="turn_1",
        kind="compaction",
        summary="s",
        options=TurnOptions(),
        steerable=False,
    )
    data = codec.encode(event)
    assert b"null" not in data
    assert codec.decode(event.name, data, 1) == event


def row(position: int, data: bytes, name: str = "prompt.withdrawn") -> codec.StoredRow:
    return position, 1, 2, START, b"hash", name, data


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.name)
def test_every_field_that_may_be_empty_may_be_left_out(cls: type[TurnStarted]) -> None:
    for name, field in cls.model_fields.items():
        if field.is_required():
            schema = cls.model_json_schema()["properties"][name]
            assert {"type": "null"} not in schema.get("anyOf", []), name


def test_an_unknown_type_names_its_position() -> None:
    with pytest.raises(UnknownEventType, match=r"position 7 has the unknown type prompt\.eaten"):
        codec.decode("prompt.eaten", b"{}", 7)


def test_a_newer_version_says_to_upgrade() -> None:
    with pytest.raises(
        NewerEventVersion, match=r"position 7 .* has version 2, .* knows 1.*upgrade"
    ):
        codec.decode("prompt.withdrawn", stored(v=2), 7)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"not json", "body"),
        (b"[]", "body"),
        (b'{"v":1}', "Field required"),
        (stored(extra=1), "extra"),
        (stored(text=3), "text"),
        (stored(at="yesterday"), "at"),
        (stored(v=0), "version 0"),
        (stored(v="1"), "version 1"),
    ],
)
def test_damage_is_an_error_with_position_and_field(data: bytes, why: str) -> None:
    with pytest.raises(CorruptEvent, match=why) as caught:
        codec.decode("prompt.withdrawn", data, 7)
    assert caught.value.details["position"] == 7


def test_many_read_as_each_alone() -> None:
    events = [withdrawn("a"), withdrawn("naïve ✓"), withdrawn("c")]
    history = codec.decode_all(row(i, codec.encode(event)) for i, event in enumerate(events, 7))
    assert history == [
        Recorded(position, 1, 2, START, b"hash", event) for position, event in enumerate(events, 7)
    ]
    assert all(isinstance(entry, Recorded) for entry in history)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("prompt.eaten", b"{}"),
        ("prompt.withdrawn", stored(v=2)),
        ("prompt.withdrawn", b"not json"),
        ("prompt.withdrawn", stored(text=["the secret"])),
        ("prompt.withdrawn", stored(v=0)),
    ],
)
def test_one_of_many_that_cannot_be_read_is_told_as_if_it_were_alone(
    name: str, data: bytes
) -> None:
    with pytest.raises(CorruptEvent) as alone:
        codec.decode(name, data, 8)
    rows = [row(7, stored()), row(8, data, name), row(9, b"damaged, too")]
    with pytest.raises(CorruptEvent) as among_many:
        codec.decode_all(rows)
    assert type(among_many.value) is type(alone.value)
    assert among_many.value.message == alone.value.message


def test_an_error_never_repeats_a_prompts_text() -> None:
    with pytest.raises(CorruptEvent) as caught:
        codec.decode("prompt.withdrawn", stored(text=["the secret"], reason="the secret"), 7)
    assert "secret" not in caught.value.message


def test_an_old_body_is_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    def name_the_reason(body: Json) -> Json:
        return {**body, "reason": "user"}

    _casts(monkeypatch, up={("prompt.withdrawn", 1): name_the_reason}, down={})
    monkeypatch.setattr(PromptWithdrawn, "schema_version", 2)
    body = json.loads(codec.encode(withdrawn()))
    del body["reason"]
    data = json.dumps(body).encode()
    event = codec.decode("prompt.withdrawn", data, 7)
    assert event == withdrawn().model_copy(update={"v": 2})
    assert codec.decode_all([row(7, data)])[0].event == event


def _needs_a_reason(body: Json) -> Json:
    return {**body, "reason": cast("str", body["reason"]).upper()}


@pytest.mark.parametrize(
    ("damage", "kind"), [({}, "KeyError"), ({"reason": ["the secret"]}, "AttributeError")]
)
def test_an_old_body_that_is_damaged_is_not_said_to_be_of_an_unknown_version(
    monkeypatch: pytest.MonkeyPatch, damage: Json, kind: str
) -> None:
    _casts(monkeypatch, up={("prompt.withdrawn", 1): _needs_a_reason}, down={})
    monkeypatch.setattr(PromptWithdrawn, "schema_version", 2)
    body = json.loads(codec.encode(withdrawn()))
    del body["reason"]
    data = json.dumps({**body, **damage}).encode()
    with pytest.raises(CorruptEvent) as caught:
        codec.decode("prompt.withdrawn", data, 7)
    assert caught.value.details["why"] == f"its body is not that of version 1 ({kind})"
    assert "secret" not in caught.value.message


def test_a_body_of_the_next_release_is_read_by_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget_the_device(body: Json) -> Json:
        return {key: value for key, value in body.items() if key != "device"}

    _casts(monkeypatch, up={}, down={("prompt.withdrawn", 2): forget_the_device})
    assert codec.decode("prompt.withdrawn", stored(v=2, device="phone"), 7) == withdrawn()
    with pytest.raises(NewerEventVersion, match="has version 3, this turnlog knows 2"):
        codec.decode("prompt.withdrawn", stored(v=3), 7)


def test_a_body_of_the_next_release_is_judged_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _casts(monkeypatch, up={}, down={("prompt.withdrawn", 2): dict})
    with pytest.raises(CorruptEvent, match="extra"):
        codec.decode("prompt.withdrawn", stored(v=2, extra=1), 7)


def _casts(monkeypatch: pytest.MonkeyPatch, up: upcasts.Casts, down: upcasts.Casts) -> None:
    monkeypatch.setattr(upcasts.bring_to, "__kwdefaults__", {"up": up, "down": down})
    monkeypatch.setattr(upcasts.newest_readable, "__kwdefaults__", {"down": down})


def test_a_lone_surrogate_is_refused_with_a_message() -> None:
    broken = withdrawn().model_copy(update={"text": "\ud800"})
    with pytest.raises(InvalidArgument, match=r"prompt\.withdrawn"):
        codec.encode(broken)
