"""What a model's folder holds: weights, tokenizer, how the run went, the card."""

import copy
import json
import platform
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Half precision on disk; the config says float32, so that stock loading upcasts."""
    copy.deepcopy(model).eval().half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"dtype": "float32"}, indent=2, sort_keys=True) + "\n")
    for file in folder.iterdir():  # weights are written for their owner's eyes only
        if file.is_file():
            file.chmod(0o644)


def write_run(folder: Path, steps: int, seen: int, cores: int, seconds: float) -> None:
    """What a card says about the run: training.json."""
    run = {
        "steps": steps,
        "seen": seen,
        "minutes": round(seconds / 60),
        "cores": cores,
        "processor": platform.machine(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
    }
    (folder / "training.json").write_text(json.dumps(run, indent=1) + "\n")


def save_card(folder: Path, body: str) -> None:
    """README.md: front matter, the folder's name as the title, the text, the licence."""
    head = "---\nlicense: mit\nlanguage: en\nlibrary_name: transformers\n---"
    (folder / "README.md").write_text(f"{head}\n# {folder.name}\n{body}\nLicence: MIT.\n", encoding="utf-8")
