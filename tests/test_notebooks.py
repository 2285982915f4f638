"""The committed notebooks are what their sources make, and hold what a reader without a kernel needs.

That they run, and give these outputs again, is tested by nbval, which pytest is told to use in pyproject.toml.
"""

from __future__ import annotations

from pathlib import Path

import ipywidgets
import jupytext
import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted((NOTEBOOKS / "source").glob("*.py"))


def made(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{source.stem}.ipynb", as_version=4)


def test_every_source_has_its_notebook_and_no_other_is_there() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {source.stem for source in SOURCES}
    assert "00_start_here" in {source.stem for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_cells_are_those_of_the_source(source: Path) -> None:
    ours, theirs = made(source).cells, jupytext.read(source).cells
    assert [(cell.cell_type, cell.source) for cell in ours] == [(cell.cell_type, cell.source) for cell in theirs]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebooks_are_executed_small_and_clean(source: Path) -> None:
    notebook = made(source)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert (NOTEBOOKS / f"{source.stem}.ipynb").stat().st_size < 1_000_000
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for output in (output for cell in code for output in cell.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        html = output.get("data", {}).get("text/html", "")
        assert "<script" not in html
        assert "http://" not in html and "https://" not in html
        assert "image/png" not in output.get("data", {}), "show figures with their alternative text: viz.show"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_ignored_outputs_say_why(source: Path) -> None:
    for cell in made(source).cells:
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            assert cell.source.startswith("# Output ignored by the tests: ")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_sliders_move_what_is_shown(source: Path) -> None:
    """ipywidgets swallows what a callback raises, so the callback is called once more by itself."""
    names: dict[str, object] = {}
    for cell in jupytext.read(source).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, source.name, "exec"), names)
    widgets = [getattr(value, "widget", None) for value in names.values()]
    controls = [widget for widget in widgets if isinstance(widget, ipywidgets.interactive)]
    assert controls
    kinds = (ipywidgets.IntSlider, ipywidgets.FloatSlider)
    for control, slider in [(c, child) for c in controls for child in c.children if isinstance(child, kinds)]:
        shown = []
        for value in (slider.min, slider.max):
            slider.value = value
            assert repr(control.f(**control.kwargs)) == repr(control.result)
            shown.append(repr(control.result))
        assert shown[0] != shown[1]
