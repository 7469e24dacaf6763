"""Logs as they should not be: records in any order, lines lost, doubled, cut, glued, altered."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st
from pydantic import JsonValue

from domain.events.base import Json
from tests.adapters.importers.logs import (
    DECLINE,
    INTERRUPT,
    answer,
    assistant,
    call,
    claude,
    done,
    duration,
    event,
    hook,
    item,
    meta,
    output,
    queue,
    result,
    say,
    spoken,
    stamped,
    system,
    task,
    think,
    totals,
    typed,
    use,
    user,
)

COMMAND = "<command-name>/ide</command-name>"
OUT = "<local-command-stdout>ok</local-command-stdout>"
NOTICE = "<task-notification>done"
SUMMARY = user("so far", isCompactSummary=True)

CODEX: list[list[Json]] = [
    [task("t1")],
    [task("t2")],
    [done("t1")],
    [done("t2", last=None)],
    [event("turn_aborted", turn_id="t1", reason="interrupted")],
    [event("turn_aborted", reason="replaced")],
    typed("a"),
    typed("b"),
    [event("user_message", message="a")],
    [spoken("user", "a")],
    [spoken("user", "<environment_context>")],
    [event("user_message", message="", images=["x"])],
    answer("yes"),
    [spoken("assistant", "yes")],
    [event("agent_reasoning", text="hm")],
    [item("reasoning", summary=[{"text": "hm"}])],
    [call("exec_command", "c1", {"cmd": "ls"})],
    [call("apply_patch", "c2", {})],
    [output("c1", "Exit code: 1\nOutput:\n")],
    [output("c2", [{"text": "x"}])],
    [event("patch_apply_end", call_id="c2", success=False)],
    [event("exec_command_end", call_id="c1", exit_code=2)],
    [item("web_search_call", action={"query": "q"}), event("web_search_end", query="q")],
    [event("error", message="no")],
    [totals(10, 5)],
    [totals(7, 9, 3, 1)],
    [{"type": "compacted", "payload": {"message": "x", "replacement_history": []}}],
    [event("context_compacted")],
    [{"type": "turn_context", "payload": {"model": "m", "turn_id": "t1"}}],
    [event("thread_name_updated", thread_name="name")],
    [event("item_completed", item={"type": "UserMessage", "content": [{"text": "a"}]})],
    [meta("22222222-2222-4333-8444-555555555555", forked_from_id="x")],
]

CLAUDE: list[list[Json]] = [
    [user("a")],
    [user("b")],
    [user("a\nb")],
    [user([say(INTERRUPT)])],
    [user(COMMAND)],
    [user(OUT)],
    [user("<bash-input>ls</bash-input>")],
    [user("<bash-stdout>x</bash-stdout>")],
    [user(NOTICE)],
    [user("note", isMeta=True)],
    [SUMMARY],
    [system("compact_boundary", compactMetadata={"trigger": "manual"})],
    [system("compact_boundary", compactMetadata={"trigger": "auto"})],
    [queue("enqueue", "a")],
    [queue("enqueue", "b")],
    [queue("enqueue", NOTICE)],
    [queue("enqueue")],
    [queue("dequeue")],
    [queue("remove")],
    [queue("remove", "b")],
    [queue("popAll")],
    [claude("attachment", attachment={"type": "queued_command", "prompt": "a"})],
    [assistant("m1", think("hm"), say("yes"), output_tokens=3)],
    [assistant("m2", say("bye"), stop="end_turn", output_tokens=2)],
    [assistant("m3", use("c1", "Bash", command="ls"))],
    [assistant("m4", use("c2", "Edit", file_path="x"), use("c1", "Task"))],
    [result("c1", "ok")],
    [result("c2", DECLINE + "b", error=True)],
    [{**assistant("s1", use("c3", "Bash")), "isSidechain": True}],
    [{**result("c3", "ok"), "isSidechain": True}],
    [claude("assistant", isApiErrorMessage=True, message={"model": "<synthetic>"})],
    [duration()],
    [hook()],
    [system("local_command", content=COMMAND)],
    [system("api_error")],
    [claude("custom-title", customTitle="t")],
    [{"type": "summary", "leafUuid": "u1", "summary": "s"}],
    [{**user("c"), "uuid": "u1"}],
    [claude("progress", data={"type": "x"})],
]

# What makes the queue's order hardest to tell: few texts, and every operation.
QUEUE: list[list[Json]] = [
    *([record] for text in ("a", "b", "c") for record in (queue("enqueue", text), user(text))),
    *([queue("remove", text)] for text in ("a", "c")),
    [queue("remove")],
    [queue("dequeue")],
    [queue("dequeue")],
    [queue("popAll")],
    [queue("enqueue", NOTICE)],
    [user(NOTICE)],
    [user("a\nb")],
    [user([say(INTERRUPT)])],
    [assistant("m1", say("yes"))],
    [assistant("m2", say("bye"), stop="end_turn")],
    [assistant("m3", use("c1", "Bash", command="ls"))],
    [result("c1", DECLINE + "no", error=True)],
    [claude("assistant", isApiErrorMessage=True, message={"model": "<synthetic>"})],
    [system("compact_boundary", compactMetadata={"trigger": "manual"})],
    [SUMMARY],
    [duration()],
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["\0", "\ud800", "a", "t1", "c1", "hm", "2026-03-04T05:06:09Z", "9999-12-31"])
)
anything: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "id", "text", "content", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@st.composite
def records(draw: st.DrawFn, pool: Sequence[Sequence[Json]]) -> list[Json]:
    """Records of one program in any order, each with its time."""
    groups = draw(st.lists(st.sampled_from(pool), max_size=25))
    beginning = [meta()] if pool is CODEX and draw(st.integers(0, 9)) else []
    flat = [*beginning, *(record for group in groups for record in group)]
    return [stamped(record, second) for second, record in enumerate(flat)]


@st.composite
def queues(draw: st.DrawFn) -> bytes:
    """A good file with much ado about its queue."""
    groups = draw(st.lists(st.sampled_from(QUEUE), max_size=40))
    flat = [record for group in groups for record in group]
    return b"".join(dump(stamped(record, second)) for second, record in enumerate(flat))


@st.composite
def altered(draw: st.DrawFn, record: Json) -> Json:
    """The record with some value in it replaced, or lost."""
    copy: Json = json.loads(json.dumps(record))
    place: JsonValue = copy
    while isinstance(place, dict | list) and place:
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]  # type: ignore[call-overload, index]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            if isinstance(place, dict) and draw(st.booleans()):
                del place[str(key)]
            else:
                place[key] = draw(anything)  # type: ignore[call-overload, index]
            break
        place = inner
    return copy


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A whole file: mostly good lines, now and then bad ones."""
    pool = draw(st.sampled_from([CODEX, CLAUDE]))
    lines: list[bytes] = []
    for record in draw(records(pool)):
        match draw(st.integers(0, 30)):
            case 0:
                continue
            case 1:
                lines.extend([dump(record)] * 2)
            case 2:
                lines.append(dump(record).rstrip(b"\n"))
            case 3:
                line = dump(record)
                lines.append(line[: draw(st.integers(0, len(line)))] + b"\n")
            case 4:
                lines.append(draw(st.binary(max_size=20)) + b"\n")
            case 5 | 6 | 7 | 8 | 9:
                lines.append(dump(draw(altered(record))))
            case 10:
                lines.insert(draw(st.integers(0, len(lines))), dump(record))
            case 11:
                lines.append(json.dumps(draw(anything)).encode() + b"\n")
            case _:
                lines.append(dump(record))
    return b"".join(lines)


def dump(record: Json) -> bytes:
    return json.dumps(record).encode() + b"\n"
