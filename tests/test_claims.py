"""What a narrative is read as: sentences, quotations, names of words, and what is said of them, by hand and as laws."""

from __future__ import annotations

import itertools

import pytest
import told
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.assistant import claims, cues
from xai_helpers.assistant.claims import Sentence, read

WORDS = [word for word, _ in told.SOUP.words]  # great, never, soup, waiter, smiled, but
GREAT, NEVER, SOUP, WAITER, SMILED, BUT = range(6)
LABELS = ("positive", "negative")
TEXTS = st.text(st.sampled_from("aB1.!? \n\"'“”*`,%-") | st.characters(exclude_categories=["Cs"]), max_size=60)


def one(text: str) -> Sentence:
    (sentence,) = read(text, WORDS, told.SOUP.text)
    return sentence


def named(text: str, words: list[str] = WORDS, generous: bool = False) -> list[str]:
    return [words[m.word] for m in claims.mentions(text, words, generous)]


# --- sentences, quotations, mentions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is so. It is.", ["It is so.", " It is."]),
        ("Is it? It is! No end", ["Is it?", " It is!", " No end"]),
        ("p = 0.5. Then 0.25. e.g. this", ["p = 0.5.", " Then 0.25. e.g. this"]),
        ('He said "no." Then he left.', ['He said "no."', " Then he left."]),
        ("One\n\n - two.\n3. three", ["One", " - two.", "3. three"]),
        ("A map. And help. Some", ["A map.", " And help.", " Some"]),
        ("(p. 5) is here", ["(p. 5) is here"]),
        ("...?! ", ["...?!"]),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in claims.sentences(text)] == parts


@given(TEXTS)
def test_sentences_hold_every_character_but_blanks_once(text: str) -> None:
    spans = claims.sentences(text)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    outside = set(range(len(text))) - {i for start, end in spans for i in range(start, end)}
    assert all(text[i].isspace() for i in outside)


@given(TEXTS)
def test_what_is_read_is_as_long_as_what_is_written(text: str) -> None:
    for sentence in read(text, WORDS, told.SOUP.text):
        start, end = sentence.span
        assert len(sentence.text) == end - start
        assert all(a in (b, "■") for a, b in zip(sentence.text, text[start:end], strict=True))
        for m in sentence.mentions:
            assert claims.folded(text[start + m.start : start + m.end]) == claims.folded(WORDS[m.word])


def test_quotations() -> None:
    text = "“a b” ‘c’ «d» \"e\" 'f' `g` **h** *i* don't isn't \"open"
    found = claims.quotations(text)
    assert [(quote.text, quote.emphasis) for quote in found] == [
        ("a b", False), ("c", False), ("d", False), ("e", False), ("f", False), ("g", True), ("h", True), ("i", True),
    ]  # fmt: skip
    assert all(text[quote.start : quote.end] == quote.text for quote in found)
    assert [quote.text for quote in claims.quotes(one('**Words:** "soup", “1”, **Score**: `but`'))] == ["soup", "but"]


def test_a_quotation_may_leave_out() -> None:
    known = claims.folded(told.SOUP.text)
    assert claims.within("The soup … never SMILED", known) and claims.within("soup was great but", known)
    assert not claims.within("The soup … never frowned", known) and not claims.within("oup was", known)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Soup and SMILED, but waiters", ["soup", "smiled"]),
        ("the soup's end, soup-like", []),
        ("“but”, the word but, but (-0.1)", ["but", "but", "but"]),
        ("It is great but late, and never will be.", []),
        ('"The waiter never smiled" and "great, never"', ["waiter", "smiled", "great", "never"]),
    ],
)
def test_names(text: str, words: list[str]) -> None:
    assert named(text) == words


@pytest.mark.parametrize(
    ("text", "word", "times"),
    [
        ("the 3.5 of 3.50, 3.5-star or 13.5", "3.5", 0),
        ('"3.5" and “3.5-star”', "3.5", 2),
        ("don’t, DON'T and dont", "don't", 2),
        ("The model knows, and it has learned; knows helps", "knows", 1),
        ("because the model; the word because; because (+0.5)", "because", 2),
        ("It is 99 % sure, with probability **0.99**", "0.99", 0),
        ('"0.99" counts', "0.99", 1),
        ("İstanbul, istanbul", "İstanbul", 1),
        ("नमस्ते!", "नमस्ते", 1),
    ],
)
def test_awkward_names(text: str, word: str, times: int) -> None:
    assert named(text, [word]) == [word] * times


@given(told.WORDS)
def test_a_quoted_word_is_named(word: str) -> None:
    pairs = [pair for pair in ("“”", "«»") if not set(pair) & set(word)]
    for left, right in pairs:
        text = f"It counts {left}{word}{right} most."
        assert named(text, [word]) == named(text, ["zebra", word], generous=True) == [word]


