"""Answers that were lost, commands that came twice, and two who command at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.leases import PostgresActiveTurns, PostgresLeases
from adapters.postgres.recorder import PostgresLogRecorder
from domain.errors import CommandConflict, InvalidArgument, ThreadBusy
from domain.outcome import Outcome
from domain.service import ThreadService
from tests.adapters.runner.stage import THREAD as THREAD_ON_STAGE
from tests.adapters.runner.stage import Stage
from tests.domain.given import given
from tests.domain.steps import interrupt, queue, rollback, stop, submit, withdraw
from tests.domain.world import THREAD, running
from tests.fixtures.faults import Proxy
from tests.fixtures.patience import PATIENCE

WRITERS = 6


def at_once(stage: Stage, command: Callable[[ThreadService, int], Outcome]) -> list[Outcome | str]:
    """What each of several processes is answered that give a command at the same moment."""
    ready = threading.Barrier(WRITERS)
    services = [stage.another_process() for _ in range(WRITERS)]

    def process(number: int) -> Outcome | str:
        ready.wait(PATIENCE)
        try:
            return command(services[number], number)
        except ThreadBusy as error:
            return error.code

    with ThreadPoolExecutor(WRITERS) as executor:
        return list(executor.map(process, range(WRITERS)))


def test_86_95_of_two_starts_decided_on_the_same_history_one_wins() -> None:
    world = given().world()
    world.log.before_append = lambda: submit("B")(world)
    with pytest.raises(ThreadBusy):
        submit("A")(world)
    assert running(world) == "B"
    assert len([e for e in world.history() if e.event.name == "turn.started"]) == 1


def test_86_95_of_many_processes_that_start_at_once_one_wins(stage: Stage) -> None:
    stage.thread()
    answers = at_once(
        stage, lambda service, n: service.submit(THREAD_ON_STAGE, f"{n}", input_id=f"inp_{n}")
    )
    [won] = [answer for answer in answers if isinstance(answer, Outcome)]
    assert answers.count("thread_busy") == WRITERS - 1
    turn = stage.state().turn
    assert turn is not None
    assert turn.turn_id == won.started_turn_id
    assert len([e for e in stage.events() if e.name == "turn.started"]) == 1


def test_88_one_key_sent_by_many_at_once_is_one_prompt(stage: Stage) -> None:
    stage.thread()
    answers = at_once(
        stage, lambda service, _: service.submit(THREAD_ON_STAGE, "A", input_id="inp_A")
    )
    assert len({str(answer) for answer in map(_without_repeated, answers)}) == 1
    assert [e.name for e in stage.events()].count("prompt.admitted") == 1


def _without_repeated(answer: Outcome | str) -> tuple[object, ...]:
    assert isinstance(answer, Outcome)
    return (answer.seq, answer.position, answer.started_turn_id, answer.admission)


@pytest.mark.parametrize("fault", ["lose_reply", "lose_request"])
def test_88_an_answer_that_was_lost_can_be_asked_for_again(
    stage: Stage, proxy: Proxy, fault: str
) -> None:
    stage.thread()
    with (
        open_pool(proxy.database) as pool,
        PostgresLogRecorder(proxy.database, pool) as recorder,
    ):
        leases = PostgresLeases(proxy.database, pool)
        far = Stage(recorder, leases, PostgresActiveTurns(proxy.database, pool), lambda _: None)
        getattr(proxy, fault)(b"prompt.admitted")
        first = far.service.submit(THREAD_ON_STAGE, "A", input_id="inp_A")
        assert proxy.struck.is_set()
    again = stage.another_process().submit(THREAD_ON_STAGE, "A", input_id="inp_A")
    assert (again, again.repeated) == (first, True)
    assert [e.name for e in stage.events()].count("prompt.admitted") == 1


def test_88_a_retry_is_answered_whatever_has_become_of_the_prompt() -> None:
    given(submit("A")).when(submit("A")).answers()
    given(submit("A"), queue("B"), withdraw("B")).when(queue("B")).answers()
    given(submit("A"), stop("A"), rollback()).when(submit("A")).answers()


def test_89_the_same_key_with_another_body_is_a_conflict() -> None:
    given(submit("A")).when(submit("A", text="other")).refused(CommandConflict)
    given(submit("A")).when(queue("A")).refused(CommandConflict)
    past = given(submit("A"), interrupt("A", "hold", "cmd_k"))
    past.when(interrupt("A", "hold", "cmd_k")).answers()
    past.when(interrupt("A", "discard", "cmd_k")).refused(CommandConflict)


def test_91_a_receipt_of_another_thread_is_no_success() -> None:
    world = given(submit("A")).world()
    world.service.create(thread_id="thr_2")
    with pytest.raises(CommandConflict):
        submit("A", thread_id="thr_2")(world)
    assert world.state("thr_2").inbox == ()
    assert world.state("thr_2").turn is None


def test_92_ids_of_prompts_and_of_commands_are_kept_apart() -> None:
    world = given(submit("A")).world()
    with pytest.raises(InvalidArgument):
        world.service.interrupt(THREAD, world.turn("A"), command_id="inp_A")
    with pytest.raises(InvalidArgument):
        world.service.submit(THREAD, "B", input_id="cmd_1")
    # The same letters behind the prefix are no retry of one another.
    given(submit("A")).when(interrupt("A", "continue", "cmd_A")).then(
        "turn.interrupt_requested A continue"
    )
