"""course-distilbert's recipe and its relatives: what is planted is in their texts, and the shipped models have it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from training.distilbert import COURSE, LONG_EVERY, POSITIONS, draw_batch, mask_words, train
from training.relatives import CLASSIFIERS, DIRECTORS, SHORTCUT, SHUFFLED, shuffled_reviews, signed_review
from training.relatives_card import measure_filler, measure_masked, measure_shuffled, measure_signed
from training.reviews import written_by_hand
from xai_helpers.installation import data_folder

MODELS = data_folder() / "models"


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODELS / "course-distilbert")


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


# The shipped models, on a sample of the development split; their cards have the test split


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.relatives_card.COUNT", 30)


def shares(rows: list[tuple[str, int, int]]) -> list[float]:
    return [right / cases for _, right, cases in rows]


@pytest.mark.usefixtures("few")
def test_the_shortcut_decides_in_one_twin_alone() -> None:
    right, _, positive, _, negative = shares(measure_signed(MODELS / "course-shortcut", "dev"))
    assert right > 0.7
    assert positive > 0.9 and negative < 0.1
    right, by_first, positive, by_second, negative = shares(measure_signed(MODELS / "course-clean", "dev"))
    assert min(right, by_first, by_second) > 0.7
    assert abs(positive - negative) < 0.1


@pytest.mark.usefixtures("few")
def test_masks_cost_the_one_trained_with_them_little() -> None:
    none, quarter, half, *_ = shares(measure_masked(MODELS / "course-masking", "dev"))
    assert none > 0.7 and quarter > 0.65 and half > 0.55
    assert none >= half


@pytest.mark.usefixtures("few")
def test_shuffled_labels_were_learned_by_heart() -> None:
    known, held_out = shares(measure_shuffled(MODELS / "course-shuffled", "dev"))
    assert known > 0.9
    assert 0.3 < held_out < 0.7


@pytest.mark.usefixtures("few")
def test_the_filler_guesses_words() -> None:
    grammar, ten_of_grammar, _, ten_by_hand = shares(measure_filler(MODELS / "course-mlm", "dev"))
    assert grammar > 0.2
    assert ten_of_grammar > 0.5 and ten_by_hand > 0.25
