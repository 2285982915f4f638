"""Token heatmaps as inline HTML: which pieces of the text got how much.

No script, no style sheet, nothing loaded from elsewhere: JupyterLab strips scripts, style sheets and ARIA attributes
from notebooks that it doesn't trust yet, and a downloaded course is one. What is needed to read the page is therefore
in plain elements with inline styles: the text as it is written, a legend, and a table of all scores. Every coloured
piece sets both its background and its text colour; everything else inherits the theme's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from ..errors import OptionError
from .palette import colours, scale_end, share
from .wording import balance, header, is_signed, number, summary, visible, written

if TYPE_CHECKING:
    from ..attribution import Attribution, Unit

# no padding on pieces of words: it would part Arabic letters that join
TOKEN = "border-radius:0.2em;padding:0.12em 0"
CHIP = "border-radius:0.5em;padding:0.15em 0.35em;margin:0 0.15em;font-size:0.75em;font-family:monospace"
READ_HERE = ";box-shadow:inset 0 -0.16em 0 currentColor"
FLOW = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.9;font-size:1.1em;margin:0.4em 0"
SMALL = "font-size:0.85em"
CELL = "padding:0.2em 0.8em 0.2em 0;text-align:"
IGNORED = "mathjax_ignore tex2jax_ignore"  # else Jupyter typesets what stands between two dollar signs


def attribution(a: Attribution) -> str:
    """An attribution as an HTML fragment: header, the coloured text, legend, table of scores.

    The header says the method, the model, what is explained, where it is read from, and how the total is shared out.
    """
    method, *rest = header(a)
    parts = [f"<strong>{escape(method)}</strong>", *(f"<bdi>{escape(part)}</bdi>" for part in rest)]
    sums = f'<br><span style="{SMALL}">{escape(balance(a))}</span>' if a.total is not None else ""
    heatmap = token_heatmap(a.text, a.units, [float(score) for score in a.scores], position=a.position)
    spoken = escape(summary(a))
    return (
        f'<figure class="xai-attribution {IGNORED}" role="group" aria-label="{spoken}" style="margin:0.5em 0">'
        f"<figcaption>{' · '.join(parts)}{sums}</figcaption>{heatmap}</figure>"
    )


def token_heatmap(
    text: str,
    units: Sequence[Unit],
    scores: Sequence[float],
    *,
    end: float | None = None,
    position: int | None = None,
) -> str:
    """The text with each unit coloured by its score, a legend, and a table, as an HTML fragment.

    units, scores: (n_units,), in the order of the text. Characters that no unit covers are shown uncoloured. Special
    units, units of blanks, and those whose characters an earlier unit has shown (the bytes of an emoji), are small
    chips. Units that overlap are each shown from where the one before ended.
    end: the absolute score that gets the strongest colour (default: the greatest one of a unit that is not special);
    give it to compare several texts on one scale. position: the unit to underline, where the prediction is read.
    Raises OptionError where there isn't one score per unit.
    """
    if len(scores) != len(units):
        raise OptionError(f"token_heatmap needs one score per unit: {len(units)} units, {len(scores)} scores")
    scores = [float(score) for score in scores]
    if end is None:
        end = scale_end(scores, [unit.special for unit in units])
    read_at = None if position is None else range(len(units))[position]
    flow = "".join(_flow(text, units, scores, end, read_at))
    return (
        f'<div class="xai-heatmap {IGNORED}">'
        f'<div class="xai-text" dir="auto" style="{FLOW}">{flow}</div>'
        f"{_legend(units, scores, end)}{_table(units, scores, end)}</div>"
    )


def _flow(text: str, units: Sequence[Unit], scores: Sequence[float], end: float, read_at: int | None) -> Iterator[str]:
    """The text's characters in order, each once, with chips between them."""
    signed, shown = is_signed(scores), 0
    for index, (unit, score) in enumerate(zip(units, scores, strict=True)):
        title = escape(
            f"{number(score, end, signed)}  {visible(unit.text)}  (token {index}{', read here' * (index == read_at)})"
        )
        look = _look(score, end) + (READ_HERE if index == read_at else "")
        if not unit.special and unit.start > shown:
            yield _characters(text[shown : unit.start])
            shown = unit.start
        fresh = "" if unit.special else text[shown : unit.end]
        if fresh and not fresh.isspace():
            yield f'<span class="xai-token" style="{TOKEN};{look}" title="{title}">{_characters(fresh)}</span>'
        else:
            repeated = not unit.special and unit.start < unit.end and not fresh
            label = escape("\u22ef" if repeated else visible(fresh or unit.text))
            yield f'<span class="xai-chip" style="{CHIP};{look}" title="{title}">{label}</span>{_blanks(fresh)}'
        shown = max(shown, shown if unit.special else unit.end)
    yield _characters(text[shown:])


def _characters(text: str) -> str:
    """Text to be read, escaped; a sign before each newline shows that it is one."""
    mark = '<span class="xai-mark" aria-hidden="true" style="opacity:0.65;font-size:0.75em">\u21b5</span>'
    return escape(written(text)).replace("\n", mark + "\n")


def _blanks(text: str) -> str:
    """Blanks that a chip has just shown as a sign."""
    return escape(written(text))


def _look(score: float, end: float) -> str:
    back, front = colours(share(score, end))
    return f"background-color:{back};color:{front}"


def _legend(units: Sequence[Unit], scores: Sequence[float], end: float) -> str:
    """The scale from end to end in numbers, and which special tokens lie beyond it."""
    if end == 0:
        return f'<div style="{SMALL}">All scores are 0.</div>'
    signed = is_signed(scores)
    steps = range(-6, 7) if signed else range(7)
    swatch = "display:inline-block;width:0.9em;height:0.9em;vertical-align:-0.1em;background-color:"
    bar = "".join(f'<span style="{swatch}{colours(step / 6)[0]}"></span>' for step in steps)
    low = number(-end, end) if signed else "0"
    beyond = [(unit, score) for unit, score in zip(units, scores, strict=True) if abs(score) > end]
    named = ", ".join(f"{visible(unit.text)} {number(score, end, signed)}" for unit, score in beyond)
    note = f' · beyond the scale: <bdi style="overflow-wrap:anywhere">{escape(named)}</bdi>' if named else ""
    return f'<div dir="ltr" style="{SMALL}">{low} {bar} {number(end, end, signed)}{note}</div>'


def _table(units: Sequence[Unit], scores: Sequence[float], end: float) -> str:
    """All scores, folded up; the summary line is reached and opened by keyboard."""
    signed = is_signed(scores)
    rows = "".join(
        f'<tr><td style="{CELL}right">{index}</td>'
        f'<td style="{CELL}left"><bdi style="{TOKEN};{_look(score, end)}">{escape(visible(unit.text))}</bdi></td>'
        f'<td style="{CELL}right">{number(score, end, signed)}</td></tr>'
        for index, (unit, score) in enumerate(zip(units, scores, strict=True))
    )
    heads = "".join(
        f'<th scope="col" style="{CELL}{side}">{name}</th>'
        for name, side in (("#", "right"), ("token", "left"), ("score", "right"))
    )
    return (
        f'<details dir="ltr" style="{SMALL}"><summary>as a table ({len(units)} tokens)</summary>'
        '<table style="border-collapse:collapse;margin:0.3em 0;font-variant-numeric:tabular-nums">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details>"
    )
