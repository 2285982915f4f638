"""The first cell of a notebook: silent on a laptop that has everything; on Colab it installs, and replaces nothing.

Colab is played by a virtual environment that has a package google.colab, empty releases of libraries, and real pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from xai_helpers.course import badges, bootstrap

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
START = "import xai_helpers.course as course; course.start()"
COURSE = [
    *PROJECT["dependencies"],
    *(f'{line}; extra == "course"' for line in PROJECT["optional-dependencies"]["course"]),
]
# What Colab had in August 2026 (github.com/googlecolab/backend-info) of what the course requires or Colab runs on.
COLAB = {
    "httpx": "0.28.1", "httpx2": "2.10.0", "huggingface-hub": "1.27.0", "ipykernel": "6.17.1", "ipython": "7.34.0",
    "ipywidgets": "7.7.1", "joblib": "1.5.3", "jsonschema": "4.26.0", "jupyter-client": "7.4.9",
    "jupyter-server": "2.20.0", "matplotlib": "3.10.0", "networkx": "3.6.1", "notebook": "6.5.7", "numpy": "2.1.3",
    "openai": "2.54.0", "pandas": "2.2.3", "psutil": "5.9.5", "pyarrow": "18.1.0", "rich": "13.9.4",
    "safetensors": "0.8.0", "scikit-learn": "1.6.1", "scipy": "1.16.3", "shap": "0.52.0", "torch": "2.11.0+cu128",
    "tornado": "6.5.7", "tqdm": "4.67.3", "traitlets": "5.7.1", "transformers": "5.15.0",
}  # fmt: skip


def files(name: str, version: str, requires: list[str]) -> dict[str, str]:
    """An empty release of a library, as a wheel or an installation holds it."""
    stem = f"{name.replace('-', '_')}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: course\nProvides-Extra: test\n"
    found = {
        f"{stem}/METADATA": head + "".join(f"Requires-Dist: {line}\n" for line in requires),
        f"{stem}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return found | {f"{stem}/RECORD": "".join(f"{path},,\n" for path in [*found, f"{stem}/RECORD"])}


@dataclass
class Machine:
    """A Python of its own. site: where its libraries are. wheels: what its pip can find."""

    python: Path
    site: Path
    wheels: Path

    def has(self, name: str, version: str, *requires: str) -> None:
        for path, text in files(name, version, list(requires)).items():
            (self.site / path).parent.mkdir(exist_ok=True)
            (self.site / path).write_text(text, encoding="utf-8")

    def offers(self, name: str, version: str, *requires: str) -> None:
        with zipfile.ZipFile(self.wheels / f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as wheel:
            for path, text in files(name, version, list(requires)).items():
                wheel.writestr(path, text)

    def is_colab(self) -> None:
        (self.site / "google/colab").mkdir(parents=True)
        (self.site / "google/colab/__init__.py").touch()

    def uses(self, folder: Path) -> None:
        (self.site / f"{folder.name}.pth").write_text(f"{folder}\n", encoding="utf-8")

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        environment |= {"PYTHONPATH": str(ROOT), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)} | variables
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.wheels,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def start(self) -> subprocess.CompletedProcess[str]:
        return self.run("-c", START)

    def installed(self) -> dict[str, str]:
        names = [path.name.removesuffix(".dist-info").split("-") for path in self.site.glob("*.dist-info")]
        return {name.replace("_", "-"): version for name, version in names if name != "xai_helpers"}


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """Python, without pip."""
    venv, wheels = tmp_path / "venv", tmp_path / "wheels"
    wheels.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = sysconfig.get_path("purelib", "venv", vars={"base": str(venv), "platbase": str(venv)})
    return Machine(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"), Path(site), wheels)


@pytest.fixture(scope="module")
def packaging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied("packaging", tmp_path_factory.mktemp("library") / "packaging_alone")


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied("pip", tmp_path_factory.mktemp("library") / "pip_alone")


def copied(name: str, folder: Path) -> Path:
    """One installed library, in a folder by itself."""
    for path in Path(sysconfig.get_path("purelib")).glob(f"{name}*"):
        if path.name == name or path.name.startswith(f"{name}-"):
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def laptop(bare: Machine, packaging: Path) -> Machine:
    """Python and packaging; no pip, so that a call of it would fail."""
    bare.uses(packaging)
    return bare


@pytest.fixture
def colab(laptop: Machine, pip: Path) -> Machine:
    laptop.uses(pip)
    laptop.is_colab()
    for name in ("torch", "numpy", "ipykernel", "ipywidgets"):
        laptop.has(name, COLAB[name])
    return laptop


@pytest.fixture
def recorder(laptop: Machine, tmp_path: Path) -> Path:
    """A stand-in for pip, which installs nothing: where it keeps its arguments and the constraints."""
    folder = tmp_path / "recorder"
    (folder / "pip").mkdir(parents=True)
    (folder / "pip/__init__.py").touch()
    (folder / "pip/__main__.py").write_text(
        "import pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "(here / 'arguments').write_text('\\n'.join(sys.argv[1:]))\n"
        "(here / 'constraints').write_text(pathlib.Path(sys.argv[sys.argv.index('-c') + 1]).read_text())\n",
        encoding="utf-8",
    )
    laptop.uses(folder)
    return folder / "pip"


# Importing


def test_importing_needs_the_standard_library_alone() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import xai_helpers.course.bootstrap; xai_helpers.course.start;"
        "print({name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'xai_helpers', '__main__'})"
    )
    assert subprocess.check_output([sys.executable, "-I", "-S", "-c", code], text=True).strip() == "set()"


# On a laptop


def test_where_all_is_well_it_is_silent_and_quick(capfd: pytest.CaptureFixture[str], no_network: list[object]) -> None:
    bootstrap.start()
    begin = time.perf_counter()
    bootstrap.start()
    assert time.perf_counter() - begin < 1
    assert capfd.readouterr() == ("", "")
    assert no_network == []


def test_a_laptop_with_everything_needs_no_pip(laptop: Machine) -> None:
    laptop.has("xai-helpers", "9", "one>=1", 'two<3; extra == "course"', 'absent; extra == "test"')
    laptop.has("one", "1.0")
    laptop.has("two", "2.5")
    result = laptop.start()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_what_the_package_itself_lacks_stops_the_notebook(laptop: Machine) -> None:
    laptop.has("xai-helpers", "9", "one>=1,<2", "two>=3", 'three; extra == "course"')
    laptop.has("one", "0.9")
    result = laptop.start()
    assert result.returncode == 1 and result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("xai_helpers.errors.InstallationError: The course can't run here: ")
    assert "one 0.9 (needs >=1,<2); two missing (needs >=3)" in last
    assert 'python -m pip install -c constraints.txt -e ".[course]"' in last and "xai_helpers doctor" in last


def test_what_only_some_chapters_need_is_told_and_stops_nothing(laptop: Machine) -> None:
    laptop.has("xai-helpers", "9", "one>=1", 'jupyterlab>=4; extra == "course"')
    laptop.has("one", "1.0")
    result = laptop.start()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Some chapters will not run here: jupyterlab missing (needs >=4). Install ")
    assert "xai_helpers doctor" in result.stdout


def test_without_being_installed_the_package_says_so(laptop: Machine) -> None:
    result = laptop.start()
    assert result.returncode == 1
    assert "xai-helpers is imported without being installed" in result.stderr.splitlines()[-1]


def test_without_packaging_it_says_what_to_install(bare: Machine) -> None:
    result = bare.start()
    assert result.returncode == 1
    assert "InstallationError: packaging is missing" in result.stderr and "pip install packaging" in result.stderr


def test_a_package_google_is_no_colab(laptop: Machine) -> None:
    code = "from xai_helpers.course import bootstrap; print(bootstrap.on_colab())"
    assert laptop.run("-c", code).stdout == "False\n"
    unmade = "import sys, types; sys.modules['google'] = types.ModuleType('google')"
    specless = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"
    (laptop.site / "google").mkdir()
    for before in ("pass", unmade, specless):
        assert laptop.run("-c", f"{before}; {code}").stdout == "False\n"
    (laptop.site / "google/colab").mkdir()
    assert laptop.run("-c", code).stdout == "True\n"


# On Colab


def test_a_colab_with_everything_needs_no_pip(laptop: Machine) -> None:
    laptop.is_colab()
    laptop.has("xai-helpers", "9", *COURSE)
    for name, version in COLAB.items():
        laptop.has(name, {"httpx2": "2.12.0", "openai": "3.52.0", "psutil": "7.0", "shap": "0.51.0"}.get(name, version))
    for name, version in {"bertviz": "1.4.1", "captum": "0.9.0", "lime": "0.2.0.1", "nnsight": "0.8.1"}.items():
        laptop.has(name, version)
    laptop.has("transformer-lens", "4.3.0")
    laptop.has("concept-erasure", "0.2.4")
    result = laptop.start()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_what_is_asked_of_pip_on_colab(laptop: Machine, recorder: Path) -> None:
    laptop.is_colab()
    laptop.has("xai-helpers", "9", *COURSE, 'nbval; extra == "test"')
    for name, version in COLAB.items():
        laptop.has(name, version)
    result = laptop.start()
    assert result.returncode == 0, result.stderr
    assert result.stdout == (
        "Installing on Colab, which takes a minute or two: "
        "bertviz, captum, concept-erasure, httpx2, lime, nnsight, openai, psutil, shap, transformer-lens\n"
    )
    command, *options = (recorder / "arguments").read_text().splitlines()
    assert command == "install"
    asked = options[options.index("-c") + 2 :]
    left = ("ipykernel", "ipywidgets", "jupyterlab")
    lines = [line.split(";")[0] for line in COURSE if not line.startswith(left)]
    bounds = {line.split(">=")[0]: set(line.split(">=")[1].split(",")) for line in lines}
    assert {line.split("<")[0].split(">")[0] for line in asked} == set(bounds)
    assert all(line.split(";") == [line] for line in asked)
    pins = (recorder / "constraints").read_text().splitlines()
    assert {"torch==2.11.0+cu128", "numpy==2.1.3", "ipykernel==6.17.1", "ipywidgets==7.7.1"} <= set(pins)
    assert set(pins) <= {f"{name}=={version}" for name, version in COLAB.items()}
    assert not any(pin.startswith(("httpx2", "openai", "psutil", "shap")) for pin in pins)


def test_pip_installs_what_is_missing_and_replaces_nothing_that_is_kept(colab: Machine) -> None:
    course = ["ipywidgets>=8", "ipykernel>=6.29", "jupyterlab>=4", "old>=2", "tool>=1"]
    colab.has("xai-helpers", "9", "torch>=2", "numpy>=2", *(f'{line}; extra == "course"' for line in course))
    colab.has("old", "1.0")
    before = colab.installed()
    for name, version in {"torch": "3.0", "numpy": "2.9", "ipykernel": "7.0", "ipywidgets": "8.0"}.items():
        colab.offers(name, version)
    colab.offers("jupyterlab", "4.0")
    colab.offers("old", "2.0")
    colab.offers("tool", "1.0", "torch", "numpy>=2", "ipykernel", "help")
    colab.offers("help", "1.0")
    result = colab.start()
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert colab.installed() == before | {"old": "2.0", "tool": "1.0", "help": "1.0"}
    again = colab.start()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize("needed", ["torch<2", "numpy<2", "ipykernel>=7"])
def test_what_could_only_be_had_by_replacing_is_refused(colab: Machine, needed: str) -> None:
    colab.has("xai-helpers", "9", "torch>=1", 'tool>=1; extra == "course"')
    colab.offers("tool", "1.0", needed)
    for name, version in {"torch": "1.13", "numpy": "1.26", "ipykernel": "7.0"}.items():  # there to be had
        colab.offers(name, version)
    before = colab.installed()
    result = colab.start()
    assert result.returncode == 1
    assert "xai_helpers.errors.InstallationError: pip could not install what the course needs" in result.stderr
    assert "CalledProcessError" not in result.stderr
    message = result.stderr.split("InstallationError: ")[1]
    assert "tool missing (needs >=1)" in message
    assert needed in message and "The user requested (constraint)" in message  # what pip says
    assert "Binder" in message and "own computer" in message
    assert colab.installed() == before


def test_a_colab_whose_torch_is_too_old_keeps_it(colab: Machine) -> None:
    colab.has("xai-helpers", "9", "torch>=2.12")
    colab.offers("torch", "2.13")
    result = colab.start()
    assert result.returncode == 1
    assert "torch 2.11.0+cu128 (needs >=2.12)" in result.stderr and "torch==2.11.0+cu128" in result.stderr
    assert colab.installed()["torch"] == "2.11.0+cu128"


def test_a_clone_on_colab_is_told_how_to_be_installed(laptop: Machine) -> None:
    laptop.is_colab()
    result = laptop.start()
    assert result.returncode == 1
    assert "%pip install --no-deps -e ." in result.stderr.splitlines()[-1]


# The cell as a reader opens it


@pytest.mark.slow
def test_the_cell_fetches_the_package_from_its_repository(bare: Machine, tmp_path: Path) -> None:
    """The dressed cell, word for word, where everything is installed but the package; git is told another address."""
    repository = tmp_path / "repository"
    repository.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, repository / name)
    (repository / "data").mkdir()
    shutil.copy(ROOT / "data/methods.json", repository / "data/methods.json")
    shutil.copytree(ROOT / "xai_helpers", repository / "xai_helpers", ignore=shutil.ignore_patterns("__pycache__"))
    identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)

    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("xai_helpers", "_xai_helpers")):
            (libraries / path.name).symlink_to(path)
    bare.uses(libraries)
    bare.is_colab()
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        {"cell_type": "code", "metadata": {"tags": ["bootstrap"]}, "source": f"{badges.IMPORT}\n\ncourse.start()"},
    ]
    badges.dress(cells, "01_chapter", "owner/name")
    cell = tmp_path / "cell.ipy"
    cell.write_text(f"{cells[1]['source']}\nprint(course.__file__)\n", encoding="utf-8")
    result = bare.run(
        "-m", "IPython", "--colors=nocolor", str(cell),
        PYTHONPATH="",
        IPYTHONDIR=str(tmp_path / "ipython"),
        PIP_NO_BUILD_ISOLATION="0",  # which means what --no-build-isolation says
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{repository.as_uri()}.insteadOf",
        GIT_CONFIG_VALUE_0="https://github.com/owner/name",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert Path(result.stdout.splitlines()[-1]) == bare.site / "xai_helpers/course/__init__.py"
    assert (bare.site / "xai_helpers/data/methods.json").is_file()
