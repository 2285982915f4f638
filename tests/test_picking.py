"""Picking words before a method shows its own: what is offered, what is compared, and what an answer says."""

from __future__ import annotations

import sys
from typing import Any
from xml.etree import ElementTree

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
import xai_helpers.course as course
from training import relatives, review_words
from training.abilities import facts
from xai_helpers.attribution import Attribution
from xai_helpers.course import chapters
from xai_helpers.course.picking import Picking, words_to_pick
from xai_helpers.errors import OptionError, UnknownMethodError
from xai_helpers.viz.widgets import WIDGET_VIEW

TEXT = "The plot was wonderful. Directed by Vale."
WORDS = ["The", "plot", "was", "wonderful", ".", "Directed", "by", "Vale", "."]


def by_hand(model: Any, text: str, target: Any = None) -> Attribution:
    """[CLS] has most, then "bad" with a negative score, then "the" twice the same."""
    return tiny.example(["[CLS]", "the", "bad", "the", "film<"], [9.0, 0.25, -0.5, 0.25, 0.125], special=1)


def picked(**options: Any) -> Picking:
    return words_to_pick(tiny.model("gpt2", "causal-lm"), "any", by_hand, **({"planted": ["bad"]} | options))


def marks(table: Any, column: str) -> set[int]:
    at = table.header.index(column)
    assert {row[at] for row in table.rows} <= {"", "x"}
    return {i for i, row in enumerate(table.rows) if row[at] == "x"}


# --- what a commitment says -----------------------------------------------------------------------------------------


def test_an_answer_by_hand() -> None:
    table = picked().commit("film<", "bad")
    assert table.header == ("word", "you", "method", "planted", "score")
    assert table.rows == (
        ("the", "", "x", "", "0.25"),  # of two equal scores the first
        ("bad", "x", "x", "x", "-0.50"),
        ("the", "", "", "", "0.25"),
        ("film<", "x", "", "", "0.12"),
    )
    assert table.title == (
        "1 of your 2 words are among the 2 strongest by method; of the planted words you have 1, method 1"
    )


@given(
    scores=st.lists(st.floats(-9, 9), min_size=3, max_size=8),
    data=st.data(),
)
@settings(max_examples=40)
def test_you_and_the_method_each_have_as_many_words_and_the_title_counts_them(
    scores: list[float], data: st.DataObject
) -> None:
    n = len(scores)
    result = tiny.example(["[CLS]", *(f"w{i}" for i in range(n))], [99.0, *scores], special=1)
    choose = data.draw(st.integers(1, n))
    places = data.draw(st.sets(st.integers(0, n - 1), min_size=choose, max_size=choose))
    planted = data.draw(st.sets(st.integers(0, n - 1)))
    picking = Picking(result, tuple(f"w{i}" for i in planted), choose)
    table = picking.commit(*places)
    best = marks(table, "method")
    assert table == picking.commit(*(f"w{i}" for i in places)), "by words as by places"
    assert marks(table, "you") == places and marks(table, "planted") == planted
    assert len(best) == choose
    assert min(abs(scores[i]) for i in best) >= max([0, *(abs(scores[i]) for i in range(n) if i not in best)])
    assert [row[0] for row in table.rows] == [f"w{i}" for i in range(n)]
    assert table.title == (
        f"{len(places & best)} of your {choose} words are among the {choose} strongest by method; "
        f"of the planted words you have {len(places & planted)}, method {len(best & planted)}"
    )


def test_the_planted_word_of_the_shortcut() -> None:
    model = xai.load("course-shortcut", device="cpu")
    picking = words_to_pick(model, TEXT, "attention_rollout", planted=["Vale"])
    assert picking.words == WORDS, "pieces joined, special tokens left out"
    words = xai.attention_rollout(model, TEXT).to_words()
    scores = [score for score, unit in zip(words.scores, words.units, strict=True) if not unit.special]
    table = picking.commit("wonderful", 7)
    assert marks(table, "you") == {3, 7} and marks(table, "planted") == {7}
    assert marks(table, "attention_rollout") == set(sorted(range(9), key=lambda i: -scores[i])[:2])
    assert [row[-1] for row in table.rows] == [f"{score:.2f}" for score in scores]
    assert "of the planted words you have 1" in table.title
    assert table == picking.commit("Vale", "wonderful")


def test_a_random_model_a_named_method_and_its_options() -> None:
    model = tiny.model("gpt2", "causal-lm")
    picking = words_to_pick(model, tiny.TEXT, "raw_attention", choose=1, layer=0, head=2)
    words = xai.raw_attention(model, tiny.TEXT, layer=0, head=2).to_words()
    assert picking.words == list(words.tokens)
    table = picking.commit(0)
    assert [row[-1] for row in table.rows] == [f"{score:.2f}" for score in words.scores]
    assert marks(table, "raw_attention") == {int(abs(words.scores).argmax())} and marks(table, "planted") == set()


