"""What TransformerLens calls our activations."""

from __future__ import annotations

import xai_helpers as xai

# Where the bridge gives BERT other names: its embed has all that is added, its attn_out comes after the norm, and its
# resid_mid before the next one.
IN_BERT = {
    "hook_embed": "embed.hook_out",
    "hook_attn_out": "attn.o.hook_out",
    "hook_resid_mid": "attn.hook_out",
}


def lens_name(model: xai.TextModel, name: str) -> str:
    """What the bridge calls an activation of ours."""
    block, site = name[: name.rfind("hook_")], name[name.rfind("hook_") :]
    return block + (site if model.architecture.decoder else IN_BERT.get(site, site))
