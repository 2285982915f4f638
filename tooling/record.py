"""What the runs share: the course's examples, and how a result is saved, whole or not at all.

It is imported in every tool's environment, where the course's own libraries need not be.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).parents[1]
GPT2, DISTILBERT = (str(ROOT / "data" / "models" / name) for name in ("course-gpt2", "course-distilbert"))
PROMPT, ANSWER = "The Eiffel Tower is located in the city of", " Paris"
REVIEW = "The movie was surprisingly entertaining despite a weak script"

Result = dict[str, Any]
Arrays = dict[str, np.ndarray]


def main(tool: str, libraries: Sequence[str], text: str, job: Callable[[], tuple[Result, Arrays]]) -> None:
    """Runs a tool's job, and writes FOLDER/TOOL.json, with TOOL.safetensors where there are arrays.

    seconds are the job's, imports not counted; peak_mb is the most memory that the whole process had. What a job
    returns is written after it has ended, so one that fails leaves the last result as it was.
    """
    parser = argparse.ArgumentParser(description=f"Runs {tool} on the course's example.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    start = time.perf_counter()
    result, arrays = job()
    record = {
        "tool": tool,
        "versions": {name: importlib.metadata.version(name).split("+")[0] for name in libraries},
        "command": "make tools",
        "made": datetime.date.today().isoformat(),
        "why_apart": why_apart(tool),
        "text": text,
        "seconds": round(time.perf_counter() - start, 2),
        "peak_mb": round(peak_memory() / 1e6),
        "result": result,
    }
    page = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    if arrays:
        save_file(arrays, folder / f"{tool}.partial")
        (folder / f"{tool}.partial").replace(folder / f"{tool}.safetensors")
    (folder / f"{tool}.partial").write_text(page, encoding="utf-8")
    (folder / f"{tool}.partial").replace(folder / f"{tool}.json")
    print(f"{tool}: {record['seconds']} s, {record['peak_mb']} MB")


def why_apart(tool: str) -> str:
    """The first paragraph of the tool's requirements: what was seen beside the lock."""
    lines = (ROOT / "tooling" / tool / "requirements.txt").read_text(encoding="utf-8").splitlines()
    first = lines[: lines.index("#")]
    return " ".join(line.removeprefix("# ") for line in first)


def peak_memory() -> int:
    """The most bytes of memory that this process has had at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
