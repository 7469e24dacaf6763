"""Putting another text of a function in its place, in a process that has imported it.

The code of the function is exchanged, so it does not matter who refers to it, and how: by another
name, as a method, a property, or in the table of a single dispatch.
"""

from __future__ import annotations

import ast
import functools
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final

from tests.mutants.edit import ROOT, Edit

Place = tuple[str, int]
"""A file (from the root) and the line where an outermost function begins, with its decorators."""

_OPTIMIZED: Final = 0x1  # a flag of functions; the body of a class does not have it


@dataclass(frozen=True)
class Module:
    """A module's source, and where its functions are."""

    file: str
    source: str

    @classmethod
    def at(cls, path: Path) -> Module:
        return cls(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))

    @functools.cached_property
    def functions(self) -> Mapping[int, int]:
        """The first and last lines of the outermost functions and methods."""
        found: dict[int, int] = {}
        pending: list[ast.AST] = [ast.parse(self.source)]
        while pending:
            for node in ast.iter_child_nodes(pending.pop()):
                if isinstance(node, ast.FunctionDef):
                    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                    found[first] = node.end_lineno or node.lineno
                elif isinstance(node, ast.ClassDef | ast.If):
                    pending.append(node)
        return found

    def function_at(self, line: int) -> int | None:
        """The first line of the function that the line is in."""
        spans = self.functions.items()
        return next((first for first, last in spans if first <= line <= last), None)


class Functions:
    """All functions of this process that are written in those files."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._live: dict[Place, list[FunctionType]] = {}
        self._caches: list[functools._lru_cache_wrapper[object]] = []
        files = {str(ROOT / file): file for file in modules}
        for file in modules:
            self._originals(file)  # so that no forked process has to
        for found in gc.get_objects():
            if type(found) is functools._lru_cache_wrapper:
                if found.__wrapped__.__code__.co_filename in files:
                    self._caches.append(found)
                continue
            if type(found) is FunctionType and found.__code__.co_filename in files:
                place = files[found.__code__.co_filename], found.__code__.co_firstlineno
                self._live.setdefault(place, []).append(found)

    def swap(self, edit: Edit) -> bool:
        """Let them run the mutant from now on; False if there is no such mutant.

        There is none if it does not compile, or compiles to the same.
        """
        module = self._modules[edit.file]
        first = module.function_at(edit.line)
        assert first is not None
        try:
            mutated = list(_outermost(_compiled(module.file, edit.applied_to(module.source))))
        except SyntaxError:
            return False
        for before, after in zip(self._originals(edit.file), mutated, strict=True):
            if before.co_firstlineno != first or _same(before, after):
                continue
            for function in self._live[edit.file, first]:
                if function.__code__.co_qualname == after.co_qualname:
                    function.__code__ = after
            for cache in self._caches:
                cache.cache_clear()
            return True
        return False

    @functools.cache  # noqa: B019, these live as long as the process
    def _originals(self, file: str) -> list[CodeType]:
        return list(_outermost(_compiled(file, self._modules[file].source)))


def _compiled(file: str, source: str) -> CodeType:
    code = compile(source, str(ROOT / file), "exec", dont_inherit=True)
    assert isinstance(code, CodeType)
    return code


def _outermost(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & _OPTIMIZED:
                yield constant
            else:
                yield from _outermost(constant)


def _same(one: CodeType, other: CodeType) -> bool:
    """Whether they do the same; where that is written does not count."""
    if len(one.co_consts) != len(other.co_consts):
        return False
    equal = all(
        _same(mine, its)
        if isinstance(mine, CodeType) and isinstance(its, CodeType)
        else (type(mine), mine) == (type(its), its)
        for mine, its in zip(one.co_consts, other.co_consts, strict=True)
    )
    return equal and (one.co_code, one.co_names, one.co_varnames) == (
        other.co_code,
        other.co_names,
        other.co_varnames,
    )
