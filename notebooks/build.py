"""Makes the notebooks from their sources: `make notebooks`, or `python notebooks/build.py [NAME ...]`.

notebooks/source/NN_name.py (jupytext percent) becomes notebooks/solutions/NN_name.ipynb, and, with what stands between
"# solution" and "# end solution" taken out, notebooks/NN_name.ipynb. Both are executed and keep their outputs. Whatever
would differ from run to run is left out, so that a second run changes no byte.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import jupytext
import nbclient
import nbformat

from xai_helpers.course import badges
from xai_helpers.viz.widgets import WIDGET_VIEW

NOTEBOOKS = Path(__file__).resolve().parent
SOLUTION = re.compile(r"^( *)# solution\n.*?^\1# end solution$", re.MULTILINE | re.DOTALL)
STUB = r"\1...  # your code here"


def notebooks_of(source: Path) -> dict[Path, nbformat.NotebookNode]:
    """The notebooks that a source makes, not executed: where each is kept, the learner's first."""
    repository = badges.repository(NOTEBOOKS.parent)
    learner, solved = _read(source), _read(source)
    for cell in learner.cells:
        if "exercise" in cell.metadata.get("tags", []):
            cell.source, found = SOLUTION.subn(STUB, cell.source)
            if not found:
                raise ValueError(f"{source.name}: an exercise has no solution to take out:\n{cell.source}")
    solved.cells[0].source = re.sub(r"\A# (.*)$", r"# \1 (with solutions)", solved.cells[0].source, flags=re.MULTILINE)
    badges.dress(learner.cells, source.stem, repository)
    return {
        NOTEBOOKS / f"{source.stem}.ipynb": learner,
        NOTEBOOKS / "solutions" / f"{source.stem}.ipynb": solved,
    }


def build(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Executes a notebook and writes it, whole or not at all. Raises if a cell fails or uses stderr."""
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=300, record_timing=False, resources={"metadata": {"path": NOTEBOOKS}}
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _one_stream([_settled(output, cell) for output in cell.outputs])
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.validate(notebook)
    target.parent.mkdir(exist_ok=True)
    partial = target.with_suffix(".partial")
    nbformat.write(notebook, partial)
    partial.replace(target)


def _read(source: Path) -> nbformat.NotebookNode:
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"
    return notebook


def _settled(output: nbformat.NotebookNode, cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output without the live widget, which lives as long as the kernel; its static form stays."""
    if output.get("name") == "stderr":
        raise RuntimeError(f"a cell writes to stderr:\n{cell.source}\n---\n{output.text}")
    if output.get("data", {}).pop(WIDGET_VIEW, None) and "text/html" not in output.data:
        raise RuntimeError(f"a widget has no static form; use viz.explore, course.ask or course.pick:\n{cell.source}")
    return output


def _one_stream(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Printed text joined: the kernel sends it in pieces that depend on its speed."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if joined and output.get("name", "") == joined[-1].get("name") == "stdout":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def main(names: list[str]) -> None:
    """Builds the notebooks of these names (such as 00_start_here), or all of them."""
    sources = {source.stem: source for source in sorted((NOTEBOOKS / "source").glob("*.py"))}
    if unknown := set(names) - set(sources):
        sys.exit(f"no source for {', '.join(sorted(unknown))}; there is: {', '.join(sources)}")
    for name in names or sources:
        for target, notebook in notebooks_of(sources[name]).items():
            build(notebook, target)
            print(target.relative_to(NOTEBOOKS.parent))


if __name__ == "__main__":
    main(sys.argv[1:])
