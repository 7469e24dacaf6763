"""Threads, turns and prompts by the beginning of their ids."""

from __future__ import annotations

import pytest

from tests.adapters.cli.harness import Cli, new_thread


def test_the_beginning_of_an_id_is_enough(cli: Cli) -> None:
    thread_id = new_thread(cli)
    for text in (thread_id, thread_id[:20], thread_id.removeprefix("thr_")[:14], "thr_", "t"):
        assert cli.document("show", text)["thread"]["thread_id"] == thread_id


def test_last_is_the_thread_that_changed_last(cli: Cli) -> None:
    first = new_thread(cli, "One")
    new_thread(cli, "Two")
    cli("run", first).ok()
    assert cli.document("show", "last")["thread"]["thread_id"] == first


def test_last_of_none_says_how_to_begin(cli: Cli) -> None:
    ran = cli("show", "last", "--json")
    assert (ran.code, ran.error["code"]) == (1, "no_threads")
    assert "--new" in ran.error["message"]


def test_a_beginning_that_fits_several_names_them(cli: Cli) -> None:
    for name in ("thr_aa1", "thr_aa2"):
        cli("create", "--id", name).ok()
    ran = cli("show", "thr_aa", "--json")
    assert ran.code == 2
    assert "thr_aa1" in ran.error["message"]
    assert "thr_aa2" in ran.error["message"]


def test_a_whole_id_is_itself_although_others_begin_with_it(cli: Cli) -> None:
    for name in ("thr_aa", "thr_aa2"):
        cli("create", "--id", name).ok()
    for text in ("thr_aa", "aa"):
        assert cli.document("show", text)["thread"]["thread_id"] == "thr_aa"


def test_many_candidates_are_not_all_listed(cli: Cli) -> None:
    for number in range(8):
        cli("create", "--id", f"thr_aa{number}").ok()
    assert "more" in cli("show", "aa").err


@pytest.mark.parametrize("text", ["thr_ff", "nobody", "thr_" + "0" * 32])
def test_an_unknown_thread_is_refused(cli: Cli, text: str) -> None:
    ran = cli("show", text, "--json")
    assert (ran.code, ran.error["code"]) == (1, "thread_not_found")
    assert "turnlog threads" in ran.error["message"]


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "%", "thr_%", "turn_01", "ü", "\x1b[31m", "x" * 300]
)
def test_what_can_be_no_id_is_misuse_or_unknown(cli: Cli, text: str) -> None:
    new_thread(cli)
    ran = cli("show", text, "--json")
    assert ran.code in (1, 2)
    assert ran.error["code"] in ("usage", "thread_not_found")


def test_prompts_are_named_by_their_beginning(cli: Cli) -> None:
    thread_id = new_thread(cli)
    for name in ("inp_aa1", "inp_aa2"):
        options = ("--delivery", "queue", "--no-run", "--input-id", name)
        cli("submit", thread_id, "More", *options).ok()
    assert cli("withdraw", thread_id, "inp_aa").code == 2
    assert "inp_aa2" in cli("withdraw", thread_id, "aa2").ok().out


def test_an_unknown_prompt_is_refused(cli: Cli) -> None:
    ran = cli("withdraw", new_thread(cli), "inp_nobody", "--json")
    assert (ran.code, ran.error["code"]) == (1, "prompt_not_waiting")


def test_an_unknown_turn_is_refused(cli: Cli) -> None:
    ran = cli("interrupt", new_thread(cli), "turn_nobody", "--json")
    assert (ran.code, ran.error["code"]) == (1, "turn_not_active")
