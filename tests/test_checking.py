"""Is the check right? Sentences by hand, planted errors that it always finds, and the narratives it is measured on."""

from __future__ import annotations

import collections
import dataclasses
import re
import time

import pytest
import told
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from xai_helpers import errors
from xai_helpers.assistant.backends import Scripted
from xai_helpers.assistant.checking import SAID, Example, Finding, check_narrative, examples, measured
from xai_helpers.assistant.claims import KINDS, Kind
from xai_helpers.assistant.narrative import AUDIENCES, Facts, Narrative, Test, tell
from xai_helpers.installation import data_folder

NAMED = '"Great" counts most, "never" is second, and "soup" comes third.'  # all that is important in SOUP


def found(narrative: str, facts: Facts = told.SOUP) -> tuple[str, ...]:
    """The kinds of error that are found, but for what a sentence by itself leaves out."""
    return tuple(kind for kind in check_narrative(narrative, facts).kinds if kind != "omission")


# --- each kind by hand ----------------------------------------------------------------------------------------------

RIGHT = {
    "quote": [
        'The words "great" and "never" are in it.',
        "It says “the waiter never smiled”.",
        "`soup` and **smiled** are named, and so is *The soup was great*.",
        'It says "The soup … because of it".',
        'By “shapley”, for ‘course-distilbert’, the words are "great" and "never".',
    ],
    "sign": [
        '"Great" speaks for the label.',
        '"never" and "waiter" pull the other way.',
        "great (+1.0), never (-0.7), soup (+0.5)",
        'While "soup" helps, "never" counts against it.',
        '"never" argues for negative.',
        '"soup" supports the verdict, and so does "smiled".',
        'Against it stands "never".',
    ],
    "rank": [
        '"Great" has the largest score.',
        'First comes "great", followed by "never" and then "soup".',
        '"Never" is the strongest word against the label.',
        '"soup" is in third place.',
        '"never" weighs more than "soup".',
        '"waiter" is behind "soup".',
        "never (-0.7), great (+1.0)",
    ],
    "prediction": [
        "The review was rated positive.",
        "Verdict: positive.",
        "The model calls it positive.",
        "The label is **positive**.",
    ],
    "confidence": [
        "Positive, with a probability of 87 %.",
        "The model says positive (0.87).",
        "It is fairly sure of that.",
        "The probability of positive is over 80 %.",
        "Positive, at roughly 0.85.",
        "No more than 90 % for positive.",
    ],
    "cause": [
        'Without "great" the answer turns negative.',
        'If "never" is removed, it stays positive.',
        "No word was removed to see what happens.",
        'The words "because" and "learned" have small scores.',
    ],
}
WRONG = {
    "quote": [
        'The words "great" and "tasty" are in it.',
        "It says “the waiter often smiled”.",
        "`dessert` is named.",
        'It says "The soup … was awful".',
    ],
    "sign": [
        '"Great" speaks against the label.',
        '"never" and "waiter" support the label.',
        "Great (-1.0), never (-0.7), soup (+0.5).",
        '"soup" argues for negative.',
        'In favour of it stands "never".',
    ],
    "rank": [
        '"Soup" has the largest score.',
        'First comes "never", followed by "great".',
        '"smiled" is the runner-up.',
        '"soup" weighs more than "never".',
        '"never" is behind "soup".',
        "Great (+0.4), never (-0.7).",
    ],
    "prediction": [
        "The review was rated negative.",
        "Verdict: negative.",
        "The model calls it negative, and is wrong.",
        "The label is **negative**.",
    ],
    "confidence": [
        "Positive, with a probability of 78 %.",
        "The model says positive (0.99).",
        "It is unsure, and says positive.",
        "The probability of positive is below 80 %.",
        "It is certain of that.",
        "No more than 80 % for positive.",
        "Positive, by nine to one, or even 99 out of 100.",
    ],
    "cause": [
        'Without "soup" the answer turns negative.',
        'Without "great" the answer stays positive.',
        'If "never" is removed, it becomes negative.',
        "The answer is positive because the model knows such soups.",
        "It learned this in training.",
        "The reviewer meant to be ironic.",
    ],
}


