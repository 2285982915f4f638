"""Badges that open a notebook on Colab or Binder, and the line with which it fetches the course there.

Both need to know where the course's repository lies. That is said once, as `Repository` in the `[project.urls]` of
pyproject.toml; as long as nothing is said there, no page names a repository. `python -m xai_helpers.course badges`
writes the setting, and with it README.md and the notebooks; `notebooks/build.py` dresses what it makes in the same way.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import OptionError

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/(?!\.{1,2}$)[A-Za-z0-9._-]+(?<!\.git)")  # as GitHub allows
HOST = "https://github.com/"
BRANCH = "main"  # Colab's address asks for a branch; Binder takes the default one as HEAD
FIRST = "00_start_here"  # what README.md's badges open

TITLE = re.compile(r"^# .+$", re.MULTILINE)
BADGES = re.compile(
    r"\n\n\[!\[Open in Colab\]\(badges/colab\.svg\)\]\(\S+\) \[!\[Open on Binder\]\(badges/binder\.svg\)\]\(\S+\)\n"
)

IMPORT = "import xai_helpers.course as course"
FETCH = """\
try:
    import xai_helpers.course as course
except ModuleNotFoundError:  # on Colab: fetch the package by itself; start() sees to what it needs
    %pip install --quiet --no-deps git+{address}
    import xai_helpers.course as course"""
PLAIN_LINE = re.compile(f"^{IMPORT}$", re.MULTILINE)
FETCH_LINES = re.compile("^" + re.escape(FETCH).replace(re.escape("{address}"), r"\S+") + "$", re.MULTILINE)

OPENING, CLOSING = "<!-- badges -->\n", "<!-- /badges -->\n"
BETWEEN = re.compile(f"(?<={OPENING}).*?(?={CLOSING})", re.DOTALL)

TABLE = "[project.urls]\n"
SETTING = re.compile(rf'^Repository = "{re.escape(HOST)}[^"\n]*"\n', re.MULTILINE)


def repository(root: Path) -> str | None:
    """The "owner/name" that root's pyproject.toml gives; None if it gives none, or one that is not on GitHub.

    Raises OptionError if there is no pyproject.toml of the course.
    """
    return _setting(_project(_pyproject(root)))


def line(name: str, repository: str, folder: str = "") -> str:
    """Both badges for the notebook of this name. folder: where the page stands, seen from notebooks/."""
    notebook = f"notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{notebook}"
    return (
        f"[![Open in Colab]({folder}badges/colab.svg)]({colab}) "
        f"[![Open on Binder]({folder}badges/binder.svg)]({binder})"
    )


def dress(cells: Sequence[dict[str, Any]], name: str, repository: str | None) -> None:
    """Makes the cells of notebook `name` as they are to be with this repository; with None, as their author wrote them.

    The badges come under the title of the first Markdown cell; the cell tagged "bootstrap" fetches the package where
    it is missing. Dressing twice is dressing once, whatever the repository was before.

    Raises OptionError, and changes nothing, if there is a repository, and no title or no
    `import xai_helpers.course as course` to dress.
    """
    titles = [cell for cell in cells if cell["cell_type"] == "markdown"][:1]
    if repository and not titles:
        raise _untitled(name)
    bootstraps = [cell for cell in cells if "bootstrap" in cell["metadata"].get("tags", [])]
    dressed = [_badged(cell["source"], name, repository) for cell in titles]
    dressed += [_fetching(cell["source"], name, repository) for cell in bootstraps]
    for cell, source in zip([*titles, *bootstraps], dressed, strict=True):
        cell["source"] = source


def _badged(source: str, name: str, repository: str | None) -> str:
    bare = BADGES.sub("", source, count=1)
    if repository is None:
        return bare
    title = TITLE.search(bare)
    if title is None:
        raise _untitled(name)
    return f"{bare[: title.end()]}\n\n{line(name, repository)}\n{bare[title.end() :]}"


def _untitled(name: str) -> OptionError:
    return OptionError(
        f"the notebook {name} does not begin with a title, under which its badges would stand: let the first Markdown "
        f'cell of notebooks/source/{name}.py begin with a line "# ..."'
    )


def _fetching(source: str, name: str, repository: str | None) -> str:
    plain = FETCH_LINES.sub(IMPORT, source)
    if repository is None:
        return plain
    if not PLAIN_LINE.search(plain):
        raise OptionError(f'the bootstrap cell of notebooks/source/{name}.py lacks the line "{IMPORT}": add it')
    return PLAIN_LINE.sub(FETCH.format(address=HOST + repository), plain, count=1)


# The setting, and the files that follow it


def set_repository(root: Path, repository: str | None) -> list[Path]:
    """Writes the setting into pyproject.toml, README.md and the notebooks; returns the files that it changed.

    None takes the setting and all that came of it away: the files are, to the byte, what they were before. All new
    files are made first and then put in place, so that an error changes nothing.

    Raises OptionError if `repository` is not "owner/name" as GitHub allows it, or if a file has no place for what is
    to be written; OSError if a file can't be read or written.
    """
    if repository is not None and not NAME.fullmatch(repository):
        raise OptionError(f"{repository!r} is no GitHub repository: write owner/name, without https://github.com/")
    texts = {
        root / "pyproject.toml": _with_setting(_pyproject(root), repository),
        root / "README.md": _with_badges(_read(root / "README.md"), repository),
    }
    texts |= {path: _notebook(path, repository) for path in sorted((root / "notebooks").glob("*.ipynb"))}
    changed = {path: text for path, text in texts.items() if text != _read(path)}
    _replace(changed)
    return list(changed)


def _with_setting(text: str, repository: str | None) -> str:
    """pyproject.toml with this setting: one line of `[project.urls]`, a table that stands only while it has lines."""
    before = tomllib.loads(text)
    text = SETTING.sub("", text, count=1).replace(f"{TABLE}\n", "", 1)
    if repository:
        setting = f'Repository = "{HOST}{repository}"\n'
        if TABLE in text:
            text = text.replace(TABLE, TABLE + setting, 1)
        else:
            following = "[project.optional-dependencies]\n"
            text = text.replace(following, f"{TABLE}{setting}\n{following}", 1)
    try:
        after = tomllib.loads(text)
        as_meant = _setting(after["project"]) == repository and _others(after) == _others(before)
    except tomllib.TOMLDecodeError:
        as_meant = False
    if not as_meant:
        raise OptionError(
            "pyproject.toml is not written as this command expects: let its table [project.urls] have the line "
            f'Repository = "{HOST}owner/name", or no such table, and stand before [project.optional-dependencies]'
        )
    return text


def _with_badges(readme: str, repository: str | None) -> str:
    if not BETWEEN.search(readme):
        raise OptionError(
            f"README.md has no place for badges: add the lines {OPENING.strip()} and {CLOSING.strip()} under its title"
        )
    badges = f"{line(FIRST, repository, 'notebooks/')}\n" if repository else ""
    return BETWEEN.sub(lambda _: badges, readme, count=1)


def _notebook(path: Path, repository: str | None) -> str:
    """The notebook's text with this setting, written as notebooks/build.py writes it; as it is, if no cell changes."""
    import nbformat

    text = _read(path)
    notebook = nbformat.reads(text, as_version=4)
    before = [cell.source for cell in notebook.cells]
    dress(notebook.cells, path.stem, repository)
    if before == [cell.source for cell in notebook.cells]:
        return text
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _pyproject(root: Path) -> str:
    try:
        text = _read(root / "pyproject.toml")
    except FileNotFoundError:
        text = ""
    if _project(text).get("name") != "xai-helpers":
        raise OptionError(f"{root} is not the course's folder: run this in a clone of it, where its pyproject.toml is")
    return text


def _project(pyproject: str) -> dict[str, Any]:
    return tomllib.loads(pyproject).get("project", {})


def _setting(project: dict[str, Any]) -> str | None:
    address = project.get("urls", {}).get("Repository", "")
    name = address.removeprefix(HOST)
    return name if name != address and NAME.fullmatch(name) else None


def _others(pyproject: dict[str, Any]) -> dict[str, Any]:
    """All that pyproject.toml says but the setting."""
    project = pyproject["project"]
    urls = {key: value for key, value in project.get("urls", {}).items() if key != "Repository"}
    return pyproject | {"project": project | {"urls": urls}}


def _read(path: Path) -> str:
    return path.read_bytes().decode()  # read_text would change the ends of lines


def _replace(texts: dict[Path, str]) -> None:
    """Writes all files beside the old ones, then puts them in their place."""
    partial = {path: path.with_name(f"{path.name}.partial") for path in texts}
    try:
        for path, text in texts.items():
            partial[path].write_bytes(text.encode())
        for path in texts:
            partial[path].replace(path)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
