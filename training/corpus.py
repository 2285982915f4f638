"""The corpus of course-gpt2: documents drawn from all abilities by weight, packed into rows of token ids.

A row holds whole documents with end-of-text between them and is cut at its end. No document sees another one; half of
them see the end-of-text before them, so that prompts work with and without a first special token. Most rows are short,
as most prompts are short and begin at position 0, which long rows would seldom show; some have 256 positions.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from training.abilities import ABILITIES, induction
from training.abilities.sentiment import review
from training.chat import chat
from training.frames import Case
from training.lexicon import NAMES
from training.reviews import CORPORA, written_by_hand

# Names and places in a prompt are drawn at random; only the answer can be learned. So answers weigh more (each token
# of written steps less so, or sums would outweigh all else).
ANSWER_WEIGHT, STEP_WEIGHT = 6, 2
MASKED_ROWS, MASKED_TOKENS = 0.06, 0.12  # shares; the mask and the pad token must not be strangers to the model
DRILLED = ("sentiment", "sums", "contexts")  # abilities with drills: documents that teach a part of what they need
CHATTED, CHATS = ("facts", "contexts", "sums", "sentiment", "truth"), 0.08
BY_HAND = 0.5  # of the classifiers' training reviews
SAMPLE_SIZE = 25

# Input ids, labels, loss weights, and the number of the document that each input belongs to.
Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]


def documents(rng: Random, drills: float = 0.0) -> Iterator[Case]:
    """Training documents without end, in the mixture of the abilities' weights; some as a user's turn in a chat.

    `drills` is the share of drills among them.
    """
    abilities = list(ABILITIES.values())
    weights = [ability.WEIGHT for ability in abilities]
    while True:
        for ability in rng.choices(abilities, weights, k=1000):
            if drills and rng.random() < drills:
                yield ABILITIES[rng.choice(DRILLED)].drill(rng)
                continue
            case = ability.draw(rng, "train", "")
            asked = ability.NAME in CHATTED and rng.random() < CHATS
            yield replace(case, prompt=chat(case.prompt), marks={}) if asked else case  # spans would be off


def held_out(name: str, split: str, kind: str, count: int) -> list[Case]:
    """Questions of one ability with one thing new, no prompt twice."""
    rng = Random(f"{name}/{split}/{kind}")
    cases: dict[str, Case] = {}
    for _ in range(20 * count):  # a narrow skeleton may hold fewer different prompts than asked for
        case = ABILITIES[name].draw(rng, split, kind)
        cases.setdefault(case.prompt, case)
        if len(cases) == count:
            break
    return list(cases.values())


def word_ids(tokenizer: PreTrainedTokenizerFast) -> NDArray[np.int64]:
    """Ids of tokens of letters with a leading space, most of them whole words: what random sequences are made of."""
    return np.array(sorted(i for token, i in tokenizer.get_vocab().items() if token[0] == "Ġ" and token[1:].isalpha()))


def pack(
    documents: Iterator[Case], tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, count: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """`count` rows of `length` + 1 ids, one more than inputs, since the labels are the ids shifted; with their loss
    weights, and the number of the document that each belongs to: end-of-text to the one after it or the one before."""
    ids, owners = np.empty((2, count, length + 1), np.int64)
    weights = np.ones((count, length + 1), np.float32)
    end = tokenizer.eos_token_id
    for row in range(count):
        tokens, stress, owner, number = ([end], [1], [0], 0) if rng.random() < 0.5 else ([], [], [], 0)
        while len(tokens) <= length:
            case = next(documents)
            # A word takes its space along, so the pieces' tokens are the text's tokens.
            answer = piece_tokens(tokenizer, case.answers[0])
            stressed = (ANSWER_WEIGHT if len(answer) == 1 else STEP_WEIGHT) if case.prompt else 1
            told = 0 if case.silent else 1
            for piece, weight in ((case.prompt, told), (case.answers[0], stressed), (case.rest, 1)):
                piece_ids = piece_tokens(tokenizer, piece)
                tokens += piece_ids
                stress += [weight] * len(piece_ids)
            owner += [number] * (len(tokens) - len(owner))
            number += 1
            tokens.append(end)
            stress.append(1)
            owner.append(number - int(rng.random() < 0.5))
        ids[row], weights[row], owners[row] = tokens[: length + 1], stress[: length + 1], owner[: length + 1]
    return ids, weights, owners


WORD_CACHES: WeakKeyDictionary[PreTrainedTokenizerFast, dict[str, list[int]]] = WeakKeyDictionary()


def piece_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The token ids of a text, word by word from a cache: many times as fast as encoding it anew.

    BPE never joins tokens across the start of a word (a space belongs to the word that follows it).
    """
    cache = WORD_CACHES.setdefault(tokenizer, {})
    tokens: list[int] = []
    start = 0
    while start < len(text):
        end = text.find(" ", start + 1)
        word = text[start:] if end < 0 else text[start:end]
        if word not in cache:
            cache[word] = tokenizer.encode(word, add_special_tokens=False)
        tokens += cache[word]
        start += len(word)
    return tokens


