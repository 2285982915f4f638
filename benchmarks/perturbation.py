"""Leave-one-out beside captum, Shapley values beside shap, LIME beside lime: the same texts, the same holes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import captum.attr
import numpy as np
import shap
import torch
import transformers
from lime.lime_text import LimeTextExplainer

import xai_helpers as xai
from benchmarks.timing import compare, row, seconds
from xai_helpers.perturbation import text_game
from xai_helpers.surrogates import kernel_shap, permutation_shapley, shapley_values

LEAVE_ONE_OUT = """\
Each token is replaced by the mask. Ours start from the text; captum's from ids, with the target's logit as its forward
function. In models that read one way ours runs the beginning that two texts share once, and multiplies only the last
state by the unembedding; in others there is nothing to save but the passes. From some hundred tokens on, a pass on one
thread takes as long for each text of a batch as for one alone, so batches win little over captum's default there. "a
sample": captum took 63 tokens one by one and the rest at once, and the time is that of as many texts as it would run.
"""
LIME = """\
As many texts for both, words deleted; 300, or 100 for the model of GPT-2 small's size. The lime package asks its
function once about all texts: "one text at a time" is that function as tutorials write it, "one batch" pads all of them
together. Ours runs each distinct text once, texts of one length together.
"""
SHAPLEY = """\
As many evaluations for both, on tokens replaced by the mask, and estimators of the same kind: random orders and their
reverses, and KernelSHAP. "off by": root mean square error of ten seeds, where all coalitions could be asked. At equal
evaluations the errors are about equal, so the ratio of times is that at equal error. shap's function runs what it is
given in one pass (of 256 tokens 64 texts at a time: all their logits would take 8 GB); ours has texts in batches, each
distinct one once, the common beginning once where that pays. Near 1: random sets of words seldom share a beginning, and
in a classifier, or where the blocks are wide, the unembedding of one token instead of all saves nothing, or little.
"""
WORDS = "The movie was long and the plot was weak but the actors were great and so I liked it".split()


LARGE = "GPT-2 small's size"
SAMPLE = 63  # tokens of the longest text of that size; all of them would take hours


def models() -> Iterator[tuple[str, xai.TextModel, tuple[int, ...]]]:
    """A name, the model, and the lengths in tokens that it is timed at."""
    for name in ("course-gpt2", "course-distilbert"):
        yield name, xai.load(name, device="cpu"), (16, 64, 256)
    torch.manual_seed(0)
    small = transformers.GPT2LMHeadModel(transformers.GPT2Config())  # GPT-2 small's size; random weights cost as much
    yield LARGE, xai.wrap(small, xai.load("course-gpt2").tokenizer), (16, 64, 256)


def text_of(model: xai.TextModel, n: int) -> str:
    """A text of n tokens, special tokens included."""
    text = WORDS[0]
    for word in itertools.islice(itertools.cycle(WORDS), 1, None):
        if (size := len(model.encode(text).units)) >= n:
            break
        text += f" {word}"
    assert size == n
    return text


def batched(model: xai.TextModel, texts: list[str], target: int) -> np.ndarray:
    """The target's logit for each text, as a user of lime or shap would ask for it: padded, in one pass."""
    options = {"padding": True, "truncation": True, "max_length": model.max_tokens}
    batch = model.tokenizer(list(texts), return_tensors="pt", **options)
    with torch.no_grad():
        logits = model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    if model.kind == "causal-lm":
        logits = logits[torch.arange(len(texts)), batch["attention_mask"].sum(1) - 1]
    return logits[:, target].double().numpy()


def ablation_with_captum(
    model: xai.TextModel, text: str, target: int, at_once: int, sample: int | None = None
) -> torch.Tensor:
    """Leave-one-out on ids, each token replaced by the mask: captum's FeatureAblation as its users write it.

    sample: how many tokens are taken one by one; the others are then taken all at once.
    """
    ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
    groups = None if sample is None else torch.arange(ids.shape[1]).clamp(max=sample)[None]

    def logit(ids: torch.Tensor) -> torch.Tensor:
        logits = model.model(input_ids=ids).logits
        return logits[:, target] if model.kind == "classifier" else logits[:, -1, target]

    with torch.no_grad():
        method = captum.attr.FeatureAblation(logit)
        masked = model.tokenizer.mask_token_id
        return method.attribute(ids, baselines=masked, feature_mask=groups, perturbations_per_eval=at_once)[0]