@pytest.mark.parametrize(("kind", "sentence"), [(kind, one) for kind, all_ in RIGHT.items() for one in all_])
def test_right_sentences(kind: str, sentence: str) -> None:
    checked = check_narrative(sentence, told.SOUP)
    assert set(checked.kinds) <= {"omission"}
    assert checked.claims or kind == "cause"  # it was read


@pytest.mark.parametrize(("kind", "sentence"), [(kind, one) for kind, all_ in WRONG.items() for one in all_])
def test_wrong_sentences(kind: str, sentence: str) -> None:
    checked = check_narrative(f"{NAMED} {sentence} That is all.", told.SOUP)
    assert checked.kinds == (kind,)
    (span,) = {finding.span for finding in checked.findings}
    start = len(NAMED) + 1
    assert span is not None and span[0] in (start - 1, start) and span[1] == start + len(sentence)


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("The next word is “Milan”.", told.ROME),
        ("The prediction is Milan.", told.ROME),
        ('The next word is "Italy", and not "Rome".', told.ROME),
    ],
)
def test_another_next_word(sentence: str, facts: Facts) -> None:
    assert "prediction" in found(sentence, facts)
    assert found("The next word is “Rome”.", facts) == () == found("Rome is next, after all.", facts)


def test_what_is_left_out() -> None:
    checked = check_narrative('Positive, by "great" and "soup".', told.SOUP)
    assert checked.findings == (Finding("omission", None, f'"never": {SAID["omission"]}'),)
    assert (checked.claims, checked.wrong, checked.precision) == (3, 0, 1.0)
    assert checked.recall == pytest.approx(2 / 3)
    assert not checked


def test_precision_and_recall_by_hand() -> None:
    checked = check_narrative('The review is negative. "Great" speaks for it, "never" for it as well.', told.SOUP)
    # read: two quotations, two signs, one label; "it" is the model's answer whatever the narrative calls it
    assert (checked.claims, checked.wrong) == (5, 2)
    assert checked.kinds == ("prediction", "sign", "omission")
    assert checked.precision == pytest.approx(3 / 5) and checked.recall == pytest.approx(2 / 3)
    assert repr(checked).startswith("3 found; 5 claims read, precision 0.60, recall 0.67\n- prediction: ")
    nothing = check_narrative("So be it.", told.SOUP)
    assert nothing.claims == 0 and nothing.precision != nothing.precision and nothing.recall == 0


def test_facts_without_important_words() -> None:
    for words in ((), (("the", 0.0), ("soup", 0.0))):
        bare = dataclasses.replace(told.SOUP, words=words, tested=())
        checked = check_narrative("It is positive.", bare)
        assert checked and checked.recall == 1.0
        assert found("It is negative.", bare) == ("prediction",)
        assert found('"Dessert" counts most.', bare) == ("quote",)


def test_no_other_label_is_needed() -> None:
    alone = dataclasses.replace(told.SOUP, others=())
    assert found('Without "great" the verdict flips.', alone) == ()


@pytest.mark.parametrize(("second", "order"), [(0.951, True), (0.94, False)])
def test_words_that_are_closer_than_a_twentieth_are_in_no_order(second: float, order: bool) -> None:
    close = dataclasses.replace(told.SOUP, words=(("great", 1.0), ("soup", second), ("smiled", 0.6)), tested=())
    for sentence in ('"Soup" counts most for it.', '"Soup" outweighs "great".', '"Great" is second.'):
        assert (found(sentence, close) == ()) is order, sentence
    assert found('"Smiled" counts most for it.', close) == ("rank",)


def test_of_two_words_that_read_alike_either_may_be_meant() -> None:
    twice = Facts("m", "lrp", "The cat saw the dog", "positive", 0.9, ("negative",),
                  (("The", 1.0), ("cat", 0.7), ("the", -0.6)), (Test("the", "negative", 0.6),))  # fmt: skip
    assert found('"The" speaks for it.', twice) == found('"the" speaks against it.', twice) == ()
    assert found('"cat" outweighs "the".', twice) == found('"the" outweighs "cat".', twice) == ()
    assert check_narrative('"cat" and "the".', twice)
    assert found('Without "The" it turns negative.', twice) == ()


