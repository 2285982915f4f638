"""The same weights in TransformerLens."""

from __future__ import annotations

import copy
import tempfile

import transformers
from transformer_lens.model_bridge import TransformerBridge

import xai_helpers as xai

# Where the bridge gives BERT other names: its embed has all that is added, its attn_out comes after the norm, and its
# resid_mid before the next one.
IN_BERT = {
    "hook_embed": "embed.hook_out",
    "hook_attn_out": "attn.o.hook_out",
    "hook_resid_mid": "attn.hook_out",
}


def lens_of(model: xai.TextModel) -> TransformerBridge:
    """A copy of the model, unfolded. Not for DistilBERT or classifiers, which TransformerLens does not know."""
    network = copy.deepcopy(model.model)
    network.config.architectures = [type(network).__name__]
    with tempfile.TemporaryDirectory() as folder:  # it opens the tokenizer again, from where it was read
        model.tokenizer.save_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        return TransformerBridge.boot_transformers("local", hf_model=network, tokenizer=tokenizer, device="cpu")


def lens_name(model: xai.TextModel, name: str) -> str:
    """What the bridge calls an activation of ours."""
    block, site = name[: name.rfind("hook_")], name[name.rfind("hook_") :]
    return block + (site if model.architecture.decoder else IN_BERT.get(site, site))
