"""The result type: exact on disk, and no score lost when tokens become words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, laws
from xai_helpers.attribution import Attribution, Target, Unit, word_groups

finite = st.floats(-1e300, 1e300)  # sums of larger ones overflow
names = st.text(max_size=8)
targets = st.builds(
    Target,
    token=st.none() | st.integers(0, 100) | st.text("ab", min_size=1),
    versus=st.none() | st.integers(101, 200) | st.text("cd", min_size=1),
    output=st.sampled_from(("logit", "probability", "log_probability")),
    position=st.integers(-5, 5),
)


@st.composite
def attributions(draw: st.DrawFn) -> Attribution:
    n = draw(st.integers(1, 6))
    matrix = draw(st.none() | st.lists(finite, min_size=n * n, max_size=n * n))
    return Attribution(
        method=draw(names),
        text=draw(st.text(max_size=20)),
        units=tuple(
            draw(st.builds(Unit, names, st.integers(0, 9), st.integers(0, 9), st.booleans())) for _ in range(n)
        ),
        scores=np.array(draw(st.lists(finite, min_size=n, max_size=n))),
        target=draw(st.none() | targets),
        model=draw(names),
        position=draw(st.none() | st.integers(0, n - 1)),
        matrix=None if matrix is None else np.array(matrix).reshape(n, n),
        total=draw(st.none() | st.floats(-1e9, 1e9)),
        absorbed=draw(st.dictionaries(names, st.floats(-1e9, 1e9), max_size=3)),
        options=draw(st.dictionaries(names, st.none() | finite | names | st.lists(st.integers()), max_size=3)),
        versions=draw(st.dictionaries(names, names, max_size=2)),
    )


def attribution(text: str, units: list[Unit], scores: list[float], **fields: object) -> Attribution:
    plain = {"method": "by hand", "target": None, "model": "none"}
    return Attribution(text=text, units=tuple(units), scores=np.array(scores), **(plain | fields))  # type: ignore[arg-type]


# --- on disk --------------------------------------------------------------------------------------------------------


@given(original=attributions())
def test_json_round_trips_exactly(original: Attribution) -> None:
    copy = Attribution.from_json(original.to_json())
    assert copy == original
    assert copy.scores.tobytes() == original.scores.tobytes()
    assert copy.target == original.target and copy.units == original.units and copy.options == original.options


@given(original=attributions())
def test_equality_sees_every_field(original: Attribution) -> None:
    assert original != replace(original, method=original.method + "!")
    assert original != replace(original, scores=np.where(original.scores == 0, 1.0, 0.0))
    assert original != original.to_json()


def test_file_is_read_back(tmp_path: Path) -> None:
    original = attribution("a b", [Unit("a", 0, 1), Unit("b", 2, 3)], [0.1, -0.2])
    original.to_json(tmp_path / "a.json")
    assert Attribution.from_json(tmp_path / "a.json") == original
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text("old")

    def fail(self: Path, *_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        attribution("a", [Unit("a", 0, 1)], [1.0]).to_json(tmp_path / "a.json")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.json": "old"}


@pytest.mark.parametrize("text", ["{}", "{", '{"format": "other/1"}', '{"format": "xai_helpers.Attribution/1"}'])
def test_what_is_no_attribution_is_refused(text: str) -> None:
    with pytest.raises(errors.FormatError):
        Attribution.from_json(text)


# --- the sum --------------------------------------------------------------------------------------------------------


def test_gap_by_hand() -> None:
    a = attribution("a b", [Unit("a", 0, 1), Unit("b", 2, 3)], [1.0, 2.0], total=4.0, absorbed={"bias": 0.75})
    assert a.gap == 0.25
    assert laws.completeness(4.0, a.scores, a.absorbed) == 0.25
    assert replace(a, total=None).gap is None


@pytest.mark.parametrize("scores", [[math.nan], [math.inf]])
def test_scores_must_be_finite(scores: list[float]) -> None:
    with pytest.raises(errors.NonFiniteError):
        attribution("a", [Unit("a", 0, 1)], scores)


def test_shapes_must_fit() -> None:
    with pytest.raises(errors.FormatError, match="1 units"):
        attribution("a", [Unit("a", 0, 1)], [1.0, 2.0])
    with pytest.raises(errors.FormatError):
        attribution("a", [Unit("a", 0, 1)], [1.0], matrix=np.eye(2))
    with pytest.raises(errors.FormatError, match="position 7"):
        attribution("a", [Unit("a", 0, 1)], [1.0], position=7)
    with pytest.raises(errors.FormatError, match="Target"):
        attribution("a", [Unit("a", 0, 1)], [1.0], target="Paris")


def test_nothing_can_be_written_into_it() -> None:
    a = attribution("a", [Unit("a", 0, 1)], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        a.scores[0] = 2
    with pytest.raises(TypeError):
        a.options["steps"] = 3  # type: ignore[index]


def test_top_ranks_by_size_keeps_the_sign_and_leaves_out_special_tokens() -> None:
    a = attribution("a b", [Unit("[CLS]", 0, 0, True), Unit("a", 0, 1), Unit("b", 2, 3)], [9.0, 1.0, -2.0])
    assert a.top(2) == (("b", -2.0), ("a", 1.0))
    with pytest.raises(errors.OptionError):
        a.top(0)


# --- words ----------------------------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=40).filter(lambda text: text.strip()) | st.sampled_from(
    [
        "The Eiffel Tower's naïve café.",
        'He said "not terrible"... (really!) well-known e.g. U.S.A.',
        "e\u0301 o\u0308 नमस्ते दुनिया",  # combining marks
        "مرحبا بالعالم، שלום עולם",  # right to left
        "👩\u200d👩\u200d👧 😀😀 🇫🇷 ok",  # emoji of several characters
        "你好，世界。",
        "a\n\n\tb \u00a0 c",
    ]
)


def random_attribution(family: str, text: str) -> Attribution:
    model = tiny.model(family, "classifier")
    units = model.encode(text).units
    rng = np.random.default_rng(len(units))
    matrix = rng.dirichlet(np.ones(len(units)), size=len(units))
    return Attribution(
        method="random", text=text, units=units, scores=rng.normal(size=len(units)), target=None, model="none",
        position=0, matrix=matrix,
    )  # fmt: skip


@pytest.mark.parametrize("family", ["gpt2", "bert", "roberta", "llama"])  # one for each kind of tokenizer
@given(text=texts)
def test_words_keep_every_sum(family: str, text: str) -> None:
    try:
        a = random_attribution(family, text)
    except errors.EmptyTextError:  # such as a lone control character, for BERT
        return
    words = a.to_words()
    assert math.isclose(math.fsum(words.scores), math.fsum(a.scores), abs_tol=1e-12)
    assert laws.row_sums(words.require_matrix()) < 1e-12
    assert sorted(i for group in word_groups(text, a.units) for i in group) == list(range(len(a.units)))
    assert words.to_words() == words


@pytest.mark.parametrize("family", tiny.FAMILIES)
@given(text=texts)
def test_units_lie_in_the_text_in_order(family: str, text: str) -> None:
    try:
        units = tiny.model(family, "classifier").encode(text).units
    except errors.EmptyTextError:
        return
    content = [unit for unit in units if not unit.special]
    assert all(0 <= unit.start <= unit.end <= len(text) and unit.text for unit in content)
    starts = [unit.start for unit in content]
    assert starts == sorted(starts)
    if family not in ("bert", "distilbert"):  # WordPiece drops control characters and accents
        covered = {c for unit in content for c in range(unit.start, unit.end)}
        assert covered >= {i for i, character in enumerate(text) if not character.isspace()}


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_words_by_hand(family: str) -> None:
    text = 'He said: "not terrible"... well-known!'
    units = random_attribution(family, text).to_words().units
    words = [text[unit.start : unit.end] for unit in units if not unit.special]
    joined = " ".join(words).replace('" . . .', '"...').replace('"...', '" . . .')
    expected = 'He said : " not terrible " . . . well-known !'
    # A tokenizer may hold '...' or '"...' as one token, which then joins what it covers.
    assert "".join(joined.split()) == "".join(expected.split())
    assert {"He", "said", "not", "terrible", "well-known"} <= set(words)


def test_pieces_join_and_special_tokens_stay_alone() -> None:
    units = [
        Unit("[CLS]", 0, 0, True),
        Unit("un", 0, 2),
        Unit("likely", 2, 8),
        Unit(".", 8, 9),
        Unit("[SEP]", 0, 0, True),
    ]
    matrix = np.array([[1, 0, 0, 0, 0], [0, 0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1.0]])
    words = words_of_unlikely(units, matrix).to_words()
    assert words.tokens == ("[CLS]", "unlikely", ".", "[SEP]")
    assert words.scores.tolist() == [5, 3, 3, 7]
    assert words.position == 1
    # columns added: the rows (1, 0) and (0.25, 0.75), of which the second is the readout's
    assert words.require_matrix()[1].tolist() == [0, 0.25, 0.75, 0]
    elsewhere = replace(words_of_unlikely(units, matrix), position=3).to_words()
    assert elsewhere.require_matrix()[1].tolist() == [0, 0.625, 0.375, 0]  # averaged


def words_of_unlikely(units: list[Unit], matrix: np.ndarray) -> Attribution:
    return attribution("unlikely.", units, [5, 1, 2, 3, 7], matrix=matrix, position=2)


def test_a_blank_before_a_word_belongs_to_it() -> None:
    as_character = [
        Unit("a", 0, 1),
        Unit("␣", 1, 2),
        Unit("b", 2, 3),
        Unit("␣", 3, 4),
        Unit("␣", 4, 5),
        Unit("c", 5, 6),
    ]
    words = attribution("a b  c", as_character, [1, 2, 4, 8, 16, 32]).to_words()
    assert [(unit.text, unit.start, unit.end) for unit in words.units] == [
        ("a", 0, 1),
        ("b", 2, 3),
        ("␣", 3, 4),
        ("c", 5, 6),
    ]
    assert words.scores.tolist() == [1, 6, 8, 48]
    without = [Unit("␣", 0, 0), Unit("a", 0, 1), Unit("␣", 2, 2), Unit("b", 2, 3)]
    assert attribution("a b", without, [1, 2, 4, 8]).to_words().scores.tolist() == [3, 12]


def test_units_of_the_same_characters_are_never_parted() -> None:
    nbsp = [Unit("a", 0, 1), Unit("⍽[1/2]", 1, 2), Unit("⍽[2/2]", 1, 2), Unit("b", 2, 3)]
    assert attribution("a\u00a0b", nbsp, [1, 2, 4, 8]).to_words().scores.tolist() == [1, 6, 8]


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I 😀 Paris", ["I", "😀", "Paris"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("cafe\u0301 ok", ["cafe\u0301", "ok"]),
        ('say "no"', ["say", '"', "no", '"']),
    ],
)
def test_words_in_other_scripts(family: str, text: str, expected: list[str]) -> None:
    words = random_attribution(family, text).to_words()
    found = [text[unit.start : unit.end] for unit in words.units if not unit.special]
    if family in ("bert", "distilbert"):  # WordPiece drops accents and does not know every emoji
        found = [word.removesuffix(" [UNK]") for word in found]
        expected = [word.replace("\u0301", "") if word.endswith("\u0301") else word for word in expected]
    assert found == expected


def test_a_token_across_two_words_joins_them() -> None:
    words = attribution("a b c", [Unit("a b", 0, 3), Unit("c", 4, 5)], [1.0, 2.0]).to_words()
    assert words.tokens == ("a b", "c")


def test_no_matrix_says_so() -> None:
    with pytest.raises(errors.NoMatrixError, match="scores"):
        attribution("a", [Unit("a", 0, 1)], [1.0]).require_matrix()


def test_repr_is_a_table_with_every_token_and_score() -> None:
    shown = repr(xai.attention_rollout(tiny.model("gpt2", "causal-lm"), "The cat sat"))
    assert all(token in shown for token in ("cat", "sat", "attention_rollout", "tiny-gpt2-causal-lm"))


def test_strings_of_numpy_are_strings() -> None:
    target = Target(np.str_("Paris"), versus=np.str_("London"))
    assert str(target) == "logit of 'Paris' versus 'London'"
    assert type(target.token) is str
