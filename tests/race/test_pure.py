"""Small histories of a thread whose answer is known."""

from __future__ import annotations

from domain.thread import Thread
from tests.race.calls import Operation
from tests.race.linearizability import Call, Verdict, check
from tests.race.pure import State, step

THREAD = "thr_1"


def operation(name: str, method: str, **arguments: object) -> Operation:
    return Operation(name, THREAD, method, arguments)


CREATE = operation("create", "create", command_id="cmd_create")
A = operation("A", "submit", text="A", input_id="inp_A")
B = operation("B", "submit", text="B", input_id="inp_B")
AGAIN = operation("again", "submit", text="A", input_id="inp_A")
READ = operation("read", "read")


def answers(*operations: Operation) -> list[str]:
    """What they are answered one after the other, in a new thread."""
    state, told = State(Thread(THREAD)), []
    for one in (CREATE, *operations):
        answer, state = step(state, one)
        told.append(answer)
    return told[1:]


def judge(*calls: Call[Operation]) -> Verdict[Operation]:
    created = Call(CREATE, 0, 1, step(State(Thread(THREAD)), CREATE)[0])
    return check([created, *calls], State(Thread(THREAD)), step)


RUNS, BUSY = answers(A)[0], answers(B, A)[1]
B_RUNS, B_BUSY = answers(B)[0], answers(A, B)[1]


def test_of_two_submits_at_once_either_may_win() -> None:
    assert judge(Call(A, 2, 9, RUNS), Call(B, 3, 8, B_BUSY)).linearizable
    assert judge(Call(A, 2, 9, BUSY), Call(B, 3, 8, B_RUNS)).linearizable


def test_d12_they_may_not_both_be_promoted_nor_both_be_refused() -> None:
    assert not judge(Call(A, 2, 9, RUNS), Call(B, 3, 8, B_RUNS)).linearizable
    assert not judge(Call(A, 2, 9, BUSY), Call(B, 3, 8, B_BUSY)).linearizable


def test_who_was_answered_first_is_there_for_who_comes_after() -> None:
    assert not judge(Call(A, 2, 3, BUSY), Call(B, 4, 5, B_RUNS)).linearizable


def test_an_old_state_is_no_answer_to_a_read_that_began_later() -> None:
    [empty], seen = answers(READ), answers(A, READ)[1]
    assert judge(Call(A, 2, 5, RUNS), Call(READ, 4, 6, empty)).linearizable
    assert judge(Call(A, 2, 3, RUNS), Call(READ, 4, 6, seen)).linearizable
    assert not judge(Call(A, 2, 3, RUNS), Call(READ, 4, 6, empty)).linearizable


def test_a_submit_that_was_never_answered_ran_or_did_not() -> None:
    for told in (B_RUNS, B_BUSY):
        assert judge(Call(A, 2), Call(B, 4, 5, told)).linearizable


def test_l10_a_retry_is_answered_as_the_first_and_does_nothing() -> None:
    again = answers(A, AGAIN)[1]
    assert judge(Call(A, 2, 3, RUNS), Call(AGAIN, 4, 5, again)).linearizable
    assert judge(Call(A, 2), Call(AGAIN, 4, 5, again)).linearizable
    assert not judge(Call(AGAIN, 4, 5, again)).linearizable
    assert not judge(Call(A, 2, 3, RUNS), Call(AGAIN, 4, 5, answers(AGAIN)[0])).linearizable
