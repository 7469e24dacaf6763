"""Ids: prefixed, sortable, 128 bits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import ids
from domain.errors import InvalidArgument
from tests.fixtures.clock import START

PREFIXES: tuple[ids.Prefix, ...] = get_args(ids.Prefix)
AWARE = st.datetimes(datetime(1971, 1, 1), datetime(5000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@for_all(AWARE, st.binary(min_size=16, max_size=16), st.text(max_size=5), st.sampled_from(PREFIXES))
def test_an_id_is_a_prefix_and_a_uuid_of_version_7(
    at: datetime, entropy: bytes, label: str, prefix: ids.Prefix
) -> None:
    minted = ids.mint(prefix, at, entropy, label)
    assert ids.check(prefix, minted) == minted
    number = UUID(minted.removeprefix(f"{prefix}_"))
    assert (number.version, number.variant) == (7, RFC_4122)
    assert number.int >> 80 == int(at.timestamp() * 1000)


def test_ids_sort_by_time() -> None:
    made = [
        ids.mint("turn", START + timedelta(milliseconds=step), bytes([255 - step]), "x")
        for step in range(50)
    ]
    assert made == sorted(made)


def test_the_same_command_mints_the_same_ids_and_another_one_others() -> None:
    one = ids.mint("item", START, b"e", "A")
    assert one == ids.mint("item", START, b"e", "A")
    assert one != ids.mint("item", START, b"e", "B")
    assert one != ids.mint("item", START, b"f", "A")
    assert one.removeprefix("item_") != ids.mint("turn", START, b"e", "A").removeprefix("turn_")


def test_ids_made_in_one_millisecond_do_not_collide() -> None:
    made = {ids.mint("inp", START, number.to_bytes(16, "big"), "") for number in range(20_000)}
    assert len(made) == 20_000


@pytest.mark.parametrize("good", ["inp_A", "inp_0", "inp_a.b:c-d_e", "inp_" + "x" * 196])
def test_a_client_may_choose_its_ids(good: str) -> None:
    assert ids.check("inp", good) == good


@pytest.mark.parametrize(
    "bad",
    ["", "inp", "inp_", "A", "cmd_A", "INP_A", "inp_-", "inp_a b", "inp_a\n", "inp_é", "inp_a/b",
     "inp_\0", "inp_\ud800", "inp_" + "x" * 197],
    ids=ascii,
)  # fmt: skip
def test_an_id_of_another_shape_is_refused_by_name(bad: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ids.check("inp", bad)
    caught.value.message.encode()  # can be shown


def test_every_id_among_the_arguments_is_looked_at_wherever_it_stands() -> None:
    with pytest.raises(InvalidArgument):
        ids.check_named({"text": "no id", "turn_id": "no_turn"})
