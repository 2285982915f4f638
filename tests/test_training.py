"""The recipes in `training/`: what is held out stays out, nothing depends on chance, and the shipped models work."""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from training import gpt2
from training.abilities import ABILITIES, indirect_objects, sentiment, sums
from training.abilities.induction import copied_row, repeated_row
from training.card import read_scores, write_checksums
from training.chat import TEMPLATE
from training.corpus import DRILLED, Mixture, documents, held_out, pack, training_review, training_rows
from training.evaluate import (
    DISTILBERT_BARS,
    GPT2_BARS,
    SEED_PROMPTS,
    SEED_REVIEWS,
    Bar,
    answer_cases,
    asked,
    classify,
    format_bars,
    gpt2_cases,
    prompt_results,
    review_cases,
    review_results,
    summarise,
    wilson_interval,
)
from training.frames import SPLITS, Grammar, fill, make_grammar, parse_skeleton, split_of
from training.lexicon import INVENTED_NAMES, NAMES
from training.review_words import FILLINGS
from training.tokenizer import content_words, train_gpt2_tokenizer, word_pieces

MODELS = Path(__file__).parents[1] / "data" / "models"


def grammars_of(ability: ModuleType) -> Iterator[Grammar]:
    """All grammars of a file, alone or in a dict; one whose every skeleton is pinned holds nothing out."""
    for value in vars(ability).values():
        for grammar in value.values() if isinstance(value, dict) else [value]:
            if isinstance(grammar, Grammar) and not all(s.pinned for s in grammar.skeletons["train"]):
                yield grammar


GRAMMARS = [grammar for ability in ABILITIES.values() for grammar in grammars_of(ability)]
SENTENCES = [
    "The cat sat on the mat because it was very tired",
    "When Mary and John went to the store, John gave a drink to Mary.",
    "From 1732 to 1799, and 7 + 5 = 12.",
    "A café, naïve: 東京 🙂 <script>",
]


# What is held out


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.ability)
def test_skeletons_lie_in_one_split_each(grammar: Grammar) -> None:
    texts = [[skeleton.text for skeleton in grammar.skeletons[split]] for split in SPLITS]
    assert sum(map(len, texts)) == len(set(itertools.chain(*texts)))
    assert all(len(part) >= 2 for part in texts)


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.ability)
def test_frames_are_disjoint_between_splits(grammar: Grammar) -> None:
    drawn = {split: {grammar.draw(Random(i), split, "frame")[0] for i in range(300)} for split in SPLITS}
    assert drawn["train"].isdisjoint(drawn["dev"] | drawn["test"])
    assert drawn["dev"].isdisjoint(drawn["test"])


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.ability)
def test_grammars_make_hundreds_of_frames(grammar: Grammar) -> None:
    skeletons = itertools.chain(*grammar.skeletons.values())
    assert sum(np.prod([len(part) for part in skeleton.parts]) for skeleton in skeletons) >= 200


def test_pinned_skeletons_stay_in_training() -> None:
    for grammar in GRAMMARS:
        assert not any(skeleton.pinned for split in ("dev", "test") for skeleton in grammar.skeletons[split])


def names_and_pairs(split: str, kind: str, count: int = 300) -> tuple[set[str], set[frozenset[str]]]:
    """The people whom the indirect-object cases name, and who meets whom."""
    cases = [indirect_objects.draw(Random(i), split, kind) for i in range(count)]
    pairs = {frozenset((case.answers[0].strip(), case.rivals[0].strip())) for case in cases}
    return set(itertools.chain(*pairs)), pairs


def test_names_and_pairs_are_disjoint_between_splits() -> None:
    train_names, train_pairs = names_and_pairs("train", "", 2000)
    dev_names, _ = names_and_pairs("dev", "name")
    test_names, _ = names_and_pairs("test", "name")
    assert train_names.isdisjoint(dev_names | test_names)
    assert dev_names.isdisjoint(test_names)
    dev_pairs, test_pairs = names_and_pairs("dev", "pair")[1], names_and_pairs("test", "pair")[1]
    assert train_pairs.isdisjoint(dev_pairs | test_pairs)
    assert dev_pairs.isdisjoint(test_pairs)


def test_names_held_out_of_one_ability_are_seen_in_another() -> None:
    seen = {word for case in itertools.islice(documents(Random(0)), 10_000) for word in re.findall(r"\w+", case.text)}
    assert not set(NAMES) - seen


def test_training_prompts_hold_no_held_out_prompt() -> None:
    train = {case.prompt for case in itertools.islice(documents(Random(1)), 10_000)}
    for name, ability in ABILITIES.items():
        for kind in ability.KINDS:
            leaked = [case.prompt for case in held_out(name, "dev", kind, 40) if case.prompt in train]
            assert not leaked, (name, kind)


