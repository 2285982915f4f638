"""Texts of which it is known what decides: the rule's words, models that obey, metrics that reach their ends."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from training import by_hand, rules
from xai_helpers import errors, scorecard, truth
from xai_helpers.attribution import Unit
from xai_helpers.perturbation import text_game
from xai_helpers.truth import Case, Probe, decisive, found, known, measured, read_cases, relies

CASES = read_cases()
EXACT = ("keyword-detector", "negation-detector", "copier")
RULES: dict[str, Callable[[Sequence[str]], str | None]] = {
    "keyword-detector": by_hand.keyword_rule,
    "negation-detector": by_hand.negation_rule,
    "copier": rules.copier_answer,
}


def of(model: str) -> list[Case]:
    return [case for case in CASES if case.model == model]


def deciding(case: Case) -> list[str]:
    return [case.text[start:end] for start, end in case.spans]


def words(case: Case, scores: np.ndarray) -> xai.Attribution:
    """An attribution of the case's words, as its text parts them with blanks."""
    pieces = case.text.split()
    units = [Unit(w, start, end) for w, (start, end) in zip(pieces, rules.spans_of(pieces), strict=True)]
    return xai.Attribution("by hand", case.text, tuple(units), scores, case.target, case.model)


def test_there_are_enough_cases_of_each_model() -> None:
    assert len(known(CASES)) == 10
    for name in known(CASES):
        cases = of(name)
        assert len({case.text for case in cases}) == len(cases) >= 100, name
        assert all(case.exact == (name in EXACT) for case in cases)
        assert all(case.exact or case.probes for case in cases)


@pytest.mark.parametrize("name", known(CASES))
def test_models_answer_as_the_rule_does(name: str) -> None:
    model = xai.load(name)
    assert all(relies(model, case) for case in of(name)[:: 12 if "loan" in name else 6])


@pytest.mark.parametrize("name", EXACT)
def test_words_that_decide_are_those_that_ever_change_the_model(name: str) -> None:
    """Every subset of a text's words kept: the model answers as the rule does of what is left.

    So its answer changes with these words, sometimes, and with no others. Where a word goes the detectors read a mask,
    and the copier nothing at all, as on the board.
    """
    model = xai.load(name)
    short = [case for case in of(name) if len(case.text.split()) <= 7][:8]
    repeating = [case for case in of(name) if max(map(case.text.split().count, case.text.split())) > 2][:2]
    assert name != "copier" or len(repeating) == 2  # of two words that it could copy, the later one
    for case in short + repeating:
        target = xai.Target(case.target.token, output="probability")
        game = text_game(model, case.text, target, scorecard.REPLACEMENTS.get(name, "auto"), units="words")
        kept = np.array(list(itertools.product((False, True), repeat=game.n)))
        answer = (game(kept) > 0.5).astype(int)
        index = kept @ (1 << np.arange(game.n)[::-1])
        assert (index == np.arange(len(kept))).all()
        pieces = case.text.split()
        left = [[w if keep else rules.HOLE for w, keep in zip(pieces, row, strict=True)] for row in kept]
        assert answer.tolist() == [RULES[name](words_) == case.target.token for words_ in left]
        added = []
        for i in range(game.n):
            without = np.flatnonzero(~kept[:, i])
            added.append(answer[without | (1 << (game.n - 1 - i))] - answer[without])
        assert deciding(case) == [pieces[i] for i in range(game.n) if added[i].any()]
        for i, piece in enumerate(pieces):
            start = rules.spans_of(pieces)[i][0]
            for (place, _), sign in zip(case.spans, case.signs, strict=True):
                if place == start and sign:
                    assert set(np.unique(added[i])) - {0} == {sign}, (case.text, piece)


def test_negated_keywords_have_no_sign() -> None:
    negated = 0
    for case in of("negation-detector"):
        pieces = case.text.split()
        for (start, end), sign in zip(case.spans, case.signs, strict=True):
            i = [s for s, _ in rules.spans_of(pieces)].index(start)
            if i and pieces[i - 1] == "not" and case.text[start:end] in by_hand.KEYWORDS:
                assert sign == 0
                negated += 1
            else:
                assert sign == {"not": -1}.get(pieces[i], 1) * (1 if case.target.token == "positive" else -1)
    assert negated > 20
    assert {case.group for case in of("negation-detector")} == {"positive", "negative"}


def test_the_copier_s_words_by_hand() -> None:
    words_ = "axe bee cup bee dog axe bee".split()
    value = lambda kept: rules.copier_answer(kept) == "dog"  # noqa: E731
    case = rules.exact_case("copier", "copy", words_, "dog", value)
    assert deciding(case) == ["bee", "dog", "bee"]  # the second bee, what follows it, and the last word
    assert [start for start, _ in case.spans] == [12, 16, 24]
    assert case.signs == (1, 1, 1)
    assert rules.copier_answer([*words_[:4], "", "axe", "bee"]) == ""
    assert rules.copier_answer([*words_[:3], "", "dog", "axe", "bee"]) == "cup"
    assert rules.copier_answer([*words_[:-1], ""]) is None
    assert rules.copier_answer(["axe", "bee"]) == "bee"


