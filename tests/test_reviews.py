"""The reviews: the files keep their rules, the grammar knows what decides a label, and replacements follow the rule."""

import itertools
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from string import Formatter

import pytest

from training import reliance
from training.abilities.sentiment import COMMON, JUDGE_GRAMMAR, OWN, Review, judged, mend, review, unmark
from training.corpus import training_review
from training.evaluate import wilson_interval
from training.frames import SPLITS, Skeleton, split_of
from training.reliance import Record, marked_words, mask, replace_fillings, slots_of_fillings
from training.review_words import FILLINGS, OTHER
from training.reviews import (
    REVIEWS,
    SCHEMAS,
    CounterfactualPair,
    HeldOutSentence,
    MarkedSentence,
    ParaphraseSet,
    Sentence,
    parse,
    read,
    reserved_runs,
    runs_of_five,
    validate,
    written_by_hand,
)

# The files


def test_files_keep_all_rules() -> None:
    validate()
    assert {path.stem for path in REVIEWS.iterdir()} == SCHEMAS.keys()


@pytest.mark.parametrize(
    ("name", "least"),
    [("train", 2500), ("dev", 250), ("test", 250), ("marked", 300), ("paraphrases", 60), ("counterfactuals", 100)],
)
def test_files_are_large_enough_and_balanced(name: str, least: int) -> None:
    entries = read(name)
    assert len(entries) >= least
    labels = Counter(entry.label for entry in entries if not isinstance(entry, CounterfactualPair))
    assert not labels or min(labels.values()) >= 0.45 * len(entries)


def test_no_training_text_shares_five_words_with_a_held_out_one() -> None:
    held_out = {
        run for name in SCHEMAS if name != "train" for e in read(name) for t in e.texts for run in runs_of_five(t)
    }
    assert held_out == reserved_runs()
    by_hand = {run for text, _ in written_by_hand("train") for run in runs_of_five(text)}
    rng = Random(7)
    grammar = {run for _ in range(3000) for run in runs_of_five(training_review(rng)[0])}
    assert held_out.isdisjoint(by_hand | grammar)


def test_runs_of_five_know_neither_case_nor_punctuation() -> None:
    assert runs_of_five("It's fine, REALLY: go there!") == {("it's", "fine", "really", "go", "there")}
    assert runs_of_five("Only four words here.") == set()


GOOD_LINES = [
    (Sentence, {"text": "It was good.", "label": "positive"}),
    (HeldOutSentence, {"text": "It was good.", "label": "positive", "construction": None}),
    (MarkedSentence, {"text": "It wasn't bad.", "label": "positive", "rationale": [[3, 9], [10, 13]]}),
    (ParaphraseSet, {"label": "negative", "texts": ["Bad.", "Poor.", "Weak.", "Awful."]}),
    (CounterfactualPair, {"positive": "It was good.", "negative": "It was bad."}),
]
BROKEN_LINES = [
    (Sentence, {"label": "good"}, "label 'good'"),
    (Sentence, {"label": ["positive"]}, "label"),
    (Sentence, {"text": " It was good."}, "outer spaces"),
    (Sentence, {"text": ""}, "is not a text"),
    (Sentence, {"text": 3}, "is not a text"),
    (Sentence, {"stars": 5}, "fields are not exactly text, label"),
    (HeldOutSentence, {"construction": 1}, "construction"),
    (HeldOutSentence, {"construction": ""}, "construction"),
    (MarkedSentence, {"rationale": []}, "at least one span"),
    (MarkedSentence, {"rationale": [[3, 9, 1]]}, r"not \[start, end\]"),
    (MarkedSentence, {"rationale": [[3.0, 9]]}, r"not \[start, end\]"),
    (MarkedSentence, {"rationale": [[10, 99]]}, "outside the text"),
    (MarkedSentence, {"rationale": [[-4, 2]]}, "outside the text"),
    (MarkedSentence, {"rationale": [[9, 9]]}, "empty"),
    (MarkedSentence, {"rationale": [[10, 13], [3, 9]]}, "out of order"),
    (MarkedSentence, {"rationale": [[3, 6]]}, "word borders"),  # "was" of "wasn't"
    (MarkedSentence, {"rationale": [[4, 9]]}, "word borders"),
    (MarkedSentence, {"rationale": [[9, 13]]}, "word borders"),  # a space in front
    (ParaphraseSet, {"texts": ["Bad.", "Poor.", "Weak."]}, "has 4 texts"),
    (ParaphraseSet, {"label": None}, "label"),
    (CounterfactualPair, {"negative": "It was good!"}, "must differ"),
]


@pytest.mark.parametrize(("schema", "fields"), GOOD_LINES)
def test_good_lines_are_read(schema: type, fields: dict) -> None:
    assert isinstance(parse(json.dumps(fields), schema), schema)


