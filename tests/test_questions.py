"""Questions: each option is explained, one is right, by hand, by click and in a page without a kernel."""

from __future__ import annotations

import importlib
import sys
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers.course as course
from xai_helpers.course.chapters import CHAPTERS, gathered
from xai_helpers.course.questions import LETTERS, Question
from xai_helpers.errors import OptionError
from xai_helpers.viz.widgets import WIDGET_VIEW

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cn", "Cc"]), max_size=12) | st.sampled_from(
    ("<script>alert(1)</script>", "a < b & c", '"quoted"', "&lt;", "Right. Not quite.", "</p>")
)
OPTIONS = {"the first word": "It comes first, that is all.", "<all> of them": "Rows & columns.", "none": ""}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    options = draw(st.dictionaries(TEXTS, TEXTS, min_size=2, max_size=len(LETTERS)))
    return Question(draw(TEXTS), options, draw(st.sampled_from(LETTERS[: len(options)])))


def words(html: str) -> str:
    """The text of a fragment that is well-formed, so nothing is left unescaped."""
    return "".join(ElementTree.fromstring(html).itertext())


@given(questions())
def test_every_option_is_explained_and_exactly_one_is_right(question: Question) -> None:
    replies = [question.choose(letter) for letter in LETTERS[: len(question.options)]]
    for reply, why in zip(replies, question.options.values(), strict=True):
        assert reply in (f"Right. {why}", f"Not quite. {why}")
    assert [reply.startswith("Right.") for reply in replies].count(True) == 1
    assert replies[LETTERS.index(question.answer)].startswith("Right.")


@given(questions())
@settings(max_examples=25)
def test_the_button_says_what_choose_says(question: Question) -> None:
    radio, button, reply = (question.controls[name] for name in ("radio", "button", "reply"))
    assert radio.value is None and reply.value == "", "nothing is selected and nothing given away"
    button.click()
    assert words(reply.value) == "Select an answer first."
    assert [label for label, _ in radio.options] == [
        f"{letter}) {option}" for letter, option in zip(LETTERS, question.options, strict=False)
    ]
    for _, letter in radio.options:
        radio.value = letter
        button.click()
        assert words(reply.value).strip() == question.choose(letter).strip()
    assert words(f"<p>{question.widget.children[0].value}</p>") == question.question
    assert set(question.widget.children) == {question.widget.children[0], radio, button, reply}
    assert radio.description and button.description and button.tooltip


@given(questions())
@settings(max_examples=25)
def test_without_a_kernel_each_option_opens_to_its_explanation(question: Question) -> None:
    bundle = question._repr_mimebundle_()
    page = ElementTree.fromstring(bundle["text/html"])
    folded = list(page.iter("details"))
    assert len(folded) == len(question.options)
    for letter, option, details in zip(LETTERS, question.options, folded, strict=False):
        summary, why = details
        assert details.get("open") is None and summary.tag == "summary"
        assert "".join(summary.itertext()) == f"{letter}) {option}"
        assert "".join(why.itertext()) == question.choose(letter)
    assert {element.tag for element in page.iter()} == {"div", "p", "strong", "details", "summary"}
    assert bundle[WIDGET_VIEW]["model_id"] == question.widget.model_id


def test_a_question_by_hand() -> None:
    question = Question("What decides?", OPTIONS, "b")
    assert question.choose("a") == "Not quite. It comes first, that is all."
    assert question.choose("b") == "Right. Rows & columns."
    assert question._repr_mimebundle_()["text/plain"] == (
        "What decides?\n  a) the first word\n  b) <all> of them\n  c) none\n"
        'Answer with _.choose("a"), where _ is this cell\'s value.'
    )
    question.controls["radio"].value = "b"
    question.controls["button"].click()
    assert question.controls["reply"].value == '<div role="status"><strong>Right.</strong> Rows &amp; columns.</div>'
    with pytest.raises(OptionError, match="a, b, c"):
        question.choose("d")


@pytest.mark.parametrize(
    ("options", "answer", "said"),
    [
        (OPTIONS, "d", "answer='d': the options are a, b, c"),
        (OPTIONS, "none", "answer='none': the options are a, b, c"),
        ({}, "a", "two to 8 options, got 0"),
        ({"only": "one"}, "a", "two to 8 options, got 1"),
        ({str(i): "" for i in range(9)}, "a", "two to 8 options, got 9"),
    ],
)
def test_a_question_needs_two_to_eight_options_one_of_which_is_the_answer(
    options: dict[str, str], answer: str, said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        Question("What decides?", options, answer)
    assert Question("What decides?", {str(i): "" for i in range(8)}, "h").choose("h") == "Right. "


@pytest.mark.parametrize("name", gathered("QUESTIONS"))
def test_every_question_of_the_course_can_be_asked_and_each_reply_says_something_of_its_own(name: str) -> None:
    question = course.ask(name)
    replies = [question.choose(letter) for letter in LETTERS[: len(question.options)]]
    assert (question.question, question.options, question.answer) == gathered("QUESTIONS")[name]
    assert len({reply.partition(". ")[2] for reply in replies}) == len(replies)
    assert question.question.endswith(("?", ".")) and all(reply.endswith(".") for reply in replies)


def test_no_name_stands_for_two_questions_and_an_unknown_one_is_an_error_that_lists_them() -> None:
    names = [
        name
        for chapter in CHAPTERS
        for name in importlib.import_module(f"xai_helpers.course.{chapter}").QUESTIONS  # type: ignore[attr-defined]
    ]
    assert len(names) == len(set(names))
    with pytest.raises(OptionError) as caught:
        course.ask("what decides")
    assert all(name in str(caught.value) for name in (*names, "'what decides'"))


def test_without_ipywidgets_a_question_is_a_page_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Question("What decides?", OPTIONS, "b")._repr_mimebundle_()
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # importing it fails as if it were not installed
    question = Question("What decides?", OPTIONS, "b")
    assert question.widget is None
    assert question._repr_mimebundle_() == {form: here[form] for form in ("text/html", "text/plain")}
    assert question.choose("b") == "Right. Rows & columns."


@given(questions())
@settings(max_examples=25)
def test_printing_a_question_gives_no_answer_away(question: Question) -> None:
    shown = repr(question)
    assert shown == str(question)
    rest = shown.removeprefix(question.question)
    for letter, option in zip(LETTERS, question.options, strict=False):
        assert f"  {letter}) {option}" in shown
        rest = rest.replace(f"  {letter}) {option}\n", "", 1)
    assert rest == '\nAnswer with _.choose("a"), where _ is this cell\'s value.'