def test_generous() -> None:
    words = ["father", "for"]
    assert named("Helpful are father and for, it says.", words) == ["father"]
    assert named("Helpful are father and for, it says.", words, generous=True) == words


def test_what_is_quoted_is_blotted_out() -> None:
    assert one('It is "because of it".').text == 'It is "■■■■■■■■■■■■■".'
    assert one("It is **because of it**.").text == "It is **because of it**."
    assert one('Its "because" is "why".').text.count("■") == len("because")
    assert read('The next word is "because".', WORDS, "A text", ["because"])[0].text == 'The next word is "■■■■■■■".'
    assert read('The next word is "Rome".', WORDS, "A text", ["Rome"])[0].text == 'The next word is "Rome".'


# --- what is said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("speaks for it", 1),
        ("pulls against", -1),
        ("an opposing contribution", -1),
        ("counts hard against the case for it", -1),
        ("raises negative", -1),
        ("argues against the negative label", 1),
        ("is here", 0),
        ("did not count against", 1),
    ],
)
def test_direction(text: str, direction: int) -> None:
    assert claims.direction(text, LABELS) == direction
    assert claims.direction(text, LABELS[::-1]) == (-direction if "negative" in text else direction)


def test_the_first_or_the_last_direction() -> None:
    assert claims.direction("helps, and later, if anything at all, it hurts", LABELS) == 1
    assert claims.direction("helps, and later, if anything at all, it hurts", LABELS, last=True) == -1


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ('"Great" helps.', {GREAT: 1}),
        ('"Great" and "soup" help, "never" hurts.', {GREAT: 1, SOUP: 1, NEVER: -1}),
        ('In favour is "great", against it "never".', {GREAT: 1, NEVER: -1}),
        ('"Great" helps, while "never" and "waiter" pull back.', {GREAT: 1, NEVER: -1, WAITER: -1}),
        ("great (+1.0), never (-0.7), smiled (−0.2)", {GREAT: 1, NEVER: -1, SMILED: -1}),
        ('"Great" helps, and so does "soup" as well.', {GREAT: 1, SOUP: 1}),
        ('"Great" and "never" are words.', {GREAT: 0, NEVER: 0}),
    ],
)
def test_signs(text: str, signs: dict[int, int]) -> None:
    found = claims.signs(one(text), LABELS)
    assert {word: sign for group, sign in found for word in group.words} == signs


def test_a_sign_may_go_on_from_the_sentence_before() -> None:
    ((_, sign),) = claims.signs(one('"Soup" does so too.'), LABELS, before=-1)
    assert sign == -1 and claims.signs(one('"Soup" does so too.'), LABELS)[0][1] == 0


def test_groups() -> None:
    first, second, third = claims.groups(one('"great" and "soup", and "never" counts; "but" too'))
    assert [first.words, second.words, third.words] == [(GREAT, SOUP), (NEVER,), (BUT,)]
    assert first.between == ('" and "',) and second.between == () and third.turned and not second.turned
    assert first.after == second.before == '", and "' and third.after == '" too'


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ('"Great" has the largest score of all.', {("first", (GREAT,))}),
        ('"Great" helps most.', {("first of its side", (GREAT,))}),
        ('"never" is second, "soup" third.', {("nth", (2, NEVER)), ("nth", (3, SOUP))}),
        ('"Great" outweighs "never".', {("above", (GREAT, NEVER))}),
        ('"Great" has more weight than "never".', {("above", (GREAT, NEVER))}),
        ('"Soup" has less of a pull than "never".', {("above", (NEVER, SOUP))}),
        ('"Great", then "never", then "soup".', {("above", (GREAT, NEVER)), ("above", (NEVER, SOUP))}),
        ('"Great", "never" and "soup", in that order.', {("above", (GREAT, NEVER)), ("above", (NEVER, SOUP))}),
        ("soup (+0.5), never (-0.7)", {("above", (NEVER, SOUP))}),
        ("soup (+0.5), never (-0.5)", set()),
        ('Of "great" and "never", the former is larger.', {("above", (GREAT, NEVER))}),
        ('"Great" and "never" are words.', set()),
    ],
)
def test_orders(text: str, orders: set[claims.Order]) -> None:
    assert set(claims.orders(one(text))) == orders


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("It was rated negative.", ["negative"]),
        ("Positive, p = 0.9.", ["positive"]),
        ("course-distilbert: Negative.", ["negative"]),
        ('"Never" argues for negative.', []),
        ('"Great" has a positive score.', []),
        ('Without "great" it is negative.', []),
        ("If it were shorter, it would be called negative.", []),
        ("The model leans towards positive.", ["positive"]),
    ],
)
def test_verdicts(text: str, labels: list[str]) -> None:
    assert claims.verdicts(one(text), LABELS) == labels