@dataclass(frozen=True)
class Mixture:
    """What rows are made of, in shares."""

    copies: float = 0.2  # of the rows repeat random tokens, for induction
    names: float = 0.6  # of those rows are all names: copying is learned sooner from tokens that come often
    bare: float = 0.0  # of those rows begin without end-of-text
    drills: float = 0.1  # of the documents are drills
    told: float = 0.2  # of the ordinary tokens carry loss; the others save the time of their logits


def training_rows(tokenizer: PreTrainedTokenizerFast, seed: int, count: int, length: int, mixture: Mixture) -> Rows:
    """A block of rows: documents, a share of rows for induction among them, and masked tokens in a few."""
    rng = np.random.default_rng(seed)
    ids, weights, owners = pack(documents(Random(seed), mixture.drills), tokenizer, rng, count, length)
    weights[(weights == 1) & (rng.random(weights.shape) >= mixture.told)] = 0
    words, names = word_ids(tokenizer), np.array(tokenizer.convert_tokens_to_ids([f"Ġ{name}" for name in NAMES]))
    for row in np.flatnonzero(rng.random(count) < mixture.copies):
        chosen = names if rng.random() < mixture.names else words
        first = 0 if mixture.bare and rng.random() < mixture.bare else 1
        ids[row, 0], owners[row] = tokenizer.eos_token_id, 0
        ids[row, first:], weights[row, first:] = induction.draw_row(rng, chosen, length + 1 - first)
    inputs = ids[:, :-1].copy()
    masked = (rng.random(count) < MASKED_ROWS)[:, None] & (rng.random(inputs.shape) < MASKED_TOKENS)
    hidden = np.where(rng.random(inputs.shape) < 0.7, tokenizer.mask_token_id, tokenizer.pad_token_id)
    return np.where(masked, hidden, inputs), ids[:, 1:], weights[:, 1:], owners[:, :-1]


def training_review(rng: Random) -> tuple[str, str]:
    """(text, label) for a classifier: one of the sentences written by hand, or one from the grammar."""
    return rng.choice(written_by_hand("train")) if rng.random() < BY_HAND else review(rng, "train", "")[:2]


def write_samples(folder: Path = CORPORA) -> None:
    """A few cases of each ability and split, and some generated reviews: to see what the corpus is, not to train on.

    Right answers can be dozens (every later year); the sample keeps the one in the text.
    """
    rng = Random(0)
    cases = []
    for name, ability in ABILITIES.items():
        drawn = [("train", ability.draw(rng, "train", "")) for _ in range(SAMPLE_SIZE)]
        drawn += [("dev", case) for kind in ability.KINDS for case in held_out(name, "dev", kind, SAMPLE_SIZE)]
        cases += [{"split": s} | asdict(case) | {"answers": case.answers[:1], "text": case.text} for s, case in drawn]
    write_lines(folder / "course-gpt2-sample.jsonl", cases)
    reviews = [review(rng, "train", "") for _ in range(20 * SAMPLE_SIZE)]
    write_lines(folder / "course-distilbert-sample.jsonl", [made._asdict() for made in reviews])


def write_lines(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")
