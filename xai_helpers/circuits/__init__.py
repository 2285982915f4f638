"""From which tokens to which computation: activations, heads, lenses and patching."""

from .cache import ActivationCache, run_with_cache

__all__ = ["ActivationCache", "run_with_cache"]
