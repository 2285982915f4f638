"""Stability: how units are aligned, rank correlations of similar texts and of runs, and max-sensitivity with captum."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats
import tiny
import torch
from captum.metrics import sensitivity_max
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, stability, surrogates
from xai_helpers.attribution import Attribution, Target
from xai_helpers.installation import data_folder
from xai_helpers.stability import aligned

WORDS = st.lists(st.sampled_from("The the cat CAT sat on mat . , not".split()), max_size=12)


def saying(function: Callable[[str], float]) -> Callable[..., Attribution]:
    """A method that gives a word its score wherever it stands."""

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        tokens = model.encode(text).units
        units = Attribution("own", text, tokens, np.zeros(len(tokens)), target, model.name).to_words().units
        scores = np.array([function(unit.text) for unit in units], dtype=np.float64)
        return Attribution("own", text, units, scores, target, model.name)

    return own


def embedding_sums(table_of: Callable[[Any], Any]) -> Callable[..., Attribution]:
    """A method that is linear in one of the model's tables: the sum of each token's row."""

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        encoded = model.encode(text)
        rows = table_of(model.model).weight.detach()[encoded.ids[0]].double().sum(-1)
        return Attribution("own", text, encoded.units, rows.numpy(), target, model.name)

    return own


READS_INPUTS = embedding_sums(lambda network: network.get_input_embeddings())
READS_OUTPUTS = embedding_sums(lambda network: network.get_output_embeddings())
LENGTHS = saying(len)

# --- which units correspond -----------------------------------------------------------------------------------------


@given(WORDS, WORDS)
def test_units_correspond_once_and_both_ways(one: list[str], other: list[str]) -> None:
    pairs = aligned(one, other)
    assert {(j, i) for i, j in aligned(other, one)} == set(pairs)
    assert [i for i, _ in pairs] == sorted({i for i, _ in pairs})
    assert len({j for _, j in pairs}) == len(pairs)
    for i, j in pairs:
        assert one[i].casefold() == other[j].casefold() or (i == j and len(one) == len(other) == len(pairs))


@given(WORDS, st.data())
def test_moved_words_are_found(words: list[str], data: st.DataObject) -> None:
    """Every word of a reordered text corresponds to the same word, unless most stand where they stood."""
    order = data.draw(st.permutations(range(len(words))))
    moved = [words[i].upper() for i in order]
    pairs = aligned(words, moved)
    assert len(pairs) == len(words)
    stayed = sum(a.casefold() == b.casefold() for a, b in zip(words, moved, strict=True))
    if 2 * stayed < len(words):
        assert all(words[i].casefold() == moved[j].casefold() for i, j in pairs)
        for word in {word.casefold() for word in words}:  # the nth to the nth
            places = [j for i, j in pairs if words[i].casefold() == word]
            assert places == sorted(places)


@given(WORDS.filter(bool), st.data())
def test_an_edited_text_corresponds_place_by_place(words: list[str], data: st.DataObject) -> None:
    replaced = data.draw(st.sets(st.integers(0, len(words) - 1), max_size=len(words) // 2))
    edited = [data.draw(st.sampled_from(["cat", "new"])) if i in replaced else w for i, w in enumerate(words)]
    assert aligned(words, edited) == tuple((i, i) for i in range(len(words)))


def test_alignment_by_hand() -> None:
    edit = "I think the musical is not only spectacular but also fresh".split()
    other = "I think the musical is not only fresh but also moving".split()
    assert aligned(edit, other) == tuple((i, i) for i in range(11))  # "fresh" stands for "spectacular" here
    one = "The soup was cold when the soup came .".split()
    moved = "When it came , the soup had lost the heat .".split()
    assert aligned(one, moved) == ((0, 4), (1, 5), (4, 0), (5, 8), (7, 2), (8, 10))
    # as many words, but only two of five where they were: the same words correspond, and no others
    assert aligned("a b c d e".split(), "a b e x y".split()) == ((0, 0), (1, 1), (4, 2))
    assert aligned("a b c d".split(), "a b x y".split()) == ((0, 0), (1, 1), (2, 2), (3, 3))
    assert aligned([], []) == aligned([], ["a"]) == aligned(["a"], ["b"]) == ()


def test_alignment_of_the_course_s_texts() -> None:
    """Paraphrases correspond by their words only; edits of as many words place by place, all but a few."""
    folder = data_folder() / "corpora"
    for line in (folder / "reviews" / "paraphrases.jsonl").read_text(encoding="utf-8").splitlines():
        texts = [text.split() for text in json.loads(line)["texts"]]
        for one, other in itertools.combinations(texts, 2):
            assert all(one[i].casefold() == other[j].casefold() for i, j in aligned(one, other))
    lines = map(json.loads, (folder / "reliance.jsonl").read_text(encoding="utf-8").splitlines())
    edits = [(x["text"].split(), x["replacement"].split()) for x in lines if x["expected"] == "stay"]
    edits = [pair for pair in edits if len(pair[0]) == len(pair[1])]
    whole = [aligned(*pair) == tuple((i, i) for i in range(len(pair[0]))) for pair in edits]
    assert len(whole) > 2000 and np.mean(whole) > 0.98


# --- similar texts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_text_is_consistent_with_itself(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    with tiny.untouched(model):
        found = stability.consistency(model, [text, text], "input_x_gradient", 2)
    assert found.method == "input_x_gradient" and found.seeded is None
    assert found.values == pytest.approx([1], abs=1e-14) and found.mean == found.values[0]


def test_scores_that_follow_the_words_are_consistent() -> None:
    """Wherever the words stand: a method that says the same of a word in every text has rho 1."""
    model = tiny.model("gpt2", "causal-lm")
    texts = ["The cat sat on a mat", "On a mat the tired cat sat", "A tired mat sat on THE cat here"]
    found = stability.consistency(model, texts, saying(lambda word: sum(map(ord, word.casefold()))))
    assert found.values == pytest.approx([1, 1, 1], abs=1e-14)
    assert found.shared.tolist() == [6, 6, 7]


def test_consistency_by_hand() -> None:
    """Ranks 1 2 3 4 and 2 1 4 3 have rho 0.6; those of sizes are not those of signed scores."""
    model = tiny.model("gpt2", "causal-lm")
    scores = {"a": 4, "b": -3, "c": 2, "d": 1, "A": 3, "B": -4, "C": 1, "D": 2}
    own, texts = saying(lambda word: scores.get(word, 9)), ["a b c d", "x y D C B A", "x y z a b"]
    found = stability.consistency(model, texts, own)
    assert found.values[:1] == pytest.approx([0.6], abs=1e-15)
    assert found.shared.tolist() == [4, 2, 4]
    # signed: 4, -3, 2, 1 against 3, -4, 1, 2, whose ranks are 1 4 2 3 and 1 4 3 2: 1 - 6 * 2 / (4 * 15)
    assert stability.consistency(model, texts, own, by="signed").values[0] == pytest.approx(0.8, abs=1e-15)
    # two units are too few; x, y, b, a have 9 9 4 3 and 9 9 3 4, ranks 1.5 1.5 3 4 and 1.5 1.5 4 3
    assert math.isnan(found.values[1]) and found.values[2] == pytest.approx(3.5 / 4.5, abs=1e-15)
    assert found.mean == pytest.approx((found.values[0] + found.values[2]) / 2, abs=1e-15)


def test_what_has_no_order_has_no_consistency() -> None:
    model = tiny.model("gpt2", "causal-lm")
    one = lambda word: 1  # noqa: E731
    only_in_one_text = lambda word: 1 if word.islower() else ord(word[0])  # noqa: E731
    but_for_rounding = lambda word: 1 + 1e-12 * ord(word[0])  # noqa: E731
    for scores in (one, only_in_one_text, but_for_rounding):
        found = stability.consistency(model, ["the cat sat", "THE CAT SAT"], saying(scores))
        assert found.shared.tolist() == [3] and np.isnan(found.values).all() and math.isnan(found.mean)


@settings(max_examples=12)
@given(place=st.sampled_from(tiny.KINDS), by=st.sampled_from(("size", "signed")))
def test_values_are_scipy_s(place: Any, by: Any) -> None:
    """Recomputed from single explanations: the same words of two texts, the nth with the nth."""
    model = tiny.model(*place)
    one = tiny.text_for(model)
    # the end stays: in a causal model what is explained stands there
    other = one.replace("The cat", "Despite some flaws, the cat")
    found = stability.consistency(model, [one, other], ("lrp", {"rule": "cp-lrp"}), 2, by=by)
    scores = []
    for text in (one, other):
        a = xai.lrp(model, text, 2, rule="cp-lrp").to_words()
        mask = model.tokenizer.mask_token if model.kind == "masked-lm" else None
        seen: Counter[str] = Counter()
        table: dict[tuple[str, int], float] = {}
        for i in (i for i in a.content if a.units[i].text != mask):
            word = a.units[i].text.casefold()
            table[word, seen[word]] = a.scores[i]
            seen[word] += 1
        scores.append(table)
    shared = [word for word in scores[0] if word in scores[1]]
    rows = np.array([[table[word] for word in shared] for table in scores])
    rows = np.abs(rows) if by == "size" else rows
    assert found.shared.tolist() == [len(shared)]
    assert found.values[0] == pytest.approx(scipy.stats.spearmanr(*rows).statistic, abs=1e-14)


def recording(found: list[Any]) -> Callable[..., Attribution]:
    """A method that notes which target it is asked about."""

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        found.append(target)
        return xai.saliency(model, text, target)

    return own


def test_all_texts_are_asked_about_one_target(distilbert: xai.TextModel) -> None:
    texts = ["What a wonderful film that was", "What a terrible film that was"]
    labels = [distilbert.predict(text)[0].token for text in texts]
    assert labels == ["positive", "negative"]
    asked: list[Any] = []
    stability.consistency(distilbert, texts, recording(asked))
    stability.consistency(distilbert, texts, recording(asked), Target(output="probability"))
    stability.consistency(distilbert, texts, recording(asked), "negative")
    assert [target.token for target in asked] == ["positive"] * 4 + ["negative"] * 2
    assert [target.output for target in asked] == ["logit"] * 2 + ["probability"] * 2 + ["logit"] * 2


def test_methods_without_a_target_need_none() -> None:
    """Not even a model that could predict something: a masked language model without a mask."""
    model = tiny.model("bert", "masked-lm")
    found = stability.consistency(model, [tiny.TEXT, tiny.TEXT], "attention_rollout")
    assert found.values == pytest.approx([1], abs=1e-14)


# --- several runs ---------------------------------------------------------------------------------------------------


def test_runs_with_other_seeds() -> None:
    """The values of single calls; `over_seeds` has the same scores, and measures them by Kendall's tau."""
    model = tiny.model("distilbert", "classifier")
    options = {"samples": 40}
    found = stability.over_runs(model, tiny.TEXT, ("lime", options), 1, range(4))
    runs = [xai.lime(model, tiny.TEXT, 1, seed=seed, **options) for seed in range(4)]
    sizes = [np.abs(a.scores[list(a.content)]) for a in runs]
    rho = [scipy.stats.spearmanr(*pair).statistic for pair in itertools.combinations(sizes, 2)]
    assert found.seeded is True and found.method == "lime"
    assert found.values == pytest.approx(rho, abs=1e-14) and found.mean == pytest.approx(np.mean(rho), abs=1e-14)
    assert found.mean < 0.99, "or seeds make no difference"
    assert found.shared.tolist() == [len(sizes[0])] * 6
    other = surrogates.over_seeds(model, tiny.TEXT, "lime", 1, seeds=4, **options)
    assert np.array_equal(np.abs(other.scores), sizes)