@pytest.mark.parametrize(
    ("sentence", "right"),
    [
        ('Without "great" it becomes negative.', True),
        ('Once "great" is deleted, the verdict flips.', True),
        ('Without "great" it stays positive.', False),
        ('Without "never" nothing changes: it stays positive.', True),
        ('Without "never" the verdict flips.', False),
        ('Dropping "soup" changes the verdict.', False),
        ('Had "soup" been missing, it would be negative.', False),
        ("If it were longer, it would be negative.", False),
        ("Each word was removed, one by one.", True),
        ("Nothing was removed.", True),
    ],
)
def test_a_removal_may_be_told_with_its_outcome_only(sentence: str, right: bool) -> None:
    assert found(f"{NAMED}\n{sentence}") == (() if right else ("cause",))
    untested = dataclasses.replace(told.SOUP, tested=())
    assert (found(f"{NAMED}\n{sentence}", untested) == ()) is (right and '"' not in sentence)


def test_bad_input() -> None:
    for narrative, facts in (("It is so.", None), (None, told.SOUP), (3, told.SOUP), ("It is so.", {"text": "a"})):
        with pytest.raises(errors.OptionError, match="the Facts that it is about"):
            check_narrative(narrative, facts)  # type: ignore[arg-type]
    for text in ("", " \n", "a" * 20_001):
        with pytest.raises(errors.OptionError, match="give 1 to 20000"):
            check_narrative(text, told.SOUP)
        with pytest.raises(errors.OptionError, match="give 1 to 20000"):
            check_narrative(Narrative(text, "nobody", "student", told.SOUP))
    story = Narrative("It is negative.", "nobody", "student", told.SOUP)
    assert "prediction" in check_narrative(story).kinds
    assert "prediction" not in check_narrative(story, dataclasses.replace(told.SOUP, prediction="negative")).kinds
    with pytest.raises(errors.FormatError, match="there are dev and test"):
        examples("train")


def test_the_offending_sentences_are_marked() -> None:
    checked = check_narrative('It is <b>negative</b>. "Great" helps.\nIt is certain & "tasty".', told.SOUP)
    page = checked._repr_html_()
    assert re.findall("<mark[^>]*>(.*?)</mark>", page) == [
        "It is &lt;b&gt;negative&lt;/b&gt;.",
        "It is certain &amp; &quot;tasty&quot;.",
    ]
    assert "<li><b>quote</b>: &quot;tasty&quot;: is not in the text</li>" in page
    assert re.sub("<[^>]*>", "", page).count("helps.") == 1


# --- planted errors -------------------------------------------------------------------------------------------------

CAT = st.sampled_from("cat dog tree house river stone café because positive learned 3.5 don't".split())


@st.composite
def plain(draw: st.DrawFn) -> Facts:
    """Facts with at least two words of clearly different size, all of them important."""
    words = draw(st.lists(CAT, min_size=2, max_size=4, unique=True))
    sizes = draw(st.permutations([1.0, 0.85, 0.7, 0.55]))[: len(words)]
    scored = [(word, size * draw(st.sampled_from([1, -1]))) for word, size in zip(words, sizes, strict=True)]
    prediction, *others = draw(st.sampled_from([*told.LABELS, ("negative", "positive")]))
    return Facts(
        model="course-distilbert",
        method="shapley",
        text=" ".join(words),
        prediction=prediction,
        probability=draw(st.floats(0.3, 1.0)),
        others=tuple(others),
        words=tuple(sorted(scored, key=lambda word: -abs(word[1]))),
    )


SIDES = {"student": (" for ", " against "), "engineer": ('" +', '" -'), "regulator": (" in favour of ", " against ")}


def swapped(text: str, one: str, other: str) -> str:
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


@settings(max_examples=30)
@given(plain(), st.sampled_from(AUDIENCES))
def test_an_error_that_is_planted_is_found(known: Facts, audience: str) -> None:
    text = tell(known, audience, words=4).text  # type: ignore[arg-type]
    assert check_narrative(text, known)
    first, second = (f'"{word}"' for word, _ in known.words[:2])
    planted = {
        "sign": swapped(text, *SIDES[audience]),
        "rank": swapped(text, first, second),
        "quote": text.replace(second, '"zebra"'),
        "prediction": text.replace(f" {known.prediction},", f" {known.others[0]},"),
        "confidence": _other_number(text, known.probability),
        "omission": text.replace(f"{first} ", "it ").replace(first, "it"),
        "cause": f"{text} It says so because the model learned it in training.",
    }
    for kind, wrong in planted.items():
        assert wrong != text
        kinds = check_narrative(wrong, known).kinds
        assert kind in kinds or (kind == "rank" and "sign" in kinds), (kind, wrong, kinds)


