"""Comparing methods over many texts: what each text says by itself, intervals, files that go on where they stopped."""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import tqdm.auto

import xai_helpers as xai
from xai_helpers import corpus, errors, viz
from xai_helpers.agreement import MEASURES, bootstrap
from xai_helpers.architectures import hooked
from xai_helpers.attribution import Attribution
from xai_helpers.viz import drawing, plots

TEXTS = [text.rstrip(".!") for text in tiny.TEXTS[:4]]
METHODS = ("saliency", "lrp", "attention_rollout")


@pytest.fixture(scope="module")
def model() -> xai.TextModel:
    return tiny.model("distilbert", "classifier")


@pytest.fixture(scope="module")
def scored(model: xai.TextModel) -> corpus.CorpusComparison:
    return xai.compare_corpus(model, TEXTS, 1, METHODS)


@contextmanager
def passes(model: xai.TextModel) -> Iterator[list[int]]:
    """How many rows each forward pass has."""
    found: list[int] = []
    with hooked(model.model, lambda module, args, output: found.append(len(output.logits))):
        yield found


def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
    """Constant on texts that begin with "The", and no numbers where there is an exclamation mark."""
    units = model.encode(text).units
    scores = np.ones(len(units)) if text.startswith("The") else np.arange(len(units), dtype=np.float64)
    if text.endswith("!"):
        scores[2] = np.nan
    return Attribution("own", text, units, scores, target, model.name)


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("bert", "classifier"), ("roberta", "masked-lm")])
@pytest.mark.parametrize("by", ["size", "signed"])
def test_each_text_is_compared_as_by_itself(family: str, kind: Any, by: Any) -> None:
    model = tiny.model(family, kind)
    texts = [f"{text} {model.tokenizer.mask_token}" if kind == "masked-lm" else text for text in TEXTS]
    targets = [2, None, xai.Target(3 if kind != "classifier" else 0), 2]
    c = xai.compare_corpus(model, texts, targets, METHODS, by=by, k=2)
    assert c.methods == METHODS and not c.errors and not c.left_out
    for i, (text, target) in enumerate(zip(texts, targets, strict=True)):
        alone = xai.compare(model, text, target, METHODS, by=by, k=2)
        assert c.texts[i].target == alone.target
        assert c.texts[i].units == alone.units
        assert np.array_equal(np.stack(list(c.texts[i].scores.values()), axis=1), alone.scores)
        for measure in MEASURES:
            assert np.array_equal(c.values(measure)[i], alone.agreement(measure))


def test_agreement_is_the_mean_over_texts_with_its_interval(scored: corpus.CorpusComparison) -> None:
    for measure in MEASURES:
        values, frame = scored.values(measure), scored.agreement(measure)
        assert list(zip(frame["method"], frame["other"], strict=True)) == [
            ("saliency", "lrp"), ("saliency", "attention_rollout"), ("lrp", "attention_rollout")
        ]  # fmt: skip
        for row, (i, j) in zip(frame.itertuples(), [(0, 1), (0, 2), (1, 2)], strict=True):
            assert row.mean == pytest.approx(values[:, i, j].mean(), abs=1e-15)
            assert row.low <= row.mean <= row.high and row.texts == len(TEXTS)
            alone = bootstrap(values[:, i, j], 1000, 0)
            assert np.allclose((row.mean, row.low, row.high), alone, rtol=0, atol=1e-14)
    assert scored.agreement().equals(scored.agreement("spearman"))
    kendall = dataclasses.replace(scored, measure="kendall")
    assert kendall.agreement().equals(scored.agreement("kendall"))
    ends = ["low", "high"]
    others = [dataclasses.replace(scored, seed=seed).agreement() for seed in range(1, 6)]
    assert all(other["mean"].equals(scored.agreement()["mean"]) for other in others)
    assert any(not other[ends].equals(scored.agreement()[ends]) for other in others)  # of few texts some ends are equal


