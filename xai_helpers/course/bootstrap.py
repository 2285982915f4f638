"""The first cell of every notebook: `course.start()`.

On a laptop it looks whether what the course needs is there, and says what to do if it is not. On Google Colab, where
a notebook opens in a machine of Google's, it installs what is missing, around the torch, numpy and Jupyter that this
machine runs on.

The module imports nothing beyond the standard library: on Colab it runs before anything else is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InstallationError
from ..installation import INSTALL

if TYPE_CHECKING:
    from ..doctor import Check

# Colab's runtime is built on old releases of these, and breaks if they are replaced. It needs no JupyterLab.
JUPYTER = ("ipykernel", "ipywidgets", "jupyterlab")
# What pip must leave as it is. A second torch would be 3 GB, and perhaps without the machine's GPU; a second numpy
# would not fit the libraries that were compiled against the first.
KEPT = ("torch", "numpy", *JUPYTER, "ipython", "jupyter-client", "jupyter-server", "notebook", "tornado", "traitlets")
LAST_LINES = 20  # enough for pip to say which versions conflict; with --quiet it would not


def start() -> None:
    """Makes sure that a notebook can run. Where all is well, it does nothing.

    On a laptop nothing is installed and no network is used: a library of the notebooks that is missing or out of
    bounds is reported in a printed sentence, since only some chapters need it. On Colab they are installed.

    Raises InstallationError if a library that the package itself needs is missing or out of bounds, or, on Colab, if
    pip can't install what is missing.
    """
    colab = on_colab()
    broken = [check for check in _checks() if not check.ok and not (colab and check.name in JUPYTER)]
    if broken and colab:
        _install(broken)
    elif broken:
        _report(broken)


def on_colab() -> bool:
    """Whether this Python is one of Google Colab's."""
    try:
        return importlib.util.find_spec("google.colab") is not None
    except (ModuleNotFoundError, ValueError):  # there is no `google`, or a module that only bears its name
        return False


def _checks() -> list[Check]:
    """What the doctor finds out about the libraries of the package and of the notebooks."""
    try:
        from ..doctor import libraries
    except ModuleNotFoundError as error:  # packaging, with which bounds are compared
        missing = (error.name or "packaging").split(".")[0]
        raise InstallationError(
            f"{missing} is missing, and without it nothing can be checked. Run `python -m pip install {missing}` "
            "(in a notebook: `%pip install` and its name), then this cell again."
        ) from error
    return libraries()


def _report(broken: list[Check]) -> None:
    """One printed sentence, or InstallationError if the package itself can't do without."""
    found = _listed(broken)
    remedy = (
        f"Install what is missing, {INSTALL}; then restart the kernel. `python -m xai_helpers doctor` checks again."
    )
    if any(check.required for check in broken):
        raise InstallationError(f"The course can't run here: {found}. {remedy}")
    print(f"Some chapters will not run here: {found}. {remedy}")


def _install(broken: list[Check]) -> None:
    """pip, on Colab: all that the course requires, and nothing of `KEPT` replaced."""
    try:
        wanted = _requirements()
    except metadata.PackageNotFoundError as error:
        raise InstallationError(
            f"{_listed(broken)}. Run `%pip install --no-deps -e .` in the course's folder, then this cell again."
        ) from error
    print(f"Installing on Colab, which takes a minute or two: {', '.join(check.name for check in broken)}")
    result = _pip(wanted)
    importlib.invalidate_caches()
    if result.returncode:
        last = "\n".join(result.stdout.strip().splitlines()[-LAST_LINES:])
        raise InstallationError(
            "pip could not install what the course needs here and leave what Colab runs on as it is "
            f"(needed: {_listed(broken)}). It says:\n{last}\n"
            "If the network failed, run this cell again. If versions conflict, open the course on Binder or on your "
            "own computer (README.md says how), or choose another runtime version of Colab."
        )


def _pip(wanted: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs `pip install`, with the releases of `KEPT` as constraints."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("".join(f"{pin}\n" for pin in _pins()), encoding="utf-8")
        return subprocess.run(
            [*command, "--progress-bar", "off", "-c", str(constraints), *wanted],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )


def _requirements() -> list[str]:
    """What the package and the notebooks require, for pip, without what Colab has in releases of its own."""
    from packaging.requirements import Requirement

    from ..doctor import PACKAGE

    found = [Requirement(line) for line in metadata.requires(PACKAGE) or []]
    course = [r for r in found if r.marker is None or r.marker.evaluate({"extra": "course"})]
    return [str(r).split(";")[0].strip() for r in course if r.name not in JUPYTER]


def _pins() -> list[str]:
    """The installed releases of `KEPT`, local part included (torch==2.11.0+cu128), as constraints."""
    pins = []
    for name in KEPT:
        try:
            pins.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return pins


def _listed(checks: list[Check]) -> str:
    return "; ".join(f"{check.name} {check.detail}" for check in checks)
