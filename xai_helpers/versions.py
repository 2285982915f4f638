"""Which releases computed a result: recorded in every attribution."""

from __future__ import annotations

import functools
from importlib import metadata

LIBRARIES = ("torch", "transformers", "numpy")


def versions() -> dict[str, str]:
    """The releases of this package and of the libraries whose arithmetic a score depends on."""
    return {"xai_helpers": package_version()} | {name: _version(name) for name in LIBRARIES}


@functools.cache
def _version(name: str) -> str:
    return metadata.version(name)


def package_version() -> str:
    """This package's release; "unknown" where it is imported without being installed."""
    try:
        return metadata.version("xai_helpers")
    except metadata.PackageNotFoundError:
        return "unknown"