def test_a_short_text_has_a_smaller_top(model: xai.TextModel) -> None:
    c = xai.compare_corpus(model, ["The cat", *TEXTS[:1]], 1, METHODS, k=5)
    for i, k in ((0, 1), (1, 5)):
        assert np.array_equal(c.values("overlap")[i], xai.compare(model, c.texts[i].text, 1, METHODS, k=k).overlap)


def test_left_out_and_errors_are_named_and_pairs_count_their_texts(model: xai.TextModel) -> None:
    long = "cat " * 500
    c = xai.compare_corpus(model, [*TEXTS, "Terrible!", long, ""], 1, {"own": own, "saliency": "saliency"})
    assert list(c.errors) == [5, 6]
    assert c.errors[5].startswith("TextTooLongError") and c.errors[6] == "EmptyTextError: the text is empty"
    assert list(c.left_out) == ["own"] and list(c.left_out["own"]) == [0, 1, 4]
    assert c.left_out["own"][0].startswith("all 10 units have the same size, 1:")
    assert c.left_out["own"][4].startswith("NonFiniteError")
    (row,) = c.agreement().itertuples()
    assert row.texts == 2
    for measure in MEASURES:  # two constant methods would share any top
        assert np.isnan(c.values(measure)[[0, 1, 4, 5, 6], 0]).all()
    said = repr(c)
    assert "5 texts" in said and "own on 3 texts, as on text 0" in said and "text 6 is left out: EmptyText" in said
    assert "own on 3 texts" in c._repr_html_()


def test_a_method_that_is_left_out_everywhere_has_no_agreement(model: xai.TextModel) -> None:
    c = xai.compare_corpus(model, TEXTS[:2], 1, {"own": own, "saliency": "saliency"})
    (row,) = c.agreement().itertuples()
    assert np.isnan([row.mean, row.low, row.high]).all() and row.texts == 0
    assert "nan" in repr(c)


# --- targets and bad input ------------------------------------------------------------------------------------------


def test_targets(model: xai.TextModel) -> None:
    for targets, expected in ((None, None), (1, 1), ("LABEL_2", "LABEL_2"), ([0, 2], [0, 2])):
        c = xai.compare_corpus(model, TEXTS[:2], targets, ["lrp"])
        asked = expected if isinstance(expected, list) else [expected] * 2
        assert [text.asked for text in c.texts] == [xai.Target(token) for token in asked]
        assert [text.target for text in c.texts] == [
            model.resolve(token, text).target for token, text in zip(asked, TEXTS[:2], strict=True)
        ]
    assert list(xai.compare_corpus(model, TEXTS[:2], ["LABEL_0", "none"], ["lrp"]).errors) == [1]


def test_texts_and_targets_come_in_many_containers(model: xai.TextModel) -> None:
    one = xai.compare_corpus(model, TEXTS[:2], 1, ["lrp"])
    for texts in (
        np.array(TEXTS[:2]),
        np.array(TEXTS[:2], dtype=object),
        pd.Series(TEXTS[:2], index=[7, 3]),
        tuple(TEXTS[:2]),
        (text for text in TEXTS[:2]),
    ):
        found = xai.compare_corpus(model, texts, 1, ["lrp"])
        assert same(found, one) and all(type(text.text) is str for text in found.texts)
    for targets in (np.int64(1), np.array([1, 1]), pd.Series([1, 1]), iter([1, np.int32(1)]), (1, xai.Target(1))):
        assert same(xai.compare_corpus(model, TEXTS[:2], targets, ["lrp"]), one)  # type: ignore[arg-type]
    names = xai.compare_corpus(model, TEXTS[:2], pd.Series(["LABEL_1", "LABEL_2"]), ["lrp"])
    assert [text.asked.token for text in names.texts] == ["LABEL_1", "LABEL_2"]


