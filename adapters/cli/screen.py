"""Where a command says what it found or did: text for people, JSON for programs.

Everything printed goes through here, so that text from the log can never move a cursor or change a
colour, and that output nobody reads ends the command quietly.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Final

import typer

from adapters.cli import streams
from adapters.cli.cells import state
from adapters.cli.failures import OutputClosed, OutputFailed
from adapters.cli.words import printable

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, OverflowMethod, RenderableType
    from rich.text import Text

# Where nobody looks at the width, nothing is cut: a program downstream wants the whole line.
_UNLIMITED_WIDTH: Final = 10_000

GAP: Final = 2  # columns between two columns of a table
LEAST_FLEXIBLE_WIDTH: Final = 8


class Screen:
    """One command's output. With `as_json` only `document` and `line` print anything."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._consoles: dict[int, Console] = {}
        self._enduring = 0
        self._failure: OutputClosed | OutputFailed | None = None

    @contextlib.contextmanager
    def enduring(self) -> Iterator[None]:
        """In the block, output that fails stops nothing; the failure is raised at its end.

        For work that must be done whoever reads about it. Blocks may lie in one another.
        """
        self._enduring += 1
        try:
            yield
        except typer.Exit:
            # Its reasons were output, too. A reader that has left does not want to know them.
            if isinstance(self._failure, OutputFailed):
                raise self._failure from None
            raise
        finally:
            self._enduring -= 1
        if self._failure is not None and not self._enduring:
            raise self._failure

    @property
    def width(self) -> int:
        """Columns a line may have."""
        return self._console(sys.stdout).width

    @property
    def shows_progress(self) -> bool:
        """Whether somebody watches stderr."""
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return terminal and not self.as_json and os.environ.get("TERM") != "dumb"

    def say(self, text: str = "", style: str = "", *, indent: int = 0) -> None:
        """A line or a paragraph for people, wrapped at the width."""
        if self.as_json:
            return
        if not text:
            self._write("\n")
            return
        from rich.padding import Padding
        from rich.text import Text

        self.show(Padding(Text(printable(text), style=style), (0, 0, 0, indent), expand=False))

    def cut(self, text: str, style: str = "", *, indent: int = 0) -> None:
        """One line for people, cut off where the width ends."""
        if self.as_json:
            return
        from rich.text import Text

        self.show(Text(" " * indent + printable(text), style=style), cut=True)

    def prefixed(self, prefix: str, text: str, style: str = "") -> None:
        """One line for people, cut off like `cut`, with a dim beginning."""
        if self.as_json:
            return
        console = self._console(sys.stdout)
        if not console.is_terminal and console.width == _UNLIMITED_WIDTH:
            # What it would come to, without what it costs: there may be many thousands.
            self._write(f"{prefix}{printable(text)}".rstrip() + "\n")
            return
        from rich.text import Text

        self.show(Text.assemble((prefix, "dim"), (printable(text), style)), cut=True)

    def marked(self, mark: str, mark_style: str, text: str) -> None:
        """A paragraph for people after a mark, wrapped to the right of it."""
        if self.as_json:
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(Text(mark, style=mark_style), Text(printable(text)))
        self.show(grid)

    def heading(
        self, name: str, state_word: str, rest: str, end: str = "", *, indent: int = 0
    ) -> None:
        """One line: a name, a state in its colour, and what else there is; `end` is dim."""
        if self.as_json:
            return
        from rich.text import Text

        line = Text(" " * indent)
        line.append(f"{name} ", "bold")
        line.append_text(state(state_word))
        line.append(printable(rest))
        if end:
            line.append(f"  {printable(end)}", "dim")
        self.show(line, cut=True)

    def show(self, renderable: RenderableType, *, cut: bool = False) -> None:
        """A table or a styled text for people."""
        if self.as_json:
            return
        console = self._console(sys.stdout)
        overflow: OverflowMethod | None = "ellipsis" if cut else None
        with self._writing():  # capturing flushes, too
            if console.is_terminal:
                console.print(renderable, no_wrap=cut or None, overflow=overflow)
                return
            # Cells are filled up with blanks, which only a terminal hides.
            with console.capture() as captured:
                console.print(renderable, no_wrap=cut or None, overflow=overflow)
            lines = [line.rstrip() for line in captured.get().splitlines()]
            streams.write("\n".join(lines) + "\n")

    def note(self, text: str) -> None:
        """A remark for people beside the output: on stderr, so that a pipe does not carry it."""
        if self.as_json or sys.stderr is None:
            return
        from rich.text import Text

        with contextlib.suppress(OSError):
            self._console(sys.stderr).print(Text(printable(text), style="dim"))

    def document(self, value: Mapping[str, object]) -> None:
        """The one JSON document of a command."""
        if self.as_json:
            self._json(value, indent=2)

    def line(self, value: Mapping[str, object]) -> None:
        """One of several JSON documents, a line each."""
        if self.as_json:
            self._json(value, indent=None)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | Text]],
        *,
        flexible: str,
        right: Collection[str] = (),
    ) -> None:
        """A table without lines. Only the column `flexible` is cut when the width does not do."""
        if self.as_json:
            return
        from rich.table import Table
        from rich.text import Text

        cells = [[c if isinstance(c, Text) else Text(printable(c)) for c in row] for row in rows]
        widths = [
            max(len(name), *(row[i].cell_len for row in cells)) for i, name in enumerate(columns)
        ]
        cut = columns.index(flexible)
        others = sum(widths) - widths[cut] + GAP * (len(columns) - 1)
        widths[cut] = min(widths[cut], max(LEAST_FLEXIBLE_WIDTH, self.width - others))
        made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for name, width in zip(columns, widths, strict=True):
            justify: JustifyMethod = "right" if name in right else "left"
            made.add_column(name, no_wrap=True, overflow="ellipsis", justify=justify, width=width)
        for row in cells:
            made.add_row(*row)
        self.show(made)

    def _json(self, value: Mapping[str, object], indent: int | None) -> None:
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
        text = json.dumps(
            value, indent=indent, default=_jsonable, ensure_ascii=encoding not in ("utf-8", "utf8")
        )
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        with self._writing():
            streams.write(text)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with streams.writing():
                yield
        except (OutputClosed, OutputFailed) as failure:
            self._failure = self._failure or failure
            if not self._enduring:
                raise self._failure from None

    def _console(self, stream: IO[str] | None) -> Console:
        from rich.console import Console

        console = self._consoles.get(id(stream))
        if console is None:
            is_terminal = stream is not None and stream.isatty()
            limited = is_terminal or "COLUMNS" in os.environ
            console = Console(
                file=stream,
                highlight=False,
                markup=False,
                emoji=False,
                width=None if limited else _UNLIMITED_WIDTH,
            )
            self._consoles[id(stream)] = console
        return console


def _jsonable(value: object) -> object:
    isoformat = getattr(value, "isoformat", None)
    if isoformat is not None:
        return isoformat()
    if isinstance(value, bytes):
        return value.hex()
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else str(value)
