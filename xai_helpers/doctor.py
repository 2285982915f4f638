"""What this installation has, what it lacks, and what to do about it: `python -m xai_helpers doctor`.

It needs only `packaging` and `rich`, and imports torch and transformers only to see whether they can be imported.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from .installation import INSTALL, data_folder

PACKAGE = "xai-helpers"
CHECKSUMS = "SHA256SUMS"
RESTORE = "in a clone: git checkout -- data/models; else install the package again"
ENOUGH_MEMORY = 1.5e9  # bytes: what a notebook takes that imports every library


@dataclass(frozen=True)
class Check:
    """One finding. remedy: what to do where `ok` is false. required: the course can't run without it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True


def report(models: Path | None = None) -> list[Check]:
    """All checks, in the order in which they are worth mending. models: the embedded models' folder."""
    models = data_folder() / "models" if models is None else models
    return [_python(), *libraries(), _torch(), _transformers(), _memory(), *_models(models), _widgets(), _hub()]


def main() -> int:
    """Prints the report; returns the exit status: 1 if something that the course needs is missing."""
    from rich.console import Console
    from rich.text import Text

    checks = report()
    console = Console(highlight=False, soft_wrap=True)  # a command that is broken into lines can't be copied
    width = max(len(check.name) for check in checks)
    for check in checks:
        status, style = ("ok", "green") if check.ok else ("FAIL", "bold red") if check.required else ("note", "yellow")
        console.print(Text(f"{status:4}  ", style), Text(f"{check.name:{width}}  {check.detail}"), sep="")
        if not check.ok:
            console.print(Text(f"{'':{width + 8}}-> {check.remedy}"))
    failed = sum(check.required for check in checks if not check.ok)
    noted = sum(not check.required for check in checks if not check.ok)
    console.print(f"{len(checks)} checks: {failed} failed, {noted} to note.")
    return 1 if failed else 0


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    try:
        wanted = SpecifierSet(metadata.metadata(PACKAGE)["Requires-Python"])
    except metadata.PackageNotFoundError:
        return Check("Python", True, version)  # libraries says what is wrong
    ok = wanted.contains(version, prereleases=True)
    needs = f"needs {_bounds(wanted)}"
    return Check("Python", ok, f"{version} ({needs})", f"make a virtual environment with another Python: it {needs}")


def libraries() -> list[Check]:
    """One check for each library that the package requires, and a milder one for each that the notebooks add."""
    try:
        requirements = [Requirement(line) for line in metadata.requires(PACKAGE) or []]
    except metadata.PackageNotFoundError:
        return [Check(PACKAGE, False, "is imported without being installed", INSTALL)]
    core = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    course = [r for r in requirements if r not in core and r.marker and r.marker.evaluate({"extra": "course"})]
    own = Check(PACKAGE, True, f"{metadata.version(PACKAGE)} at {Path(__file__).parent}")
    return [own, *(_library(r, required=True) for r in core), *(_library(r, required=False) for r in course)]


def _library(requirement: Requirement, required: bool) -> Check:
    needs = f"needs {_bounds(requirement.specifier)}"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Check(requirement.name, False, f"missing ({needs})", INSTALL, required)
    ok = requirement.specifier.contains(version, prereleases=True)
    return Check(requirement.name, ok, f"{version} ({needs})", INSTALL, required)


def _bounds(specifiers: SpecifierSet) -> str:
    return ",".join(sorted(map(str, specifiers), reverse=True))  # the lower one first


def _torch() -> Check:
    try:
        import torch
    except Exception as error:  # a broken build raises ImportError, OSError, or its own
        return Check("torch build", False, f"can't be imported: {type(error).__name__}: {error}", INSTALL)
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU in use"
    threads = torch.get_num_threads()
    return Check("torch build", True, f"{build}, {device}, {threads} thread{'s' if threads > 1 else ''}")


def _transformers() -> Check:
    try:
        from transformers import PreTrainedModel
    except Exception as error:  # as for torch
        return Check("transformers build", False, f"can't be imported: {type(error).__name__}: {error}", INSTALL)
    return Check("transformers build", True, f"works: {PreTrainedModel.__name__} can be imported")


def _memory() -> Check:
    try:
        import psutil
    except ImportError:
        return Check("memory", False, "not measured, for want of psutil", INSTALL, required=False)
    free = psutil.virtual_memory().available
    return Check(
        "memory",
        free >= ENOUGH_MEMORY,
        f"{free / 1e9:.1f} GB free",
        "close other programs or notebooks",
        required=False,
    )


def _models(folder: Path) -> list[Check]:
    """One check for each embedded model: all its files there, none altered."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return [Check("models", False, f"{folder / CHECKSUMS} is missing", RESTORE)]
    damage: dict[str, list[str]] = {}
    for line in lines:  # as sha256sum writes them: digest, blank, blank or asterisk, name
        digest, name = line[:64], line[66:]
        found = damage.setdefault(name.split("/")[0], [])
        if not (folder / name).is_file():
            found.append(f"{name} is missing")
        elif _sha256(folder / name) != digest:
            found.append(f"{name} is corrupted")
    if not damage:
        return [Check("models", False, f"{folder / CHECKSUMS} lists none", RESTORE)]
    return [
        Check(f"model {model}", not found, "; ".join(found) or "all files as published", RESTORE)
        for model, found in damage.items()
    ]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _widgets() -> Check:
    """JupyterLab shows sliders only with the extension that the package jupyterlab_widgets installs."""
    name = "Jupyter widgets"
    try:
        import ipywidgets
        from jupyter_core.paths import jupyter_path
    except ImportError as error:
        return Check(name, False, f"missing: {error.name}", INSTALL, required=False)
    places = [Path(p, "@jupyter-widgets/jupyterlab-manager/package.json") for p in jupyter_path("labextensions")]
    if not any(place.is_file() for place in places):
        remedy = "python -m pip install --force-reinstall --no-deps jupyterlab_widgets, then restart JupyterLab"
        return Check(name, False, "JupyterLab lacks the widgets extension: no sliders", remedy, required=False)
    return Check(name, True, f"ipywidgets {ipywidgets.__version__}, and its extension of JupyterLab")


def _hub() -> Check:
    """The hub is no requirement: the embedded models need no network."""
    no_need = "the embedded models need no network"
    try:
        from huggingface_hub import constants

        from . import hub
    except ImportError as error:
        return Check("hub", False, f"not tried, for want of {error.name}", INSTALL, required=False)
    if constants.HF_HUB_OFFLINE:
        return Check("hub", True, f"not tried, because HF_HUB_OFFLINE is set; {no_need}")
    if hub.reachable(timeout=3.0):
        return Check("hub", True, f"{constants.ENDPOINT} answers: models such as gpt2 can be loaded")
    return Check("hub", True, f"{constants.ENDPOINT} does not answer; {no_need}")