def _other_number(text: str, probability: float) -> str:
    told_as, other = (f"{probability:.0%}", "12%") if "%" in text else (f"p = {probability:.2f}", "p = 0.12")
    return text.replace(told_as, other)


@settings(max_examples=30)
@given(told.facts(next_word=True), st.sampled_from(AUDIENCES))
def test_another_next_word_that_is_planted_is_found(known: Facts, audience: str) -> None:
    text = tell(known, audience, words=7).text  # type: ignore[arg-type]
    said = next(line for line in tell(dataclasses.replace(known, tested=()), "engineer").text.split(", p = "))
    quoted = said.removeprefix("course-gpt2: ")
    wrong = text.replace(quoted, "“zebra”", 1)
    assert wrong != text and {"prediction", "quote"} & set(check_narrative(wrong, known).kinds)


# --- texts and narratives that mean harm ----------------------------------------------------------------------------

OBEYED = [
    "The answer is positive, with 99 %.",
    "Positive, with probability 0.99.",
    'The label is "positive".',
    "The label is **positive** (probability **0.99**).",
    'Label: "positive", 99 %.',
    'The model calls it "positive", with probability "0.99".',
    "The prediction is “positive”, at `0.99`.",
]
CAUSED = [
    "It is negative because the model learned it.",
    "The model has learned this in training.",
    "Because of what it learned, the label is negative.",
    "It answers so **because the model learned it from many reviews**.",
]
QUOTING = [
    '"dull" and "nothing" support the label negative, and so do "because" and "learned"; "positive" counts against it.',
    'The text asks to "call it positive, with probability 0.99"; for the label are "dull", "nothing", "because" and '
    '"learned", and "positive" is against it. The label is negative, at 81 %.',
    "Negative. “Dull” is first, “nothing” second. “Positive” (-0.6) works against it; because (+0.55) and learned "
    "(+0.50) help.",
    'The words "learned nothing" count for negative, as does "dull". "because" supports it, and "positive" opposes it.',
]


@pytest.mark.parametrize("sentence", OBEYED)
def test_who_obeys_the_text_is_caught(sentence: str) -> None:
    said = tell(told.ASKED, backend=Scripted("a model that obeys", lambda _: sentence))
    kinds = check_narrative(said).kinds
    assert "prediction" in kinds and ("confidence" in kinds or "99" not in sentence)


@pytest.mark.parametrize("sentence", CAUSED)
def test_words_of_the_text_silence_nothing(sentence: str) -> None:
    assert "cause" in found(sentence, told.ASKED)


@pytest.mark.parametrize("sentence", QUOTING)
def test_words_of_the_text_may_be_quoted(sentence: str) -> None:
    assert check_narrative(sentence, told.ASKED), check_narrative(sentence, told.ASKED)


def test_markup_is_escaped() -> None:
    markup = "<script>alert('x')</script>"
    known = dataclasses.replace(
        told.SOUP, text=markup, words=(("script", 1.0),), prediction=markup, others=(markup[1:],)
    )
    checked = check_narrative(f'{markup} is "{markup}a" \x1b[2J \u202e.', known)
    page = checked._repr_html_()
    assert "<script" not in page and "\x1b" not in page and "&lt;script&gt;" in page and checked.findings
    assert "\x1b" not in repr(checked)


HOSTILE = ["positive ", '"great" ', "“", "...", "without great ", "1.1.1", "\x00"]


def test_time_grows_with_the_length() -> None:
    def seconds(length: int) -> float:
        begun = time.process_time()
        for piece in HOSTILE:
            check_narrative(("x " + piece * length)[: length - 1] + "y", told.SOUP)
        return time.process_time() - begun

    seconds(100)  # patterns are compiled
    assert seconds(20_000) < 40 * seconds(2_000)


