"""The doctor finds what is broken, names it, and says what to do."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from local_hub import LocalHub

from xai_helpers import doctor
from xai_helpers.installation import data_folder


def named(name: str, checks: list[doctor.Check]) -> doctor.Check:
    (check,) = [check for check in checks if check.name == name]
    return check


def run(*before: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, in a fresh interpreter that first executes `before`."""
    code = "; ".join([*before, "import sys", "from xai_helpers import __main__ as m", "sys.exit(m.main(['doctor']))"])
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, encoding="utf-8", check=False
    )


# This installation


def test_this_installation_is_sound() -> None:
    checks = doctor.report()
    assert [check for check in checks if check.required and not check.ok] == []
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert {"Python", "numpy", "torch", "torch build", "memory", "Jupyter widgets", "hub"} <= set(names)
    assert {"model course-gpt2", "model course-distilbert"} <= set(names)


def test_the_command_prints_every_check_and_succeeds() -> None:
    result = run(HF_HUB_OFFLINE="1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "torch build" in result.stdout and "model course-gpt2" in result.stdout and " 0 failed" in result.stdout


def test_importing_the_doctor_imports_neither_torch_nor_transformers() -> None:
    code = "import sys, xai_helpers.doctor; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


# The embedded models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of two small models, with its checksums."""
    for name in ("one", "two"):
        for file in ("config.json", "model.safetensors"):
            path = tmp_path / name / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(f"{name} {file}".encode())
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(tmp_path).as_posix()}\n" for f in files]
    (tmp_path / doctor.CHECKSUMS).write_text("".join(lines), encoding="utf-8")
    return tmp_path


def test_sound_models_pass_and_each_has_a_line(models: Path) -> None:
    assert [(check.name, check.ok) for check in doctor._models(models)] == [("model one", True), ("model two", True)]


def test_a_file_altered_by_one_bit_is_named(models: Path) -> None:
    path = models / "two/model.safetensors"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    one, two = doctor._models(models)
    assert one.ok and not two.ok and two.required
    assert two.detail == "two/model.safetensors is corrupted"
    assert "git checkout -- data/models" in two.remedy


def test_missing_files_are_named_and_all_of_them(models: Path) -> None:
    shutil.rmtree(models / "one")
    one, two = doctor._models(models)
    assert not one.ok and two.ok
    assert one.detail == "one/config.json is missing; one/model.safetensors is missing"


@pytest.mark.parametrize("damage", ["no list", "an empty list"])
def test_without_checksums_nothing_is_called_sound(models: Path, damage: str) -> None:
    sums = models / doctor.CHECKSUMS
    sums.unlink() if damage == "no list" else sums.write_text("")
    (check,) = doctor._models(models)
    assert not check.ok and str(sums) in check.detail and check.remedy


def test_a_line_that_is_no_checksum_is_a_failure(models: Path) -> None:
    with (models / doctor.CHECKSUMS).open("a") as file:
        file.write("what is this\n")
    assert not all(check.ok for check in doctor._models(models))


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is a program of GNU and BSD systems")
def test_the_format_is_that_of_sha256sum(models: Path) -> None:
    files = ["one/config.json", "two/config.json"]
    for flag in ("--text", "--binary"):
        (models / doctor.CHECKSUMS).write_bytes(subprocess.check_output(["sha256sum", flag, *files], cwd=models))
        assert [check.ok for check in doctor._models(models)] == [True, True]


def test_every_published_file_has_a_checksum() -> None:
    folder = data_folder() / "models"
    listed = {line[66:] for line in (folder / doctor.CHECKSUMS).read_text(encoding="utf-8").splitlines()}
    present = {path.relative_to(folder).as_posix() for path in folder.glob("*/**/*") if path.is_file()}
    assert {name for name in present if "/." not in name} == listed


def test_a_tampered_model_fails_the_command(models: Path) -> None:
    (models / "one/config.json").write_text("{}")
    before = f"from xai_helpers import doctor; doctor.data_folder = lambda: __import__('pathlib').Path({str(models)!r})"
    shutil.copytree(models, models / "models")
    result = run(before, HF_HUB_OFFLINE="1")
    assert result.returncode == 1
    assert "one/config.json is corrupted" in result.stdout and " 1 failed" in result.stdout


# Libraries


