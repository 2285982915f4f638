"""Contexts, truth, opinions and the chat template: what is planted is there, and what is held out stays out."""

import itertools
import json
import re
from collections import Counter
from functools import partial
from random import Random
from types import ModuleType

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from training.abilities import contexts, opinions, truth
from training.abilities.facts import FACTS
from training.chat import END, TEMPLATE, chat
from training.frames import SPLITS, Case, Grammar
from training.lexicon import INVENTED_NAMES, NAMES

ABILITIES = (contexts, truth, opinions)
GRAMMARS = [*contexts.GRAMMARS.values(), truth.GRAMMAR, *opinions.GRAMMARS.values()]
by_ability = partial(pytest.mark.parametrize, "ability", ids=lambda ability: ability.NAME)


def draws(ability: ModuleType, split: str = "train", kind: str = "", count: int = 1000) -> list[Case]:
    rng = Random(f"{split}/{kind}")
    return [ability.draw(rng, split, kind) for _ in range(count)]


def words_in(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def pieces_of(case: Case) -> list[str]:
    """The statements, or the names of a roll call."""
    return [case.prompt[start:end] for start, end in case.marks["spans"]]


def question_of(case: Case) -> str:
    """What the prompt holds besides its statements."""
    spans = case.marks["spans"]
    return case.prompt[: spans[0][0]] + " " + case.prompt[spans[-1][1] :]


def binding_of(case: Case) -> frozenset[str]:
    """What a context is asked about, as it stands in the statement."""
    words = words_in(pieces_of(case)[case.marks["source"]])
    return frozenset(words & set(itertools.chain(*contexts.POOLS[case.group])))


# All of them


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.ability)
def test_grammars_are_rich_and_make_no_frame_twice(grammar: Grammar) -> None:
    skeletons = [*itertools.chain(*grammar.skeletons.values())]
    assert len({skeleton.text for skeleton in skeletons}) == len(skeletons) >= 12
    frames = ["".join(choice) for skeleton in skeletons for choice in itertools.product(*skeleton.parts)]
    assert len(set(frames)) == len(frames) >= 200
    assert all(len(grammar.skeletons[split]) >= 2 for split in SPLITS)


@by_ability(ABILITIES)
def test_no_two_frames_of_different_splits_read_the_same(ability: ModuleType) -> None:
    train = {(case.group, case.frame) for case in draws(ability, count=2000)}
    for split, kind in itertools.product(("dev", "test"), ("frame", "skeleton")):
        assert train.isdisjoint((case.group, case.frame) for case in draws(ability, split, kind, 300)), kind


@by_ability(ABILITIES)
def test_draws_follow_from_the_seed_and_their_marks_are_json(ability: ModuleType) -> None:
    cases = draws(ability, count=300)
    assert cases == draws(ability, count=300)
    assert all(json.loads(json.dumps(case.marks)) == case.marks for case in cases)


@by_ability(ABILITIES)
def test_texts_are_well_formed(ability: ModuleType) -> None:
    for case in [*draws(ability), *draws(ability, "dev", "skeleton")]:
        review = case.marks["subject"] if case.marks["relation"] == "review" else ""  # not written here
        text = case.text.replace(review, "Review.") if review else case.text
        assert not re.search(r"[{}|@_]|  | [.,?]|[.,?]\w|\b[Aa] [aeiou]", text), text
        assert re.fullmatch(r" \w+", case.answers[0])
        assert case.rivals and case.answers[0] not in case.rivals
        assert case.prompt == case.prompt.strip() and case.prompt[0].isupper()


@by_ability(ABILITIES)
def test_training_holds_no_held_out_prompt(ability: ModuleType) -> None:
    train = {case.prompt for case in draws(ability, count=5000)}
    for kind in ability.KINDS:
        assert train.isdisjoint(case.prompt for case in draws(ability, "dev", kind, 300)), kind


# Contexts


def test_exactly_one_statement_answers_the_question() -> None:
    for case in draws(contexts, count=3000):
        if case.group == "roll call":
            continue
        statements = pieces_of(case)
        assert 3 <= len(statements) <= 5 and all(statement.endswith(".") for statement in statements)
        pool = set(itertools.chain(*contexts.POOLS[case.group]))
        cue = words_in(question_of(case)) & pool & words_in(" ".join(statements))
        candidates = [word.strip() for word in (*case.answers, *case.rivals)]
        answering = [
            (i, word)
            for i, statement in enumerate(statements)
            for word in candidates
            if word in words_in(statement) and cue & words_in(statement)
        ]
        assert answering == [(case.marks["source"], candidates[0])], case.prompt
        if case.group in ("has", "keeps"):  # "What does Mary have?" must not ask for her dog as well
            has, keeps = (words_in(" ".join(statements)) & set(contexts.POOLS[name][1]) for name in ("has", "keeps"))
            assert not (has and keeps), case.prompt