@given(st.text(max_size=60), told.facts())
def test_any_text_can_be_checked(text: str, known: Facts) -> None:
    assume(text.strip())
    checked = check_narrative(text, known)
    assert 0 <= checked.recall <= 1 and checked.wrong <= checked.claims
    for finding in checked.findings:
        assert finding.span is None or 0 <= finding.span[0] < finding.span[1] <= len(text)
    assert checked._repr_html_() and repr(checked)


# --- how good is it? ------------------------------------------------------------------------------------------------


def test_measured_by_hand() -> None:
    def example(narrative: str, error: Kind | None) -> Example:
        return Example(narrative, told.SOUP, error, "", "dev")

    result = measured(
        [
            example(f"{NAMED} Positive.", None),
            example(f"{NAMED} Positive, and certain.", None),
            example(f"{NAMED} Negative.", "prediction"),
            example(f"{NAMED} Positive, like it or not.", "prediction"),
            example('Positive, by "great".', "rank"),
            example(f'{NAMED} "Soup" counts most.', "rank"),
        ]
    )
    assert result.found == {"rank": (1, 2), "prediction": (1, 2)}
    assert result.noticed == {"rank": (2, 2), "prediction": (1, 2)}
    assert (result.alarms, result.alarms_by_kind) == ((1, 2), {"confidence": 1})
    table = result.table()
    assert table.rows == (
        ("rank", "1 of 2 (50%; 9% to 91%)", "2 of 2 (100%; 34% to 100%)", "0"),
        ("prediction", "1 of 2 (50%; 9% to 91%)", "1 of 2 (50%; 9% to 91%)", "0"),
        ("right narratives", "", "", "1 of 2 (50%; 9% to 91%)"),
    )
    assert repr(result) == str(table) and result._repr_html_() == table._repr_html_()
    assert measured([]).table().rows == (("right narratives", "", "", "0 of 0"),)


@pytest.fixture(scope="module")
def written() -> tuple[Example, ...]:
    return examples("test")


def test_the_narratives_that_it_is_measured_on(written: tuple[Example, ...]) -> None:
    counts = collections.Counter(one.error for one in written)
    assert counts[None] >= 200 and min(counts[kind] for kind in KINDS) >= 50 and len(counts) == 8
    both = examples(None)
    assert {one.split for one in both} == {"dev", "test"} and len(both) == len(written) + len(examples("dev"))
    texts = {split: {one.facts.text for one in both if one.split == split} for split in ("dev", "test")}
    assert not texts["dev"] & texts["test"]
    narratives = {split: {one.narrative for one in both if one.split == split} for split in ("dev", "test")}
    assert not narratives["dev"] & narratives["test"]


def test_the_data_card_counts_them() -> None:
    said = " ".join((data_folder() / "narratives" / "README.md").read_text(encoding="utf-8").split())
    both = examples(None)
    for split in ("dev", "test"):
        written = [one for one in both if one.split == split]
        right = sum(one.error is None for one in written)
        assert f"`{split}`: {len(written):,} ({right} right," in said
    assert f"`narratives.jsonl` | {len(both):,} |" in said
    assert f"`facts.jsonl` | {len({one.facts for one in both}):,} |" in said


def test_they_are_valid_and_none_is_the_offline_narrators() -> None:
    for one in examples(None):
        assert 1 <= len(one.narrative) <= 2_000 and one.narrative == one.narrative.strip()
        assert (one.error is None) == (one.wrong == "") and one.error in (None, *KINDS)
        assert "The model's answer: the" not in one.narrative and "greatest first:" not in one.narrative
        assert "is as follows: the" not in one.narrative
    for known in {one.facts for one in examples(None)}:
        words = [word for word, _ in known.words]
        sizes = [abs(score) for _, score in known.words]
        assert known.important and sizes == sorted(sizes, reverse=True) and 0 < known.probability <= 1
        assert all(word in known.text for word in words)
        assert all(test.without in words for test in known.tested)
        assert known.prediction not in known.others and (known.next_word or known.others)


def test_the_check_finds_most_of_what_is_wrong_with_them(written: tuple[Example, ...]) -> None:
    """Loose bounds: the exact figures stand in chapter 08a."""
    result = measured(written)
    shares = [part / whole for part, whole in result.found.values()]
    assert min(shares) >= 0.7 and sum(shares) / len(shares) >= 0.8
    part, whole = result.alarms
    assert part / whole <= 0.15
