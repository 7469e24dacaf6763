"""The laws say of each history that went wrong what they said before, and where."""

from __future__ import annotations

from typing import Final

import pytest

from tests.domain import verdicts
from tests.domain.render import lines
from tests.laws_breakers import story

_ACCEPT = "the laws judge otherwise; if that is meant, accept it: python -m tests.domain.verdicts"


@pytest.mark.parametrize("group", verdicts.GROUPS)
def test_the_laws_say_what_they_said(group: str) -> None:
    agreed = verdicts.stored()[group]
    names = []
    for name, said in verdicts.verdicts(group):
        assert said == agreed.get(name), f"{name}: {_ACCEPT}"
        names.append(name)
    assert names == list(agreed), _ACCEPT


# What may be lost, said twice or come the other way round, as the history is legal without it too.
HARMLESS: Final = {
    "lost": {
        "thread.updated 't'",
        "thread.archived",
        "thread.unarchived",
        "thread.rolled_back X compaction edit",
        "turn.interrupt_requested B continue",  # which claims nothing
        "prompt.moved P in P M",  # as P is taken back
    },
    "doubled": {
        *("thread.updated 't'", "thread.archived", "thread.unarchived"),
    },
    "swapped": {
        "prompt.admitted B queue",  # with a prompt of another delivery
        "prompt.admitted C queue",
        "prompt.admitted D queue",  # with an interrupt that claims nothing
        "prompt.admitted M queue",  # with the one that is moved before it
        "prompt.admitted N queue",  # with what happens to others
        "prompt.edited M 'm'",
        "prompt.redelivered O steer for L",
        "prompt.moved P in P M",
        "item.completed A tool_call",  # with what does not concern it
        "item.started A reasoning",
        "turn.completed K completed",
        "thread.archived",
        "thread.unarchived",
        "approval.resolved V 1 approved",
        "turn.interrupt_requested V hold",  # with a cancellation it causes
    },
}


@pytest.mark.parametrize("spoil", HARMLESS)
def test_hardly_an_event_can_be_lost_doubled_or_swapped_unseen(spoil: str) -> None:
    told = lines(story())[: -1 if spoil == "swapped" else None]
    agreed = verdicts.stored()[spoil].values()  # those of the fork come after the story's
    unseen = {line for line, said in zip(told, agreed, strict=False) if not said}
    assert unseen == HARMLESS[spoil]