@pytest.mark.parametrize(("schema", "change", "message"), BROKEN_LINES)
def test_broken_lines_are_refused(schema: type, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(json.dumps(dict(GOOD_LINES)[schema] | change), schema)


@pytest.mark.parametrize("line", ["", "{", "[]", '"text"', '{"text": "It was good."}'])
def test_lines_that_are_no_entry_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|fields are not"):
        parse(line, Sentence)


def add_line(folder: Path, name: str, text: str) -> None:
    fields = dict(GOOD_LINES)[SCHEMAS[name]] | {"text": text}
    with (folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")


@pytest.mark.parametrize(
    ("name", "make_text", "message"),
    [
        ("train", lambda: read("train")[0].text.upper(), "stands in train.jsonl, line 1 already"),
        ("test", lambda: read("train")[0].text, "stands in train.jsonl, line 1 already"),
        ("train", lambda: " ".join(min(reserved_runs())) + " indeed", "with a held-out text"),
        ("dev", lambda: " ".join(min(r for e in read("test") for r in runs_of_five(e.text))) + " zz", "of test.jsonl"),
    ],
)
def test_rules_between_lines_are_kept(tmp_path: Path, name: str, make_text, message: str) -> None:
    folder = tmp_path / "reviews"
    shutil.copytree(REVIEWS, folder)
    add_line(folder, name, make_text())
    with pytest.raises(ValueError, match=message):
        validate(folder)


def test_errors_say_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(GOOD_LINES[0][1]) + "\n{\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"train.jsonl, line 2: not JSON"):
        read("train", tmp_path)


# The grammar

SKELETONS = [
    skeleton for grammar in (COMMON, *OWN.values()) for split in SPLITS for skeleton in grammar.skeletons[split]
]
# What stands in the slots when only the frame matters; a filling of a polarity says which.
PLAIN = {"w": "film", "g": "jazz", "p": "plot", "p2": "cast", "c": "view", "c2": "room", "r": "Fine.", "y": "positive"}


def test_no_filling_stands_in_two_lists() -> None:
    fillings = [
        word.lower() for lists in FILLINGS.values() for slot, words in lists.items() for word in words if slot != "l"
    ]
    assert [word for word, count in Counter(fillings).items() if count > 1] == []
    assert all(set(lists["l"]) <= set(lists[""]) for lists in FILLINGS.values())


def test_grammars_are_large() -> None:
    assert sum(len(COMMON.skeletons[split]) for split in SPLITS) >= 120
    assert sum(len(JUDGE_GRAMMAR.skeletons[split]) for split in SPLITS) >= 70
    assert all(len(lists[""]) >= 250 and len(lists["i"]) >= 80 for lists in FILLINGS.values())


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.text)
def test_every_frame_has_something_that_decides(skeleton: Skeleton) -> None:
    for seed in range(20):
        frame = skeleton.choose(Random(seed))
        slots = {slot for _, slot, _, _ in Formatter().parse(frame) if slot}
        known = {f"{letter}{kind}" for letter in "so" for kind in (*FILLINGS["positive"], "2", "3")}
        assert slots <= known | PLAIN.keys()
        letter = "s" if "{s" in frame else "o"
        assert f"[{{{letter}" not in frame, "the filling is marked already"
        assert not set("()|") & set(frame)
        assert "[" in frame or any(slot[0] == letter for slot in slots)
        assert frame.count("[") == frame.count("]")


@pytest.mark.parametrize("split", SPLITS)
def test_reviews_mark_what_decides(split: str) -> None:
    known = slots_of_fillings()
    for seed in range(300):
        made = review(Random(seed), split, "" if split == "train" else "frame")
        assert made.deciding
        assert not set("[]{}_") & set(made.text)
        assert made.text[-1] in ".!?"
        borders = list(itertools.chain(*made.deciding))
        assert borders == sorted(borders)
        assert borders[0] >= 0 and borders[-1] <= len(made.text)
        for start, end in made.deciding:
            assert made.text[start:end] == made.text[start:end].strip() != ""
            assert not made.text[start - 1 : start].isalnum() and not made.text[end : end + 1].isalnum()
        if split != "train":
            assert any(made.text[start:end].lower() in known for start, end in made.deciding)


def test_own_fillings_decide_before_opposite_ones() -> None:
    known = slots_of_fillings()
    for seed in range(400):
        made = review(Random(seed), "dev", "pair")  # every pair has an adjective of the label's own polarity
        found = [known[made.text[s:e].lower()][0] for s, e in made.deciding if made.text[s:e].lower() in known]
        assert made.label in found


def test_pairs_stay_in_their_split() -> None:
    known = slots_of_fillings()
    for seed in range(200):
        made = review(Random(seed), "dev", "pair")
        words = [made.text[s:e].lower() for s, e in made.deciding]
        adjectives = [word for word in words if known.get(word, ("", "?"))[1] == ""]
        things = [word.strip(".,;:!?") for word in made.text.lower().split()]
        assert any(split_of("sentiment", "pair", a, thing) == "dev" for a in adjectives for thing in things)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("a  old film was [great] . it is a [honest] one", "An old film was [great]. It is an [honest] one"),
        ("an [useful] plot", "A [useful] plot"),
        ("[not a] [awful] moment in sight", "[Not an] [awful] moment in sight"),
        ("why? an [great] idea! a one-off", "Why? A [great] idea! A one-off"),
        ("a [uninspired] and an unique film", "An [uninspired] and a unique film"),
    ],
)
def test_mend(text: str, mended: str) -> None:
    assert mend(text) == mended


