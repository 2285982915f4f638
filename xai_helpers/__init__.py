"""Explaining Transformers: why a transformer said what it said, and which explanations can be trusted.

    import xai_helpers as xai

    model = xai.load("course-gpt2")
    xai.attention_rollout(model, "The Eiffel Tower is located in the city of")

Importing the package is quick: numpy, torch and transformers are loaded when a name that needs them is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .errors import XaiError
from .registry import METHODS, attribute, reproduce

if TYPE_CHECKING:
    from .attention import attention_flow, attention_rollout, raw_attention
    from .attribution import Attribution, Target, Unit
    from .comparison import compare
    from .corpus import compare_corpus
    from .generation import explain_generation
    from .gradient_attention import attention_x_gradient, chefer_relevance, transformer_attribution
    from .gradients import input_x_gradient, integrated_gradients, saliency, smoothgrad
    from .models import TextModel, embedded_models, load, wrap
    from .perturbation import leave_one_out, occlusion
    from .relevance import lrp
    from .surrogates import lime, shapley

# The module that each name lies in; the methods' modules stand in data/methods.json.
_MODULES = {
    "Attribution": "attribution",
    "Target": "attribution",
    "Unit": "attribution",
    "compare": "comparison",
    "compare_corpus": "corpus",
    "explain_generation": "generation",
    "TextModel": "models",
    "embedded_models": "models",
    "load": "models",
    "wrap": "models",
}

_SUBMODULES = (
    "agreement",
    "assistant",
    "attention",
    "blackbox",
    "board",
    "catalogue",
    "circuits",
    "comparison",
    "corpus",
    "costs",
    "faithfulness",
    "features",
    "generation",
    "gradient_attention",
    "gradients",
    "images",
    "laws",
    "models",
    "perturbation",
    "plausibility",
    "probes",
    "relevance",
    "retrieval",
    "sanity",
    "sparsity",
    "stability",
    "surrogates",
    "tooling",
    "truth",
    "viz",
)

__all__ = [
    "METHODS",
    "Attribution",
    "Target",
    "TextModel",
    "Unit",
    "XaiError",
    "attention_flow",
    "attention_rollout",
    "attention_x_gradient",
    "attribute",
    "chefer_relevance",
    "compare",
    "compare_corpus",
    "embedded_models",
    "explain_generation",
    "input_x_gradient",
    "integrated_gradients",
    "leave_one_out",
    "lime",
    "load",
    "lrp",
    "occlusion",
    "raw_attention",
    "reproduce",
    "saliency",
    "shapley",
    "smoothgrad",
    "transformer_attribution",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    if name == "__version__":
        return importlib.import_module(".installation", __name__).package_version()
    if not name.startswith("_") and name in METHODS:
        return METHODS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