def test_the_seed_of_runs_is_the_one_asked_for() -> None:
    """Whatever the method's own options say; and a longer series of runs holds a shorter one's values."""
    model = tiny.model("gpt2", "causal-lm")
    methods = [("lime", {"samples": 30}), ("lime", {"samples": 30, "seed": 5})]
    one, other = (stability.over_runs(model, tiny.TEXT, method, 1, (3, 1)) for method in methods)
    assert np.array_equal(one.values, other.values)
    more = stability.over_runs(model, tiny.TEXT, methods[0], 1, (3, 1, 2))
    assert more.values[0] == one.values[0] and len(more.values) == 3


def test_what_draws_nothing_is_consistent_by_definition() -> None:
    model, asked = tiny.model("bert", "classifier"), []
    found = stability.over_runs(model, tiny.TEXT, recording(asked), 1)
    assert found.seeded is False and found.values.tolist() == [1, 1, 1] and found.mean == 1
    assert len(asked) == 1, "it runs once"
    # it has the option and does not use it: seen, not defined
    exact = stability.over_runs(model, tiny.TEXT, ("leave_one_out", {"replacement": "zero"}), 1)
    assert exact.seeded is True and exact.values == pytest.approx([1, 1, 1], abs=1e-14)


# --- moved embeddings -----------------------------------------------------------------------------------------------

