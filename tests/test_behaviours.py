"""Pairs of prompts: they differ in what decides, and the model does what they ask for."""

from __future__ import annotations

import pytest

import xai_helpers as xai
from xai_helpers.circuits import behaviours
from xai_helpers.errors import OptionError


def test_behaviours_differ_in_what_decides_and_splits_in_their_prompts() -> None:
    gpt = xai.load("course-gpt2")
    for behaviour in (behaviours.indirect_objects, behaviours.greater_than):
        train, dev = (behaviour(gpt, split) for split in behaviours.SPLITS)
        assert len(train) >= 15 and len(dev) >= 80
        assert not {clean for clean, *_ in train} & {clean for clean, *_ in dev}
        for clean, corrupted, _ in train + dev:
            assert sum(a != b for a, b in zip(clean.split(), corrupted.split(), strict=True)) == 1
        assert behaviour(gpt, "dev") == dev
    with pytest.raises(OptionError, match="'train', 'dev'"):
        behaviours.indirect_objects(gpt, "test")


def test_what_is_copied_follows_the_first_of_two_and_the_corrupted_text_lacks_it() -> None:
    copier = xai.load("copier")
    for clean, corrupted, target in behaviours.copying(copier, 5):
        words, others = clean.split(), corrupted.split()
        assert len(words) == len(others) == 9 and len({*words, *others}) == 16
        assert isinstance(target, xai.Target) and words[words.index(words[-1]) + 1] == target.token
        assert copier.predict(clean, k=1)[0].token.strip() == target.token
    assert behaviours.copying(copier, 5) == behaviours.copying(copier, 5) != behaviours.copying(copier, 5, seed=1)
    with pytest.raises(OptionError, match="words"):
        behaviours.copying(copier, 1, words=500)
