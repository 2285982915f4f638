"""training/lens.py: how the tuned lens is trained and measured, and the one that is committed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import xai_helpers as xai
from training import lens
from xai_helpers.circuits import logit_lens, tuned_translators
from xai_helpers.installation import data_folder

SAMPLE = "course-gpt2-sample.jsonl"
TEXTS = ["The Eiffel Tower is located in the city of Paris.", "Anna gave a pen to Paul."]


@pytest.fixture(scope="module")
def subject() -> xai.TextModel:
    return xai.load("course-gpt2", device="cpu")


def test_streams_are_those_of_each_text_alone(subject: xai.TextModel) -> None:
    together = lens.streams_of(subject, TEXTS)
    alone = torch.cat([subject.residual_stream(text) for text in TEXTS], dim=1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_divergences_are_those_of_the_lens(subject: xai.TextModel) -> None:
    streams = lens.streams_of(subject, TEXTS[:1])
    for translators in (None, tuned_translators()):
        found = lens.divergences(subject, streams, translators).detach()
        expected = logit_lens(subject, TEXTS[0], translators=translators).kl[:-1]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_untrained_translators_are_the_logit_lens(subject: xai.TextModel) -> None:
    streams = lens.streams_of(subject, TEXTS)
    fresh = lens.Translators(4, 128).tensors()
    torch.testing.assert_close(
        lens.divergences(subject, streams, fresh), lens.divergences(subject, streams, None), rtol=0, atol=1e-6
    )


def test_the_committed_lens_does_what_its_card_says(subject: xai.TextModel) -> None:
    written = json.loads((lens.LENSES / "course-gpt2.json").read_text(encoding="utf-8"))
    found = lens.measure(subject, tuned_translators())
    assert (found["texts"], found["tokens"]) == (written["texts"], written["tokens"])
    for kind in ("plain", "tuned"):
        np.testing.assert_allclose(found[kind], written[kind], rtol=0, atol=2e-3)
    assert all(tuned < 0.5 * plain for tuned, plain in zip(written["tuned"], written["plain"], strict=True))


def test_the_committed_card_says_the_committed_numbers(tmp_path: Path) -> None:
    folder = data_folder() / "lenses"
    lens.write_card(json.loads((folder / "course-gpt2.json").read_text(encoding="utf-8")), tmp_path)
    assert (tmp_path / "README.md").read_bytes() == (folder / "README.md").read_bytes()


def test_a_few_steps_already_help_and_the_card_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [line for line in (lens.CORPORA / SAMPLE).read_text(encoding="utf-8").splitlines() if '"dev"' in line][:60]
    corpora, tmp_path = tmp_path / "corpora", tmp_path / "lenses"
    corpora.mkdir()
    (corpora / SAMPLE).write_text("\n".join(few), encoding="utf-8")
    monkeypatch.setattr(lens, "CORPORA", corpora)
    lens.train(folder=tmp_path, steps=3)
    result = json.loads((tmp_path / "course-gpt2.json").read_text(encoding="utf-8"))
    assert all(tuned < plain for tuned, plain in zip(result["tuned"], result["plain"], strict=True))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"| embeddings | {result['plain'][0]:.3f} | {result['tuned'][0]:.3f} |" in card
    assert max(map(len, card.splitlines())) <= 120
    assert {file.name for file in tmp_path.iterdir()} == {"README.md", "course-gpt2.json", "course-gpt2.safetensors"}