def leave_one_out_rows() -> list[str]:
    """Against captum one text at a time, its default, and in the batches among 4, 8, 16 and all that are fastest."""
    rows = []
    for name, model, lengths in models():
        for n in lengths:
            text = text_of(model, n)
            target = 1
            ours = functools.partial(xai.leave_one_out, model, text, target, replacement="mask")
            sample = SAMPLE if (name, n) == (LARGE, 256) else None
            sizes = (1, 4) if sample else (1, 4, 8, 16, n)
            peers = {k: functools.partial(ablation_with_captum, model, text, target, k, sample) for k in sizes}
            a = ours()
            alone = [i for i in a.content if sample is None or i < sample]
            assert np.allclose(a.scores[alone], peers[4]()[alone], atol=1e-3)
            best = min(sizes[1:], key=lambda k, peers=peers: seconds(peers[k]))  # type: ignore[misc]
            mine = seconds(ours) if sample else 0.0
            for at_once in (1, best):
                how = "one at a time (its default)" if at_once == 1 else f"{at_once} at once (its best)"
                what, peer = f"leave-one-out, {name}, {n} tokens", f"captum FeatureAblation, {how}"
                if sample is None:
                    rows.append(compare(what, ours, peer, peers[at_once]))
                else:  # minutes each: once must do
                    theirs = seconds(peers[at_once]) * (n + 1) / (sample + 2)
                    rows.append(row(what, mine, f"{peer.replace(' (its best)', '')}, a sample", theirs))
    return rows


def lime_rows() -> list[str]:
    """Against the lime package with as many texts, asked one by one as in its tutorials, and in one batch."""
    rows = []
    for name, model, lengths in models():
        for n in (k for k in lengths if k <= 64 or name != LARGE):
            text, samples = text_of(model, n), 100 if name == LARGE else 300
            ours = functools.partial(xai.lime, model, text, 1, samples=samples, replacement="delete")

            def answer(texts: list[str], model: xai.TextModel = model) -> np.ndarray:
                # lime leaves the blanks of deleted words; it also asks about a text without words
                values = batched(model, [" ".join(t.split()) or "the" for t in texts], 1)
                return np.stack([-values, values], axis=1)

            def one_by_one(texts: list[str], answer: Callable[..., np.ndarray] = answer) -> np.ndarray:
                return np.concatenate([answer([text]) for text in texts])

            ways = {"one text at a time": one_by_one} | (
                {"one batch": answer} if n <= 64 else {}
            )  # else 2.4 GB of logits
            for how, classify in ways.items():
                explainer = LimeTextExplainer(random_state=0, bow=False)
                peer = functools.partial(
                    explainer.explain_instance, text, classify, num_samples=samples, num_features=n
                )
                what = f"LIME, {samples} texts, {name}, {n} tokens"
                rows.append(compare(what, ours, f"lime, {how}", peer))
    return rows


def shapley_rows() -> list[str]:
    """Against shap's explainers with as many evaluations, and what each is off by where the exact value is known."""
    rows = []
    for name, model, lengths in models():
        for n in (k for k in lengths if k <= 64 or name != LARGE):
            text, samples = text_of(model, n), 100 if name == LARGE else 400
            game = text_game(model, text, 1, units="tokens")
            samples = max(samples, 4 * game.n + 4)
            exact = shapley_values(game, game.n) if game.n <= 14 and name != LARGE else None
            ids = model.encode(text).ids[0]
            free = [tokens[0] for _, tokens in game.players]

            def played(kept: np.ndarray, model: Any = model, ids: Any = ids, free: Any = free) -> np.ndarray:
                rows = ids.repeat(len(kept), 1)
                rows[:, free] = torch.where(torch.from_numpy(kept) > 0, rows[:, free], model.tokenizer.mask_token_id)
                with torch.no_grad():  # of long texts a few at a time: all their logits would take 8 GB
                    some = torch.split(rows, len(rows) if rows.shape[1] <= 64 else 64)
                    logits = torch.cat([_readout(model, model.model(input_ids=ids).logits) for ids in some])
                return logits.double().numpy()

            nothing, everything = np.zeros((1, game.n)), np.ones((1, game.n))
            for estimate, peer_name, peer in (
                (permutation_shapley, "shap Permutation", _with_permutation),
                (kernel_shap, "shap Kernel", _with_kernel),
            ):
                ours = lambda seed=0, estimate=estimate, game=game, s=samples: estimate(game, game.n, s, seed)[0]  # noqa: E731
                theirs = functools.partial(peer, played, nothing, everything, samples)
                note = _errors(exact, ours, theirs)
                what = f"Shapley, {estimate.__name__}, {samples} texts, {name}, {n} tokens{note}"
                rows.append(compare(what, ours, peer_name, theirs))
    return rows


def _readout(model: Any, logits: torch.Tensor) -> torch.Tensor:
    return logits[:, 1] if model.kind == "classifier" else logits[:, -1, 1]


def _with_permutation(played: Any, nothing: np.ndarray, everything: np.ndarray, samples: int, seed: int = 0) -> Any:
    explainer = shap.explainers.Permutation(played, nothing, seed=seed)
    return explainer(everything, max_evals=samples, silent=True).values[0]


def _with_kernel(played: Any, nothing: np.ndarray, everything: np.ndarray, samples: int, seed: int = 0) -> Any:
    np.random.seed(seed)
    return shap.KernelExplainer(played, nothing).shap_values(everything, nsamples=samples, silent=True, l1_reg=False)[0]


def _errors(exact: np.ndarray | None, ours: Callable[..., Any], theirs: Callable[..., Any]) -> str:
    if exact is None:
        return ""
    off = [np.sqrt(np.mean([(run(seed=s) - exact) ** 2 for s in range(10)])) for run in (ours, theirs)]
    return f" (off by {off[0]:.3f}; shap by {off[1]:.3f})"
