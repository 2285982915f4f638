"""The command line, as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

import xai_helpers as xai
from xai_helpers.__main__ import main

PROMPT = "The Eiffel Tower is located in the city of"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xai_helpers", *arguments]
    env = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=120, env=env)


def test_explain_prints_a_table_with_every_token(gpt2: xai.TextModel) -> None:
    done = run("explain", PROMPT)
    assert done.returncode == 0, done.stderr
    assert all(
        text in done.stdout
        for text in (*xai.attention_rollout(gpt2, PROMPT).tokens, "attention_rollout", "course-gpt2")
    )
    assert done.stderr == ""


def test_a_target_can_be_given_by_its_id(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []
    monkeypatch.setattr(
        "xai_helpers.__main__.attribute",
        lambda *arguments: asked.append(arguments[-1]) or xai.attribute(*arguments[:3]),
    )
    for given in (["--target", "12"], ["--target-id", "12"], []):
        assert main(["explain", PROMPT, *given]) == 0
    assert asked == ["12", 12, None]


def test_explain_prints_json_as_attribution_writes_it(gpt2: xai.TextModel) -> None:
    done = run("explain", PROMPT, "--method", "attention_flow", "--json")
    record = json.loads(done.stdout)
    assert {"tokens", "scores", "method", "target"} <= set(record)
    assert xai.Attribution.from_json(done.stdout) == xai.attention_flow(gpt2, PROMPT)


def test_compare_prints_what_compare_says(gpt2: xai.TextModel) -> None:
    done = run("compare", PROMPT, "--methods", "lrp, saliency,attention_rollout", "--target", "London")
    expected = xai.compare(gpt2, PROMPT, "London", ["lrp", "saliency", "attention_rollout"])
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{expected!r}\n", "")


def test_compare_takes_an_id_a_folder_and_all_methods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny.model("bert", "classifier")
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    capsys.readouterr()
    assert main(["compare", "The cat sat on the mat", "--model", str(tmp_path), "--target-id", "2"]) == 0
    printed = capsys.readouterr().out
    assert "LABEL_2" in printed and all(name in printed for name in xai.METHODS)


def test_explain_takes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny.model("bert", "classifier")
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    capsys.readouterr()
    assert main(["explain", "The cat sat", "--model", str(tmp_path), "--method", "raw_attention", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tokens"][0] == "[CLS]"
    assert record["scores"] == xai.raw_attention(model, "The cat sat").scores.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", ""], "the text is empty"),
        (["explain", "cat", "--method", "magic"], "no method 'magic'"),
        (["explain", "cat", "--method", "steering"], "comes with chapter 08b"),
        (["explain", "cat", "--model", "/no/such/folder"], "no model folder"),
        (["explain", PROMPT, "--target", "Paris"], "leave target out"),
        (["compare", ""], "the text is empty"),
        (["compare", PROMPT, "--methods", "lrp,magic"], "no method 'magic'"),
        (["compare", PROMPT, "--methods", "lrp, lrp"], "'lrp' stands twice"),
        (["compare", PROMPT, "--target", "no such word"], "tokens of course-gpt2"),
    ],
)
def test_errors_are_one_line_and_an_exit_status(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err and printed.err.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_unicode_is_served(encoding: str) -> None:
    done = run("explain", "The naïve 😀 cat", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "cat" in done.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="a pipe of bash")
def test_a_reader_who_leaves_early_is_no_error() -> None:
    command = f'"{sys.executable}" -m xai_helpers explain "{PROMPT}" --json | true; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_command_shows_the_usage() -> None:
    done = run()
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_board_writes_two_files_and_leaves_nothing_else(tmp_path: Path) -> None:
    done = run(
        "board", "--models", "copier", "--methods", "saliency, leave_one_out", "--texts", "3", "--costly", "1",
        "--output", str(tmp_path / "mine"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 methods on copier" in done.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.md", "mine.parquet"]
    assert "| leave_one_out |" in (tmp_path / "mine.md").read_text()


def test_board_says_which_models_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--models", "gpt5", "--output", str(tmp_path / "mine")]) == 1
    assert "course-gpt2" in capsys.readouterr().err