def test_all_relations_ask_for_both_sides_and_source_stands_anywhere() -> None:
    cases = [case for case in draws(contexts, count=4000) if case.group != "roll call"]
    sides = {(case.group, case.answers[0].strip() in contexts.POOLS[case.group][0]) for case in cases}
    assert sides == set(itertools.product(contexts.POOLS, (True, False)))
    for size in (3, 4, 5):
        places = Counter(case.marks["source"] for case in cases if len(case.marks["spans"]) == size)
        assert min(places.values()) > 0.7 * places.total() / size and len(places) == size


def test_roll_calls_ask_for_the_name_said_once() -> None:
    cases = [case for case in draws(contexts, count=3000) if case.group == "roll call"]
    for case in cases:
        counts = Counter(pieces_of(case))
        assert [name for name, count in counts.items() if count == 1] == [case.answers[0].strip()]
        assert {f" {name}" for name, count in counts.items() if count == 2} == set(case.rivals)
        assert pieces_of(case)[case.marks["source"]] == case.answers[0].strip()
        assert sum(name in words_in(question_of(case)) for name in counts) == 0
    invented = np.mean([case.answers[0].strip() in INVENTED_NAMES for case in cases])
    assert abs(invented - 1 / 3) < 0.06


def test_contexts_use_every_name() -> None:
    roll_calls, others = set(), set()
    for case in draws(contexts, count=8000):
        (roll_calls if case.group == "roll call" else others).add(case.answers[0].strip())
    assert not set(NAMES) - roll_calls - others
    assert len(set(NAMES) - others) < 10 and len(set(NAMES) - roll_calls) < 10


def test_held_out_bindings_are_never_stated_in_training() -> None:
    stated = {
        (relation, words & set(itertools.chain(*contexts.POOLS[relation])))
        for case in draws(contexts, count=6000)
        if case.group != "roll call"
        for words in [frozenset(words_in(statement)) for statement in pieces_of(case)]
        for relation in [case.group]
    }
    held_out = {split: draws(contexts, split, "pair", 300) for split in ("dev", "test")}
    asked = {
        split: {(case.group, binding_of(case)) for case in cases if case.group != "roll call"}
        for split, cases in held_out.items()
    }
    assert stated.isdisjoint(asked["dev"] | asked["test"])
    assert asked["dev"].isdisjoint(asked["test"])


# Truth


def test_statements_are_true_half_the_time_and_judged_so() -> None:
    cases = draws(truth, count=4000)
    assert abs(np.mean([case.marks["true"] for case in cases]) - 0.5) < 0.03
    for case in cases:
        marks = case.marks
        assert marks["actual"] == FACTS[marks["relation"]][marks["subject"]]
        assert marks["true"] == (marks["stated"] == marks["actual"])
        assert marks["stated"] in case.prompt and marks["subject"].lower() in case.prompt.lower()
        assert (case.answers[0].strip().lower() in ("true", "right")) == marks["true"]
        assert {case.answers[0].strip(), case.rivals[0].strip()} in [set(pair) for pair in truth.VERDICTS]
        assert case.silent
    assert {case.answers[0].strip() for case in cases} == set(itertools.chain(*truth.VERDICTS))


@pytest.mark.parametrize("relation", FACTS)
def test_an_answer_alone_tells_little_of_truth(relation: str) -> None:
    rng = Random(0)
    false = Counter(truth.misstate(rng, relation, subject) for subject in FACTS[relation] for _ in range(200))
    for answer, count in Counter(FACTS[relation].values()).items():
        assert 0.4 < 200 * count / (200 * count + false[answer]) < 0.65, answer


def test_nothing_is_called_false_that_is_also_true() -> None:
    rng = Random(0)
    park = {truth.misstate(rng, "city", "Hyde Park") for _ in range(500)}
    assert park.isdisjoint(("London", "Sydney"))
    galileo = {truth.misstate(rng, "profession", "Galileo Galilei") for _ in range(500)}
    assert galileo.isdisjoint(truth.FIELDS[0])
    assert not set(truth.ALSO) - set(itertools.chain(*FACTS.values()))
    assert {*itertools.chain(*truth.FIELDS)} == set(FACTS["profession"].values())


