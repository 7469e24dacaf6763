"""SQL as tokens that know how deep they are: as much grammar as it takes to make mutants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"(?P<comment>--[^\n]*)"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<param>%\(\w+\)s)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<operator>::|:=|\|\||<>|<=|>=|->>|->|<<|\.\.|[-+*/=<>|])"
    r"|(?P<mark>[(),;.\[\]])"
)
# Where an operand ends, if not at the bracket that closes around it. (END: of a block.)
_BOUNDARIES: Final = {
    *("WHERE", "ON", "WHEN", "THEN", "ELSE", "END", "IF", "ELSIF", "LOOP", "GROUP", "ORDER", "AS"),
    *(
        "RETURNING",
        "LIMIT",
        "UNION",
        "FROM",
        "HAVING",
        "SELECT",
        "CHECK",
        "USING",
        "OFFSET",
        "LEFT",
    ),
    *("FULL", "JOIN", "CROSS", "RETURN", "DO", "SET", "FOR", "WITH", "INTO", ",", ";", ":="),
}


@dataclass(frozen=True)
class Token:
    """A word, number, string, operator or mark, and how many brackets and CASEs it stands in."""

    kind: str
    text: str
    start: int
    end: int
    depth: int
    bounds: bool

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else self.text


def tokens(source: str) -> list[Token]:
    """All but comments and spaces. Brackets, CASE and its END are as deep as what is around."""
    found: list[Token] = []
    opened: list[str] = []
    for match in _TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match.group()
        if kind == "comment":
            continue
        word = text.upper() if kind == "word" else text
        closes = word in {")", "]"} or (word == "END" and opened[-1:] == ["CASE"])
        if closes:
            opened.pop()
        # IS DISTINCT FROM is one operator.
        joint = word == "FROM" and bool(found) and found[-1].upper == "DISTINCT"
        bounds = word in _BOUNDARIES and not closes and not joint
        found.append(Token(kind, text, match.start(), match.end(), len(opened), bounds))
        if word in {"(", "[", "CASE"}:
            opened.append(word)
    return found


def operand_after(found: Sequence[Token], index: int, stops: set[str]) -> int:
    """The index of the last token of what follows the keyword at `index`."""
    depth = found[index].depth
    for number in range(index + 1, len(found)):
        token = found[number]
        ends = token.depth == depth and (token.bounds or token.upper in stops)
        if token.depth < depth or ends:
            return number - 1
    return len(found) - 1


def operand_before(found: Sequence[Token], index: int, stops: set[str]) -> int:
    """The index of the first token of what comes before it."""
    depth = found[index].depth
    for number in range(index - 1, -1, -1):
        token = found[number]
        begins = token.depth == depth and (token.bounds or token.upper in stops)
        if token.depth < depth or begins:
            return number + 1
    return 0


def closing(found: Sequence[Token], opening: int) -> int:
    """The index of the bracket that closes the one at `opening`."""
    depth = found[opening].depth
    later = range(opening + 1, len(found))
    return next(number for number in later if found[number].depth <= depth)


def elements(found: Sequence[Token], opening: int) -> Iterator[tuple[int, int]]:
    """The first and last token of each thing between commas in the brackets at `opening`."""
    end = closing(found, opening)
    first = opening + 1
    for number in range(opening + 1, end + 1):
        token = found[number]
        if number == end or (token.text == "," and token.depth == found[opening].depth + 1):
            if first < number:
                yield first, number - 1
            first = number + 1