DISTINCT = {"gpt2": "The cat sat on the mat", "llama": "The cat sat on the mat", "bert": "the cat sat on a mat"}


@pytest.mark.parametrize("family", DISTINCT)
@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "leave_one_out", "lrp"])
def test_captum_s_sensitivity_on_the_same_draws(family: str, method: str) -> None:
    """Its perturbation is given our noise; its explanation is our method on a copy that the test makes itself."""
    model = tiny.model_in(torch.float64, family, "classifier")
    text, radius, draws, seed = DISTINCT[family], 0.05, 6, 3
    ids = model.encode(text).ids[0]
    assert len(set(ids.tolist())) == len(ids)
    table = model.model.get_input_embeddings().weight.detach()
    reach = radius * float(table.std(correction=0))
    drawn = np.random.default_rng(seed).uniform(-reach, reach, (draws, len(ids), table.shape[1]))
    noise = torch.from_numpy(drawn)[:, ids.argsort().argsort()]  # rows of the table, in the order of the text
    options = {"units": "words"} if method == "leave_one_out" else {}

    def explanation(inputs: Any) -> tuple[torch.Tensor]:
        rows = []
        for embeddings in inputs[0] if isinstance(inputs, tuple) else inputs:
            other = copy.deepcopy(model.model)
            with torch.no_grad():
                other.get_input_embeddings().weight[ids] = embeddings
            words = xai.METHODS[method](dataclasses.replace(model, model=other), text, 1, **options).to_words()
            rows.append(torch.from_numpy(words.scores[list(words.content)]))
        return (torch.stack(rows),)

    theirs = sensitivity_max(
        explanation,
        table[ids][None],
        perturb_func=lambda inputs: inputs + noise,
        n_perturb_samples=draws,
    )
    ours = stability.max_sensitivity(model, text, method, 1, radius=radius, draws=draws, seed=seed)
    assert ours == pytest.approx(float(theirs), rel=1e-12) and ours > 1e-3


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_only_the_text_s_own_embeddings_move(family: str, kind: Any) -> None:
    """The linear method's scores move; those that read the unembedding, which may be the same table, do not."""
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    with tiny.untouched(model):
        assert stability.max_sensitivity(model, text, READS_INPUTS, 1, units="tokens") > 0
        assert stability.max_sensitivity(model, text, LENGTHS, 1) == 0
        if kind != "classifier":
            assert stability.max_sensitivity(model, text, READS_OUTPUTS, 1, units="tokens") == 0
        with pytest.raises(errors.OptionError, match="own can't explain"):
            stability.max_sensitivity(model, text, failing_from(1), 1)
        with pytest.raises(tiny.BrokenError):
            stability.max_sensitivity(model, text, failing_from(1, tiny.BrokenError), 1)

    seen: list[torch.Tensor] = []

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        seen.append(model.model.get_input_embeddings().weight.detach().clone())
        return LENGTHS(model, text, target)

    stability.max_sensitivity(model, text, own, 1, draws=2)
    there = torch.zeros(len(seen[0]), dtype=torch.bool)
    there[model.encode(text).ids[0]] = True
    table = model.model.get_input_embeddings().weight.detach()
    assert torch.equal(seen[0], table) and all(torch.equal(moved[~there], table[~there]) for moved in seen)
    assert all((moved[there] != table[there]).float().mean() > 0.99 for moved in seen[1:])
    reach = 0.02 * float(table.double().std(correction=0))
    assert all(0.9 * reach < float((moved - table).abs().max()) <= reach * (1 + 1e-5) for moved in seen[1:])


