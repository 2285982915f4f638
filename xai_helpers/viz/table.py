"""Numbers and words in rows: what stands beside a picture, for those who can't see it or want the values."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from ..errors import OptionError
from .wording import SAFE

CELL = "padding:0.2em 0.8em 0.2em 0;border-bottom:1px solid #8884;vertical-align:top;text-align:"
IGNORED = "mathjax_ignore tex2jax_ignore"  # else Jupyter typesets what stands between two dollar signs


@dataclass(frozen=True)
class Table:
    """A header and rows of the same length, all text; shown as HTML in a notebook, in columns elsewhere.

    title: what the rows are. Columns in which every cell is a number are aligned to the right. A line break or another
    control character in a cell becomes its picture: a row is a line.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", _line(self.title))
        object.__setattr__(self, "header", tuple(map(_line, self.header)))
        object.__setattr__(self, "rows", tuple(tuple(map(_line, row)) for row in self.rows))
        if wrong := [row for row in self.rows if len(row) != len(self.header)]:
            raise OptionError(f"a table with the header {self.header} can't hold the row {wrong[0]}")

    def __str__(self) -> str:
        from rich.cells import cell_len  # Chinese and most emoji are two cells wide

        lines = [self.header, *self.rows]
        widths = [max(cell_len(line[column]) for line in lines) for column in range(len(self.header))]

        def fitted(cell: str, width: int, right: bool) -> str:
            blanks = " " * (width - cell_len(cell))
            return blanks + cell if right else cell + blanks

        aligned = ["  ".join(map(fitted, line, widths, self._right())).rstrip() for line in lines]
        return "\n".join([self.title, *aligned])

    def _repr_html_(self) -> str:
        title = f"<figcaption><strong>{escape(self.title)}</strong></figcaption>"
        return f'<figure class="xai-table {IGNORED}" style="margin:0.5em 0">{title}{self._html()}</figure>'

    def folded(self) -> str:
        """The table as HTML, folded up; its summary line is reached and opened by keyboard."""
        summary = escape(f"as a table: {self.title}")
        return (
            f'<details class="{IGNORED}" style="font-size:0.85em"><summary>{summary}</summary>{self._html()}</details>'
        )

    def _html(self) -> str:
        sides = ["right" if right else "left" for right in self._right()]
        heads = _cells("th", self.header, sides, ' scope="col"')
        body = "".join(f"<tr>{_cells('td', row, sides)}</tr>" for row in self.rows)
        return (
            '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:0.3em 0;line-height:1.4;'
            'font-variant-numeric:tabular-nums">'
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def _right(self) -> list[bool]:
        return [all(map(_is_number, column)) for column in zip(*self.rows, strict=True)] or [False for _ in self.header]


def _cells(tag: str, texts: tuple[str, ...], sides: list[str], more: str = "") -> str:
    return "".join(
        f'<{tag}{more} style="{CELL}{side}"><bdi>{escape(text)}</bdi></{tag}>'
        for text, side in zip(texts, sides, strict=True)
    )


def _line(cell: Any) -> str:
    return str(cell).translate(SAFE)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
