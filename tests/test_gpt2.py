"""training/gpt2.py: the loss, the first weights, and that a seed gives the same bits."""

import copy
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast

from training import gpt2
from training.corpus import Mixture, word_ids
from xai_helpers.installation import data_folder


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(data_folder() / "models" / "course-gpt2")


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return gpt2.new_model(tokenizer).eval()


def random_words(tokenizer: PreTrainedTokenizerFast, rows: int, length: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).choice(word_ids(tokenizer), (rows, length)))


@torch.no_grad()
def test_the_loss_is_the_weighted_mean_of_cross_entropies(model, tokenizer) -> None:
    ids = random_words(tokenizer, 3, 9)
    weights = torch.tensor([0.0, 6.0, 1.0, 2.0, 0.0, 1.0, 1.0, 0.5]).repeat(3, 1)
    losses = cross_entropy(model(ids[:, :-1]).logits.transpose(1, 2), ids[:, 1:], reduction="none")
    expected = (losses * weights).sum() / weights.sum()
    one_document = torch.zeros(3, 8, dtype=torch.long)
    torch.testing.assert_close(gpt2.weighted_loss(model, ids[:, :-1], ids[:, 1:], weights, one_document), expected)


@torch.no_grad()
def test_documents_of_a_row_do_not_see_each_other(model, tokenizer) -> None:
    ids = random_words(tokenizer, 1, 13)
    inputs, labels, weights = ids[:, :-1], ids[:, 1:], torch.ones(1, 12)
    owners = torch.tensor([[0] * 5 + [1] * 7])
    parts = [
        cross_entropy(
            model(inputs[:, part], position_ids=torch.arange(12)[None, part]).logits[0],
            labels[0, part],
            reduction="sum",
        )
        for part in (slice(0, 5), slice(5, 12))
    ]
    torch.testing.assert_close(gpt2.weighted_loss(model, inputs, labels, weights, owners), sum(parts) / 12)


@torch.no_grad()
def test_the_kernel_is_the_activation_that_the_config_names(model, tokenizer) -> None:
    joined, ids = copy.deepcopy(model), random_words(tokenizer, 3, 9)
    gpt2.join_kernels(joined)
    torch.testing.assert_close(joined(ids).logits, model(ids).logits)
    assert type(joined.transformer.h[0].mlp.act) is not type(model.transformer.h[0].mlp.act)


@torch.no_grad()
def test_the_first_head_begins_by_looking_back(model, tokenizer) -> None:
    model.config._attn_implementation = "eager"
    first = model(random_words(tokenizer, 4, 200), output_attentions=True).attentions[0].mean(0)
    back = first.diagonal(-1, 1, 2).mean(-1)
    assert back[0] > 0.5 and back[1:].max() < 0.05


@torch.no_grad()
def test_a_new_model_expects_the_words_of_its_context(model, tokenizer) -> None:
    ids = random_words(tokenizer, 20, 32)
    logits = model(ids).logits[:, -1]
    assert logits.gather(1, ids).mean() > logits.mean() + logits.std() / 4  # by six standard errors of 640 words' mean


def test_stages_follow_one_another_to_the_end() -> None:
    ends = [end for end, _ in gpt2.STAGES]
    assert ends == sorted(ends) and ends[-1] == gpt2.STEPS == gpt2.POINTS[-1]
    assert not any(end % gpt2.BLOCK for end in ends)  # a block's rows are made of one mixture


def test_the_same_seed_gives_the_same_bits(tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = ((2, Mixture(copies=1.0)), (4, Mixture()), (6, Mixture(copies=0.5, bare=1.0)))
    runs = ((4, 2e-3), (2, 1e-3))
    small = {"WORKERS": 1, "RUNS": runs, "STAGES": stages, "BLOCK": 2, "TOKENS": 128, "POINTS": (2, 4)}
    for name, value in small.items():
        monkeypatch.setattr(gpt2, name, value)
    size = sum(p.numel() for p in gpt2.new_model(tokenizer).parameters())
    files = []
    for folder in (tmp_path / "once", tmp_path / "again"):
        tokenizer.save_pretrained(folder)
        monkeypatch.setattr(gpt2, "SAVES", folder / "points")
        for run in range(len(runs)):
            gpt2.work(0, folder, run, 0, torch.zeros(1, size), Barrier(1))
        places = (".", "points/step-00002", "points/step-00004")
        files.append([(folder / place / "model.safetensors").read_bytes() for place in places])
    assert files[0] == files[1]
    assert len(set(files[0])) == 3