def failing_from(call: int, error: type[Exception] = errors.NonFiniteError) -> Callable[..., Attribution]:
    """A method that works so often, and then fails."""
    calls = itertools.count()

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        if next(calls) >= call:
            raise error("no more")
        return LENGTHS(model, text, target)

    return own


def test_sensitivity_of_a_linear_method() -> None:
    """phi = sums of rows: the change is that of the noise, in proportion to the radius, whatever the table's scale."""
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    table, text = model.model.get_input_embeddings().weight, "The cat sat on the mat on the mat"
    ids = model.encode(text).ids[0]
    assert len(ids.unique()) < len(ids), "one token stands at two places, and moves alike"

    def sensitivity(**options: Any) -> float:
        return stability.max_sensitivity(model, text, READS_INPUTS, 1, units="tokens", **options)

    rows = ids.unique()
    reach = 0.02 * float(table.detach().std(correction=0))
    noise = np.random.default_rng(7).uniform(-reach, reach, (5, len(rows), table.shape[1])).sum(-1)
    places = torch.searchsorted(rows, ids).numpy()
    size = np.linalg.norm(table.detach()[ids].sum(-1).numpy())
    changes = np.linalg.norm(noise[:, places], axis=1) / size
    assert [sensitivity(draws=n, seed=7) for n in (1, 2, 5)] == pytest.approx(
        [changes[:n].max() for n in (1, 2, 5)], rel=1e-12
    )
    assert sensitivity(radius=0.06, seed=7) == pytest.approx(3 * sensitivity(radius=0.02, seed=7), rel=1e-12)
    before = sensitivity(seed=1)
    assert before != sensitivity(seed=2)
    with torch.no_grad():
        table *= 32
    assert sensitivity(seed=1) == pytest.approx(before, rel=1e-12)