def test_the_longest_label_is_read() -> None:
    assert claims.verdicts(one("It was rated hate speech."), ("hate", "hate speech")) == ["hate speech"]
    labels = ("good", "very good", "not good")
    assert claims.verdicts(one("It was rated very good."), labels) == ["very good"]
    assert claims.verdicts(one("It was rated goodish."), labels) == []
    assert claims.verdicts(one("It was rated the best."), (",", "the")) == []
    assert claims.verdicts(one("It was rated poſitive."), LABELS) == ["poſitive"]  # a long s, which is no s


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('The label is "great".', ["great"]),
        ('The model says “great”, with 9 %.', ["great"]),
        ('Prediction: "great".', ["great"]),
        ('The model says "great" helps.', []),
        ('For this prediction: "great" and "soup".', []),
        ('Without "soup" the label is "great".', []),
    ],
)  # fmt: skip
def test_answers_that_are_quoted(text: str, answers: list[str]) -> None:
    assert claims.stated(one(text), ()) == claims.stated(one(text), ["Great", "x"]) == answers
    assert claims.stated(one(text), ["x"]) == []


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("The probability is 97 %.", 0.964, 0.976),
        ("Positive at 0.5.", 0.45, 0.55),
        ("It has p = 0.973.", 0.967, 0.979),
        ("About 90 per cent sure.", 0.87, 0.93),
        ("More than 90 %.", 0.895, 1),
        ("No less than 90 %.", 0.895, 1),
        ("Less than 90 %.", 0, 0.905),
        ("Not more than 90 %.", 0, 0.905),
        ("Nine out of ten.", 0.83, 0.97),
        ("Three to one for it.", 0.68, 0.82),
        ("Two thirds for it.", 2 / 3 - 0.07, 2 / 3 + 0.07),
        ("It is certain of this.", 0.9, 1),
        ("It is not sure.", 0, 0.8),
        ("It is fairly sure.", 0.65, 0.97),
        ("It is confident.", 0.72, 1),
        ("Without any hesitation.", 0.9, 1),
    ],
)
def test_confidences(text: str, low: float, high: float) -> None:
    ((found_low, found_high),) = claims.confidences(one(text), [0.7], LABELS)
    assert (found_low, found_high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    "text",
    ["Its score is 0.70.", "It has 3 words and 0.9.", '"soup" has +0.3, for positive.', 'Without "soup" it is 40 %.',
     "The label is 1 star.", "On 1.2.3 it was so."],
)  # fmt: skip
def test_other_numbers_are_no_probabilities(text: str) -> None:
    assert claims.confidences(one(text), [0.7], ("1 star", "positive")) == []


def test_numbers_without_end_are_read() -> None:
    for text in ("It is 0." + "9" * 9_000 + " likely.", "9" * 9_000 + " out of 10", "1" * 9_000 + " to one"):
        claims.confidences(one(text), [0.7], LABELS)


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("because it learned that", ["because", "learned"]),
        ("It is due to training", ["due to", "training"]),
        ("the reviewer was clearly trying", ["the reviewer was clearly trying"]),
        ('the "because" and the score', []),
    ],
)
def test_causes(text: str, causes: list[str]) -> None:
    assert claims.causes(one(text)) == causes


@pytest.mark.parametrize(
    ("text", "removals"),
    [
        ('Without "great" it is negative.', [(GREAT, "negative")]),
        ('Without "great", or without "soup", it flips.', [(GREAT, None), (SOUP, None)]),
        ("Without it the label stays.", [(WAITER, "positive")]),
        ("If it were shorter, it would change.", [(WAITER, None)]),
        ('"great" was removed; it did not matter.', [(GREAT, "positive")]),
        ("No word was removed.", []),
        ("Both were removed.", []),
        ("Without a doubt.", []),
        ("So be it.", []),
    ],
)
def test_removals(text: str, removals: list[tuple[int | None, str | None]]) -> None:
    assert claims.removals(one(text), WAITER, LABELS) == removals


def test_nothing_flips_where_there_is_one_label() -> None:
    assert claims.removals(one('Without "great" it flips.'), None, ("positive",)) == [(GREAT, None)]
    assert claims.removals(one("Without it, it flips."), None, LABELS) == [(None, "negative")]


def test_the_vocabulary_is_in_small_letters_and_said_once() -> None:
    for words in (cues.LITTLE, cues.TALK, cues.COMMON, cues.RELATIVE, cues.PLAIN, cues.VAGUE, cues.LINKS):
        assert all(word == word.lower() and word.strip() for word in words)
    assert not cues.LITTLE & cues.TALK
    assert cues.RELATIVE | cues.PLAIN | cues.VAGUE <= cues.COMMON
