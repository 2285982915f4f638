"""One setting says where the course's repository lies; pages follow it, and name no repository while it is not set."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.course import badges
from xai_helpers.course.__main__ import main
from xai_helpers.errors import OptionError

ROOT = Path(__file__).resolve().parents[1]
BOOTSTRAP = "import xai_helpers.course as course\n\ncourse.start()"
FETCHING = """\
try:
    import xai_helpers.course as course
except ModuleNotFoundError:  # on Colab: fetch the package by itself; start() sees to what it needs
    %pip install --quiet --no-deps git+https://github.com/owner/name
    import xai_helpers.course as course

course.start()"""
LINE = (
    "[![Open in Colab](badges/colab.svg)]"
    "(https://colab.research.google.com/github/owner/name/blob/main/notebooks/01_chapter.ipynb) "
    "[![Open on Binder](badges/binder.svg)]"
    "(https://mybinder.org/v2/gh/owner/name/HEAD?urlpath=lab/tree/notebooks/01_chapter.ipynb)"
)


def chapter(title_cell: str = "# A title\n\nAnd a text.") -> list[dict[str, Any]]:
    return [
        nbformat.v4.new_markdown_cell(title_cell),
        nbformat.v4.new_code_cell(BOOTSTRAP, metadata={"tags": ["bootstrap"]}),
        nbformat.v4.new_code_cell("import xai_helpers.course as course"),
        nbformat.v4.new_markdown_cell("# Another title"),
    ]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the command reads, as they are here, and a chapter and its solution made for the test."""
    (tmp_path / "notebooks/solutions").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "notebooks/00_start_here.ipynb"):
        shutil.copy(ROOT / name, tmp_path / name)
    notebook = nbformat.v4.new_notebook(cells=chapter())
    for name in ("01_chapter", "solutions/01_chapter"):
        nbformat.write(notebook, tmp_path / f"notebooks/{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    badges.set_repository(tmp_path, None)
    return tmp_path


def dressed(cells: list[dict[str, Any]], repository: str | None = "owner/name") -> list[dict[str, Any]]:
    changed = copy.deepcopy(cells)
    badges.dress(changed, "01_chapter", repository)
    return changed


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def cells(folder: Path, name: str = "01_chapter") -> list[nbformat.NotebookNode]:
    return nbformat.read(folder / f"notebooks/{name}.ipynb", as_version=4).cells


# The cells


def test_the_badges_stand_under_the_title_and_the_bootstrap_cell_fetches_the_package() -> None:
    first, bootstrap, *others = dressed(chapter())
    assert re.sub("\n\n+", "\n\n", first["source"]) == f"# A title\n\n{LINE}\n\nAnd a text."
    assert bootstrap["source"] == FETCHING
    assert [cell["source"] for cell in others] == [cell["source"] for cell in chapter()[2:]]


@pytest.mark.parametrize("text", ["# A title", "# A title\nText.", "# A title\n\nText.", "Before.\n\n# A\n\n\nb\n"])
def test_dressing_is_taken_off_exactly(text: str) -> None:
    original = chapter(text)
    once = dressed(original)
    assert f"\n\n{LINE}\n" in once[0]["source"]
    assert dressed(once) == once != original
    other = dressed(once, "some-one/else.2")
    assert other == dressed(original, "some-one/else.2")
    assert dressed(other, None) == dressed(original, None) == original


@given(st.text("# ab\n[]()!", max_size=30), st.text("# ab\n[]()!", max_size=30))
def test_dressing_any_text_is_taken_off_exactly(before: str, after: str) -> None:
    original = chapter(f"{before}\n# T{after}")
    assert dressed(original)[0]["source"].count(LINE) == 1
    assert dressed(dressed(original), None) == original


def test_code_around_the_import_stays() -> None:
    cells = chapter()
    cells[1]["source"] = f"before = 1\n{BOOTSTRAP}\nafter = 2"
    assert dressed(cells)[1]["source"] == f"before = 1\n{FETCHING}\nafter = 2"
    assert dressed(dressed(cells), None) == cells


def test_cells_that_can_not_be_dressed_stay_as_they_are() -> None:
    without = chapter()
    without[1]["source"] = "course.start()"
    for cells, message in (
        (chapter("No title."), r"notebooks/source/01_chapter\.py begin with a line"),
        (chapter()[1:2], "title"),
        (without, "lacks the line"),
    ):
        before = copy.deepcopy(cells)
        with pytest.raises(OptionError, match=message):
            badges.dress(cells, "01_chapter", "owner/name")
        assert cells == dressed(cells, None) == before
    assert dressed([], None) == []


def test_cells_may_be_plain_dictionaries() -> None:
    (cell,) = dressed([{"cell_type": "markdown", "metadata": {}, "source": "# T"}])
    assert cell["source"] == f"# T\n\n{LINE}\n"


# The command


def test_the_setting_stands_in_pyproject_and_nothing_else_changes_there(clone: Path) -> None:
    before = tomllib.loads((clone / "pyproject.toml").read_text(encoding="utf-8"))
    assert main(["badges", "--repository", "owner/name"]) == 0
    after = tomllib.loads((clone / "pyproject.toml").read_text(encoding="utf-8"))
    assert after["project"].pop("urls") == {"Repository": "https://github.com/owner/name"}
    assert after == before
    assert badges.repository(clone) == "owner/name"


def test_all_pages_follow_the_setting_but_solutions(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    solution = (clone / "notebooks/solutions/01_chapter.ipynb").read_bytes()
    assert main(["badges", "--repository", "owner/name"]) == 0
    changed = ["pyproject.toml", "README.md", "notebooks/00_start_here.ipynb", "notebooks/01_chapter.ipynb"]
    assert capsys.readouterr().out.splitlines() == changed
    readme = LINE.replace("(badges/", "(notebooks/badges/").replace("01_chapter", "00_start_here")
    assert f"<!-- badges -->\n{readme}\n<!-- /badges -->\n" in (clone / "README.md").read_text(encoding="utf-8")
    assert LINE in cells(clone)[0].source and cells(clone)[1].source == FETCHING
    assert LINE.replace("01_chapter", "00_start_here") in cells(clone, "00_start_here")[0].source
    assert (clone / "notebooks/solutions/01_chapter.ipynb").read_bytes() == solution


def test_setting_again_changes_nothing_and_removing_restores_every_byte(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = contents(clone)
    assert main(["badges", "--repository", "some-one/else.2"]) == 0
    other = contents(clone)
    assert main(["badges", "--repository", "owner/name"]) == 0
    assert not any(b"some-one" in content for content in contents(clone).values())
    capsys.readouterr()
    dressed = contents(clone)
    assert main(["badges", "--repository", "owner/name"]) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert contents(clone) == dressed and dressed.keys() == bare.keys()
    assert main(["badges", "--repository", "some-one/else.2"]) == 0
    assert contents(clone) == other
    assert main(["badges", "--remove"]) == 0
    assert contents(clone) == bare


def test_a_notebook_that_is_built_again_has_the_bytes_that_the_command_leaves(clone: Path) -> None:
    bare = nbformat.read(clone / "notebooks/00_start_here.ipynb", as_version=4)
    badges.set_repository(clone, "owner/name")
    badges.dress(bare.cells, "00_start_here", badges.repository(clone))  # as notebooks/build.py does
    nbformat.write(bare, clone / "built.ipynb")
    assert (clone / "built.ipynb").read_bytes() == (clone / "notebooks/00_start_here.ipynb").read_bytes()


@pytest.mark.parametrize(
    "urls", ['Documentation = "https://a.b"\n', 'Repository = "https://github.com/x/y"\nB = "z"\n']
)
def test_other_addresses_of_the_project_stay(clone: Path, urls: str) -> None:
    path = clone / "pyproject.toml"
    anchor = "[project.optional-dependencies]\n"
    path.write_text(path.read_text(encoding="utf-8").replace(anchor, f"[project.urls]\n{urls}\n{anchor}"))
    badges.set_repository(clone, "owner/name")
    assert badges.repository(clone) == "owner/name"
    badges.set_repository(clone, None)
    left = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["urls"]
    assert left == {key: value for key, value in tomllib.loads(urls).items() if key != "Repository"}


def test_windows_line_ends_stay_in_files_that_are_left_alone(clone: Path) -> None:
    path = clone / "notebooks/02_by_hand.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=chapter()), path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = contents(clone)
    badges.set_repository(clone, None)
    assert contents(clone) == before


# What is refused


@pytest.mark.parametrize(
    "name",
    ["", "name", "owner/", "/name", "owner/name/x", "https://github.com/owner/name", "owner/name.git", "own er/name",
     "owner/..", "-owner/name", 'owner/na"me', "owner/name\n", "owner/naïve"],
)  # fmt: skip
def test_what_is_no_repository_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    before = contents(clone)
    assert main(["badges", f"--repository={name}"]) == 1
    assert "write owner/name" in capsys.readouterr().err
    assert contents(clone) == before


def test_a_page_without_a_place_for_badges_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = clone / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text.replace("<!-- /badges -->", ""), encoding="utf-8")
    before = contents(clone)
    assert main(["badges", "--repository", "owner/name"]) == 1
    assert "add the lines <!-- badges --> and <!-- /badges -->" in capsys.readouterr().err
    assert contents(clone) == before
    readme.write_text(text, encoding="utf-8")
    nbformat.write(nbformat.v4.new_notebook(cells=chapter("No title.")), clone / "notebooks/09_last.ipynb")
    before = contents(clone)
    assert main(["badges", "--repository", "owner/name"]) == 1
    assert "notebooks/source/09_last.py" in capsys.readouterr().err
    assert contents(clone) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[project.optional-dependencies]\n", '[project.urls]\nRepository = "https://gitlab.com/a/b"\n\n[project.o]\n'),
        ("[project.optional-dependencies]\n", '[project.urls]\n"Repository" = "https://github.com/a/b"\n[project.o]\n'),
        ("[project.optional-dependencies]\n", "[project . optional-dependencies]\n"),
        ("[tool.ruff]\n", '[tool.other]\nRepository = "https://github.com/a/b"\n\n[tool.ruff]\n'),
    ],
)
def test_a_pyproject_that_is_written_otherwise_is_left_alone(clone: Path, old: str, new: str) -> None:
    path = clone / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    before = contents(clone)
    with pytest.raises(OptionError, match=r"\[project\.urls\]"):
        badges.set_repository(clone, "owner/name")
    assert contents(clone) == before