def test_numbers_of_numpy_are_numbers(model: xai.TextModel, scored: corpus.CorpusComparison) -> None:
    numbers = {"k": np.int64(3), "samples": np.int32(1000), "seed": np.uint8(0)}
    c = xai.compare_corpus(model, TEXTS, 1, METHODS, **numbers)  # type: ignore[arg-type]
    assert (c.k, c.samples, c.seed) == (3, 1000, 0) and {type(x) for x in (c.k, c.samples, c.seed)} == {int}
    assert c.agreement().equals(scored.agreement())


def test_a_measure_that_is_none_is_named(scored: corpus.CorpusComparison) -> None:
    nothing = dataclasses.replace(scored, texts=())
    for ask in (scored.plot, scored.agreement, scored.values, nothing.values):
        for measure in ("pearson", ""):
            with pytest.raises(errors.OptionError, match=f"measure='{measure}': choose 'spearman'"):
                ask(measure)  # type: ignore[arg-type]


def test_methods_that_fail_on_every_text(model: xai.TextModel) -> None:
    """One is left out; where all are, or no text can be explained, nothing is left to compare."""
    wrong: Any = ("lrp", {"epsilon": -1})
    c = xai.compare_corpus(model, TEXTS[:2], 1, {"wrong": wrong, "saliency": "saliency"})
    assert list(c.left_out["wrong"]) == [0, 1] and "left out: wrong on 2 texts" in repr(c)
    for texts, methods, message in (
        (
            TEXTS[:2],
            {"wrong": wrong},
            "no method has scores for any text, as for text 0: wrong: OptionError: epsilon=-1",
        ),
        (TEXTS[:2], {"wrong": wrong, "too": wrong}, "wrong: .*; too: "),
        (["", "cat " * 500], METHODS, "text 0: EmptyTextError"),
    ):
        with pytest.raises(errors.OptionError, match=message):
            xai.compare_corpus(model, texts, 1, methods)  # type: ignore[arg-type]
    assert xai.compare_corpus(model, ["", TEXTS[0]], 1, {"wrong": wrong, "saliency": "saliency"}).errors.keys() == {0}


def test_bad_input_is_named(model: xai.TextModel, tmp_path: Path) -> None:
    nan = float("nan")
    for arguments, options, message in (
        (("The cat",), {}, "list of texts"),
        (([],), {}, "list of texts"),
        ((np.array([]),), {}, "list of texts"),
        ((b"The cat",), {}, "list of texts"),
        ((None,), {}, "list of texts"),
        (([*TEXTS, nan],), {}, "text 4 is nan, not a string"),
        ((pd.Series([TEXTS[0], None]),), {}, "text 1 is (None|nan), not a string"),
        (([TEXTS],), {}, "text 0 is .*, not a string"),
        ((TEXTS, 1.5), {}, "1.5"),
        ((TEXTS, True), {}, "True"),
        ((TEXTS, [1, nan, 1, 1]), {}, "nan"),
        ((TEXTS, [1, 2]), {}, "2 targets for 4 texts"),
        ((TEXTS,), {"measure": "pearson"}, "'overlap'"),
        *(((TEXTS,), {"samples": value}, f"samples={value!r}") for value in (0, True, 1.5, "a", None)),
        *(((TEXTS,), {"seed": value}, f"seed={value!r}") for value in (-1, True, 1.5, "a", None)),
        *(((TEXTS,), {"k": value}, f"k={value!r}") for value in (0, True, 1.5, "a", None)),
        ((TEXTS,), {"methods": {"a": ("lrp", {"epsilom": 1})}}, "lrp has no option 'epsilom'; its options: .*epsilon"),
        ((TEXTS,), {"methods": {"a": ("lrp", None)}}, "'a': .* is no pair"),
        ((TEXTS,), {"path": tmp_path / "none" / "a.jsonl"}, r"none/a\.jsonl'.* in a folder that exists"),
        ((TEXTS,), {"path": str(tmp_path)}, f"path='{tmp_path}': name a file"),
        ((TEXTS,), {"by": "rank"}, "by='rank'"),
        ((TEXTS,), {"units": "letters"}, "units='letters'"),
        ((TEXTS,), {"methods": ["shap"]}, "'shap'"),
    ):
        with passes(model) as ran, pytest.raises(errors.XaiError, match=message):
            xai.compare_corpus(model, *arguments, **options)  # type: ignore[arg-type]
        assert ran == [], "known before any pass"


