"""`python -m peers.export FOLDER`: the cases as files that another environment, with other versions, can read.

For each case NAME.safetensors, the weights, and NAME.json: the model's class and config, the token ids, and what is
explained. For each generation a folder generation-NAME: the model and its tokenizer as transformers saves them, and
texts.json: the prompt, the prompt with its continuation, and the latter's ids.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from peers.models import Case, cases, generations


def config_fields(config: Any) -> dict[str, Any]:
    """The config's plain fields, from which transformers 4 builds the same model."""
    fields = {key: value for key, value in config.to_dict().items() if isinstance(value, bool | int | float | str)}
    ours = ("transformers_version", "dtype", "_name_or_path")
    rotary = getattr(config, "rope_parameters", None)
    theta = {"rope_theta": rotary["rope_theta"]} if rotary else {}  # a field of its own in transformers 4
    return {key: value for key, value in fields.items() if key not in ours} | {"num_labels": config.num_labels} | theta


def description(case: Case) -> dict[str, Any]:
    """What the peer needs beside the weights. position: the token whose logits are read; None for a classifier."""
    encoded = case.model.encode(case.text)
    resolved = {name: case.model.resolve(target, encoded) for name, target in case.targets.items()}
    classifier = case.model.kind == "classifier"
    return {
        "class": type(case.model.model).__name__,
        "config": config_fields(case.model.config),
        "ids": encoded.ids[0].tolist(),
        "position": None if classifier else case.model.readout(encoded),
        "targets": {name: [target.id, target.versus_id] for name, target in resolved.items()},
    }


def main() -> None:
    """Writes all cases into the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in cases().items():
        save_file(case.model.model.state_dict(), folder / f"{name}.safetensors")
        (folder / f"{name}.json").write_text(json.dumps(description(case), indent=1) + "\n", encoding="utf-8")
    for name, generation in generations().items():
        model, whole = generation.model, f"{generation.prompt} {generation.continuation}"
        model.model.save_pretrained(folder / f"generation-{name}")
        model.tokenizer.save_pretrained(folder / f"generation-{name}")
        texts = {"prompt": generation.prompt, "whole": whole, "ids": model.encode(whole).ids[0].tolist()}
        (folder / f"generation-{name}" / "texts.json").write_text(json.dumps(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