def test_unmark_finds_spans() -> None:
    text, spans = unmark("It is [not] [bad].")
    assert text == "It is not bad."
    assert [text[start:end] for start, end in spans] == ["not", "bad"]


@pytest.mark.parametrize("split", SPLITS)
def test_judgements_ask_for_the_label(split: str) -> None:
    for skeleton in JUDGE_GRAMMAR.skeletons[split]:
        case = judged("It was fine.", "positive", skeleton.choose(Random(0)), "")
        assert case.answers == (" positive",)
        assert "It was fine." in case.prompt
        assert not set("(){}|@") & set(case.text)


# Replacements


def without_n(text: str) -> str:
    """`an` as `a`: replacements may change an article before them."""
    return re.sub(r"\b([Aa])n\b", r"\1", text)


@pytest.mark.parametrize("opposite", [True, False])
def test_replacements_change_the_deciding_fillings_alone(opposite: bool) -> None:
    known = slots_of_fillings()
    for seed in range(400):
        case = review(Random(seed), "dev", "skeleton" if seed % 2 else "pair")
        replaced = replace_fillings(case, opposite, Random(seed))
        pattern, end, words = "", 0, []
        for start, stop in case.deciding:
            if case.text[start:stop].lower() in known:
                words.append(case.text[start:stop].lower())
                pattern += re.escape(without_n(case.text[end:start])) + "(.+)"
                end = stop
        match = re.fullmatch(pattern + re.escape(without_n(case.text[end:])), without_n(replaced))
        assert words and match, (case, replaced)
        for old, new in zip(words, match.groups(), strict=True):
            polarity, slot = known[old]
            assert known[new.lower()] == (OTHER[polarity] if opposite else polarity, slot)
            assert new.lower() != old


def test_the_same_word_is_replaced_by_the_same_word() -> None:
    case = Review("The film gets better and better.", "positive", ((14, 20), (25, 31)))
    words = replace_fillings(case, True, Random(0)).removeprefix("The film gets ").removesuffix(".").split(" and ")
    assert words[0] == words[1] and words[0] in FILLINGS["negative"]["m"]


def test_articles_follow_the_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILLINGS["negative"], "l", ["insulting"])
    case = Review("It was a charming film.", "positive", ((9, 17),))
    assert replace_fillings(case, True, Random(0)) == "It was an insulting film."


def test_masks_hide_the_marked_words_alone() -> None:
    entry = MarkedSentence("It wasn't bad at all.", "positive", [[3, 13]])
    inside, outside = marked_words(entry)
    assert mask(entry.text, inside, "[MASK]") == "It [MASK] [MASK] at all."
    assert mask(entry.text, outside, "#") == "# wasn't bad # #."


class StubTokenizer:
    mask_token = "[MASK]"


def test_a_model_that_never_moves_stays_and_never_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        reliance, "probabilities", lambda model, tokenizer, texts, labels: [("positive", 0.7)] * len(texts)
    )
    shares = reliance.summarise(reliance.check_grammar(None, None, "dev", 10))
    assert {share.expected: share.right for share in shares} == {"flip": 0, "stay": 10}
    assert len(shares) == 6
    marked = reliance.check_marked(None, StubTokenizer())
    assert len(marked) == len(read("marked"))
    assert not any(record.as_expected for record in marked)  # no fall is no larger than none


def test_a_model_that_reads_the_marks_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    masked = {mask(entry.text, marked_words(entry)[0], "[MASK]") for entry in read("marked")}

    def read_marks(model, tokenizer, texts, labels):
        return [("positive", 0.1 if text in masked else 0.9) for text in texts]

    monkeypatch.setattr(reliance, "probabilities", read_marks)
    records = reliance.check_marked(None, StubTokenizer())
    assert all(record.as_expected and record.fall == 0.8 for record in records)


def test_summary_and_file(tmp_path: Path) -> None:
    base = ("grammar", "pair", "It is good.", ((6, 10),), "positive", "It is bad.", "flip", "positive")
    records = [Record(*base, "negative", 0.9, None, True), Record(*base, "positive", 0.0, None, False)]
    (share,) = reliance.summarise(records)
    assert (share.cases, share.right) == (2, 1)
    assert (share.low, share.high) == tuple(round(end, 4) for end in wilson_interval(1, 2))
    reliance.write_records(records, tmp_path / "list.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "list.jsonl").read_text().splitlines()]
    assert [line["as_expected"] for line in lines] == [True, False]
    assert lines[0]["spans"] == [[6, 10]]
