"""Makes the notebooks from their sources: `make notebooks`, or `python notebooks/build.py [NAME ...]`.

notebooks/source/NN_name.py (jupytext percent) becomes notebooks/NN_name.ipynb, executed, with its outputs. Whatever
would differ from run to run is left out, so that a second run changes no byte.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jupytext
import nbclient
import nbformat

NOTEBOOKS = Path(__file__).resolve().parent
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = "<em>A control stands here while a kernel runs: run this cell to use it.</em>"


def build(source: Path) -> Path:
    """Executes one source and writes its notebook, whole or not at all. Raises if a cell fails or uses stderr."""
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=300, record_timing=False, resources={"metadata": {"path": NOTEBOOKS}}
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _one_stream([_settled(output, cell) for output in cell.outputs])
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.validate(notebook)
    target = NOTEBOOKS / f"{source.stem}.ipynb"
    partial = target.with_suffix(".partial")
    nbformat.write(notebook, partial)
    partial.replace(target)
    return target


def _settled(output: nbformat.NotebookNode, cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output without what only lives as long as the kernel."""
    if output.get("name") == "stderr":
        raise RuntimeError(f"a cell writes to stderr:\n{cell.source}\n---\n{output.text}")
    if WIDGET in output.get("data", {}):
        output.data = {"text/html": WIDGET_NOTE, "text/plain": "A control: run this cell to use it."}
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
        print(build(sources[name]).relative_to(NOTEBOOKS.parent))


if __name__ == "__main__":
    main(sys.argv[1:])