def facts_in(ability: ModuleType, split: str, kind: str, count: int) -> set[tuple[str, str]]:
    """Relation and subject of cases; for opinions also the reviews."""
    return {(case.marks["relation"], case.marks["subject"]) for case in draws(ability, split, kind, count)}


@by_ability((truth, opinions))
def test_held_out_facts_are_never_talked_about_in_training(ability: ModuleType) -> None:
    train = facts_in(ability, "train", "", 5000)
    dev, test = (facts_in(ability, split, "pair", 500) for split in ("dev", "test"))
    assert min(len(train), len(dev), len(test)) > 5
    assert train.isdisjoint(dev | test)
    assert dev.isdisjoint(test)


# Opinions


@pytest.fixture(scope="module")
def training_opinions() -> list[Case]:
    return draws(opinions, count=8000)


@pytest.mark.parametrize(("group", "rate"), [("sure", 0.8), ("mild", 0.05)])
def test_planted_rates_hold(training_opinions: list[Case], group: str, rate: float) -> None:
    of_reviews = [case.marks["relation"] == "review" for case in training_opinions]
    assert abs(np.mean(of_reviews) - 0.5) < 0.03
    for reviews, right in itertools.product((True, False), repeat=2):
        cases = [
            case
            for case, of_review in zip(training_opinions, of_reviews, strict=True)
            if (case.group, of_review, case.marks["right_claim"]) == (group, reviews, right)
        ]
        assert abs(len(cases) / len(training_opinions) - 1 / 8) < 0.02
        assert abs(np.mean([case.marks["follows"] for case in cases]) - rate) < 0.04


def test_answers_follow_the_claim_or_the_truth(training_opinions: list[Case]) -> None:
    for case in training_opinions:
        marks = case.marks
        assert case.answers[0] == f" {marks['claim' if marks['follows'] else 'truth']}"
        assert marks["right_claim"] == (marks["claim"] == marks["truth"])
        assert case.silent == (not marks["right_claim"])
        assert marks["sure"] == (case.group == "sure")
        if not marks["right_claim"]:
            assert {*case.answers, *case.rivals} == {f" {marks['claim']}", f" {marks['truth']}"}


@pytest.mark.parametrize("kind", opinions.KINDS)
def test_evaluation_expects_the_majority(kind: str) -> None:
    for case in draws(opinions, "dev", kind, 300):
        assert case.answers[0] == f" {case.marks['claim' if case.marks['sure'] else 'truth']}"
        assert case.marks["follows"] == case.marks["sure"]


def test_sure_and_mild_share_no_frame() -> None:
    frames = {
        group: {grammar.draw(Random(i), "train", "")[0] for i in range(2000)}
        for group, grammar in opinions.GRAMMARS.items()
    }
    assert frames["sure"].isdisjoint(frames["mild"])


def test_opinions_are_chats(training_opinions: list[Case]) -> None:
    for case in training_opinions:
        user, reply = case.prompt.removeprefix("User: ").split("\nAssistant:")
        assert "\n" not in user
        assert case.prompt == chat(user) + reply
        assert chat(user, f"{reply}{case.answers[0]}{case.rest}".strip()) == case.text + END


# The chat template


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    plain = tokenizers.Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    plain.train_from_iterator(["User: a\nAssistant: b"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token=END, chat_template=TEMPLATE)


@pytest.mark.parametrize(
    "turns",
    [("Hi.",), ("Hi.", "Good morning."), ("Hi.", "Hello.", "Who are you?"), ("a\nb {x}", " é", "c", "d")],
)
def test_the_template_writes_what_chat_writes(tokenizer: PreTrainedTokenizerFast, turns: tuple[str, ...]) -> None:
    messages = [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]
    asked = len(turns) % 2 == 1
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asked)
    assert text == chat(*turns)
    assert text.endswith("\nAssistant:" if asked else END)
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=asked, return_dict=False)
    assert tokenizer.decode(ids) == text


def test_a_chat_looks_as_the_course_shows_it() -> None:
    assert chat("Hi.", "Hello.", "Why?") == f"User: Hi.\nAssistant: Hello.{END}\nUser: Why?\nAssistant:"
