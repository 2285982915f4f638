"""The committed notebooks are what their sources make, hold what a reader without a kernel needs, and move.

That the learner's notebooks run, and give these outputs again, is tested by nbval, which pytest is told to use in
pyproject.toml. The solutions run here: what they show beside their exercises is what the learner's notebook shows.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import io
import linecache
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext
import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter

from xai_helpers.course import chapters
from xai_helpers.course.questions import Question
from xai_helpers.viz.widgets import Explorer, Words

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
SOURCES = sorted((NOTEBOOKS / "source").glob("*.py"))
LEARNERS = sorted(NOTEBOOKS.glob("*.ipynb"))
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
MADE = [*LEARNERS, *SOLUTIONS]


@functools.cache
def build() -> ModuleType:
    """notebooks/build.py as a module."""
    spec = importlib.util.spec_from_file_location("build", NOTEBOOKS / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}" if path.parent.name == "solutions" else path.stem


def code(path: Path, tag: str = "") -> list[nbformat.NotebookNode]:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    return [cell for cell in cells if not tag or tag in cell.metadata.get("tags", [])]


def pages(path: Path) -> Iterator[str]:
    """The HTML of every output."""
    for cell in code(path):
        yield from (output.get("data", {}).get("text/html", "") for output in cell.outputs)


# Source, learner's notebook and solutions are in step


def test_every_source_has_its_two_notebooks_and_no_other_is_there() -> None:
    stems = [source.stem for source in SOURCES]
    assert [path.stem for path in LEARNERS] == stems
    assert [path.stem for path in SOLUTIONS] == stems
    assert {"00_start_here", "01_attention_rollout"} <= set(stems)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_cells_and_metadata_are_those_that_the_source_makes(source: Path) -> None:
    for path, expected in build().notebooks_of(source).items():
        made = read(path)
        assert [(cell.cell_type, cell.id, cell.metadata, cell.source) for cell in made.cells] == [
            (cell.cell_type, cell.id, cell.metadata, cell.source) for cell in expected.cells
        ], f"{path.name} is not what its source makes: run make notebooks"
        assert made.metadata == expected.metadata


@pytest.mark.parametrize("path", LEARNERS, ids=name_of)
def test_a_learner_finds_no_solution(path: Path) -> None:
    exercises = code(path, "exercise")
    solved = code(NOTEBOOKS / "solutions" / path.name, "exercise")
    assert len(exercises) == len(solved) >= 2
    for exercise, solution in zip(exercises, solved, strict=True):
        assert exercise.source.endswith("...  # your code here")
        assert "solution" not in exercise.source
        assert "# solution" in solution.source
        assert exercise.source.split("...")[0].strip() in solution.source


def test_a_second_build_changes_no_byte(tmp_path: Path) -> None:
    source = tmp_path / "source" / "09_example.py"
    source.parent.mkdir()
    source.write_text(
        '# %% [markdown]\n# # Example\n\n# %% tags=["exercise"]\ndef one():\n    # solution\n    return 1\n'
        "    # end solution\n\n\n# %%\nfrom xai_helpers import viz\nfrom xai_helpers.viz import plots\n\n"
        "viz.explore(lambda k: plots.head_grid([[k, 1]]), k=(1, 3))\n\n# %%\nimport sys\n\n"
        "for _ in range(200):\n    print('x', flush=True)\n",
        encoding="utf-8",
    )
    written = []
    for _ in range(2):
        for target, notebook in build().notebooks_of(source).items():
            build().build(notebook, tmp_path / target.relative_to(NOTEBOOKS))
        written.append([path.read_bytes() for path in sorted(tmp_path.rglob("*.ipynb"))])
    assert len(written[0]) == 2
    assert written[0] == written[1]
    assert b"widget-view" not in written[0][0]
    assert b"The controls work while a kernel runs" in written[0][0]


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("import sys; print('oh', file=sys.stderr)", "writes to stderr"),
        ("import ipywidgets; ipywidgets.IntSlider()", "no static form"),
    ],
)
def test_what_must_not_stay_in_an_output_stops_the_build(tmp_path: Path, cell: str, complaint: str) -> None:
    source = tmp_path / "09_example.py"
    source.write_text(f"# %% [markdown]\n# # Example\n\n# %%\n{cell}\n", encoding="utf-8")
    target, notebook = next(iter(build().notebooks_of(source).items()))
    with pytest.raises(RuntimeError, match=complaint):
        build().build(notebook, tmp_path / target.name)
    assert not (tmp_path / target.name).exists()


# What a page holds


class _Images(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append(dict(attrs))


@pytest.mark.parametrize("path", MADE, ids=name_of)
def test_notebooks_are_executed_small_and_clean(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < 1_000_000
    cells = code(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for output in (output for cell in cells for output in cell.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        html = output.get("data", {}).get("text/html", "")
        assert "<script" not in html
        assert "http://" not in html and "https://" not in html
        assert not {"image/png", "image/jpeg", "image/svg+xml"} & set(output.get("data", {})), "use viz.show"


@pytest.mark.parametrize("path", MADE, ids=name_of)
def test_every_image_says_in_words_what_it_shows(path: Path) -> None:
    images = [image for page in pages(path) for image in _Images(page).found]
    assert images
    for image in images:
        assert len((image.get("alt") or "").split()) >= 5, image.get("alt")
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"!\[\s*\]\(", cell.source), "an image in the text has no alternative text"


@pytest.mark.parametrize("path", LEARNERS, ids=name_of)
def test_links_lead_to_files_that_are_there(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (path.parent / link).is_file(), link


@pytest.mark.parametrize("path", MADE, ids=name_of)
def test_ignored_outputs_say_why(path: Path) -> None:
    for cell in code(path, "nbval-ignore-output"):
        assert cell.source.startswith("# Output ignored by the tests: ")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_cells_are_short(source: Path) -> None:
    for cell in jupytext.read(source).cells:
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", []):
            assert len(lines) <= 14, f"{len(lines)} lines: one idea per cell\n{cell.source}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_chapter_leaves_the_modules_that_it_imports_as_they_are(source: Path) -> None:
    """What a cell writes into a module stays there, for the next chapter in the same process."""
    tree = ast.parse("\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code"))
    imported = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    written = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
    }
    assert not {name for name in written if name.split(".")[0] in imported}


# What moves


@functools.cache
def ran(source: Path) -> list[tuple[str, Any]]:
    """Runs a source's cells, solutions included, and returns what each code cell prints, and shows last."""
    names: dict[str, Any] = {"__name__": "__main__"}
    shown: list[tuple[str, Any]] = []
    for number, cell in enumerate(jupytext.read(source).cells):
        if cell.cell_type != "code":
            continue
        where = f"<{source.name}, cell {number}>"
        linecache.cache[where] = (len(cell.source), None, cell.source.splitlines(keepends=True), where)  # inspect
        tree, value = ast.parse(cell.source), None
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(tree, where, "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        shown.append((printed.getvalue(), value))
    return shown


def values(source: Path) -> list[Any]:
    return [value for _, value in ran(source)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_explorers_move_over_the_whole_range_of_every_control(source: Path) -> None:
    """The real callback is fired at the ends and the middle of every control; an exception in it fails the test."""
    explorers = [value for value in values(source) if isinstance(value, Explorer)]
    assert explorers
    for explorer in explorers:
        assert list(explorer.controls) == list(explorer.settings)
        for name, setting in explorer.settings.items():
            pictures = set()
            for value in setting.probes:
                explorer.controls[name].value = value
                assert explorer.message.value == "", f"{name}={value!r}: {explorer.message.value}"
                assert explorer.picture.value == explorer._shown({name: value})[0]
                pictures.add(explorer.picture.value)
            assert len(pictures) > 1 or isinstance(setting, Words), f"{name} changes nothing"
            explorer.controls[name].value = explorer.start[name]


def test_a_text_that_can_not_be_read_keeps_the_last_picture() -> None:
    explorers = [value for source in SOURCES for value in values(source) if isinstance(value, Explorer)]
    texts = [(e, name) for e in explorers for name, setting in e.settings.items() if isinstance(setting, Words)]
    assert texts
    for explorer, name in texts:
        before = explorer.picture.value
        explorer.controls[name].value = "   "
        assert "blanks" in explorer.message.value
        assert explorer.picture.value == before
        explorer.controls[name].value = explorer.start[name]
        assert explorer.message.value == ""


# Questions and exercises


def asked(source: Path, call: str) -> list[str]:
    """The names that a source gives to course.ask, course.check or course.pick, in order."""
    return re.findall(rf'course\.{call}\(\s*"([^"]+)"', source.read_text(encoding="utf-8"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_chapter_asks_its_questions_and_checks_its_exercises_once_each_and_in_order(source: Path) -> None:
    number = source.stem.split("_")[0]
    assert f"chapter_{number}" in chapters.CHAPTERS
    module = importlib.import_module(f"xai_helpers.course.chapter_{number}")
    for call, table in (("ask", module.QUESTIONS), ("check", module.EXERCISES), ("pick", module.PICKS)):
        assert asked(source, call) == list(table)
    assert len(module.EXERCISES) >= 2
    quiz = source.read_text(encoding="utf-8").partition("# ## Quiz")[2]
    assert len(re.findall(r"course\.ask", quiz)) >= 4


@pytest.mark.parametrize("name", chapters.gathered("QUESTIONS"))
def test_every_option_of_every_question_has_its_own_explanation(name: str) -> None:
    question = Question(*chapters.entry("QUESTIONS", name))
    assert len(question.options) >= 3
    assert len(set(question.options.values())) == len(question.options)
    assert all(len(why.split()) >= 5 for why in question.options.values())
    assert question.question.endswith("?")


def test_neither_place_nor_length_gives_an_answer_away() -> None:
    questions = chapters.gathered("QUESTIONS").values()
    answers = [answer for _, _, answer in questions]
    assert all(0 < answers.count(letter) <= len(answers) / 2 for letter in "abc")
    longest = [max(options, key=len) == list(options)["abcdefgh".index(answer)] for _, options, answer in questions]
    assert sum(longest) <= len(longest) / 2


@pytest.mark.parametrize("path", LEARNERS, ids=name_of)
def test_checks_say_that_nothing_was_attempted(path: Path) -> None:
    for cell in code(path, "check"):
        assert "not attempted yet" in cell.outputs[-1].data["text/plain"]


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_solutions_give_the_outputs_that_they_show(path: Path) -> None:
    run = ran(NOTEBOOKS / "source" / f"{path.stem}.py")
    for learner, solved, (printed, value) in zip(code(NOTEBOOKS / path.name), code(path), run, strict=True):
        tags = solved.metadata.get("tags", [])
        if (solved.outputs == learner.outputs and "check" not in tags) or "nbval-ignore-output" in tags:
            continue  # compared by nbval, or by none
        shown = [] if value is None else [DisplayFormatter().format(value)[0]]
        assert [o.data for o in solved.outputs if "data" in o] == shown, solved.source
        assert "".join(o.text for o in solved.outputs if "text" in o) == printed, solved.source


@pytest.mark.parametrize("path", SOLUTIONS, ids=name_of)
def test_solutions_pass_their_checks(path: Path) -> None:
    checks = code(path, "check")
    assert checks
    for cell in checks:
        assert cell.outputs[-1].data["text/plain"].endswith("solved.")
        assert "✗" not in cell.outputs[-1].data["text/plain"]
