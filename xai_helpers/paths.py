"""Where the course's data lies: beside the package in a clone, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path


def data_folder() -> Path:
    """The folder that holds methods.json, models/ and corpora/."""
    package = Path(__file__).resolve().parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"
