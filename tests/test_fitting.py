"""training/fitting.py and training/files.py: the loop that all small models share, and what a folder holds."""

import json
from pathlib import Path

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from training.files import describe_run, save, save_card, write_run
from training.fitting import fit, learning_rate


def test_learning_rate_rises_then_falls_to_a_twentieth() -> None:
    rates = [learning_rate(step, 1000, 2.0, warmup=100) for step in range(1000)]
    assert max(rates) == rates[99] == 2.0
    assert rates[:100] == sorted(rates[:100])
    assert rates[99:] == sorted(rates[99:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, rel=1e-3)


def test_fit_finds_the_least_squares_line_and_leaves_frozen_weights_alone() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Linear(1, 1))
    for parameter in model[1].parameters():
        parameter.requires_grad = False
    frozen = [parameter.clone() for parameter in model[1].parameters()]
    x = torch.randn(50, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    told: list[int] = []
    fit(model, lambda _: ((model(x) - y) ** 2).mean(), 2000, 0.05, told.append)
    assert ((model(x) - y) ** 2).mean().item() < 1e-2  # weight decay keeps it from zero
    assert told == list(range(1, 2001))
    assert all(torch.equal(a, b) for a, b in zip(frozen, model[1].parameters(), strict=True))


def test_saved_models_are_half_precision_on_disk_and_single_when_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = tiny.byte_level()
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=2, n_positions=8))
    save(model, tokenizer, tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32 == model.dtype
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float()), name
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in tmp_path.iterdir() if path.is_file())


def test_runs_and_cards_are_written(tmp_path: Path) -> None:
    write_run(tmp_path, 10, "64 reviews", 1, 125.0)
    run = json.loads((tmp_path / "training.json").read_text())
    assert (run["steps"], run["batch"], run["cores"], run["minutes"]) == (10, "64 reviews", 1, 2)
    assert describe_run(tmp_path).startswith(
        "10 steps of 64 reviews, AdamW, seed 0, single precision, 2 minutes on one CPU"
    )
    table = "|" + "-|" * 100
    save_card(tmp_path, f"\nWhat it is.\n{'word ' * 30}\n{table}\n")
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    wrapped = f"{('word ' * 24).strip()}\n{('word ' * 6).strip()}"
    assert card.endswith(f"# {tmp_path.name}\n\nWhat it is.\n{wrapped}\n{table}\n\nLicence: MIT.\n")
