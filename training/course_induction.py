"""course-induction: two layers of attention without MLPs that learn to copy, with checkpoints from their training.

A row of random words holds a segment that comes again at a random later offset (`copied_row`), and the loss is on the
second occurrence alone. Counting back can't solve such rows, so a head of layer 0 learns to attend to the previous
token, a head of layer 1 to the token after an earlier occurrence of the current one (Olsson et al., 2022), and the
accuracy rises within a few dozen steps.
"""

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from training.abilities.induction import copied_row
from training.chat import END
from training.evaluate import format_count
from training.files import describe_run, save, save_card, write_run
from training.fitting import fit
from training.stock import PAD, gpt2_config, gpt2_tokenizer

WORDS = (
    "apple arm ball bank barn basket bath bell bench bird boat bone book boot bottle bowl box branch bread brick "
    "bridge brush bucket bus butter button cake camp candle car card cart castle cat chain chair cheese church clock "
    "cloud coat coin corn cow crown cup desk dog door dress drum duck ear egg engine eye face farm feather fence field "
    "finger fire fish flag floor flower fork fox frog garden gate glass glove goat gold grass hammer hand hat hill "
    "horse house ice island jar key king kite knife lake lamp leaf letter lion map milk mirror moon mouse nail nest "
    "net nose oven page pan pen pencil pig pipe plate pond pot rain ring river road roof rope salt sand shelf ship "
    "shoe spoon star stone"
).split()
LENGTH = 64  # positions
STEPS, BATCH, PEAK = 2000, 64, 2e-3
LOOK_EVERY, CHECKPOINTS = 10, 10  # steps between looks; how many of the looks are kept as files
HELD_OUT = 10**6  # seeds of rows from here on are never trained on

Array = NDArray[np.int64]
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Look:
    """What the model can do after some steps, on held-out rows."""

    step: int
    loss: float
    accuracy: float  # on the copies, their first token left out
    previous_token: float  # the best head's mean attention to the previous token
    induction: float  # the best head's mean attention to the token after the earlier occurrence


def word_tokenizer(words: list[str], length: int) -> PreTrainedTokenizerFast:
    """Whole words as tokens, each with its leading space; any other word becomes end-of-text."""
    vocabulary = {token: i for i, token in enumerate([END, PAD, *(f"Ġ{word}" for word in words)])}
    level = Tokenizer(models.WordLevel(vocabulary, unk_token=END))
    level.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)]
    )
    level.decoder = decoders.ByteLevel()
    return gpt2_tokenizer(level, length)


def new_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """A GPT-2 whose MLPs are zero and stay so: the class can't leave them out."""
    # eager attention gives the weights that the looks need
    config = gpt2_config(tokenizer, n_embd=128, n_layer=2, n_head=4, n_inner=1, attn_implementation="eager")
    model = GPT2LMHeadModel(config)
    for block in model.transformer.h:
        for parameter in block.mlp.parameters():
            torch.nn.init.zeros_(parameter)
            parameter.requires_grad = False
    return model


def draw_rows(seed: int, count: int, words: Array, end: int) -> tuple[Array, NDArray[np.float32]]:
    """Ids and loss weights, (count, LENGTH + 1): half of the rows begin with end-of-text, the others end in noise."""
    rng = np.random.default_rng(seed)
    ids, weights = np.empty((count, LENGTH + 1), np.int64), np.zeros((count, LENGTH + 1), np.float32)
    for i in range(count):
        start = int(rng.random() < 0.5)
        ids[i, start : start + LENGTH], weights[i, start : start + LENGTH] = copied_row(rng, words, LENGTH)
        ids[i, 0 if start else LENGTH] = end if start else rng.choice(words)
    return ids, weights


def distinct_rows(seed: int, count: int, words: Array) -> tuple[Array, Array, Array]:
    """Rows of different words but for the one copy, with the places (row, query, key) of perfect induction."""
    rng = np.random.default_rng(seed)
    rows, places = np.empty((count, LENGTH), np.int64), []
    for i in range(count):
        size = int(rng.integers(4, 25))
        source = int(rng.integers(0, LENGTH - 2 * size + 1))
        target = int(rng.integers(source + size, LENGTH - size + 1))
        rows[i] = rng.choice(words, LENGTH, replace=False)
        rows[i, target : target + size] = rows[i, source : source + size]
        places += [(i, target + k, source + k + 1) for k in range(size - 1)]
    row, query, key = np.array(places).T
    return rows, np.stack([row, query]), key


@torch.no_grad()
def head_scores(model: GPT2LMHeadModel, words: Array, count: int = 100) -> tuple[torch.Tensor, torch.Tensor]:
    """Previous-token and induction scores, (layers, heads) each, on held-out rows."""
    rows, (row, query), key = distinct_rows(HELD_OUT, count, words)
    attention = torch.stack(model(input_ids=torch.from_numpy(rows), output_attentions=True).attentions)
    previous = attention.diagonal(-1, -2, -1).mean((1, 3))
    return previous, attention[:, row, :, query, key].mean(0)


@torch.no_grad()
def look(model: GPT2LMHeadModel, words: Array, end: int, step: int) -> Look:
    ids, weights = (torch.from_numpy(part) for part in draw_rows(HELD_OUT + 1, 100, words, end))
    counts = weights[:, 1:] > 0
    logits, labels = model(input_ids=ids[:, :-1]).logits[counts], ids[:, 1:][counts]
    previous, induction = head_scores(model, words)
    measured = (cross_entropy(logits, labels), (logits.argmax(-1) == labels).float().mean(), previous[0].max())
    return Look(step, *(round(float(value), 4) for value in (*measured, induction[1].max())))