def test_sensitivity_asks_about_one_target() -> None:
    """With so much noise that predictions change, the target stays what the model predicted first."""
    model, asked = tiny.model("distilbert", "classifier"), []
    stability.max_sensitivity(model, tiny.TEXT, recording(asked), radius=5, draws=20)
    assert len(asked) == 21 and len(set(asked)) == 1
    assert asked[0].token == model.predict(tiny.TEXT)[0].token


def test_sensitivity_of_scores_that_are_all_zero() -> None:
    with np.errstate(all="raise"):
        found = stability.max_sensitivity(tiny.model("gpt2", "causal-lm"), tiny.TEXT, saying(lambda word: 0))
    assert math.isnan(found)


# --- copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_copy_is_explained_like_the_model(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    with tiny.untouched(model):
        other = stability.copied(model)
        for method in (xai.raw_attention, xai.chefer_relevance, xai.smoothgrad, xai.lrp, xai.leave_one_out):
            target = () if method is xai.raw_attention else (2,)
            assert method(other, text, *target) == method(model, text, *target)
        own = {id(p) for p in model.model.parameters()} | {id(b) for b in model.model.buffers()}
        assert not own & {id(t) for t in (*other.model.parameters(), *other.model.buffers())}
    assert (other.name, other.kind, other.tokenizer) == (model.name, model.kind, model.tokenizer)
    if kind != "classifier":
        assert other.model.get_input_embeddings().weight is not other.model.get_output_embeddings().weight