@pytest.fixture
def requiring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Requirements of another installation of this package, which is found before the real one."""
    folder = tmp_path / "xai_helpers-9.dist-info"
    folder.mkdir()

    class Requirements(list[str]):
        def append(self, line: str) -> None:
            super().append(line)
            head = "Metadata-Version: 2.4\nName: xai-helpers\nVersion: 9\nRequires-Python: >=3.11,<3.14\n"
            extra = "Provides-Extra: course\nProvides-Extra: dev\n"
            (folder / "METADATA").write_text(head + extra + "".join(f"Requires-Dist: {line}\n" for line in self))

    requirements = Requirements()
    requirements.append("numpy>=1")
    monkeypatch.syspath_prepend(tmp_path)
    return requirements


def test_a_missing_library_fails_with_the_line_that_installs_it(requiring: list[str]) -> None:
    requiring.append("no-such-library>=1,<2")
    check = named("no-such-library", doctor.report())
    assert not check.ok and check.required
    assert "missing" in check.detail and "<2" in check.detail
    assert 'pip install -c constraints.txt -e ".[course]"' in check.remedy


def test_a_library_out_of_bounds_fails_and_shows_both(requiring: list[str]) -> None:
    requiring.append("scipy<0.1")
    check = named("scipy", doctor.report())
    assert not check.ok and "(needs <0.1)" in check.detail and check.detail[0].isdigit()
    assert named("numpy", doctor.report()).ok


def test_what_only_the_notebooks_need_is_no_failure(requiring: list[str]) -> None:
    requiring.append('no-such-library>=1; extra == "course"')
    requiring.append('no-such-tool>=1; extra == "dev"')
    checks = doctor.report()
    check = named("no-such-library", checks)
    assert not check.ok and not check.required and check.remedy
    assert "no-such-tool" not in [check.name for check in checks]


def test_a_python_that_is_too_old_or_too_new_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ((3, 10, 14), (3, 14, 0)):
        monkeypatch.setattr(sys, "version_info", version)
        check = doctor._python()
        assert not check.ok and check.required and ">=3.11" in check.remedy


@pytest.mark.parametrize("library", ["rich", "packaging"])
def test_what_doctor_itself_needs_is_reported_when_missing(library: str) -> None:
    result = run(f"import sys; sys.modules[{library!r}] = None", HF_HUB_OFFLINE="1")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"{library} is missing" in result.stdout.replace(".requirements", "").replace(".console", "")
    assert doctor.INSTALL in result.stdout


def test_a_torch_that_breaks_on_import_is_reported_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libtorch_cpu.so: cannot open shared object file')")
    result = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})", HF_HUB_OFFLINE="1")
    assert result.returncode == 1, result.stderr
    assert "OSError: libtorch_cpu.so" in result.stdout and "Traceback" not in result.stderr
    assert doctor.INSTALL in result.stdout  # whole, in one line, with its brackets


def test_missing_widgets_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    check = doctor._widgets()
    assert not check.ok and not check.required and "ipywidgets" in check.detail and check.remedy


def test_widgets_without_their_extension_of_jupyterlab_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [])
    check = doctor._widgets()
    assert not check.ok and "no sliders" in check.detail and "jupyterlab_widgets" in check.remedy


def test_little_memory_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ENOUGH_MEMORY", 1e18)
    check = doctor._memory()
    assert not check.ok and not check.required and check.remedy


# The hub


def hub_line(**environment: str) -> str:
    code = "from xai_helpers import doctor; check = doctor._hub(); assert check.ok; print(check.detail)"
    env = os.environ | {"NO_PROXY": "127.0.0.1"} | environment
    return subprocess.check_output([sys.executable, "-c", code], env=env, text=True).strip()


def test_the_hub_is_asked_where_the_environment_says_it_is(local_hub: LocalHub) -> None:
    address = local_hub.endpoint
    assert hub_line(HF_ENDPOINT=address, HF_HUB_OFFLINE="0").startswith(f"{address} answers")
    assert len(local_hub.requests) == 1
    assert "does not answer" not in hub_line(HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    assert len(local_hub.requests) == 1  # offline means that nobody is asked


def test_a_hub_that_does_not_answer_is_no_failure(local_hub: LocalHub) -> None:
    local_hub.stop()
    line = hub_line(HF_ENDPOINT=local_hub.endpoint, HF_HUB_OFFLINE="0")
    assert line == f"{local_hub.endpoint} does not answer; the embedded models need no network"