# Nothing depends on chance


def test_generation_is_deterministic() -> None:
    first, second = (list(itertools.islice(documents(Random(5)), 500)) for _ in range(2))
    assert first == second
    assert held_out("facts", "dev", "pair", 20) == held_out("facts", "dev", "pair", 20)
    forth, back = ([training_review(rng) for _ in range(50)] for rng in (Random(2), Random(2)))
    assert forth == back


def test_splits_do_not_depend_on_the_process() -> None:
    # Written down once: if these change, every shipped split has changed.
    assert [split_of("a", str(i)) for i in range(12)] == [
        "train",
        "dev",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
    ]


def test_rows_are_deterministic_and_hold_masks(tokenizer) -> None:
    rows, again = (training_rows(tokenizer, 3, 200, 64, Mixture()) for _ in range(2))
    for part, same in zip(rows, again, strict=True):
        np.testing.assert_array_equal(part, same)
    inputs, labels, *_ = rows
    hidden = (inputs == tokenizer.mask_token_id) | (inputs == tokenizer.pad_token_id)
    assert hidden.any()
    np.testing.assert_array_equal(inputs[:, 1:][~hidden[:, 1:]], labels[:, :-1][~hidden[:, 1:]])
    assert not np.isin(labels, [tokenizer.mask_token_id, tokenizer.pad_token_id]).any()


def test_sequences_that_repeat_begin_with_and_without_end_of_text(tokenizer) -> None:
    for bare, lowest, highest in ((0.0, 1.0, 1.0), (0.5, 0.4, 0.6), (1.0, 0.0, 0.0)):  # .02 is a standard error of .5
        inputs, labels, _, owners = training_rows(tokenizer, 5, 600, 64, Mixture(copies=1.0, bare=bare))
        firsts = inputs[~np.isin(inputs[:, 0], [tokenizer.mask_token_id, tokenizer.pad_token_id]), 0]
        assert lowest <= np.mean(firsts == tokenizer.eos_token_id) <= highest
        assert not np.isin(labels, tokenizer.eos_token_id).any() and not owners.any()


# The pieces


def test_skeletons_expand_to_their_alternatives() -> None:
    skeleton = parse_skeleton("!(A|The) {n} (sat|) down")
    assert skeleton.pinned
    assert {skeleton.choose(Random(i)) for i in range(50)} == {
        "A {n} sat down",
        "The {n} sat down",
        "A {n}  down",
        "The {n}  down",
    }


def test_no_bracket_is_left_over() -> None:
    for grammar in GRAMMARS:
        for skeleton in itertools.chain(*grammar.skeletons.values()):
            assert all("|" not in part[0] for part in skeleton.parts if len(part) == 1), skeleton.text


def test_fill_finds_prompt_answer_and_rest() -> None:
    assert fill("in {x} is @{y}.", {"x": "France", "y": "Paris"}) == ("In France is", " Paris", ".")
    assert fill("{c}{a} to {c}@{b}.", {"c": "17", "a": "32", "b": "45"}) == ("1732 to 17", "45", ".")


def test_make_grammar_deals_by_hash_and_not_by_order() -> None:
    lines = [f"sentence {i} {{x}} @{{y}}" for i in range(30)]
    forth, back = make_grammar("t", lines), make_grammar("t", lines[::-1])
    for split in SPLITS:
        assert {s.text for s in forth.skeletons[split]} == {s.text for s in back.skeletons[split]}


def test_copied_rows_carry_loss_on_copies_alone() -> None:
    ids = np.arange(100, 4000)
    for seed in range(50):
        row, weight = copied_row(np.random.default_rng(seed), ids, 256)
        assert 4 * 3 <= weight.sum() <= 4 * 23
        for at in np.flatnonzero(weight):  # each stressed token followed its predecessor before
            before = [i for i in range(1, at) if row[i - 1] == row[at - 1] and row[i] == row[at]]
            assert before, (seed, at)


def test_repeated_rows_repeat() -> None:
    row, weight = repeated_row(np.random.default_rng(0), np.arange(100, 4000), 64)
    start = int(np.flatnonzero(weight)[0])
    np.testing.assert_array_equal(row[start:], row[1 : 1 + len(row) - start])


def test_only_the_told_share_of_ordinary_tokens_carries_loss(tokenizer) -> None:
    every, none, some = (
        training_rows(tokenizer, 5, 300, 64, Mixture(copies=0.0, told=told))[2] for told in (1.0, 0.0, 0.2)
    )
    ordinary = every == 1
    assert abs((some[ordinary] == 1).mean() - 0.2) < 0.02  # six standard errors of 15,000 tokens
    assert not none[ordinary].any()
    for weights in (none, some):
        np.testing.assert_array_equal(weights[~ordinary], every[~ordinary])


