"""Decisions: one pure function per intent, `decide_…(…, command, thread) -> events`.

State comes last. A refusal is an exception of `domain.errors`; nothing to do is an empty tuple.
What a decision returns is appended whole or not at all, on condition that the thread is still at
the `seq` it was decided on.
"""
