"""Where the data lies, and which releases are recorded."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import xai_helpers as xai
from xai_helpers import installation


def test_the_data_folder_holds_what_it_says() -> None:
    folder = installation.data_folder()
    assert (folder / "methods.json").is_file()
    assert (folder / "models").is_dir() and (folder / "corpora").is_dir()


def test_data_inside_the_package_is_preferred_to_data_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "xai_helpers"
    package.mkdir()
    monkeypatch.setattr(installation, "__file__", str(package / "installation.py"))
    assert installation.data_folder() == tmp_path / "data"
    (package / "data").mkdir()
    assert installation.data_folder() == package / "data"


def test_versions_are_those_of_what_is_running() -> None:
    assert installation.versions() == {
        "xai_helpers": xai.__version__,
        "torch": metadata.version("torch"),
        "transformers": transformers.__version__,
        "numpy": np.__version__,
    }
    assert torch.__version__.startswith(metadata.version("torch").split("+")[0])


def test_without_being_installed_the_package_has_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    installation.package_version.cache_clear()
    try:
        assert installation.package_version() == xai.__version__ == "unknown"
    finally:
        installation.package_version.cache_clear()
