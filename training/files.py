"""What a model's folder holds: weights, tokenizer, how the run went, the card."""

import copy
import json
import platform
from pathlib import Path
from textwrap import fill

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

WIDTH = 120  # of a card's lines


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights, config and tokenizer."""
    tokenizer.save_pretrained(folder)
    save_weights(model, folder)


def save_weights(model: PreTrainedModel, folder: Path) -> None:
    """Half precision on disk; the config says float32, so that stock loading upcasts."""
    copy.deepcopy(model).eval().half().save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"dtype": "float32"}, indent=2, sort_keys=True) + "\n")
    for file in folder.iterdir():  # weights are written for their owner's eyes only
        if file.is_file():
            file.chmod(0o644)


def write_run(folder: Path, steps: int, batch: str, cores: int, seconds: float) -> None:
    """Writes down how a training went: training.json. `batch` says what a step saw, as in "64 reviews"."""
    run = {
        "steps": steps,
        "batch": batch,
        "minutes": round(seconds / 60),
        "cores": cores,
        "processor": platform.machine(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
    }
    (folder / "training.json").write_text(json.dumps(run, indent=1) + "\n")


def describe_run(folder: Path) -> str:
    """The same as a sentence of a card."""
    run = json.loads((folder / "training.json").read_text())
    minutes = "1 minute" if run["minutes"] == 1 else f"{run['minutes']} minutes"
    cores = "one CPU core" if run["cores"] == 1 else f"{run['cores']} CPU cores"
    return (
        f"{run['steps']:,} steps of {run['batch']}, AdamW, seed 0, single precision, {minutes} on "
        f"{cores} ({run['processor']}, {run['vectors']}); stored in half precision. On the same machine the same seed "
        "gives the same bits; another processor may round otherwise."
    )


def wrap_line(line: str) -> str:
    """At most WIDTH wide; an entry of a list stays one."""
    return fill(line, WIDTH, subsequent_indent="  " if line.startswith(("- ", "  ")) else "")


def save_card(folder: Path, body: str, language: str | None = "en") -> None:
    """README.md: front matter, the folder's name as the title, the text, the licence. language: that it reads."""
    reads = f"language: {language}\n" if language else ""
    head = f"---\nlicense: mit\n{reads}library_name: transformers\n---"
    body = "\n".join(line if line.startswith("|") else wrap_line(line) for line in body.split("\n"))
    (folder / "README.md").write_text(f"{head}\n# {folder.name}\n{body}\nLicence: MIT.\n", encoding="utf-8")
