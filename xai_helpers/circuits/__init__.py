"""From which tokens to which computation: activations, heads, lenses and patching."""

from .cache import ActivationCache, run_with_cache
from .patching import Patching, ablation, activation_patching

__all__ = ["ActivationCache", "Patching", "ablation", "activation_patching", "run_with_cache"]
