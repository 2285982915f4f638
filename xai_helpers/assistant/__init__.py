"""Language models that explain models, each claim held against the model that it is about."""

from .answers import Quantity, last_number, read_answer, same
from .applications import Constraints, actionable, audit
from .backends import Answer, Backend, Endpoint, Local, Scripted
from .chain_of_thought import (
    Chain,
    biased,
    filler,
    inject,
    paraphrase,
    self_consistency,
    think,
    truncate,
    vote,
    wrong_sum,
)
from .checking import Checked, Finding, check_narrative, examples, measured
from .counterfactual import Counterfactual, Verified, propose, search, verify
from .narrative import Facts, Narrative, Test, facts, offline, tell
from .pairs import read_recall, recall
from .transcripts import Cached, Replay

__all__ = [
    "Answer",
    "Backend",
    "Cached",
    "Chain",
    "Checked",
    "Constraints",
    "Counterfactual",
    "Endpoint",
    "Facts",
    "Finding",
    "Local",
    "Narrative",
    "Quantity",
    "Replay",
    "Scripted",
    "Test",
    "Verified",
    "actionable",
    "audit",
    "biased",
    "check_narrative",
    "examples",
    "facts",
    "filler",
    "inject",
    "last_number",
    "measured",
    "offline",
    "paraphrase",
    "propose",
    "read_answer",
    "read_recall",
    "recall",
    "same",
    "search",
    "self_consistency",
    "tell",
    "think",
    "truncate",
    "verify",
    "vote",
    "wrong_sum",
]