def test_effects_by_hand() -> None:
    """x and y both needed: each matters only beside the other, and z never does."""
    added = rules.effects(lambda kept: "x" in kept and "y" in kept, ["x", "y", "z"])
    assert added[:, 2].tolist() == [0] * 8
    assert added[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert added[:, 1].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.data())
def test_a_perfect_ranking_has_the_best_of_every_metric(n: int, data: st.DataObject) -> None:
    """And its reverse the worst, of all orders there are."""
    signs = np.array(data.draw(st.lists(st.sampled_from((-1, 1)), min_size=n, max_size=n)))
    decide = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(any)))
    signs = signs * decide
    perfect = np.where(decide, 10.0, 1.0) * np.where(signs == 0, 1, signs)
    best, worst = measured(perfect, decide, signs), measured(-np.where(decide, 1.0, 10.0) * signs, decide, signs)
    assert (best["precision"], best["average_precision"], best["first_rank"], best["sign_agreement"]) == (1, 1, 1, 1)
    assert worst["sign_agreement"] == 0
    rng = np.random.default_rng(0)
    turned = measured(np.where(decide, 1.0, 10.0) + rng.random(n), decide, signs)
    every = [
        measured(np.array(row, dtype=float), decide, signs)
        for row in itertools.islice(itertools.permutations(range(1, n + 1)), 720)
    ]
    for name in ("precision", "average_precision"):
        assert turned[name] <= min(one[name] for one in every) + 1e-12
    assert turned["first_rank"] >= max(one["first_rank"] for one in every)


@pytest.mark.parametrize("name", EXACT)
def test_leave_one_out_finds_the_word_where_one_decides(name: str) -> None:
    model = xai.load(name)
    for case in [case for case in of(name) if 0 not in case.signs][:10]:
        perfect = np.zeros(len(case.text.split()))
        decide, signs = decisive(case, words(case, perfect).units)
        perfect[decide] = np.where(signs == 0, 1, signs)[decide]
        result = found(words(case, perfect), case)
        assert list(result.values()) == [1, 1, 1, 1]
        if len(case.spans) == 1:
            assert found(xai.leave_one_out(model, case.text, case.target, units="words"), case) == result


def test_words_and_tokens_find_the_same() -> None:
    case = next(case for case in of("course-gpt2") if case.group == "facts" and " " in deciding(case)[0])
    a = xai.leave_one_out(xai.load("course-gpt2"), case.text, case.target)
    for units in (a, a.to_words()):
        content = [units.units[i] for i in units.content]
        decide, _ = decisive(case, content)
        shown = [unit.text for unit, yes in zip(content, decide, strict=True) if yes]
        assert "".join(shown).replace(" ", "") == deciding(case)[0].replace(" ", "")


def test_a_model_that_does_not_obey_is_seen() -> None:
    case = of("course-distilbert")[0]
    model = xai.load("course-distilbert")
    assert relies(model, case)
    wrong = {"positive": "negative", "negative": "positive"}
    turned = dataclasses.replace(case, probes=(Probe(case.text, wrong[str(case.target.token)]),))
    assert not relies(model, turned)
    assert not relies(model, dataclasses.replace(case, target=xai.Target(wrong[str(case.target.token)])))


def test_lines_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(case.to_json() + "\n" for case in CASES[:5]), encoding="utf-8")
    assert read_cases(path=file) == CASES[:5]
    assert read_cases("copier") == tuple(of("copier"))
    with pytest.raises(errors.OptionError, match="there are: course-gpt2"):
        read_cases("copier", file)
    for line in ("{}", "no json", json.dumps({**json.loads(CASES[0].to_json()), "spans": [1]})):
        file.write_text(line + "\n")
        with pytest.raises(errors.FormatError):
            read_cases(path=file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", str(tmp_path)):
        with pytest.raises(errors.FormatError, match="is no file: name one with a line"):
            read_cases(path=path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signs": (1,)}, "1 signs for 2 spans: give one for each"),
        ({"signs": (1, 2)}, "sign=2: give a whole number of at least -1 and at most 1"),
        ({"spans": ((0, 1), (3, 6))}, "a span's end=6: .* at most 5"),
        ({"spans": ((0, 1), (-1, 2))}, "a span's start=-1"),
        ({"spans": ((0, 1), (3, 3))}, "a span's end=3: .* at least 4"),
        ({"spans": ((0, 1), (3, 4.5))}, r"a span's end=4\.5"),
    ],
)
def test_spans_are_in_the_text_and_have_a_sign_each(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    case = Case("m", "g", "a bee", xai.Target("x"), ((0, 1), (2, 5)), (1, -1), (), True)
    with pytest.raises(errors.OptionError, match=message):
        dataclasses.replace(case, **changes)
    (tmp_path / "cases.jsonl").write_text(json.dumps({**json.loads(case.to_json()), **changes}))
    with pytest.raises(errors.FormatError, match=message):
        read_cases(path=tmp_path / "cases.jsonl")


def test_another_text_is_refused() -> None:
    one, other = of("copier")[:2]
    with pytest.raises(errors.OptionError, match="the case is"):
        found(words(one, np.ones(len(one.text.split()))), other)
    assert set(truth.METRICS) == set(found(words(one, np.arange(len(one.text.split())) + 1.0), one))
