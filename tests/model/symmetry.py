"""Canonical form: what is left of a thread when names and counters are taken out of it.

Every id becomes the number of its first appearance, in texts too (a prompt's text here is its id,
so that whose text it is stays part of the form). `seq` and `version` are left out: they count what
happened and decide nothing but whether there is a thread. All else stays, found by walking the
fields, so that a field the state is given later is part of the form from that day on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Final, NamedTuple, cast, get_args

from pydantic import BaseModel

from domain import ids
from domain.thread import Thread

_COUNTERS: Final = frozenset({"seq", "version", "thread_id"})
_PREFIXES: Final = tuple(prefix for prefix in get_args(ids.Prefix) if prefix != "thr")
_ID: Final = re.compile(rf"(?:{'|'.join(_PREFIXES)})_\w+")


class Form(NamedTuple):
    """A thread's canonical form, hashed, and its ids in the order of their numbers."""

    key: bytes
    names: tuple[str, ...]


def form_of(thread: Thread) -> Form:
    """Equal keys: the threads differ in names and counters only."""
    names: dict[str, int] = {}
    text = repr((thread.exists, _plain(thread, names)))
    return Form(hashlib.blake2b(text.encode(), digest_size=8).digest(), tuple(names))


def _plain(value: object, names: dict[str, int]) -> object:
    if isinstance(value, str):
        return _renamed(value, names)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, tuple):
        return tuple(_plain(item, names) for item in value)
    if isinstance(value, frozenset):
        # Their order says nothing, so it may not give names their numbers.
        assert all(_renamed(item, {}) == item or item in names for item in value), value
        return tuple(sorted(str(_plain(item, names)) for item in value))
    if isinstance(value, BaseModel):
        return _described(value)
    return tuple(
        _plain(getattr(value, name), names) for name in _fields(cast("Hashable", type(value)))
    )


def _renamed(text: str, names: dict[str, int]) -> str:
    if "_" not in text:
        return text
    return _ID.sub(lambda match: f"#{names.setdefault(match[0], len(names))}", text)


@cache
def _described(value: BaseModel) -> str:
    text = repr(value)
    assert not _ID.search(text), text
    return text


@cache
def _fields(cls: Hashable) -> tuple[str, ...]:
    assert isinstance(cls, type)
    assert is_dataclass(cls), cls
    return tuple(field.name for field in fields(cls) if field.name not in _COUNTERS)