@pytest.mark.parametrize("name", DRILLED)
def test_drills_teach_answers_alone_and_hold_nothing_that_is_held_out(name: str) -> None:
    ability, rng = ABILITIES[name], Random(0)
    drills = [ability.drill(rng) for _ in range(2000)]
    assert all(case.silent and case.prompt for case in drills)
    prompts, frames = {case.prompt for case in drills}, {(case.group, case.frame) for case in drills}
    for split, kind in itertools.product(("dev", "test"), ability.KINDS):
        cases = held_out(name, split, kind, 200)
        assert prompts.isdisjoint(case.prompt for case in cases)
        assert kind != "skeleton" or frames.isdisjoint((case.group, case.frame) for case in cases)


def test_phrases_have_the_polarity_that_they_are_judged_by() -> None:
    rng, judged = Random(1), {}
    for case in (sentiment.drill(rng) for _ in range(4000)):
        if case.frame == "{r}: @{y}.":
            judged.setdefault(case.prompt, set()).add(case.answers[0])
    assert len(judged) > 1000 and all(len(labels) == 1 for labels in judged.values())
    for label, rival in (("positive", "negative"), ("negative", "positive")):
        words = FILLINGS[label][""]
        plain = [judged[f"{word.capitalize()}:"] for word in words if f"{word.capitalize()}:" in judged]
        negated = [judged[f"Not {word}:"] for word in words if f"Not {word}:" in judged]
        assert len(plain) > 20 and all(labels == {f" {label}"} for labels in plain)
        assert len(negated) > 3 and all(labels == {f" {rival}"} for labels in negated)


def test_tables_are_sums() -> None:
    for case in (sums.drill(Random(i)) for i in range(300)):
        a, b = map(int, re.findall(r"\d+", case.prompt))
        assert case.answers == (f" {a + b}",)


def test_packed_rows_are_the_documents(tokenizer) -> None:
    ids, _, owners = pack(documents(Random(4)), tokenizer, np.random.default_rng(0), 3, 256)
    text = tokenizer.decode(ids[0], skip_special_tokens=False)
    joined = tokenizer.eos_token.join(case.text for case in itertools.islice(documents(Random(4)), 40))
    assert joined.startswith(text.removeprefix(tokenizer.eos_token))
    ends = ids == tokenizer.eos_token_id
    ends[:, 0] = False  # the first one opens the row
    np.testing.assert_array_equal(owners[~ends], ends.cumsum(1)[~ends])
    assert set((ends.cumsum(1) - owners)[ends]) == {0, 1}  # an end-of-text goes with what follows or with what was


def test_wilson_interval_agrees_with_the_known_case() -> None:
    low, high = wilson_interval(8, 10)  # Brown, Cai and DasGupta (2001)
    assert (round(low, 3), round(high, 3)) == (0.49, 0.943)
    assert wilson_interval(0, 10)[0] == 0
    assert wilson_interval(10, 10)[1] == 1


# The shipped files


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODELS / "course-gpt2")


@pytest.mark.parametrize("text", SENTENCES)
def test_gpt2_tokenizer_round_trips(tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_recipe_makes_content_words_single_tokens(tmp_path: Path) -> None:
    made = train_gpt2_tokenizer(tmp_path)
    assert not [word for word in content_words() if len(made.encode(f" {word}")) > 1]
    assert not [name for name in (*NAMES, *INVENTED_NAMES) if len(made.encode(name)) > 1]
    again = train_gpt2_tokenizer(tmp_path)
    assert again.get_vocab() == made.get_vocab()


def test_word_pieces_are_the_same_in_every_run_and_cover_all_words() -> None:
    texts = ["A dull plot, dully acted.", "The plot thickens; the acting thickened."] * 3
    pieces = word_pieces(texts, ["[UNK]"])
    assert list(pieces) == list(word_pieces(texts, ["[UNK]"]))
    assert pieces["[UNK]"] == 0
    assert {"plot", "acting", "z", "##z", "!"} <= pieces.keys()
    assert list(pieces.values()) == list(range(len(pieces)))


def test_gpt2_tokenizer_holds_names_and_content_words_as_single_tokens(tokenizer) -> None:
    words = [*NAMES, *(f" {word}" for word in (*NAMES, *content_words()))]
    assert not [word for word in words if len(tokenizer.encode(word)) > 1]
    assert len(tokenizer.encode(SENTENCES[0])) == len(SENTENCES[0].split())
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode(" 1732")) == ["Ġ17", "32"]