# --- files ----------------------------------------------------------------------------------------------------------


def same(one: corpus.CorpusComparison, other: corpus.CorpusComparison) -> bool:
    """In all but the seconds."""

    def plain(c: corpus.CorpusComparison) -> str:
        lines = [json.loads(text.to_json()) for text in c.texts]
        for line in lines:
            for cost in line["costs"].values():
                cost.pop("seconds")
        return json.dumps(lines)

    return plain(one) == plain(other) and one.methods == other.methods


def test_a_finished_file_needs_no_pass(model: xai.TextModel, scored: corpus.CorpusComparison, tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    with passes(model) as ran:
        first = xai.compare_corpus(model, TEXTS, 1, METHODS, path=path)
    assert len(ran) == len(TEXTS) * len(METHODS)  # an id needs no pass to be resolved
    before = path.read_bytes()
    with passes(model) as ran:
        again = xai.compare_corpus(model, TEXTS, 1, METHODS, path=path)
    assert ran == [] and path.read_bytes() == before
    assert same(first, scored) and [x.to_json() for x in again.texts] == [x.to_json() for x in first.texts]
    with passes(model) as ran:  # what is only another reading of the scores
        kendall = xai.compare_corpus(model, TEXTS, 1, METHODS, measure="kendall", by="signed", k=1, path=path)
    assert ran == [] and (kendall.values() != again.values()).any()
    with passes(model) as ran:  # more texts
        more = xai.compare_corpus(model, [*TEXTS, "The cat sat"], 1, METHODS, path=path)
    assert len(ran) == len(METHODS) and len(more.texts) == 5
    assert list(tmp_path.iterdir()) == [path]


def test_after_a_crash_only_what_is_missing_is_done(
    model: xai.TextModel, scored: corpus.CorpusComparison, tmp_path: Path
) -> None:
    """Whatever the crash left: a method that broke, or a file that was cut off at any byte."""
    path, calls = tmp_path / "scores.jsonl", []

    def breaking(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        calls.append(text)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return xai.lrp(model, text, target)

    methods = {"saliency": "saliency", "lrp": breaking, "attention_rollout": "attention_rollout"}
    with pytest.raises(KeyboardInterrupt), tiny.untouched(model):
        xai.compare_corpus(model, TEXTS, 1, methods, path=path)
    assert len(path.read_bytes().splitlines()) == 1 + 2
    with passes(model) as ran:
        assert same(xai.compare_corpus(model, TEXTS, 1, methods, path=path), scored)
    assert calls == [*TEXTS[:3], *TEXTS[2:]] and len(ran) == 2 * len(METHODS)

    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in sorted({0, 1, 50, *(end + step for end in ends for step in (-40, -1, 0, 30))} - {len(whole) + 30}):
        path.write_bytes(whole[:cut])
        finished = max(0, sum(end <= cut for end in ends) - 1)
        with passes(model) as ran:
            assert same(xai.compare_corpus(model, TEXTS, 1, methods, path=path), scored)
        assert len(ran) == (len(TEXTS) - finished) * len(METHODS), f"cut at {cut}"
        assert len(path.read_bytes().splitlines()) == 1 + len(TEXTS)


def test_a_file_of_something_else_is_refused_and_kept(model: xai.TextModel, tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    xai.compare_corpus(model, TEXTS[:2], 1, METHODS, path=path)
    before = path.read_bytes()
    other = xai.wrap(tiny.hugging_face_model("distilbert", "classifier", 1), model.tokenizer, name=model.name)
    renamed = xai.wrap(model.model, model.tokenizer, name="renamed")
    for arguments, options, message in (
        ((other, TEXTS[:2], 1, METHODS), {}, "other weights"),
        ((renamed, TEXTS[:2], 1, METHODS), {}, "other model: tiny-distilbert-classifier there, renamed here"),
        ((model, TEXTS[:2], 1, METHODS[:2]), {}, "other methods"),
        ((model, TEXTS[:2], 1, {name: (name, {}) for name in METHODS[:2]} | {METHODS[2]: own}), {}, "other methods"),
        ((model, TEXTS[:2], 1, {name: name for name in METHODS} | {"lrp": ("lrp", {"epsilon": 0.1})}), {}, "methods"),
        ((model, TEXTS[:2], 1, METHODS), {"units": "tokens"}, "other units"),
        ((model, TEXTS[1:3], 1, METHODS), {}, "other texts"),
        ((model, TEXTS[:1], 1, METHODS), {}, "other texts"),
        ((model, TEXTS[:2], 2, METHODS), {}, "other texts or targets"),
        ((model, TEXTS[:2], None, METHODS), {}, "other texts or targets"),
    ):
        with passes(arguments[0]) as ran, pytest.raises(errors.FormatError, match=message):
            xai.compare_corpus(*arguments, path=path, **options)  # type: ignore[arg-type, misc]
        assert ran == [] and path.read_bytes() == before
    with passes(model) as ran:  # the order is nothing else
        assert xai.compare_corpus(model, TEXTS[:2], 1, METHODS[::-1], path=path).methods == METHODS[::-1]
    assert ran == [] and path.read_bytes() == before


@pytest.mark.parametrize("content", ["notes", "notes\n", "{}\n", '{"format": "other/1"}\n', "[1]\n", "\xff\n"])
def test_no_other_file_is_overwritten(model: xai.TextModel, tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(errors.FormatError, match=r"something else|format"):
        xai.compare_corpus(model, TEXTS, 1, METHODS, path=path)
    assert path.read_bytes() == content.encode("latin-1")


def test_a_damaged_line_in_the_middle_is_an_error(model: xai.TextModel, tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    xai.compare_corpus(model, TEXTS, 1, METHODS, path=path)
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:100]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(errors.FormatError, match="something else"):
        xai.compare_corpus(model, TEXTS, 1, METHODS, path=path)


def test_errors_and_left_out_are_kept_as_well(model: xai.TextModel, tmp_path: Path) -> None:
    texts, methods = [*TEXTS, "Terrible!", "", 'quotes " and \u2028 lines\n'], {"own": own, "saliency": "saliency"}
    first, again = (xai.compare_corpus(model, texts, 1, methods, path=tmp_path / "a") for _ in range(2))
    assert again.errors == first.errors and again.left_out == first.left_out and repr(again) == repr(first)
    with pytest.raises(errors.OptionError, match="kept in a file"):
        xai.compare_corpus(model, texts, 1, {"lrp": ("lrp", {"layer": np.ones(2)})}, path=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_fingerprint_is_that_of_weights_and_tokenizer(model: xai.TextModel) -> None:
    same_weights = xai.wrap(tiny.hugging_face_model("distilbert", "classifier"), model.tokenizer)
    assert corpus.fingerprint(same_weights) == corpus.fingerprint(model)
    with torch.no_grad():
        next(same_weights.model.parameters())[-1, -1] += 1e-3
    assert corpus.fingerprint(same_weights) != corpus.fingerprint(model)
    larger = copy.deepcopy(model.tokenizer)
    larger.add_tokens("xyz")
    assert corpus.fingerprint(xai.wrap(model.model, larger)) != corpus.fingerprint(model)
    half = tiny.model_in(torch.bfloat16, "distilbert", "classifier")
    assert corpus.fingerprint(half) != corpus.fingerprint(model)


# --- tables and figures ---------------------------------------------------------------------------------------------


def test_the_frame_has_a_row_for_each_text_unit_and_method(scored: corpus.CorpusComparison) -> None:
    frame = scored.frame()
    assert list(frame.columns) == ["text_index", "text", "unit", "start", "end", "method", "score", "rank"]
    assert len(frame) == sum(len(text.units) for text in scored.texts) * len(METHODS)
    for row in frame.itertuples():
        text = scored.texts[row.text_index]
        assert row.text == text.text and row.text[row.start : row.end] == row.unit
        place = [(unit.start, unit.end) for unit in text.units].index((row.start, row.end))
        assert row.score == text.scores[row.method][place]
        assert row.rank == 1 + (np.abs(text.scores[row.method]) > abs(row.score)).sum()


def test_parquet_gives_the_frame_back(scored: corpus.CorpusComparison, tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    scored.to_parquet(path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), scored.frame())
    assert pd.read_parquet(path).attrs == {"model": scored.model, "by": "size"}
    nothing = dataclasses.replace(scored, texts=())
    nothing.to_parquet(tmp_path / "empty.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "empty.parquet"), nothing.frame())


def test_parquet_is_written_whole_or_not_at_all(
    scored: corpus.CorpusComparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(b"before")

    def half(frame: pd.DataFrame, target: Path, **options: Any) -> None:
        Path(target).write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", half)
    with pytest.raises(OSError, match="full"):
        scored.to_parquet(path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_without_pandas_an_error_says_what_to_do(
    scored: corpus.CorpusComparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for ask in (scored.frame, scored.agreement):
        with pytest.raises(errors.InstallationError, match="pip install"):
            ask()
    assert repr(scored)


def test_costs_add_up(scored: corpus.CorpusComparison) -> None:
    rows = {row[0]: row[1:4] for row in scored.cost_table().rows}
    assert rows == {"saliency": ("4", "4", "4"), "lrp": ("4", "4", "4"), "attention_rollout": ("4", "4", "0")}


def test_one_bar_for_all_texts(model: xai.TextModel, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.delenv("TQDM_DISABLE")
    monkeypatch.setattr(tqdm.auto, "tqdm", lambda items, **options: shown.append((len(items), options)) or items)
    xai.compare_corpus(model, TEXTS, 1, METHODS)
    assert shown == [(4, {"desc": "texts", "leave": False})]
    xai.compare_corpus(model, TEXTS, 1, METHODS, progress=False)
    assert len(shown) == 1


def test_it_reads_the_same_each_time(model: xai.TextModel, scored: corpus.CorpusComparison) -> None:
    again = xai.compare_corpus(model, TEXTS, 1, METHODS)
    assert repr(again) == repr(scored) and again._repr_html_() == scored._repr_html_()
    assert drawing.png(again.plot()) == drawing.png(scored.plot())


def test_the_figure_holds_means_and_intervals(scored: corpus.CorpusComparison) -> None:
    figure = scored.plot("kendall")
    frame = scored.agreement("kendall")
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == texts[4] == texts[8] == "1.00"
    for row, (i, j) in zip(frame.itertuples(), [(0, 1), (0, 2), (1, 2)], strict=True):
        assert texts[3 * i + j] == texts[3 * j + i] == f"{row.mean:.2f}\n{row.low:.2f} to {row.high:.2f}"
    cell = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    assert all(text.get_window_extent().width < cell for text in axes.texts)
    assert "4 texts" in viz.alt_text(figure) and "Kendall's tau-b: highest" in viz.alt_text(figure)
    assert figure.table is not None and figure.table.rows[0][2] == texts[1].replace("\n", " ")
    blank = plots.agreement_grid(["a", "b"], *np.full((3, 2, 2), np.nan), measure="rho")
    assert "rho of no pair" in viz.alt_text(blank) and [text.get_text() for text in blank.axes[0].texts] == [""] * 4
    with pytest.raises(errors.OptionError, match="three matrices"):
        plots.agreement_grid(["a"], *np.ones((3, 2, 2)), measure="rho")


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_the_model_is_as_it_was(family: str) -> None:
    model = tiny.model_in(torch.float32, family, "classifier")
    explain: Callable[..., Any] = lambda m, text, target: xai.compare_corpus(m, [text], target, METHODS)  # noqa: E731
    with tiny.untouched(model):
        explain(model, TEXTS[0], None)