def test_another_folder_is_left_alone(tmp_path: Path, clone: Path) -> None:
    for text in (None, '[project]\nname = "other"\n'):
        folder = clone / "elsewhere"
        folder.mkdir(exist_ok=True)
        if text:
            (folder / "pyproject.toml").write_text(text, encoding="utf-8")
        with pytest.raises(OptionError, match="run this in a clone"):
            badges.set_repository(folder, "owner/name")
        with pytest.raises(OptionError, match="run this in a clone"):
            badges.repository(folder)


def test_a_file_that_can_not_be_written_leaves_all_as_they_were(clone: Path) -> None:
    before = contents(clone)
    (clone / "notebooks/01_chapter.ipynb.partial").mkdir()
    with pytest.raises(OSError, match="partial"):
        badges.set_repository(clone, "owner/name")
    assert contents(clone) == before


def test_the_command_says_what_it_needs(clone: Path) -> None:
    command = [sys.executable, "-m", "xai_helpers.course", "badges"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, env=environment, cwd=clone, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 2 and "--repository" in result.stderr
    result = subprocess.run(
        [*command, "--repository", "owner/name"],
        env=environment,
        cwd=clone,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert badges.repository(clone) == "owner/name"


# What is committed


def test_the_pictures_are_small_and_load_nothing() -> None:
    for name, words in (("colab", "Open in Colab"), ("binder", "Open on Binder")):
        path = ROOT / f"notebooks/badges/{name}.svg"
        text = path.read_text(encoding="utf-8")
        assert path.stat().st_size < 1000
        assert re.findall(r"\w+://[^\"]*", text) == [
            "http://www.w3.org/2000/svg"
        ]  # the name of a language, not a place
        assert "href" not in text and "url(" not in text and "@import" not in text
        svg = ET.fromstring(text)
        assert svg.get("aria-label") == words
        assert [element.text for element in svg if element.tag.endswith(("title", "text"))] == [words, words]


def pages() -> list[Path]:
    """What readers and installers see, and the sources it is made from."""
    notebooks = [*ROOT.glob("notebooks/**/*.ipynb"), *ROOT.glob("notebooks/source/*.py")]
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "pyproject.toml"]
    return [path for path in [*documents, *notebooks] if ".ipynb_checkpoints" not in path.parts]


def named(text: str) -> list[str]:
    """The repositories whose notebooks a text opens, or whose package it fetches."""
    return re.findall(r"(?:google\.com/github|binder\.org/v2/gh|git\+https://github\.com)/([\w.-]+/[\w.-]+)", text)


def test_what_is_committed_names_no_repository_unless_it_is_set(clone: Path) -> None:
    for path in pages():
        assert set(named(path.read_text(encoding="utf-8"))) <= {badges.repository(ROOT)}, path.relative_to(ROOT)
    if badges.repository(ROOT) is None:
        assert "urls" not in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    badges.set_repository(clone, "owner/name")
    assert named((clone / "README.md").read_text(encoding="utf-8")) == ["owner/name"] * 2
    assert named((clone / "notebooks/01_chapter.ipynb").read_text(encoding="utf-8")) == ["owner/name"] * 3


def test_what_is_committed_is_what_the_setting_makes(clone: Path) -> None:
    """The setting was not changed by hand, without its pages."""
    here = clone / "all"
    shutil.copytree(ROOT / "notebooks", here / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, here / name)
    assert badges.set_repository(here, badges.repository(here)) == []