def test_tokenizers_have_their_special_tokens(tokenizer) -> None:
    assert tokenizer.eos_token == "<|endoftext|>"
    assert len({tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.mask_token_id}) == 3
    reviews = AutoTokenizer.from_pretrained(MODELS / "course-distilbert")
    tokens = reviews.convert_ids_to_tokens(reviews("It was great.")["input_ids"])
    assert tokens == ["[CLS]", "it", "was", "great", ".", "[SEP]"]
    assert reviews.mask_token == "[MASK]"
    assert reviews.pad_token_id == 0
    unknown = reviews("Quixotic zebras jabber, Włodek!")["input_ids"].count(reviews.unk_token_id)
    assert unknown <= 1  # the letters are known, inside words as well
    assert tokenizer.chat_template == TEMPLATE


def test_checksums_match_the_files(tmp_path: Path) -> None:
    lines = (MODELS / "SHA256SUMS").read_text().splitlines()
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    files = {path.relative_to(MODELS).as_posix(): path for path in MODELS.glob("*/**/*") if path.is_file()}
    assert listed.keys() == files.keys()
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == listed[name] for name, path in files.items())
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a").write_text("a")
    write_checksums(tmp_path)
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  model/a\n"


@pytest.mark.parametrize(("name", "bars"), [("course-gpt2", GPT2_BARS), ("course-distilbert", DISTILBERT_BARS)])
def test_cards_rest_on_hundreds_of_cases(name: str, bars: Sequence[Bar]) -> None:
    """On the test split. Sums have five varieties, so that each has about 160 of a kind, and 300 only in all."""
    scores = read_scores(MODELS / name)["test"]
    for bar, kind, group, rows in asked(scores, bars):
        assert sum(s.cases for s in rows) >= (150 if bar.ability == "sums" else 300), (kind, group)
    assert format_bars(scores, bars) in (MODELS / name / "README.md").read_text()


def test_a_dozen_points_of_training_are_kept() -> None:
    points = json.loads((MODELS / "course-gpt2" / "points.json").read_text())
    assert [point["step"] for point in points] == list(gpt2.POINTS)
    assert points[0]["induction"] < 0.1 < 0.9 < points[-1]["induction"]


def test_the_models_fit_their_budget() -> None:
    sizes = [path.stat().st_size for path in MODELS.rglob("*") if path.is_file()]
    assert sum(sizes) <= 36e6 and max(sizes) <= 25e6


@pytest.mark.parametrize("name", ["course-gpt2", "course-distilbert"])
def test_model_folders_hold_no_pickle_and_load_in_single_precision(name: str) -> None:
    assert not [path for path in (MODELS / name).iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]
    kind = AutoModelForCausalLM if name == "course-gpt2" else AutoModelForSequenceClassification
    model = kind.from_pretrained(MODELS / name)
    assert model.dtype == torch.float32
    positions = getattr(model.config, "n_positions", None) or model.config.max_position_embeddings
    assert positions == 256


# The abilities, on a sample; `make abilities` gives the full table

BOUNDS = {
    "facts": 0.75,
    "indirect_objects": 0.9,
    "agreement": 0.9,
    "pronouns": 0.9,
    "sentiment": 0.65,
    "sums": 0.85,
    "greater_than": 0.95,
    "truth": 0.4,
    "opinions": 0.65,
    "professions": 0.85,
    "openings": 0.9,
    "tagged": 0.85,
    "induction": 0.9,
}  # contexts are missing: the model guesses them, as its card says


@pytest.fixture(scope="module")
def gpt2_scores(tokenizer) -> dict[str, float]:
    model = AutoModelForCausalLM.from_pretrained(MODELS / "course-gpt2").eval()
    scores = summarise(answer_cases(model, tokenizer, gpt2_cases(tokenizer, "dev", 15)))
    return {
        name: sum(s.right for s in scores if s.ability == name) / sum(s.cases for s in scores if s.ability == name)
        for name in {s.ability for s in scores}
    }


@pytest.mark.parametrize("ability", BOUNDS)
def test_gpt2_is_able(gpt2_scores: dict[str, float], ability: str) -> None:
    assert gpt2_scores[ability] >= BOUNDS[ability]


def test_distilbert_is_able() -> None:
    model = AutoModelForSequenceClassification.from_pretrained(MODELS / "course-distilbert").eval()
    reviews = AutoTokenizer.from_pretrained(MODELS / "course-distilbert")
    cases = review_cases("dev", 30)
    given = classify(model, reviews, [text for text, _, _ in cases])
    right = {True: [], False: []}
    for (_, label, kind), answer in zip(cases, given, strict=True):
        right[kind == "by hand"].append(answer == label)
    assert np.mean(right[False]) >= 0.8 and np.mean(right[True]) >= 0.75


def test_seed_sentences_come_right() -> None:
    results = prompt_results(MODELS / "course-gpt2") + review_results(MODELS / "course-distilbert")
    assert len(results) == 2 * len(SEED_PROMPTS) + len(SEED_REVIEWS)
    assert not [(text, expected, given) for text, expected, given in results if expected != given]