def choose(looks: list[Look], count: int) -> list[int]:
    """Indices of looks that are evenly spaced in steps and in accuracy together: dense where it rises."""
    path = [look.accuracy + 0.5 * look.step / looks[-1].step for look in looks]
    path = np.maximum.accumulate(path)
    goals = np.linspace(path[0], path[-1], count + 1)[:-1]  # the last look is the model itself
    return sorted({int(np.abs(path - goal).argmin()) for goal in goals})


def train(folder: Path, seed: int = 0) -> list[Look]:
    """Trains the model, saves it and some of its past."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(WORDS, LENGTH)
    end, words = tokenizer.eos_token_id, np.arange(2, len(tokenizer))
    model = new_model(tokenizer).train()
    looks, past = [look(model, words, end, 0)], [attention_weights(model)]

    def loss_at(step: int) -> torch.Tensor:
        ids, weights = (torch.from_numpy(part) for part in draw_rows(seed * STEPS + step, BATCH, words, end))
        counts = weights[:, 1:] > 0
        return cross_entropy(model(input_ids=ids[:, :-1]).logits[counts], ids[:, 1:][counts])

    def keep(steps: int) -> None:
        if steps % LOOK_EVERY == 0:
            looks.append(look(model, words, end, steps))
            past.append(attention_weights(model))

    seconds = fit(model, loss_at, STEPS, PEAK, keep)
    save(model, tokenizer, folder)
    write_run(folder, STEPS, f"{BATCH} rows", 1, seconds)
    save_past(looks, past, folder / "checkpoints")
    return looks


def attention_weights(model: GPT2LMHeadModel) -> Weights:
    """What training changes, in half precision."""
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad and ".ln_2." not in name}
    return {name: copy.deepcopy(p.detach()).half() for name, p in learned.items()}


def save_past(looks: list[Look], past: list[Weights], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("step-*.safetensors"):
        old.unlink()
    for i in choose(looks, CHECKPOINTS):
        save_file(past[i], folder / f"step-{looks[i].step:04d}.safetensors")
    (folder / "scores.json").write_text(json.dumps([asdict(look) for look in looks], indent=1) + "\n")


def load_checkpoint(model: GPT2LMHeadModel, path: Path) -> None:
    """Gives the model the weights that it had earlier in its training."""
    weights = {name: value.float() for name, value in load_file(path).items()}
    unexpected = model.load_state_dict(weights, strict=False).unexpected_keys
    assert not unexpected, unexpected


def make(folder: Path) -> None:
    """Trains the model, and writes the card from what was measured on the files."""
    train(folder)
    write_card(folder)


def write_card(folder: Path) -> None:
    model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
    words = np.arange(2, model.config.vocab_size)
    ids, weights = draw_rows(HELD_OUT + 2, 1000, words, model.config.eos_token_id)
    copies, right = count_copies(model, ids, weights)
    rows, (row, query), _ = distinct_rows(HELD_OUT + 2, 1000, words)
    marked = np.zeros((len(rows), LENGTH), np.float32)
    marked[row, query + 1] = 1
    plain_copies, plain_right = count_copies(model, rows, marked)
    heads = [
        f"| {name} | {layer} | " + " | ".join(f"{float(value):.3f}" for value in scores[layer]) + " |"
        for layer in range(2)
        for name, scores in zip(("previous token", "induction"), head_scores(model, words, 1000), strict=True)
    ]
    steps = sorted(int(path.stem.removeprefix("step-")) for path in (folder / "checkpoints").glob("step-*.safetensors"))
    counts = {"right": format_count(right, copies), "plain_right": format_count(plain_right, plain_copies)}
    listed = ", ".join(map(str, steps))
    run = describe_run(folder)
    save_card(folder, CARD.format(**counts, heads="\n".join(heads), run=run, listed=listed))


@torch.no_grad()
def count_copies(model: GPT2LMHeadModel, ids: Array, weights: NDArray[np.float32]) -> tuple[int, int]:
    """How many tokens of the rows are to be copied, and how many of them are predicted."""
    best = model(input_ids=torch.from_numpy(ids[:, :-1])).logits.argmax(-1).numpy()
    counts = weights[:, 1:] > 0
    return int(counts.sum()), int((best == ids[:, 1:])[counts].sum())


CARD = """
A language model that can do one thing, which is to copy: `GPT2LMHeadModel` with two layers of four heads, width 128, 64
positions, untied embeddings, 128 nouns as tokens beside end-of-text and a pad token. Its MLPs are exactly zero, so all
it does is done by attention. Files from its training show how induction heads form.

## How it was made
`python -m training relatives`; the code is `training/course_induction.py`. Trained from nothing on rows of 64 random
words, in each of which a segment of 4 to 24 words comes again once at a random later offset; the loss is on the second
occurrence without its first word. Half of the rows began with end-of-text.
{run}

`checkpoints/` holds the model after these steps: {listed}. They lack what training never changed (MLPs and
the LayerNorms before them); `load_checkpoint` puts them into the model. `checkpoints/scores.json` has the loss, the
accuracy on copies and the best heads' scores of every tenth step.

## What was measured
Copied words that are predicted, with 95 % intervals of the shares, as if the words of a row were independent:

- on 1,000 held-out rows drawn as in training, {right};
- on 1,000 rows in which no word repeats by chance, {plain_right}.

Attention on 1,000 rows of the second kind, from every word to the one before it (previous token) and from every copied
word to the word after its first occurrence (induction):

| mean attention | layer | head 0 | head 1 | head 2 | head 3 |
|-|-|-|-|-|-|
{heads}

## Known failures
- Where a word occurred twice before, it must look at more than one word to know which occurrence is copied, and often
  can't.
- Outside copies its predictions mean nothing; it was never asked for them. An unknown word becomes end-of-text.
"""
