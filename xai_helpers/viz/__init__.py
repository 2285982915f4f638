"""Views of results: HTML heatmaps (`html`), figures (`plots`), tables (`table`, `terminal`), explorers (`widgets`).

Importing this package, or `viz.html`, imports neither matplotlib nor rich nor torch nor ipywidgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .table import Table
from .widgets import Span, explore

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Span", "Table", "alt_text", "explore", "show"]


def show(figure: Figure, alt: str | None = None) -> None:
    """Displays a figure in a notebook, with its alternative text; see `drawing.show`."""
    from . import drawing

    drawing.show(figure, alt)


def alt_text(figure: Figure) -> str:
    """The sentence that stands for a figure where it can't be seen; see `drawing.alt_text`."""
    from . import drawing

    return drawing.alt_text(figure)
