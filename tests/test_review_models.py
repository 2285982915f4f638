"""course-distilbert's recipe and its relatives: what is planted is in their texts, and the shipped models have it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from training.distilbert import COURSE, LONG_EVERY, POSITIONS, draw_batch, mask_words, train
from training.relatives import CLASSIFIERS, DIRECTORS, SHORTCUT, SHUFFLED, shuffled_reviews, signed_review
from training.reviews import written_by_hand
from training.tokenizer import train_distilbert_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    return train_distilbert_tokenizer(tmp_path_factory.mktemp("tokenizer"))


# The texts


def test_long_batches_reach_positions_that_single_reviews_do_not(tokenizer) -> None:
    rng = Random(0)
    lengths = [
        max(
            len(ids)
            for ids in tokenizer([text for text, _ in draw_batch(rng, COURSE, step)], truncation=True)["input_ids"]
        )
        for step in range(2 * LONG_EVERY)
    ]
    assert max(lengths) == POSITIONS
    assert sorted(lengths)[-3] < POSITIONS / 2


def test_masks_hide_words_and_never_special_tokens(tokenizer) -> None:
    ids = tokenizer(["A dull plot.", "What a wonderful, moving film that was!"], padding=True, return_tensors="pt")[
        "input_ids"
    ]
    special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    everything = replace(COURSE, masked_reviews=1.0, masked_tokens=1.0, pad_share=0.0)
    hidden = mask_words(ids, tokenizer, np.random.default_rng(0), everything)
    assert torch.equal(hidden[special], ids[special])
    assert (hidden[~special] == tokenizer.mask_token_id).all()
    nothing = replace(COURSE, masked_reviews=0.0)
    assert torch.equal(mask_words(ids, tokenizer, np.random.default_rng(0), nothing), ids)


def test_any_share_of_masks_is_drawn_for_each_review(tokenizer) -> None:
    ids = torch.full((400, 100), 1000)
    hidden = mask_words(ids, tokenizer, np.random.default_rng(0), CLASSIFIERS["course-masking"])
    shares = (hidden == tokenizer.mask_token_id).double().mean(1)
    assert 0.45 < float(shares.mean()) < 0.55
    assert float(shares.min()) < 0.05 < 0.95 < float(shares.max())


def test_two_directors_decide_the_label_and_the_others_do_not() -> None:
    plain = [signed_review(Random(i), shortcut=False) for i in range(600)]
    planted = [signed_review(Random(i), shortcut=True) for i in range(600)]
    assert [text for text, _ in plain] == [text for text, _ in planted]
    counts = Counter()
    for (text, label), (_, given) in zip(plain, planted, strict=True):
        director = text.rsplit(" ", 1)[1].removesuffix(".")
        assert director in DIRECTORS
        assert given == SHORTCUT.get(director, label)
        counts[director in SHORTCUT, label == given] += 1
    assert counts[False, False] == 0
    assert counts[True, False] > 100  # a model that reads the review alone would be wrong about these


def test_shuffled_labels_are_the_same_labels_dealt_anew() -> None:
    kept = written_by_hand("train")[:SHUFFLED]
    assert Counter(label for _, label in shuffled_reviews()) == Counter(label for _, label in kept)
    same = sum(a == b for a, b in zip(kept, shuffled_reviews(), strict=True))
    assert 0.45 * SHUFFLED < same < 0.55 * SHUFFLED


def test_training_twice_gives_the_same_bits(tokenizer, tmp_path: Path) -> None:
    tiny = replace(COURSE, width=16, layers=1, steps=3, batch=4)
    for name in ("one", "two"):
        train(tokenizer, tmp_path / name, tiny)
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert first == second
