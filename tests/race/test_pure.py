"""Small histories of a thread whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from domain.thread import Thread
from tests.race.calls import Operation, line_of
from tests.race.linearizability import Call, Verdict, check
from tests.race.pure import Known, State, step

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


def judge(*calls: Call[Operation], known: Known | None = None) -> Verdict[Operation]:
    created = Call(CREATE, 0, 1, step(State(Thread(THREAD)), CREATE)[0])
    if known is None:
        return check([created, *calls], State(Thread(THREAD)), step)
    return check([created, *calls], State(Thread(THREAD)), step, leads_on=known.leads_on)


def known_after(*operations: Operation) -> Known:
    """What there is in the end if those were done, one after the other."""
    state = after(*operations)
    return Known([line_of(entry) for entry in state.history], state.forks)


def after(*operations: Operation) -> State:
    state = State(Thread(THREAD))
    for one in (CREATE, *operations):
        _, state = step(state, one)
    return state


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


def fork(name: str, at_seq: int | None = None) -> Operation:
    return operation(name, "fork", new_thread_id="thr_2", command_id="cmd_fork", at_seq=at_seq)


def test_a_fork_may_have_what_was_under_way_or_not() -> None:
    empty, forked = answers(fork("fork"))[0], answers(A, fork("fork"))[1]
    assert empty != forked
    for told in (empty, forked):
        assert judge(Call(A, 2, 9, RUNS), Call(fork("fork"), 3, 8, told)).linearizable
    assert not judge(Call(A, 2, 3, RUNS), Call(fork("fork"), 4, 8, empty)).linearizable


def test_a_fork_leaves_its_thread_as_it_was_and_is_made_once() -> None:
    again = fork("again")
    told = answers(fork("fork"), A, again, fork("other", at_seq=1), READ)
    assert told[2] == told[0].replace("repeated=False", "repeated=True")
    assert told[3].startswith("CommandConflict")
    assert told[4] == answers(A, READ)[1]
    calls = [Call(A, 2, 3, RUNS), Call(again, 4, 5, told[2])]
    assert judge(Call(fork("fork"), 2), *calls).linearizable
    assert not judge(*calls).linearizable


def test_a_late_answer_to_an_approval_is_refused() -> None:
    turn = after(A).thread.turn
    assert turn is not None
    turn_id = turn.turn_id
    ask = operation("ask", "request_approval", turn_id=turn_id, summary="?", approval_id="appr_1")
    stop = operation("stop", "interrupt", turn_id=turn_id)
    yes = operation("yes", "resolve_approval", approval_id="appr_1", decision="approved")
    asked, answered, stopped = answers(A, ask, yes, stop)[1:]
    cancelled, late = answers(A, ask, stop, yes)[2:]
    before = Call(A, 2, 3, RUNS), Call(ask, 4, 5, asked)
    assert judge(*before, Call(yes, 6, 9, answered), Call(stop, 7, 8, stopped)).linearizable
    assert judge(*before, Call(yes, 6, 9, late), Call(stop, 7, 8, cancelled)).linearizable
    assert not judge(*before, Call(yes, 6, 9, answered), Call(stop, 7, 8, cancelled)).linearizable
    assert not judge(*before, Call(yes, 6, 9, late), Call(stop, 7, 8, stopped)).linearizable


def test_what_is_there_in_the_end_tells_what_became_of_a_call_without_an_answer() -> None:
    a_ran, b_ran = known_after(A), known_after(B)
    assert judge(Call(A, 2), Call(B, 4, 5, B_RUNS), known=b_ran).linearizable
    assert not judge(Call(A, 2), Call(B, 4, 5, B_RUNS), known=a_ran).linearizable
    assert judge(Call(A, 2), Call(B, 4, 5, B_BUSY), known=a_ran).linearizable
    assert not judge(Call(A, 2), Call(B, 4, 5, B_BUSY), known=b_ran).linearizable
    assert not judge(Call(A, 2, 3, RUNS), known=known_after()).linearizable


def test_what_is_there_in_the_end_spares_most_of_the_search() -> None:
    """Of a fork whose caller was killed nobody could tell when it was made, or whether."""
    prompts = [operation(f"P{n}", "submit", text="P", input_id=f"inp_{n}") for n in range(6)]
    begun = [Call(one, 4 * n, 4 * n + 1, told) for n, one, told in _told(prompts)]
    killed = Call(fork("fork"), 2)
    blind, seeing = judge(killed, *begun), judge(killed, *begun, known=known_after(*prompts))
    assert blind.linearizable
    assert seeing.linearizable
    assert seeing.configurations < blind.configurations / 2


def _told(operations: list[Operation]) -> Iterator[tuple[int, Operation, str]]:
    yield from zip(count(1), operations, answers(*operations), strict=False)
