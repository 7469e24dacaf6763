"""Mutants of Python, as mutmut's operators make them.

mutmut's own runner leaves out every function with a decorator, and here that is the fold. So only
its operators are used; see swapping.py for how their mutants get into a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tests.mutants.edit import Edit
from tests.mutants.swapping import Module

_LEFT_ALONE: Final = {"len", "isinstance"}  # by mutmut, too
_DOES_NOTHING: Final = ["case", "_:", "pass"]  # and so there is no mutant without it


def mutants(module: Module) -> list[Edit]:
    """Those inside functions: nothing else can be changed in a process that has imported it."""
    wrapper = MetadataWrapper(cst.parse_module(module.source))
    positions = wrapper.resolve(PositionProvider)
    starts = [0]
    for line in module.source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    made: dict[tuple[int, int, str], Edit] = {}
    for node, operator, mutated in _mutations(wrapper.module):
        where = positions.get(node)
        if where is None or module.function_at(where.start.line) is None:
            continue
        begin = starts[where.start.line - 1] + where.start.column
        end = starts[where.end.line - 1] + where.end.column
        after = _code(wrapper.module, node, mutated)
        if after is None:  # several lines, which are indented
            begin, end = 0, len(module.source)
            after = str(wrapper.module.deep_replace(node, mutated).code)
            begin, end, after = _difference(module.source, after)
            if module.source[begin:end].split() == _DOES_NOTHING:
                continue
        edit = Edit.of(module.file, module.source, (begin, end), after, operator)
        made.setdefault((begin, end, after), edit)
    return sorted(made.values(), key=lambda edit: (edit.start, edit.end))


def _mutations(node: Any) -> Iterator[tuple[Any, str, Any]]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            name = operator.__name__.removeprefix("operator_")
            for mutated in operator(node):
                yield node, name, mutated
    for child in node.children:
        if not _is_left_out(child):
            yield from _mutations(child)


def _is_left_out(node: Any) -> bool:
    """Types, decorators, defaults: none of it runs when the function does. Docstrings."""
    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Name) and node.func.value in _LEFT_ALONE
    return isinstance(node, cst.Annotation | cst.Decorator | cst.Param)


def _code(module: Any, node: Any, mutated: Any) -> str | None:
    """The text of the mutated node; None if it is not one line's."""
    text = str(module.code_for_node(mutated))
    if isinstance(node, cst.BaseExpression | cst.BaseSmallStatement) or "\n" not in text:
        return text
    return None


def _difference(before: str, after: str) -> tuple[int, int, str]:
    """The shortest span of `before` that has to be replaced, and by what."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    stop = 0
    most = min(len(before), len(after)) - start
    while stop < most and before[-1 - stop] == after[-1 - stop]:
        stop += 1
    return start, len(before) - stop, after[start : len(after) - stop]
