"""Scripts are checked before anything runs, and say what is wrong and where."""

from __future__ import annotations

import pytest

from adapters.engines.script import ECHO, InvalidScript, Script, parse_script


def problems(text: str) -> str:
    with pytest.raises(InvalidScript) as caught:
        parse_script(text, "demo.json")
    assert caught.value.message.startswith("The script demo.json is not valid: ")
    return caught.value.message.removeprefix("The script demo.json is not valid: ")


def test_an_empty_script_is_the_echo() -> None:
    assert parse_script('{"name": "echo"}', "x") == ECHO


def test_every_step_there_is_can_be_written() -> None:
    script = parse_script(
        """{"name": "all", "steerable": false, "acknowledge": "ok {steer}", "turns": [{"when": "x",
        "heeds_interrupts": false, "steps": [
            {"do": "say", "text": "a"}, {"do": "think", "text": "b"}, {"do": "status", "text": "c"},
            {"do": "tool", "name": "t", "arguments": {"q": [1]}, "text": "r", "result": {"n": 1},
             "error": "e", "wait": {"seconds": 1.5}},
            {"do": "run", "command": "ls", "output": "o", "exit_code": 1,
             "wait": {"until": "steered"}},
            {"do": "change", "path": "p", "diff": "d", "ask": "May I?"},
            {"do": "ask", "text": "Go on?", "detail": {"n": 1}, "unless": "No."},
            {"do": "compact", "text": "s"},
            {"do": "boundary"}, {"do": "wait", "until": "signal", "signal": "go"},
            {"do": "wait", "until": "interrupted", "seconds": 9},
            {"do": "use", "input_tokens": 3, "output_tokens": 4}, {"do": "fail", "error": "boom"},
            {"do": "die"}]}],
        "steps": [{"do": "fail_to_start", "why": "no key"}], "compaction": []}""",
        "x",
    )
    assert len(script.turns[0].steps) == 14
    assert Script.model_validate_json(script.model_dump_json()) == script


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1."),
        ("[]", "Input should be an object."),
        ('{"stepps": []}', "stepps: Extra inputs are not permitted."),
        ('{"steps": [{"do": "say"}]}', "steps[0].text: Field required."),
        (
            '{"turns": [{"when": "x", "steps": [{"do": "boundary"}, {"do": "run"}]}]}',
            "turns[0].steps[1].command: Field required.",
        ),
        ('{"turns": [{"when": "", "steps": []}]}', "turns[0].when: String should have at least"),
        ('{"steps": [{"do": "wait"}]}', "steps[0]: say for how many `seconds`, or `until` what."),
        ('{"steps": [{"do": "wait", "until": "signal"}]}', 'steps[0]: `until: "signal"` and the'),
        ('{"steps": [{"do": "wait", "seconds": -1}]}', "steps[0].seconds: Input should be greater"),
        ('{"steps": [{"do": "use", "input_tokens": -1}]}', "steps[0].input_tokens: Input should"),
        (
            '{"steps": [{"do": "boundary"}, {"do": "fail_to_start", "why": "x"}]}',
            "steps: `fail_to_start` can only be the first step.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, problem: str) -> None:
    assert problems(text).startswith(problem)


def test_an_unknown_step_lists_those_there_are() -> None:
    said = problems('{"steps": [{"do": "sing"}]}')
    assert said.startswith("steps[0]: Input tag 'sing'")
    assert "'say'" in said


def test_many_problems_are_counted_not_listed() -> None:
    steps = ", ".join(['{"do": "say"}'] * 8)
    assert problems(f'{{"steps": [{steps}]}}').endswith("And 3 more.")


def test_a_secret_in_a_script_is_not_repeated_in_the_message() -> None:
    assert "hunter2" not in problems('{"steps": [{"do": "say", "text": ["hunter2"]}]}')
