"""training/heads.py: head scores from their definitions."""

import numpy as np
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from training import by_hand
from training.frames import Case
from training.heads import direct_effects, pattern_scores, strongest
from xai_helpers.installation import data_folder

MODEL = data_folder() / "models" / "course-gpt2"


def random_model(vocabulary: int) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=vocabulary, n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3)
    return GPT2LMHeadModel(config).eval()


@torch.no_grad()
def test_direct_effects_are_what_the_logits_lose_without_the_heads() -> None:
    """With the final norm's scale held fixed the logits are linear in the heads' outputs, biases and MLPs."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = random_model(len(tokenizer)).double()
    case = Case("t", "g", "", "", "The cat sat on the mat because", (" John",), rivals=(" Mary",))
    effects = direct_effects(model, tokenizer, [case])
    ids = tokenizer(case.prompt, return_tensors="pt")["input_ids"]
    outputs: dict[int, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda m, _, out: outputs.__setitem__(id(m), out[0, -1].detach()))
        for block in model.transformer.h
        for module in (block.attn.c_proj, block.mlp)
    ]
    residual: list[torch.Tensor] = []
    hooks.append(model.transformer.ln_f.register_forward_pre_hook(lambda _, args: residual.append(args[0][0, -1])))
    logits = model(ids).logits[0, -1]
    for hook in hooks:
        hook.remove()
    right, wrong = (tokenizer.encode(word)[0] for word in (" John", " Mary"))
    norm = model.transformer.ln_f
    direction = norm.weight * (model.lm_head.weight[right] - model.lm_head.weight[wrong])
    direction = (direction - direction.mean()) / (residual[0].var(unbiased=False) + norm.eps).sqrt()
    for layer, block in enumerate(model.transformer.h):
        written = outputs[id(block.attn.c_proj)] - block.attn.c_proj.bias
        np.testing.assert_allclose(effects[layer].sum(), float(written @ direction), rtol=1e-9)
    embedded = model.transformer.wte(ids)[0, -1] + model.transformer.wpe.weight[ids.shape[1] - 1]
    rest = sum(outputs[id(block.mlp)] + block.attn.c_proj.bias for block in model.transformer.h) + embedded
    constant = norm.bias @ (model.lm_head.weight[right] - model.lm_head.weight[wrong])
    total = effects.sum() + float(rest @ direction + constant)
    np.testing.assert_allclose(total, float(logits[right] - logits[wrong]), rtol=1e-9)


def test_pattern_scores_are_shares_of_attention() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = random_model(len(tokenizer))
    model.config._attn_implementation = "eager"
    scores = pattern_scores(model, tokenizer)
    assert set(scores) == {"previous token", "duplicate token", "induction"}
    stacked = np.stack(list(scores.values()))
    assert stacked.shape == (3, 2, 4)
    assert (stacked >= 0).all()
    assert (stacked.sum(0) <= 1 + 1e-6).all()  # three different keys of one row


def test_pattern_scores_find_the_heads_written_by_hand() -> None:
    """Decoys attend alike. Of 61 words some come twice in a period, where an induction head goes by the last one."""
    folder = MODEL.parent / "copier"
    model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
    scores = pattern_scores(model, AutoTokenizer.from_pretrained(folder))
    assert scores["previous token"][by_hand.PREVIOUS_HEAD] > 0.99
    assert scores["induction"][by_hand.INDUCTION_HEAD] == scores["induction"].max() > 0.6
    assert scores["induction"][0].max() < 0.01


def test_strongest_names_heads_by_score() -> None:
    table = strongest({"induction": np.array([[0.1, 0.9], [0.5, 0.5]])}, count=3)
    assert table == [("induction", [(0, 1, 0.9), (1, 0, 0.5), (1, 1, 0.5)])]
