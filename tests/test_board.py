"""The board: one number against a direct call, interruptions, processes, standings by hand, and the committed board."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xai_helpers as xai
from xai_helpers import board, errors, scorecard, truth
from xai_helpers.attribution import Attribution
from xai_helpers.board import Board
from xai_helpers.scorecard import BEST, METRICS, RANDOM, Row, Settings, score, tasks

FEW = Settings(texts=3, costly=1, draws=5, coalitions=20, nudges=2)


def by_truth(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
    """Knows what decides: 1 or -1 for it, 0 for the rest; of an edited text it knows nothing."""
    case = next((case for case in truth.read_cases(model.name) if case.text == text), None)
    a = scorecard.random_scores(model, text, target)
    if case is None:
        return a
    decide, signs = truth.decisive(case, a.units)
    return dataclasses.replace(a, scores=np.where(signs == 0, decide, signs))


def against_truth(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
    """Says 1 of what does not decide, and of what does 0."""
    a = by_truth(model, text, target)
    return dataclasses.replace(a, scores=1.0 - np.abs(a.scores))


def values(found: Board, model: str, metric: str, method: str, control: str = "") -> np.ndarray:
    return found.values(model, metric, control)[method].to_numpy()


def test_who_knows_the_truth_wins_and_who_turns_it_loses() -> None:
    methods = {"truth": by_truth, "against": against_truth}
    for name in ("keyword-detector", "negation-detector", "copier"):
        found = board.make([name], methods, settings=FEW, progress=False)
        for metric, best in (("precision", 1), ("average_precision", 1), ("first_rank", 1), ("sign_agreement", 1)):
            mine = values(found, name, metric, "truth")
            assert (mine == best).all(), (name, metric)
        assert (values(found, name, "sign_agreement", "against") == 0).all()
        for metric in ("precision", "average_precision"):
            assert (values(found, name, metric, "against") <= values(found, name, metric, RANDOM)).all()
            assert (values(found, name, metric, "truth", "reversed") <= values(found, name, metric, "against")).all()
        for metric in ("deletion", "insertion", "comprehensiveness", "sufficiency"):
            sign = 1 if METRICS[metric].higher else -1
            bound = sign * values(found, name, metric, BEST)
            for method in ("truth", "against", RANDOM):
                assert (sign * values(found, name, metric, method) <= bound + 1e-9).all()


def test_random_scores_know_nothing() -> None:
    settings = dataclasses.replace(FEW, texts=20, draws=40)
    found = board.make(["keyword-detector"], {"truth": by_truth}, settings=settings, progress=False)
    shares = []
    for case in truth.read_cases("keyword-detector")[:20]:
        shares.append(len(case.spans) / len(case.text.split()))
    assert values(found, "keyword-detector", "precision", RANDOM).mean() == pytest.approx(np.mean(shares), abs=0.05)


def test_what_fails_is_named() -> None:
    def fails(model: Any, text: str, target: Any = None) -> Attribution:
        raise errors.OptionError("not on a Sunday")

    found = board.make(["copier"], {"fails": fails, "truth": by_truth}, settings=FEW, progress=False)
    assert "not on a Sunday" in found.left_out["copier/fails/rule"][0]
    assert "fails" not in found.values("copier", "precision").columns
    assert "not on a Sunday" in found.markdown()


def test_reasons_of_all_chunks_are_kept() -> None:
    """Texts 2 and 12 lie in different tasks."""
    bad = {case.text for i, case in enumerate(truth.read_cases("copier")) if i in (2, 12)}

    def fussy(model: Any, text: str, target: Any = None) -> Attribution:
        if text in bad:
            raise errors.OptionError("not this one")
        return by_truth(model, text, target)

    settings = dataclasses.replace(FEW, texts=13, costly=0, draws=1, coalitions=2)
    found = board.make(["copier"], {"fussy": fussy}, settings=settings, progress=False)
    assert set(found.left_out["copier/fussy/rule"]) == {2, 12}
    more = board.make(["copier"], {"truth": by_truth}, settings=settings, progress=False).with_method("fussy", fussy)
    assert more.left_out == found.left_out
    assert more.header["methods"]["fussy"][1].endswith("fussy")


# Many


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "board.jsonl"
    settings = dataclasses.replace(FEW, texts=13, costly=0, draws=1, coalitions=2)
    asked: list[str] = []

    def method(model: Any, text: str, target: Any = None) -> Attribution:
        asked.append(text)
        if len(asked) == 12:
            raise KeyboardInterrupt
        return by_truth(model, text, target)

    with pytest.raises(KeyboardInterrupt):
        board.make(["copier"], {"m": method}, settings=settings, path=path, progress=False)
    kept = path.read_text()
    path.write_text(kept + kept.splitlines()[-1][:50])  # as if cut off within a line
    found = board.make(["copier"], {"m": method}, settings=settings, path=path, progress=False)
    assert len(asked) == 12 + 3  # ten of the first run were kept, one was not
    whole = board.make(["copier"], {"m": method}, settings=settings, progress=False)
    columns = ["metric", "number", "method", "control"]
    rows = [b.rows[b.rows["metric"] != "seconds"].sort_values(columns, ignore_index=True) for b in (found, whole)]
    pd.testing.assert_frame_equal(*rows)
    board.make(["copier"], {"m": method}, settings=settings, path=path, progress=False)
    assert len(asked) == 15 + 13
    with pytest.raises(errors.FormatError, match="other settings"):
        board.make(["copier"], {"m": method}, settings=FEW, path=path, progress=False)
    path.write_text("something else\n")
    with pytest.raises(errors.FormatError, match="something else"):
        board.make(["copier"], {"m": method}, settings=FEW, path=path, progress=False)


def test_two_processes_find_the_same() -> None:
    one, two = (
        board.make(["copier"], ["saliency", "leave_one_out"], settings=FEW, jobs=jobs, progress=False)
        for jobs in (1, 2)
    )
    for metric in ("precision", "deletion", "infidelity"):
        pd.testing.assert_frame_equal(one.values("copier", metric), two.values("copier", metric))


def made_by_hand() -> Board:
    """Three methods on four texts: a and b differ by 0.1 on every text, c is a on average."""
    table = {"a": [0.9, 0.1, 0.5, 0.7], "b": [0.8, 0.0, 0.4, 0.6], "c": [0.1, 0.9, 0.7, 0.5], RANDOM: [0.2] * 4}
    rows = [
        Row("copier", method, "rule", index, metric, "", value)
        for metric in ("precision", "deletion", "gini")
        for method, column in table.items()
        for index, value in enumerate(column)
    ]
    settings = {"seeds": [0, 1], "texts": 1, "costly": 0}
    header = {"models": {"copier": ""}, "texts": {"copier": ""}, "methods": dict.fromkeys("abc")}
    header |= {"settings": settings, "versions": {}}
    return Board(board._frame(rows), header)


def test_standings_by_hand() -> None:
    found = made_by_hand()
    precision = found.standing("copier", "precision")
    assert dict(precision["rank"].dropna()) == {"a": 1, "c": 1, "b": 3}
    assert precision.loc["a", "mean"] == pytest.approx(0.55)
    assert precision.loc["a", "low"] < 0.4 < 0.7 < precision.loc["a", "high"]  # texts differ by more than methods do
    assert precision.loc["b", "behind"] is True  # and yet b is behind, on every text
    assert precision.loc["c", "behind"] is False
    assert precision.loc[RANDOM, "behind"] is None
    assert (precision["texts"] == 4).all()
    deletion = found.standing("copier", "deletion")  # less is better
    assert deletion.index[0] == RANDOM
    assert dict(deletion["rank"].dropna()) == {"b": 1, "a": 2, "c": 2}
    assert deletion.loc["a", "behind"] is True
    assert found.standing("copier", "gini")["rank"].isna().all()
    assert found.standing("copier", "runs").empty
    shown = found.table("copier", ["precision", "gini"])
    assert shown.header == ("", "precision", "gini")
    assert [row[1].split(" (")[0] for row in shown.rows] == ["#1 0.55*", "#3 0.45", "#1 0.55*", "0.2"]
    assert shown.rows[0][2].startswith("0.55 (0."), "neither is better: no rank"


def test_what_has_no_number_has_no_place() -> None:
    """A method without numbers, and one that has them on other texts than the best, are neither best nor behind."""
    rows = [
        Row("copier", method, texts, i, "precision", "", value)
        for method, texts, values in (
            ("a", "rule", [0.9, 0.8, 1.0]),
            ("b", "rule", [0.5, 0.4, 0.6]),
            ("c", "rule", [np.nan] * 3),
            ("d", "marked", [0.1, 0.2]),
        )
        for i, value in enumerate(values)
    ]
    found = Board(board._frame(rows), {**made_by_hand().header, "methods": dict.fromkeys("abcd")})
    assert found.values("copier", "precision").shape == (5, 4), "no text of a set that has none"
    standing = found.standing("copier", "precision")
    assert standing["behind"].to_dict() == {"a": False, "b": True, "c": None, "d": None}
    assert standing["texts"].to_dict() == {"a": 3, "b": 3, "c": 0, "d": 2}
    assert np.isnan(standing.loc["c", "rank"]) and standing.index[-1] == "c"


def test_reversed_rankings_have_means_and_no_ranks() -> None:
    found = made_by_hand()
    rows = [Row("copier", "a", "rule", i, "precision", "reversed", 0.25 * i) for i in range(4)]
    found = Board(pd.concat([found.rows, board._frame(rows)], ignore_index=True), found.header)
    assert found.standing("copier", "precision").loc["a", "mean"] == pytest.approx(0.55)
    turned = found.standing("copier", "precision", "reversed")
    assert list(turned.index) == ["a"] and turned.loc["a", "mean"] == pytest.approx(0.375)
    assert turned["rank"].isna().all() and turned.loc["a", "behind"] is None
    assert found.table("copier", ["precision"], "reversed").rows[0][1].startswith("0.375 (")


def test_methods_that_the_weights_do_not_move_are_named() -> None:
    table = {"a": [0.9, 0.8, 0.95], "b": [0.9, 0.1, 0.6], "c": [0.1, 0.0, -0.2], RANDOM: [1.0] * 3}
    rows = [Row("copier", name, "rule", i, "randomised", "", x) for name, xs in table.items() for i, x in enumerate(xs)]
    found = Board(board._frame(rows), made_by_hand().header)
    assert found.unmoved("copier") == ("a",)
    assert found.unmoved("copier", "relabelled") == ()
    assert found.standing("copier", "randomised")["rank"].isna().all(), "near 0 is not good, only not bad"


def test_one_more_method_joins_the_same_models_and_texts_only() -> None:
    with pytest.raises(errors.FormatError, match="not those that this board was made with"):
        made_by_hand().with_method("mine", by_truth, progress=False)


def test_figures_show_the_standings() -> None:
    found = made_by_hand()
    table = found.plot("precision").table
    assert table is not None and table.header == ("", "copier")
    assert table.rows == (("a", "0.55*"), ("b", "0.45"), ("c", "0.55*"), (RANDOM, "0.20"))
    image = found.plot("deletion").axes[0].images[0]
    assert np.allclose(image.get_array()[:, 0], [-1, -0.25 / 0.35, -1, 0]), "less is better: all worse than random"
    with pytest.raises(errors.OptionError, match="no model of this board has 'runs'"):
        found.plot("runs")
    costs = [
        Row("copier", method, "rule", index, metric, "", value)
        for metric in ("seconds", "rows")
        for method, values in {"a": (9, 9, 9, 9), "b": (1, 2, 3, 100), "c": (3, 3, 3, 4)}.items()
        for index, value in enumerate(values)
    ]
    paid = Board(pd.concat([found.rows, board._frame(costs)], ignore_index=True), found.header)
    beside = paid.plot_cost("copier", "precision")
    assert beside.table is not None
    assert [(row[0], row[2]) for row in beside.table.rows] == [("b", "2.5"), ("c", "3"), ("a", "9")]
    assert "copier, 4 texts" in beside.table.title
    with pytest.raises(errors.OptionError, match="has no 'runs'"):
        paid.plot_cost("copier", "runs")


def test_it_is_saved_and_read_back(tmp_path: Path) -> None:
    found = board.make(["copier"], ["saliency"], settings=FEW, progress=False)
    found.save(tmp_path / "mine")
    again = board.read(tmp_path / "mine.parquet")
    pd.testing.assert_frame_equal(found.rows, again.rows, check_categorical=False)
    assert again.header == found.header
    assert again.left_out == found.left_out
    page = (tmp_path / "mine.md").read_text()
    assert "## copier" in page
    assert all(f"`{name}`" in page for name in METRICS)
    assert "torch" in page
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.md", "mine.parquet"]
    (tmp_path / "other.parquet").write_text("no")
    with pytest.raises(errors.FormatError):
        board.read(tmp_path / "other.parquet")


def test_one_more_method() -> None:
    found = board.make(["copier", "keyword-detector"], ["saliency"], settings=FEW, progress=False)
    more = found.with_method("mine", by_truth, ["copier"])
    assert more.methods == ("saliency", "mine")
    assert (values(more, "copier", "precision", "mine") == 1).all()
    assert "mine" not in more.values("keyword-detector", "precision").columns
    assert more.standing("copier", "precision").loc["mine", "rank"] == 1
    with pytest.raises(errors.OptionError, match="stands on the board"):
        more.with_method("mine", by_truth)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: board.make(["gpt5"], progress=False), "no texts on the board"),
        (lambda: board.make([], progress=False), "name each model once"),
        (lambda: board.make(["copier", "copier"], progress=False), "name each model once"),
        (lambda: board.make(["copier"], path="/no/such/folder/b.jsonl", progress=False), "is no folder"),
        (lambda: Settings(seeds=(1,)), "at least two"),
        (lambda: Settings(seeds=(1, 1)), "all different"),
        (lambda: made_by_hand().values("copier", "gini", "revresed"), "control="),
        (lambda: made_by_hand().with_method("mine", "lrp", ["course-gpt2"], progress=False), "not on this board"),
        (lambda: board.make(["copier"], {RANDOM: by_truth}, progress=False), "the board's own"),
        (lambda: board.make(["copier"], ["nosuch"], progress=False), "nosuch"),
        (lambda: board.make(["copier"], jobs=0), "jobs"),
        (lambda: Settings(texts=0), "texts"),
        (lambda: made_by_hand().values("copier", "beauty"), "metric="),
        (lambda: made_by_hand().values("course-gpt2", "gini"), "not on this board"),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(errors.XaiError, match=message):
        call()


# The committed board


def test_the_committed_board_covers_what_it_should() -> None:
    committed = board.read()
    assert set(committed.models) == set(scorecard.models())
    assert set(committed.methods) == set(xai.METHODS)
    for name in committed.models:
        wide = committed.values(name, "comprehensiveness")
        assert len(wide) >= 100, name
        assert {*committed.methods, RANDOM, BEST} == set(wide.columns)
        assert wide.drop(columns=BEST).notna().all().all(), name
        for metric in (metric for metric, about in METRICS.items() if about.costly):
            numbers = committed.values(name, metric)
            assert numbers.empty or len(numbers) >= 30, (name, metric)
    assert not committed.left_out


def test_the_committed_board_is_about_the_models_and_texts_of_today() -> None:
    committed = board.read()
    now = board._header(committed.models, tasks(committed.models, None, board.DEFAULTS), board.DEFAULTS)
    for part in ("format", "models", "texts", "methods", "settings"):
        assert committed.header[part] == now[part], part


SLICES = [  # model, set, label, text: all methods that have a law of their own, the controls, the costly metrics
    *itertools.product(
        ("course-gpt2", "course-distilbert", "loan-decider", "negation-detector"),
        ["rule"],
        ("attention_rollout", "lrp", "leave_one_out", "shapley"),
        [40],
    ),
    ("copier", "rule", "integrated_gradients", 40),
    ("course-shortcut", "rule", "lime", 70),
    ("course-induction", "rule", RANDOM, 40),
    ("keyword-detector", "rule", BEST, 40),
    ("course-masking", "marked", "saliency", 50),
    ("course-shuffled", "marked", "input_x_gradient", 1),
    ("course-clean", "rule", "chefer_relevance", 1),
    ("course-distilbert", "paraphrases", "raw_attention", 1),
]


@pytest.mark.parametrize(("name", "texts", "label", "text"), SLICES)
def test_a_slice_of_the_committed_board_comes_out_again(name: str, texts: str, label: str, text: int) -> None:
    committed = board.read()
    settings = Settings(**{**committed.header["settings"], "seeds": tuple(committed.header["settings"]["seeds"])})
    asked = tasks([name], [label] if label in xai.METHODS else ["saliency"], settings)
    task = next(t for t in asked if t.label == label and t.texts == texts and t.start <= text < t.stop)
    rows, left_out = score(dataclasses.replace(task, start=text, stop=text + 1), settings)
    assert rows and not left_out
    kept = committed.rows.query("model == @name and texts == @texts and method == @label and number == @text")
    numbers = {(row.metric, row.control): row.value for row in kept.itertuples()}
    assert set(numbers) == {(row.metric, row.control) for row in rows}
    for row in rows:
        if row.metric != "seconds":
            # another processor rounds otherwise; scores that nearly tie may change places
            expected = pytest.approx(numbers[row.metric, row.control], rel=1e-2, abs=2e-3, nan_ok=True)
            assert row.value == expected, row