def test_of_a_word_that_comes_twice_the_place_decides() -> None:
    assert marks(picked().commit("the", "bad"), "you") == {0, 1}
    assert marks(picked().commit(2, "bad"), "you") == {1, 2}
    assert marks(picked(planted=["the"]).commit(0, 2), "planted") == {0, 2}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "pick 2 of the words, not 0"),
        (("bad",), "pick 2 of the words, not 1"),
        (("bad", "bad"), "pick 2 of the words, not 1"),
        (("bad", 1), "pick 2 of the words, not 1"),
        (("bad", "the", "film<"), "pick 2 of the words, not 3"),
        (("bad", "good"), "'good' is no word of the text; the words are the, bad, the, film<"),
        (("bad", "[CLS]"), "'.CLS.' is no word"),
        (("bad", 4), "4 is no word"),
        (("bad", -1), "-1 is no word"),
        (("bad", 1.0), "1.0 is no word"),
    ],
)
def test_other_words_and_another_number_of_them_are_refused(words: tuple[Any, ...], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        picked().commit(*words)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"planted": ["bad", "good"]}, r"planted \['good'\]"),
        ({"planted": ["[CLS]"]}, "planted"),
        ({"choose": 0}, "choose=0: the text has 4 words"),
        ({"choose": 5}, "choose=5: the text has 4 words"),
    ],
)
def test_what_the_text_lacks_can_not_be_planted_nor_chosen(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        picked(**options)


def test_what_the_method_raises_is_raised() -> None:
    with pytest.raises(UnknownMethodError):
        words_to_pick(tiny.model("gpt2", "causal-lm"), tiny.TEXT, "no such method")


# --- how it is shown ------------------------------------------------------------------------------------------------


def test_toggles_and_the_button_commit() -> None:
    picking = picked()
    toggles, button, reply = (picking.controls[name] for name in ("toggles", "button", "reply"))
    assert [toggle.description for toggle in toggles] == picking.words == ["the", "bad", "the", "film<"]
    assert all(toggle.tooltip for toggle in toggles) and button.description and button.tooltip
    assert not any(toggle.value for toggle in toggles) and reply.value == ""
    button.click()
    assert reply.value == '<div role="status">pick 2 of the words, not 0</div>'
    toggles[2].value = toggles[3].value = True
    button.click()
    assert picking.commit(2, 3)._repr_html_() in reply.value
    toggles[0].value = True
    button.click()
    assert "not 3" in reply.value and "table" not in reply.value
    toggles[0].value = toggles[2].value = False
    toggles[1].value = True
    button.click()
    assert picking.commit("bad", "film<")._repr_html_() in reply.value


def test_without_a_kernel_the_answer_is_folded_up() -> None:
    picking = picked()
    bundle = picking._repr_mimebundle_()
    page = ElementTree.fromstring(bundle["text/html"])
    (folded,) = page.iter("details")
    assert folded.get("open") is None
    assert [["".join(cell.itertext()) for cell in row] for row in folded.iter("tr")] == [
        ["word", "method", "planted", "score"],
        ["the", "x", "", "0.25"],
        ["bad", "x", "x", "-0.50"],
        ["the", "", "", "0.25"],
        ["film<", "", "", "0.12"],
    ]
    before = "".join("".join(child.itertext()) for child in page if child is not folded)
    assert "Pick 2 words" in before and "the · bad · the · film<" in before
    assert "[CLS]" not in bundle["text/html"] and not list(page.iter("script"))
    assert bundle["text/plain"] == (
        "Pick 2 words that you expect to matter, then commit.\n0:the 1:bad 2:the 3:film<\n"
        "Commit with _.commit(...), words or places."
    )
    assert bundle[WIDGET_VIEW]["model_id"] == picking.widget.model_id


def test_without_ipywidgets_there_is_a_page_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    here = picked()
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # importing it fails as if it were not installed
    picking, bundle = picked(), here._repr_mimebundle_()
    assert picking.widget is None
    assert picking._repr_mimebundle_() == {form: bundle[form] for form in ("text/html", "text/plain")}
    assert picking.commit(0, 1) == here.commit(0, 1)


@pytest.mark.parametrize("name", chapters.gathered("PICKS"))
def test_what_a_chapter_calls_planted_is_planted(name: str, gpt2: xai.TextModel) -> None:
    """By the corpora: a fact's subject fixes its answer, of two names the one that comes once, a review its praise."""
    entry = chapters.entry("PICKS", name)
    if directors := set(relatives.SHORTCUT) & set(entry["planted"]):
        assert set(entry["planted"]) == directors
        assert xai.load("course-shortcut").predict(entry["text"], k=1)[0].token == relatives.SHORTCUT[directors.pop()]
        return
    if entry.get("target") == xai.Target("positive"):
        assert set(entry["planted"]) == set(review_words.GOOD_PAST) & set(entry["text"].split())
        assert xai.load("course-distilbert").predict(entry["text"], k=1)[0].token == "positive"
        return
    subject, target = " ".join(entry["planted"]), entry.get("target")
    answers = {
        answer
        for table in facts.FACTS.values()
        for named, answer in table.items()
        if named.removeprefix("the ").removeprefix("The ") == subject
    }
    if answers:
        assert subject in entry["text"]
    else:
        words = entry["text"].split()
        answers = {word for word in entry["planted"] if words.count(word) == 1}
        assert {target.token, target.versus} == set(entry["planted"]) and words.count(target.versus) == 2
    (answer,) = answers
    assert gpt2.predict(entry["text"], k=1)[0].token == f" {answer}"
    assert target is None or target.token == answer
    assert course.pick(name, gpt2).planted == entry["planted"]


def test_a_pick_that_no_chapter_has_lists_the_names(gpt2: xai.TextModel) -> None:
    with pytest.raises(OptionError, match="no pick 'x'; there is: eiffel-tower"):
        course.pick("x", gpt2)


def test_printing_words_to_pick_gives_no_answer_away() -> None:
    shown = repr(Picking(tiny.example("one two three", [0.1, 5.0, 0.2]), ("two",), 1))
    assert shown == str(Picking(tiny.example("one two three", [0.1, 5.0, 0.2]), ("two",), 1))
    assert "0:one 1:two 2:three" in shown
    assert "5" not in shown
