"""Mutants of SQL: one operator, condition, branch, argument or number of it is another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.mutants.edit import Edit
from tests.mutants.sql_tokens import (
    Token,
    closing,
    elements,
    operand_after,
    operand_before,
    tokens,
)

Change = tuple[int, int, str, str]
"""From the first to the last token (by index) that other text; and by which operator."""

_SWAPS: Final = {
    "=": "<>", "<>": "=", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "+": "-", "-": "+",
    "*": "/", "AND": "OR", "OR": "AND", "MIN": "max", "MAX": "min", "LEAST": "greatest",
    "GREATEST": "least", "BOOL_OR": "bool_and", "BOOL_AND": "bool_or", "TRUE": "false",
    "FALSE": "true", "NUM_NULLS": "num_nonnulls", "NUM_NONNULLS": "num_nulls",
}  # fmt: skip
_FUNCTIONS: Final = {
    *("MIN", "MAX", "LEAST", "GREATEST", "BOOL_OR", "BOOL_AND", "NUM_NULLS", "NUM_NONNULLS")
}
_ARITHMETIC: Final = {"+", "-", "*"}
_ENDS_A_VALUE: Final = {"word", "number", "param", "string"}
_BLOCKS: Final = {"BEGIN", "DECLARE"}
ANOTHER_TEXT: Final = "'another'"


def mutants(file: str, source: str, start: int = 0, end: int | None = None) -> list[Edit]:
    """All mutants of that part of a file, in the order of their places."""
    found = [token for token in tokens(source) if start <= token.start < (end or len(source))]
    made: dict[tuple[int, int, str], Edit] = {}
    for change in _MAKERS:
        for first, last, after, operator in change(found):
            span = found[first].start, found[last].end
            made.setdefault((*span, after), Edit.of(file, source, span, after, operator))
    return sorted(made.values(), key=lambda edit: (edit.start, edit.end))


def _swapped(found: Sequence[Token]) -> Iterator[Change]:
    assigned = set(_assignments(found))
    for number, token in enumerate(found):
        after = _SWAPS.get(token.upper)
        if after is None or token.kind == "string":
            continue
        if token.text in _ARITHMETIC and not _is_between_values(found, number):
            continue
        if token.upper in _FUNCTIONS and _word(found, number + 1) != "(":
            continue
        if token.text == "=" and (number in assigned or _is_storage_option(found, number)):
            continue
        yield number, number, after, f"{token.upper} swapped"


def _is_between_values(found: Sequence[Token], number: int) -> bool:
    before, after = found[number - 1], found[number + 1]
    left = before.kind in _ENDS_A_VALUE or before.text in {")", "]"}
    right = after.kind in _ENDS_A_VALUE or after.text == "("
    return left and right and before.upper not in {"SELECT", "COUNT", "THEN", "ELSE", "DISTINCT"}


def _word(found: Sequence[Token], number: int) -> str:
    return found[number].upper if number < len(found) else ""


def _is_storage_option(found: Sequence[Token], number: int) -> bool:
    return found[number - 1].text == "fillfactor"


def _assignments(found: Sequence[Token]) -> Iterator[int]:
    """Where = assigns: in the SET of an UPDATE, and after the SET of a function."""
    for number, token in enumerate(found):
        if token.upper != "SET":
            continue
        for at in range(number + 1, len(found)):
            inner = found[at]
            ends = inner.upper in {"FROM", "WHERE", "RETURNING", ";", "AS", "SET"}
            if inner.depth < token.depth or (inner.depth == token.depth and ends):
                break
            first = found[at - 2].text == "," or at - 2 == number
            if inner.depth == token.depth and inner.text == "=" and first:
                yield at


def _nulls(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found):
        following = [_word(found, number + at) for at in (1, 2)]
        if token.upper != "IS":
            continue
        if following[0] == "NULL":
            yield number, number + 1, "IS NOT NULL", "IS NULL swapped"
        elif following == ["NOT", "NULL"]:
            yield number, number + 2, "IS NULL", "IS NOT NULL swapped"
        elif following[0] == "DISTINCT":
            yield number, number + 1, "IS NOT DISTINCT", "IS DISTINCT swapped"


def _nots(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found):
        around = {_word(found, number - 1), _word(found, number + 1)}
        if token.upper == "NOT" and not around & {"IS", "NULL", "EXISTS", "FOUND"}:
            yield number, number, "", "NOT dropped"


def _orders(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found[1:], start=1):
        if token.upper == "DESC":
            yield number, number, "ASC", "DESC swapped"
        elif token.upper == "BY" and found[number - 1].upper == "ORDER":
            last = operand_after(found, number, {"COLLATE", "DESC", ")"})
            if last + 1 < len(found) and found[last + 1].upper in {"COLLATE", "DESC"}:
                continue
            yield last, last, f"{found[last].text} DESC", "ASC swapped"


def _joins(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found[1:], start=1):
        if token.upper != "JOIN":
            continue
        kind = found[number - 1].upper
        if kind == "LEFT":
            yield number - 1, number, "JOIN", "LEFT JOIN swapped"
        elif kind == "FULL":
            yield number - 1, number, "LEFT JOIN", "FULL JOIN swapped"
            yield number - 1, number, "RIGHT JOIN", "FULL JOIN swapped"
        elif kind != "CROSS":
            yield number, number, "LEFT JOIN", "JOIN swapped"


def _coalesces(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found[:-1]):
        if token.upper == "COALESCE" and found[number + 1].text == "(":
            end = closing(found, number + 1)
            for first, last in elements(found, number + 1):
                yield number, end, f"({_text(found, first, last)})", "coalesce to one argument"


def _conditions(found: Sequence[Token]) -> Iterator[Change]:
    """A conjunct is dropped, a disjunct is; so is a whole condition."""
    for number, token in enumerate(found):
        if token.upper in {"AND", "OR"}:
            stops = {"OR"} if token.upper == "AND" else set()
            stops |= {token.upper}
            value = "true" if token.upper == "AND" else "false"
            first = operand_before(found, number, stops)
            last = operand_after(found, number, stops)
            yield first, number - 1, value, f"operand of {token.upper} dropped"
            yield number + 1, last, value, f"operand of {token.upper} dropped"
        elif token.upper in {"WHERE", "HAVING"}:
            yield number + 1, operand_after(found, number, set()), "true", "condition dropped"
        elif token.upper in {"IF", "ELSIF"}:
            last = operand_after(found, number, set())
            if found[last + 1].upper == "THEN":  # not END IF
                yield number + 1, last, "false", "branch dropped"


def _branches(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found):
        if token.upper not in {"WHEN", "ELSE"}:
            continue
        last = operand_after(found, number, set())
        if token.upper == "WHEN":
            # CASE x WHEN y has values where CASE WHEN has conditions.
            value = "false" if _is_condition(found, number) else ANOTHER_TEXT
            yield number + 1, last, value, "branch of a CASE dropped"
        elif token.depth > 0 and [t.upper for t in found[last : last + 2]] == ["NULL", "END"]:
            continue
        elif token.depth > 0:
            yield number + 1, last, "NULL", "ELSE of a CASE dropped"


def _is_condition(found: Sequence[Token], number: int) -> bool:
    depth = found[number].depth
    for at in range(number - 1, -1, -1):
        if found[at].upper == "CASE" and found[at].depth == depth - 1:
            return found[at + 1].upper == "WHEN"
    return True


def _lists(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found[:-1]):
        if token.upper not in {"IN", "ARRAY"} or found[number + 1].text not in {"(", "["}:
            continue
        parts = list(elements(found, number + 1))
        if len(parts) < 2 or token.upper == "ARRAY":
            continue
        for index in range(len(parts)):
            kept = [_text(found, *part) for at, part in enumerate(parts) if at != index]
            end = closing(found, number + 1)
            yield number + 1, end, f"({', '.join(kept)})", "value of IN dropped"


def _literals(found: Sequence[Token]) -> Iterator[Change]:
    listed = set(_listed(found))
    for number, token in enumerate(found):
        if found[number - 1].upper == "RETURNING" and token.kind == "number":
            continue  # a row for each, of which nobody reads more than that there is one
        if token.kind == "number" and not _is_storage_option(found, number - 1):
            yield number, number, str(int(float(token.text)) + 1), "number one more"
        elif token.kind == "string" and number not in listed:
            if found[number - 1].text == "E":  # an escape, as of a line's end
                continue
            yield number, number, ANOTHER_TEXT, "text another"


def _listed(found: Sequence[Token]) -> Iterator[int]:
    for number, token in enumerate(found[:-1]):
        if token.upper == "IN" and found[number + 1].text == "(":
            yield from range(number, closing(found, number + 1))


def _updates(found: Sequence[Token]) -> Iterator[Change]:
    """One column is not set."""
    equals = list(_assignments(found))
    for index, number in enumerate(equals):
        end = operand_after(found, number, set())
        if end + 1 < len(found) and found[end + 1].text == ",":
            yield number - 1, end + 1, "", "column not set"
        elif index > 0 and found[number - 2].text == ",":
            yield number - 2, end, "", "column not set"


def _clauses(found: Sequence[Token]) -> Iterator[Change]:
    for number, token in enumerate(found[:-1]):
        following = found[number + 1].upper
        if token.upper == "FOR" and following == "UPDATE":
            yield number, number + 1, "", "FOR UPDATE dropped"
        elif token.upper == "SKIP" and following == "LOCKED":
            yield number, number + 1, "", "SKIP LOCKED dropped"
        elif token.upper == "DISTINCT" and following != "FROM":
            yield number, number, "", "DISTINCT dropped"
        elif token.upper == "LIMIT" and found[number + 1].kind == "param":
            yield number, number + 1, "", "LIMIT dropped"
        elif token.upper == "UNION":
            last = number + (following == "ALL")
            after = "UNION" if following == "ALL" else "UNION ALL"
            yield number, last, after, f"{token.upper} swapped"
        elif token.upper == "DO" and following == "UPDATE":
            later = range(number, len(found))
            end = next((at for at in later if found[at].upper in {"RETURNING", ";"}), len(found))
            yield number, end - 1, "DO NOTHING", "DO UPDATE swapped"


def _statements(found: Sequence[Token]) -> Iterator[Change]:
    """One statement of a function is not carried out."""
    for number, token in enumerate(found):
        if token.upper in {"EXIT", "CONTINUE", "PERFORM"}:
            yield number, operand_after(found, number, set()), "NULL", "statement dropped"
        elif token.text == ":=":
            first = number - 1
            while not found[first - 1].bounds and found[first - 1].upper not in _BLOCKS:
                first -= 1
            if _is_statement(found, first):
                yield first, operand_after(found, number, set()), "NULL", "statement dropped"


def _is_statement(found: Sequence[Token], first: int) -> bool:
    """Not a declaration with a default."""
    words = [token.upper for token in found[:first] if token.upper in _BLOCKS]
    return words[-1:] == ["BEGIN"]


def _text(found: Sequence[Token], first: int, last: int) -> str:
    """The tokens as text again; where there was space there is one."""
    parts: list[str] = []
    for before, token in zip([None, *found[first:last]], found[first : last + 1], strict=False):
        space = before is not None and before.end < token.start
        parts.append(f" {token.text}" if space else token.text)
    return "".join(parts)


_MAKERS: Final[tuple[Callable[[Sequence[Token]], Iterator[Change]], ...]] = (
    _swapped, _nulls, _nots, _orders, _joins, _coalesces, _conditions, _branches, _lists,
    _literals, _updates, _clauses, _statements,
)  # fmt: skip
