"""Tables of an attribution for the terminal: plain characters for `repr`, colours for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from .palette import colours, scale_end, share
from .wording import balance, header, is_signed, number, visible

if TYPE_CHECKING:
    from ..attribution import Attribution

HALF = 12  # cells of the longest bar
WIDEST = 28  # cells of a token; longer ones are cut
FULL = "\u2588"


def plain_table(a: Attribution) -> str:
    """A header line, then one line per unit: token, score, and a bar, left of the axis for negative scores.

    Columns line up in a terminal also where characters are two cells wide (Chinese, most emoji).
    """
    end, signed = _scale(a)
    tokens = [_fitted(unit.text) for unit in a.units]
    scores = [number(float(score), end, signed) for score in a.scores]
    widest, longest = max(map(cell_len, tokens), default=0), max(map(len, scores), default=0)
    lines = [
        f"{set_cell_size(token, widest)}  {score:>{longest}}  {_bar(float(value), end, signed)}".rstrip()
        for token, score, value in zip(tokens, scores, a.scores, strict=True)
    ]
    return "\n".join([" · ".join(header(a)), *([balance(a)] if balance(a) else []), *lines])


def coloured_table(a: Attribution) -> Table:
    """The same as a rich table, each token on the colour of its score; print it with `rich.print`.

    Tokens are never read as rich's markup: "[bold]" shows as it is.
    """
    end, signed = _scale(a)
    title, caption = Text(" · ".join(header(a)), style="bold"), Text(balance(a))
    tokens = [_fitted(unit.text) for unit in a.units]
    scores = [number(float(score), end, signed) for score in a.scores]
    widest, longest = max([5, *map(cell_len, tokens)]), max([5, *map(len, scores)])  # 5: the headings
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=None)
    table.add_column("token", width=widest)
    table.add_column("score", width=longest, justify="right")
    table.add_column("")
    rest = title.cell_len - widest - longest - 4  # blanks after the bars: rich folds a title to the table's width
    for token, score, value in zip(tokens, scores, map(float, a.scores), strict=True):
        back, front = colours(share(value, end))
        bar = Text(_bar(value, end, signed).ljust(rest), no_wrap=True, overflow="crop")
        table.add_row(Text(token, style=f"{front} on {back}"), Text(score), bar)
    return table


def _scale(a: Attribution) -> tuple[float, bool]:
    """(the scale's end, whether any score is negative)."""
    return scale_end(map(float, a.scores), [unit.special for unit in a.units]), is_signed(a.scores)


def _fitted(token: str) -> str:
    shown = visible(token)
    return shown if cell_len(shown) <= WIDEST else set_cell_size(shown, WIDEST - 1) + "\u2026"


def _bar(score: float, end: float, signed: bool) -> str:
    """A bar of up to HALF cells, with an arrow where it goes beyond the scale; an axis where scores have signs."""
    length = round(abs(share(score, end)) * HALF)
    beyond = abs(score) > end
    right = FULL * length + "\u25b6" * beyond if score > 0 else ""
    if not signed:
        return right
    left = "\u25c0" * beyond + FULL * length if score < 0 else ""
    return f"{left:>{HALF + 1}}\u2502{right}"
