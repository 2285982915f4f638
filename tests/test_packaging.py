"""The package installs, stays light, carries its data, and the files that describe environments agree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8")
ENVIRONMENTS = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("environment.yml", "binder/environment.yml")
}
CONDA_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}  # where conda-forge's name is not PyPI's


def requirements(*extras: str) -> dict[str, SpecifierSet]:
    """What the package requires, with these extras: names and bounds."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}


def locked(lock: str = LOCK) -> dict[str, str]:
    """The lock: names and versions."""
    found = [Requirement(line) for line in lock.splitlines() if line and not line.startswith("#")]
    return {r.name: str(r.specifier).removeprefix("==") for r in found}


# Importing


def test_importing_the_package_imports_neither_torch_nor_transformers() -> None:
    code = "import sys, xai_helpers; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


# The lock


def test_the_lock_names_one_version_of_each_package_in_order() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; sys_platform == \"\w+\")?", line) for line in lines)
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names))
    assert [name for name in names if name.startswith(("nvidia", "cuda", "triton", "xai"))] == []


def test_the_lock_holds_every_requirement_within_its_bounds() -> None:
    lock = locked()
    for name, bounds in requirements(*EXTRAS).items():
        assert name in lock, f"{name} is not locked"
        assert bounds.contains(lock[name]), f"{name}: the lock has {lock[name]}, pyproject.toml {bounds}"


def test_every_requirement_is_bounded_on_both_sides() -> None:
    calendar = {"furo", "packaging"}  # numbered by year, or promising stability
    for name, bounds in requirements(*EXTRAS).items():
        kinds = {bound.operator for bound in bounds}
        assert ">=" in kinds and ("<" in kinds or name in calendar), f"{name}: {bounds}"


INSTALLERS = ("Makefile", "README.md", "CONTRIBUTING.md")
RENEWAL = '/tmp/lock/bin/python -m pip install -e ".[course,test,dev,docs]"'  # the one that makes the lock


def install_commands(text: str) -> list[str]:
    """The commands of a text that install this package, without the comments beside them."""
    commands = [line.split("#")[0].strip() for line in text.splitlines()]
    return [command for command in commands if re.search(r"pip install .*\.\[", command)]


def unlocked(text: str) -> list[str]:
    """The commands that install this package without the lock."""
    return [command for command in install_commands(text) if "-c constraints.txt" not in command]


