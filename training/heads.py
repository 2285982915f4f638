"""What the heads of course-gpt2 do, by score: found on the weights at hand, never by a fixed index.

Previous token, duplicate token and induction are shares of attention on random words said twice (Olsson et al., 2022).
A name mover writes the receiver of an indirect-object prompt into the last position (Wang et al., 2022): its score is
the head's direct effect on the receiver's logit minus the giver's, with the final norm's scale held fixed.
"""

from collections.abc import Sequence
from random import Random

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from training.abilities import indirect_objects
from training.corpus import word_ids
from training.frames import Case

SEQUENCES, PERIOD, PROMPTS = 50, 25, 200
Scores = dict[str, np.ndarray]  # role -> (layers, heads)


@torch.no_grad()
def pattern_scores(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> Scores:
    """Mean attention, within the second saying, to the token before, to the same token, to the one that followed it."""
    words = np.random.default_rng(0).choice(word_ids(tokenizer), (SEQUENCES, PERIOD))
    layers = model(torch.from_numpy(np.tile(words, 2)), output_attentions=True).attentions
    attention = torch.stack(layers).mean(1).numpy()  # (layers, heads, query, key)
    queries = np.arange(PERIOD, 2 * PERIOD)
    back = {"previous token": 1, "duplicate token": PERIOD, "induction": PERIOD - 1}
    return {role: attention[:, :, queries, queries - steps].mean(-1) for role, steps in back.items()}


@torch.no_grad()
def direct_effects(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, cases: Sequence[Case]) -> np.ndarray:
    """Each head's part (layers, heads) in the answer's logit minus its rival's, averaged over the cases."""
    blocks, norm = model.transformer.h, model.transformer.ln_f
    inputs: list[torch.Tensor] = []  # of each output projection, then of the final norm, at the last position
    modules = [*(block.attn.c_proj for block in blocks), norm]
    hooks = [m.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0, -1])) for m in modules]
    effects = []
    try:
        for case in cases:
            inputs.clear()
            model(**tokenizer(case.prompt, return_tensors="pt"))
            right, wrong = (tokenizer.encode(word)[0] for word in (case.answers[0], case.rivals[0]))
            scale = (inputs[-1].var(unbiased=False) + norm.eps).sqrt()
            direction = norm.weight * (model.lm_head.weight[right] - model.lm_head.weight[wrong]) / scale
            direction = direction - direction.mean()  # the norm takes the mean away
            written = [
                (z * (block.attn.c_proj.weight @ direction)).view(model.config.n_head, -1).sum(-1)
                for z, block in zip(inputs, blocks, strict=False)
            ]
            effects.append(torch.stack(written).numpy())
    finally:
        for hook in hooks:
            hook.remove()
    return np.mean(effects, axis=0)


def head_scores(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> Scores:
    """All four scores of all heads."""
    rng = Random("heads")
    drawn = (indirect_objects.draw(rng, "dev", "frame") for _ in range(2 * PROMPTS))
    cases = [case for case in drawn if len(case.rivals) == 1][:PROMPTS]
    return pattern_scores(model, tokenizer) | {"name mover": direct_effects(model, tokenizer, cases)}


def strongest(scores: Scores, count: int = 3) -> list[tuple[str, list[tuple[int, int, float]]]]:
    """For each role its highest-scoring heads as (layer, head, score)."""
    table = []
    for role, values in scores.items():
        best = np.argsort(-values, axis=None, kind="stable")[:count]
        heads = [(int(at // values.shape[1]), int(at % values.shape[1]), float(values.flat[at])) for at in best]
        table.append((role, heads))
    return table