def test_a_copy_made_without_gradients_can_be_differentiated() -> None:
    model = tiny.model("gpt2", "causal-lm")
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            other = stability.copied(model)
            assert xai.saliency(other, tiny.TEXT, 2) == xai.saliency(model, tiny.TEXT, 2)


def test_a_copy_keeps_two_tables_when_it_is_saved(tmp_path: Any) -> None:
    """Whether they still have the same values or not."""
    model = tiny.model("gpt2", "causal-lm")
    other, trained = stability.copied(model), model.model.get_input_embeddings().weight
    for factor in (1, 2):
        with torch.no_grad():
            other.model.get_input_embeddings().weight.mul_(factor)
        for part in (other.model, other.tokenizer):
            part.save_pretrained(tmp_path)
        again = xai.load(tmp_path).model
        assert torch.equal(again.get_input_embeddings().weight, factor * trained)
        assert torch.equal(again.get_output_embeddings().weight, trained)
        assert again.get_input_embeddings().weight is not again.get_output_embeddings().weight


# --- bad input ------------------------------------------------------------------------------------------------------


def test_bad_input_is_named() -> None:
    model, text = tiny.model("gpt2", "causal-lm"), tiny.TEXT
    bad: Sequence[tuple[str, Callable[[], Any]]] = [
        ("at least two, to be compared", lambda: stability.consistency(model, [text], LENGTHS)),
        ("give a list of texts", lambda: stability.consistency(model, text, LENGTHS)),
        ("by='rank'", lambda: stability.consistency(model, [text] * 2, LENGTHS, by="rank")),  # type: ignore[arg-type]
        ("units='letters'", lambda: stability.over_runs(model, text, LENGTHS, units="letters")),  # type: ignore[arg-type]
        ("at least two different", lambda: stability.over_runs(model, text, LENGTHS, seeds=[1])),
        ("at least two different", lambda: stability.over_runs(model, text, LENGTHS, seeds=[1, 2, 1])),
        ("seed=-1", lambda: stability.over_runs(model, text, LENGTHS, seeds=[1, -1])),
        ("radius=0", lambda: stability.max_sensitivity(model, text, LENGTHS, radius=0)),
        ("draws=0", lambda: stability.max_sensitivity(model, text, LENGTHS, draws=0)),
        ("seed=None", lambda: stability.max_sensitivity(model, text, LENGTHS, seed=None)),  # type: ignore[arg-type]
        ("is no pair", lambda: stability.consistency(model, [text] * 2, ("lime",))),  # type: ignore[arg-type]
        ("is no method", lambda: stability.consistency(model, [text] * 2, 3)),  # type: ignore[arg-type]
        ("has no option 'norms'", lambda: stability.max_sensitivity(model, text, ("saliency", {"norms": 1}))),
        ("own can't explain .* no more", lambda: stability.consistency(model, [text] * 2, failing_from(1))),
        ("own, run 0 can't explain", lambda: stability.over_runs(model, text, failing_from(0))),
    ]
    for message, call in bad:
        with pytest.raises(errors.OptionError, match=message):
            call()
    with pytest.raises(errors.UnknownMethodError, match="'limes'"):
        stability.over_runs(model, text, "limes")
    with pytest.raises(errors.TargetRangeError):
        stability.max_sensitivity(model, text, "saliency", 10**6)
    for call in (stability.consistency, stability.over_runs, stability.max_sensitivity):
        with pytest.raises(errors.UnsupportedArchitectureError, match=f"{call.__name__} explains a TextModel"):
            call(model.model, text, LENGTHS)  # type: ignore[arg-type]
