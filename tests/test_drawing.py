"""What all figures are: any character drawn, the same bytes each time, words beside the picture, no pyplot."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tiny
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from xai_helpers import viz
from xai_helpers.attribution import Target
from xai_helpers.errors import OptionError
from xai_helpers.viz import drawing, plots

TOKENS = ["a$b$", "\U0001f600", "\U0001f469\u200d\U0001f467", "\u5929", "\u0647\u0630\u0627", "\\frac", "^_{", "\n", ""]


pytestmark = pytest.mark.filterwarnings("error")


def test_any_token_is_drawn_as_it_is_without_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    a = tiny.example(TOKENS, list(np.linspace(-1, 1, len(TOKENS))), matrix=np.eye(len(TOKENS)), target=Target("$5"))
    for figure in (plots.token_scores(a), plots.token_matrix(a), plots.head_grid(np.eye(2), title="$x", label="$y$")):
        drawing.png(figure)
    assert plots.token_scores(a).axes[0].get_yticklabels()[0].get_text() == "a$b$"
    for figure in (plots.token_scores(a), plots.token_matrix(a), plots.head_grid(np.eye(2), title="$x$", label="$y$")):
        texts = [text for text in figure.findobj(Text) if "$" in text.get_text() and text.get_visible()]
        assert texts
        assert not any(text.get_parse_math() for text in texts), "a dollar sign is a dollar sign"
    assert capfd.readouterr().err == ""


def test_the_same_input_gives_the_same_bytes_whatever_style_is_on() -> None:
    import matplotlib

    a = tiny.example(["x", "y"], [1.0, -1.0], matrix=np.eye(2))
    for draw in (plots.token_scores, plots.token_matrix):
        figure = draw(a)
        once = drawing.png(figure)
        assert drawing.png(figure) == once
        with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 20, "savefig.dpi": 30}):
            assert drawing.png(draw(a)) == once
        assert b"Software" not in once
        assert not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine), "drawing twice would move things"


def test_html_holds_the_picture_and_its_text() -> None:
    figure = plots.token_scores(tiny.example(['"><script>', "y"], [1.0, -1.0]))
    page = drawing.as_html(figure)
    assert "<script>" not in page
    assert 'alt="Bar chart. ' in page
    data = re.search(r"base64,([^\"]+)", page)
    assert data is not None
    assert base64.b64decode(data[1]) == drawing.png(figure)


def test_a_figure_without_words_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure()
    figure.add_subplot()
    with pytest.raises(OptionError, match="alternative text"):
        viz.show(figure)
    viz.show(figure, alt="An empty pair of axes.")
    assert capsys.readouterr().out == "An empty pair of axes.\n"


def test_a_notebook_gets_one_image_with_its_text() -> None:
    """Also where matplotlib's inline backend is on, which would add a second image without alternative text."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shell.run_cell("%matplotlib inline")
        figure = plots.token_scores(tiny.example(["x"], [1.0]))
        with capture_output() as captured:
            data, _ = shell.display_formatter.format(figure)
            viz.show(figure)
    finally:
        InteractiveShell.clear_instance()
    assert data == {}, "no formatter but our own is asked"
    assert len(captured.outputs) == 2
    for output in captured.outputs:
        assert set(output.data) == {"text/html", "text/plain"}
        assert output.data["text/plain"] == drawing.as_text(figure)


def test_plot_is_the_bar_chart_and_pyplot_stays_out() -> None:
    check = (
        "import sys, numpy as np; from xai_helpers.attribution import Attribution, Unit;"
        "a = Attribution('m', 'x', (Unit('x', 0, 1),), np.ones(1), None, 'model'); figure = a.plot();"
        "assert figure.alt.startswith('Bar chart'); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
