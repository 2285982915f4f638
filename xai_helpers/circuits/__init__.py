"""From which tokens to which computation: activations, heads, lenses and patching."""

from .cache import ActivationCache, run_with_cache
from .lens import Lens, LogitAttribution, logit_attribution, logit_lens, tuned_translators
from .patching import Patching, ablation, activation_patching

__all__ = [
    "ActivationCache",
    "Lens",
    "LogitAttribution",
    "Patching",
    "ablation",
    "activation_patching",
    "logit_attribution",
    "logit_lens",
    "run_with_cache",
    "tuned_translators",
]