@pytest.mark.parametrize("name", INSTALLERS)
def test_every_install_line_uses_the_lock(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert install_commands(text)
    assert unlocked(text) == ([RENEWAL] if name == "CONTRIBUTING.md" else [])


@pytest.mark.parametrize("name", ["Makefile", "README.md"])
def test_the_lock_in_a_comment_is_no_lock(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for command in install_commands(text):
        bare = command.replace("-c constraints.txt ", "")
        for planted in (
            f"{bare}  # -c constraints.txt",
            f"{bare} #-c constraints.txt",
            f"# -c constraints.txt\n{bare}",
        ):
            assert bare in unlocked(text.replace(command, planted)), f"nobody notices {planted!r}"


def test_a_command_in_a_comment_is_no_command() -> None:
    assert install_commands('# pip install -c constraints.txt -e ".[course]"') == []


def test_the_makefile_asks_for_the_same_python() -> None:
    low, high = re.findall(r"\d+\.\d+", PROJECT["requires-python"])
    condition = f"({low.replace('.', ', ')}) <= sys.version_info < ({high.replace('.', ', ')})"
    assert condition in (ROOT / "Makefile").read_text(encoding="utf-8")


# The environments for conda and Binder


def disagreements(name: str, text: str) -> Iterator[str]:
    """Where an environment file departs from pyproject.toml and from the lock."""
    environment = yaml.safe_load(text)
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    (pip,) = [line["pip"] for line in environment["dependencies"] if isinstance(line, dict)]
    conda = {match[1]: match[2] for match in (re.fullmatch(r"([a-z0-9-]+)(.*)", line) for line in lines) if match}
    if environment["channels"] != ["conda-forge", "nodefaults"]:
        yield f"channels: {environment['channels']}"
    python = conda.pop("python", "")
    if name.startswith("binder/"):  # repo2docker reads the Python only from one plain version
        if not SpecifierSet(PROJECT["requires-python"]).contains(f"{python.removeprefix('=')}.0"):
            yield f"python{python}"
    elif SpecifierSet(python) != SpecifierSet(PROJECT["requires-python"]):
        yield f"python{python}"
    if "pip" not in conda or conda.pop("pip"):
        yield "pip is not named, or has bounds"
    if not name.startswith("binder/") and "-e ." not in pip:  # on Binder, postBuild installs the package
        yield "the package itself is not installed"

    wanted, lock = requirements("course"), locked()
    given = {CONDA_NAMES.get(line, line): SpecifierSet(re.sub("^=(?!=)", "==", b)) for line, b in conda.items()}
    if "torch" not in given:
        yield "torch does not come from conda-forge, whose pytorch-cpu is the build for the CPU"
    for line, bounds in given.items():
        if line not in wanted or bounds != wanted[line]:
            yield f"{line}{bounds}, pyproject.toml has {wanted.get(line)}"
    pins = {r.name: r.specifier for r in map(Requirement, (line for line in pip if line != "-e ."))}
    for line, pin in pins.items():
        if line not in wanted or pin != SpecifierSet(f"=={lock[line]}"):
            yield f"{line}{pin}, constraints.txt has {lock.get(line)}"
    if len(pins) + len(given) != len(wanted) or pins.keys() | given.keys() != wanted.keys():
        yield f"names: {sorted(wanted.keys() ^ (pins.keys() | given.keys()))}"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_agrees_with_pyproject_and_the_lock(name: str) -> None:
    assert list(disagreements(name, ENVIRONMENTS[name])) == []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_breaking_any_line_of_an_environment_is_noticed(name: str) -> None:
    lines = ENVIRONMENTS[name].splitlines()
    entries = [i for i, line in enumerate(lines) if re.match(r"\s+- (?!pip:)", line)]
    assert len(entries) >= len(requirements("course")) + 3
    for i in entries:
        without = "\n".join(lines[:i] + lines[i + 1 :])
        assert list(disagreements(name, without)), f"nobody misses {lines[i]!r}"
        renamed = "\n".join([*lines[:i], lines[i].replace("- ", "- x", 1), *lines[i + 1 :]])
        if "-e ." not in lines[i]:
            assert list(disagreements(name, renamed)), f"nobody notices another name in {lines[i]!r}"
        for number in re.finditer(r"\d+", lines[i]):
            other = f"{lines[i][: number.start()]}{int(number[0]) + 40}{lines[i][number.end() :]}"
            changed = "\n".join([*lines[:i], other, *lines[i + 1 :]])
            assert list(disagreements(name, changed)), f"nobody notices {other!r}"


def test_binder_starts_in_the_repository_and_installs_the_package() -> None:
    script = ROOT / "binder/postBuild"
    assert os.access(script, os.X_OK)
    assert "pip install --no-cache-dir --no-deps -e ." in script.read_text(encoding="utf-8")
    if shutil.which("bash"):
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_carries_package_and_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"xai_helpers", f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}
    assert not any("__pycache__" in name for name in names)
    for folder in ("data", "xai_helpers"):
        here = {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).rglob("*") if p.is_file()}
        here = {name for name in here if "/." not in name and "__pycache__" not in name}
        inside = here if folder == "xai_helpers" else {f"xai_helpers/{name}" for name in here}
        assert inside <= set(names), f"not in the wheel: {sorted(inside - set(names))[:5]}"


EXPLAIN = """
import json
import xai_helpers as xai
for name in ("course-gpt2", "course-distilbert"):
    attribution = xai.attention_rollout(xai.load(name), "The capital of France is")
    print(attribution.to_json())
print(json.dumps(xai.__file__))
"""


@pytest.mark.slow
def test_the_wheel_works_where_there_is_no_repository(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # From here on it sees our libraries as well, but none of our editable installs: those .pth files are not read.
    paths = {"base": str(venv), "platbase": str(venv)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    (site / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text(EXPLAIN, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    result = subprocess.run(
        [python, script], cwd=script.parent, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert result.returncode == 0, result.stderr
    gpt2, distilbert, origin = map(json.loads, result.stdout.splitlines())
    assert Path(origin).resolve().is_relative_to(venv.resolve())
    for attribution in (gpt2, distilbert):
        assert attribution["method"] == "attention_rollout"
        assert len(attribution["tokens"]) == len(attribution["scores"]) >= 5
        assert sum(attribution["scores"]) == pytest.approx(1)
