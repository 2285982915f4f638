"""From which tokens to which computation: activations, heads, lenses, patching, circuits."""

from .attribution import EdgeScores, attribution_maps, attribution_patching, edge_attribution
from .cache import ActivationCache, run_with_cache
from .discovery import Circuit, Shown, Task, acdc, by_scores, show, task
from .graph import draw
from .lens import Lens, LogitAttribution, logit_attribution, logit_lens, tuned_translators
from .patching import Patching, ablation, activation_patching
from .paths import PathEffects, path_effect, path_patching

__all__ = [
    "ActivationCache",
    "Circuit",
    "EdgeScores",
    "Lens",
    "LogitAttribution",
    "Patching",
    "PathEffects",
    "Shown",
    "Task",
    "ablation",
    "acdc",
    "activation_patching",
    "attribution_maps",
    "attribution_patching",
    "by_scores",
    "draw",
    "edge_attribution",
    "logit_attribution",
    "logit_lens",
    "path_effect",
    "path_patching",
    "run_with_cache",
    "show",
    "task",
    "tuned_translators",
]
