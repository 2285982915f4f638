"""Leave-one-out and occlusion: one pass per changed text, done the slow way; captum's numbers; what is not deleted."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import captum.attr
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, perturbation
from xai_helpers.architectures import blocks_of, hooked
from xai_helpers.editing import edited_attention, evenly
from xai_helpers.perturbation import perplexity, text_game
from xai_helpers.replacements import stand_in, word_id

METHODS = (xai.leave_one_out, xai.occlusion)
# Some families compute parts of their attention in single precision, whatever their dtype.
SINGLE = 2e-6


def one_by_one(model: xai.TextModel, text: str, target: int, absent: np.ndarray, replacement: str) -> float:
    """The target's value with some tokens (n_tokens,) taken away, by the model's own forward pass on this one text."""
    encoded = model.encode(text)
    ids, place = encoded.ids.clone(), model.readout(encoded)
    gone = torch.from_numpy(absent)
    if replacement in ("zero", "mean"):
        table = model.model.get_input_embeddings()
        vectors = table(ids)
        vectors[0, gone] = 0 if replacement == "zero" else table.weight.mean(0)
        logits = model.model(inputs_embeds=vectors).logits[0]
    else:
        word = word_id(model, "the") if model.tokenizer.mask_token_id is None else model.tokenizer.mask_token_id
        if replacement == "delete":
            ids[0, place] = word if gone[place] else ids[0, place]
            gone = gone.clone()
            gone[place] = False
            ids, place = ids[:, ~gone], place - int(gone[:place].sum())
        else:
            ids[0, gone] = word_id(model, replacement)
        logits = model.model(input_ids=ids).logits[0]
    return float(logits[target] if model.kind == "classifier" else logits[place, target])


@contextlib.contextmanager
def passes(model: xai.TextModel) -> Iterator[list[tuple[int, int]]]:
    """Of each pass through the first block, its rows and tokens."""
    seen: list[tuple[int, int]] = []
    with hooked(blocks_of(model.model)[0], lambda module, args: seen.append(tuple(args[0].shape[:2])), before=True):
        yield seen


@settings(max_examples=60, deadline=None)
@given(
    place=st.sampled_from(tiny.KINDS),
    replacement=st.sampled_from(("zero", "mean", "delete", "sat")),
    seed=st.integers(0, 2**16),
    share=st.sampled_from((0.05, 0.3, 0.9)),
    units=st.sampled_from(("tokens", "words")),
)
def test_values_are_those_of_one_pass_per_text(
    place: Any, replacement: str, seed: int, share: float, units: Any
) -> None:
    model = tiny.model_in(torch.float64, *place, seed=seed % 3)
    text = tiny.text_for(model)
    game = text_game(model, text, 1, replacement, units, batch_size=seed % 5 + 1)
    kept = np.random.default_rng(seed).random((12, game.n)) >= share
    kept[0] = False
    with torch.no_grad():
        expected = [one_by_one(model, text, 1, game._absent(row[None])[0], replacement) for row in kept]
    assert np.allclose(game(kept), expected, rtol=0, atol=SINGLE)
    assert game(np.ones((1, game.n), dtype=bool))[0] == game.whole == pytest.approx(model.value(text, 1), abs=SINGLE)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("replacement", ["auto", "delete", "corpus"])
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_batch_size_and_the_prefix_make_no_difference(
    family: str, kind: Any, replacement: str, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text = tiny.text_for(model)
    whole = method(model, text, 1, replacement=replacement, draws=3)
    for batch_size in (1, 4, 1000):
        a = method(model, text, 1, replacement=replacement, draws=3, batch_size=batch_size)
        assert np.allclose(a.scores, whole.scores, rtol=0, atol=1e-12)
    monkeypatch.setattr(perturbation, "WORTH", 1)  # so that short texts share prefixes as well
    shared = method(model, text, 1, replacement=replacement, draws=3)
    assert np.allclose(shared.scores, whole.scores, rtol=0, atol=SINGLE)


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_the_prefix_is_run_once(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is changed at token i needs the tokens from i on; three parts come near to that."""
    model, text = tiny.model(family, "causal-lm"), "on the mat " * 20
    with passes(model) as seen:
        game = text_game(model, text.strip(), 1)
        kept, n = ~np.eye(game.n, dtype=bool), game.target.position + 1
        assert seen == [(1, n)] and 60 <= n <= 61
        shared = game(kept)
        parts = seen[1:]
        assert len(parts) == game.n * n // perturbation.WORTH == 3
        assert sum(rows for rows, _ in parts) == game.n
        assert sum(rows * tokens for rows, tokens in parts) < 0.7 * game.n * n
        monkeypatch.setattr(perturbation, "PAYS", 1.0)
        assert np.allclose(game(kept), shared, rtol=0, atol=1e-4)
        assert seen[4:] == [(game.n, n)]


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_as_few_passes_as_fit(family: str, kind: Any) -> None:
    """The text itself, and all its changed versions together; a version that is asked twice runs once."""
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    n = len(model.encode(text).units)
    with passes(model) as seen:
        game = text_game(model, text, 1, "zero")
        xai.leave_one_out(model, text, 1, replacement="zero")
        kept = np.ones((6, game.n), dtype=bool)
        kept[3:, 0] = False
        game(kept)
        xai.leave_one_out(model, text, 1, replacement="zero", batch_size=game.n - 1)
    whole, once = (1, n), (game.n - 1, n)
    assert seen == [whole, whole, (game.n, n), (1, n), whole, once, (1, n)]


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (2, 1), (3, 2), (3, 3), (4, 3)])
@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "distilbert"])
def test_captum_agrees(family: str, window: int, stride: int) -> None:
    model = tiny.model_in(torch.float64, family, "causal-lm" if family in tiny.DECODERS else "classifier")
    encoded = model.encode(tiny.TEXT)
    _, vectors = stand_in(model, encoded, "auto")
    own = model.model.get_input_embeddings()(encoded.ids).detach()
    free = [i for i, unit in enumerate(encoded.units) if not unit.special]

    def forward(some: torch.Tensor) -> torch.Tensor:
        embedded = own.repeat(len(some), 1, 1)
        embedded[:, free] = some
        logits = model.model(inputs_embeds=embedded).logits
        return logits[:, 1] if model.kind == "classifier" else logits[:, -1, 1]

    width, inputs, baselines = own.shape[-1], own[:, free], vectors[None, free]
    with torch.no_grad():
        theirs = captum.attr.Occlusion(forward).attribute(
            inputs, sliding_window_shapes=(window, width), strides=(stride, width), baselines=baselines
        )[0, :, 0]
    ours = xai.occlusion(model, tiny.TEXT, 1, window=window, stride=stride)
    assert np.allclose(ours.scores[free], theirs, rtol=0, atol=SINGLE)
    if window == 1:
        index = torch.arange(len(free))[None, :, None]
        with torch.no_grad():
            ablation = captum.attr.FeatureAblation(forward).attribute(inputs, baselines, feature_mask=index)
        assert np.allclose(xai.leave_one_out(model, tiny.TEXT, 1).scores[free], ablation[0, :, 0], rtol=0, atol=SINGLE)


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_window_one_is_leave_one_out(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    assert np.array_equal(xai.occlusion(model, text, window=1).scores, xai.leave_one_out(model, text).scores)


def test_windows_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five units worth 1, 2, 4, 8, 16; windows of two, two apart: {1 2} {4 8} {16}. One apart, each end counts once."""
    model, text = tiny.model("bert", "classifier"), "the the the the the"
    worth = np.array([1.0, 2, 4, 8, 16])
    real = text_game(model, text)
    assert real.n == 5
    monkeypatch.setattr(perturbation.TextGame, "__call__", lambda game, kept: game.whole - ~kept @ worth)
    scores = lambda **options: xai.occlusion(model, text, **options).scores[1:-1].round(6).tolist()  # noqa: E731
    assert scores(window=2, stride=2) == [3, 3, 12, 12, 16]
    assert scores(window=2) == [3, 4.5, 9, 18, 24]
    assert scores(window=5) == scores(window=9, stride=4) == [31] * 5
    assert xai.leave_one_out(model, text).scores[1:-1].round(6).tolist() == worth.tolist()


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_what_comes_after_the_readout_has_exactly_nothing(family: str) -> None:
    model = tiny.model(family, "causal-lm")
    for method in METHODS:
        scores = method(model, tiny.TEXT, xai.Target(5, position=6)).scores
        assert (scores[7:] == 0).all() and (scores[2:7] != 0).all()


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_token_that_is_its_own_replacement_has_nothing(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    encoded = model.encode(text := tiny.text_for(model))
    at = next(i for i, unit in enumerate(encoded.units) if unit.text == "sat")
    assert abs(xai.leave_one_out(model, text, replacement="sat").scores[at]) < SINGLE


def test_the_token_that_is_read_from_is_replaced_and_never_deleted() -> None:
    """Without its last token the text would be another question: deleting it would read the one before."""
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    deleted = xai.leave_one_out(model, tiny.TEXT, 1, replacement="delete")
    replaced = xai.leave_one_out(model, tiny.TEXT, 1, replacement="the")
    assert deleted.options["replacement"] == "delete"
    assert deleted.scores[-1] == pytest.approx(replaced.scores[-1], abs=1e-12)
    shorter = model.value(tiny.TEXT.removesuffix("."), 1)
    assert abs(deleted.total or 0) == 0 and abs(model.value(tiny.TEXT, 1) - shorter - deleted.scores[-1]) > 0.1
    game = text_game(model, tiny.TEXT, 1, "delete")
    nothing = torch.tensor([[word_id(model, "the")]])
    with torch.no_grad():
        expected = model.model(input_ids=nothing).logits[0, 0, 1]
    assert game(np.zeros((1, game.n), dtype=bool))[0] == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("family", tiny.ENCODERS)
def test_the_mask_that_is_asked_about_stays(family: str) -> None:
    model = tiny.model(family, "masked-lm")
    a = xai.leave_one_out(model, tiny.text_for(model), replacement="delete")
    assert a.position is not None and a.scores[a.position] == 0
    assert np.count_nonzero(a.scores) == sum(not unit.special for unit in a.units) - 1 + a.units[a.position].special


def test_words_are_taken_away_whole() -> None:
    model = xai.load("course-gpt2")
    text = "The unbelievable Eiffel Tower is located in the city of"
    tokens, words = text_game(model, text, "Paris"), text_game(model, text, "Paris", units="words")
    assert words.words == tuple(text.split())
    assert len(words.players[1][1]) > 1
    kept = np.ones((1, tokens.n), dtype=bool)
    kept[0, list(words.players[1][1])] = False
    a = xai.leave_one_out(model, text, "Paris", units="words")
    assert a.scores[1] == pytest.approx(tokens.whole - tokens(kept)[0], abs=1e-5)
    assert a.tokens == tuple(text.split()) and a.position == 9 and a.total is None


# --- marginalising --------------------------------------------------------------------------------------------------


def test_corpus_samples_are_averaged_over_texts() -> None:
    """The mean over draws, each a text that the model sees as a whole."""
    model = tiny.model_in(torch.float64, "bert", "classifier")
    game = text_game(model, tiny.TEXT, 1, "corpus", draws=4, seed=3)
    kept = np.random.default_rng(0).random((5, game.n)) > 0.4
    absent = game._absent(kept)
    points = torch.from_numpy(np.random.default_rng(3).random((4, len(game.encoded.units))))
    probabilities = perturbation._frequencies(model)
    drawn = perturbation._drawn(probabilities.expand(points.shape[1], -1), points)
    expected = []
    for row in absent:
        ids = torch.where(torch.from_numpy(row), drawn, game.encoded.ids)
        with torch.no_grad():
            expected.append(float(model.model(input_ids=ids).logits[:, 1].mean()))
    assert np.allclose(game(kept), expected, rtol=0, atol=1e-12)
    other = text_game(model, tiny.TEXT, 1, "corpus", draws=4, seed=4)
    assert not np.allclose(other(kept), expected, atol=1e-3)
    assert np.array_equal(game(kept), game(kept[::-1])[::-1])  # the same draws, whoever is asked first


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), size=st.integers(1, 6))
def test_tokens_are_drawn_as_often_as_their_probability_says(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random((2, size)) * (rng.random((2, size)) > 0.3)
    weights[:, -1] += 0.1  # some have probability 0, not all
    points = torch.from_numpy((np.arange(10_000) + 0.5) / 10_000)[:, None].expand(-1, 2)
    drawn = perturbation._drawn(torch.from_numpy(weights), points)
    for column, row in zip(drawn.T, weights / weights.sum(1, keepdims=True), strict=True):
        assert np.allclose(np.bincount(column, minlength=size) / 10_000, row, atol=2e-4)


def test_the_frequencies_are_those_of_the_corpus() -> None:
    model = xai.load("course-distilbert")
    frequencies = perturbation._frequencies(model)
    the, mask = (model.tokenizer.convert_tokens_to_ids(word) for word in ("the", "[MASK]"))
    assert frequencies.argmax() in (the, model.tokenizer.convert_tokens_to_ids("."))
    assert frequencies[mask] == 0 and frequencies.sum() > 50_000


def test_the_masked_model_writes_what_fits() -> None:
    """Into the hole of "The movie was ..." it writes words, not special tokens, and mostly judgements."""
    model = xai.load("course-distilbert")
    game = text_game(model, "The movie was terrible.", "positive", "mlm", draws=200)
    absent = torch.zeros(1, len(game.encoded.units), dtype=torch.bool)
    absent[0, 4] = True
    filler = perturbation._course_mlm()
    points = torch.from_numpy(np.random.default_rng(0).random((200, len(game.encoded.units))))
    with torch.no_grad():
        drawn = perturbation._likely(filler, game.encoded, points, absent)[0, :, 4]
        logits = filler.forward(filler.encode("The movie was [MASK].")).logits[0, 4].double()
    logits[filler.tokenizer.all_special_ids] = -torch.inf
    expected = logits.softmax(-1)
    assert not set(drawn.tolist()) & set(filler.tokenizer.all_special_ids)
    for id in expected.topk(3).indices.tolist():  # within four standard errors of a share of 200
        share = float((drawn == id).double().mean())
        assert abs(share - expected[id]) < 4 * math.sqrt(expected[id] * (1 - expected[id]) / 200)
    assert game(np.array([[True, True, True, False, True]]))[0] > game.whole


def test_the_masked_model_writes_for_its_own_tokens_only() -> None:
    with pytest.raises(errors.OptionError, match="course-mlm writes tokens of its own"):
        xai.leave_one_out(xai.load("course-gpt2"), "The cat sat on", replacement="mlm")


# --- the model, and bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("replacement", ["auto", "delete"])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_model_is_as_it_was(family: str, replacement: str, method: Any) -> None:
    def explain(model: xai.TextModel, text: str, target: Any) -> None:
        method(model, text, target, replacement=replacement)

    tiny.assert_leaves_untouched(tiny.model_in(torch.float32, family, "classifier"), explain, backward=False)


def test_edited_attention_is_explained_as_it_is_edited() -> None:
    """Keys and values of the text's beginning are not used again then: an edit may depend on what follows."""
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    with edited_attention(model, evenly(model, 1)):
        game = text_game(model, tiny.TEXT, 1)
        assert game.memory is None
        scores = xai.leave_one_out(model, tiny.TEXT, 1).scores
    assert not np.allclose(scores, xai.leave_one_out(model, tiny.TEXT, 1).scores)


@pytest.mark.parametrize("replacement", ["auto", "zero", "sat", "delete", "corpus"])
@pytest.mark.parametrize("method", METHODS)
def test_attributions_are_reproduced(method: Any, replacement: str) -> None:
    model = tiny.model("distilbert", "classifier")
    options = {"draws": 2, "seed": 7} if replacement == "corpus" else {}
    for units in ("tokens", "words"):
        a = method(model, tiny.TEXT, replacement=replacement, units=units, **options)
        assert xai.reproduce(a, model) == a
        assert a.options["replacement"] == ("mask" if replacement == "auto" else replacement)


@pytest.mark.parametrize(("replacement", "draws"), [("zero", 1), ("corpus", 7)])
def test_no_pass_has_more_texts_than_the_batch_size(replacement: str, draws: int) -> None:
    model = tiny.model_in(torch.float64, "bert", "classifier")
    for batch_size in (1, 4):
        with passes(model) as seen:
            a = xai.leave_one_out(model, tiny.TEXT, 1, replacement=replacement, draws=draws, batch_size=batch_size)
        assert max(rows for rows, _ in seen) == batch_size
        whole = xai.leave_one_out(model, tiny.TEXT, 1, replacement=replacement, draws=draws)
        assert np.allclose(a.scores, whole.scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", ["mistral", "qwen2", "qwen3"])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_sliding_window_makes_no_difference(family: str, more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perturbation, "WORTH", 1)
    n = len(tiny.model(family, "causal-lm").encode(tiny.TEXT).units)
    slides = {} if family == "mistral" else {"use_sliding_window": True, "max_window_layers": 1}
    model = tiny.model_in(torch.float64, family, "causal-lm", sliding_window=n + more, **slides)
    for replacement in ("zero", "delete"):
        game = text_game(model, tiny.TEXT, 1, replacement)
        kept = ~np.eye(game.n, dtype=bool)
        assert np.allclose(game(kept), dataclasses.replace(game, memory=None)(kept), rtol=0, atol=SINGLE)


def test_threads_take_turns() -> None:
    """Each has its own changed texts; a model that two of them share must not mix them up."""
    model = tiny.model("distilbert", "classifier")
    texts = [" ".join(["cat sat on the mat"] * k) for k in (1, 2, 3, 4)]
    alone = [xai.leave_one_out(model, text, 1).scores for text in texts]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            together = list(pool.map(lambda text: xai.leave_one_out(model, text, 1).scores, texts))
            assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_model_in_training_is_refused() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    model.model.train()
    for explain in (xai.leave_one_out, xai.occlusion, xai.lime, xai.shapley, perplexity):
        with pytest.raises(errors.OptionError, match="training mode"):
            explain(model, tiny.TEXT)


def test_each_kind_of_model_has_its_own_corpus() -> None:
    """Names of towers and cities come in sentences; words of praise in reviews."""
    gpt, review = xai.load("course-gpt2"), xai.load("course-distilbert")
    sentences, reviews = perturbation._frequencies(gpt), perturbation._frequencies(review)
    assert sentences[word_id(gpt, "Paris")] > 0  # type: ignore[index]
    assert reviews[word_id(review, "film")] > 20  # type: ignore[index]


def test_bad_options_are_named() -> None:
    model = tiny.model("gpt2", "causal-lm")
    loo = xai.leave_one_out
    for options, match in (
        ({"replacement": "nothing at all"}, "'delete', 'corpus', 'mlm', or a word"),
        ({"replacement": 0}, "replacement=0"),
        ({"units": "phrases"}, "units='phrases': choose 'tokens', 'words'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"replacement": "corpus", "draws": 0}, "draws=0"),
    ):
        with pytest.raises(errors.OptionError, match=match):
            loo(model, tiny.TEXT, **options)  # type: ignore[arg-type]
    for window, stride in ((0, 1), (2, 3), (1.5, 1), (True, 1), (2, 0)):
        with pytest.raises(errors.OptionError, match=r"window=|stride="):
            xai.occlusion(model, tiny.TEXT, window=window, stride=stride)  # type: ignore[arg-type]
    numpy = xai.occlusion(model, tiny.TEXT, window=np.int64(2), batch_size=np.int64(3))  # type: ignore[arg-type]
    assert numpy.options["window"] == 2
    with pytest.raises(errors.OptionError, match=r"kept has shape \(12,\)"):
        text_game(model, tiny.TEXT)(np.ones(12))
    with pytest.raises(errors.UnsupportedArchitectureError, match="leave_one_out explains a TextModel"):
        loo("gpt2", tiny.TEXT)  # type: ignore[arg-type]
    masked = tiny.model("bert", "masked-lm")
    with pytest.raises(errors.EmptyTextError, match="nothing in this text"):
        loo(masked, masked.tokenizer.mask_token)


def test_nothing_of_a_failure_is_hidden() -> None:
    """A changed text that breaks the model is an error, not a score."""
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    with torch.no_grad():
        model.model.transformer.wte.weight[word_id(model, "sat")] = torch.inf  # type: ignore[index]
    with pytest.raises(errors.NonFiniteError):
        xai.leave_one_out(model, "The cat on the mat", 1, replacement="sat")


# --- perplexity -----------------------------------------------------------------------------------------------------


def test_perplexity_of_a_model_that_knows_nothing_is_its_vocabulary() -> None:
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    with torch.no_grad():
        model.model.lm_head.weight.zero_()
    assert perplexity(model, tiny.TEXT) == pytest.approx(len(model.tokenizer), rel=1e-9)


def test_perplexity_is_that_of_the_loss() -> None:
    model = tiny.model("llama", "causal-lm")
    ids = model.encode(tiny.TEXT).ids
    with torch.no_grad():
        loss = float(model.model(input_ids=ids, labels=ids).loss)
    assert perplexity(model, tiny.TEXT) == pytest.approx(math.exp(loss), rel=1e-5)
    with pytest.raises(errors.OptionError, match="is a classifier"):
        perplexity(tiny.model("bert", "classifier"), tiny.TEXT)
    with pytest.raises(errors.OptionError, match="at least two tokens"):
        perplexity(tiny.model("gpt2", "causal-lm"), "a")


def test_a_game_can_be_played_without_memory() -> None:
    model = tiny.model_in(torch.float64, "mistral", "causal-lm")
    game = text_game(model, tiny.TEXT, 1)
    kept = np.random.default_rng(0).random((20, game.n)) > 0.1
    assert np.allclose(game(kept), dataclasses.replace(game, memory=None)(kept), atol=SINGLE)
