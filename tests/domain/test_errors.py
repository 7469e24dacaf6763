"""Refusals are sentences for people and codes for programs."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest

from domain import errors, ports
from domain.errors import TurnlogError


def below(cls: type[TurnlogError]) -> list[type[TurnlogError]]:
    """All error classes of the domain, at any depth."""
    found = [cls, *(deeper for child in cls.__subclasses__() for deeper in below(child))]
    return [error for error in found if error.__module__ in {errors.__name__, ports.__name__}]


ERRORS = sorted(set(below(TurnlogError)), key=lambda error: error.__name__)


def filled(cls: type[TurnlogError]) -> TurnlogError:
    """One of its kind, with every blank filled in."""
    if cls is errors.TurnNotActive:
        return errors.TurnNotActive(thread_id="thr_1", turn_id="turn_1", active_turn_id=None)
    names = [name for _, name, _, _ in string.Formatter().parse(cls.__doc__ or "") if name]
    details: dict[str, Any] = dict.fromkeys(names, "something")
    return cls(**details)


@pytest.mark.parametrize("cls", ERRORS)
def test_the_message_is_one_line_of_whole_sentences(cls: type[TurnlogError]) -> None:
    message = filled(cls).message
    assert "\n" not in message
    assert "{" not in message
    assert message.endswith(".")
    assert message[0].isupper() or message.startswith("something")


def test_codes_are_stable_names_and_no_two_are_alike() -> None:
    codes = [cls.code for cls in ERRORS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize(
    ("cls", "code"),
    [
        (errors.PromptRequired, "prompt_required"),
        (errors.ThreadBusy, "thread_busy"),
        (errors.TurnNotActive, "turn_not_active"),
        (errors.TurnNotSteerable, "turn_not_steerable"),
        (errors.SteersPending, "steers_pending"),
        (errors.NothingToEdit, "nothing_to_edit"),
        (errors.LeaseLost, "lease_lost"),
        (errors.CommandConflict, "command_conflict"),
        (errors.ThreadContended, "thread_contended"),
    ],
)
def test_the_contract_s_refusals_have_the_contract_s_names(
    cls: type[TurnlogError], code: str
) -> None:
    assert cls.code == code


def test_braces_in_what_a_user_wrote_stay_as_they_are() -> None:
    error = errors.ThreadNotFound(thread_id="thr_{0}{x}")
    assert "thr_{0}{x}" in error.message
