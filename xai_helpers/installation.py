"""What is installed: where the course's data lies, and which releases compute its results."""

from __future__ import annotations

import functools
from importlib import metadata
from pathlib import Path

LIBRARIES = ("torch", "transformers", "numpy")
INSTALL = 'in the course\'s folder: python -m pip install -c constraints.txt -e ".[course]"'


def data_folder() -> Path:
    """The folder that holds methods.json, models/ and corpora/: inside the package in a wheel, beside it in a clone."""
    package = Path(__file__).resolve().parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def versions() -> dict[str, str]:
    """The releases of this package and of the libraries whose arithmetic a score depends on; every result has them."""
    return {"xai_helpers": package_version()} | {name: _version(name) for name in LIBRARIES}


@functools.cache
def package_version() -> str:
    """This package's release; "unknown" where it is imported without being installed."""
    try:
        return metadata.version("xai_helpers")
    except metadata.PackageNotFoundError:
        return "unknown"


@functools.cache
def _version(name: str) -> str:
    return metadata.version(name)
