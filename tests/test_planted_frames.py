"""The abilities that carry a plain fact or name: facts, indirect objects, pronouns, agreement, and their word lists."""

import re
from collections import Counter, defaultdict
from itertools import chain, combinations, islice, product
from random import Random

import pytest

from training.abilities import agreement, facts, indirect_objects, pronouns
from training.corpus import documents, held_out
from training.frames import SPLITS, Case, Grammar, split_of
from training.lexicon import ANIMALS, CONTINENTS, COUNTRIES, INVENTED_ANIMALS, INVENTED_NAMES, NAMES, NEW_WORDS

ABILITIES = (facts, indirect_objects, pronouns, agreement)
LEAST = [
    *((grammar, 45) for grammar in facts.GRAMMARS.values()),
    (indirect_objects.GRAMMAR, 70),
    *((grammar, 20) for grammar in indirect_objects.THREE_GRAMMARS.values()),
    *((grammar, 35) for grammar in pronouns.GRAMMARS.values()),
    (agreement.GRAMMAR, 40),
]
# Doubled or misplaced spaces, leftover brackets and slots, a small letter after a full stop, a wrong article.
FLAWS = re.compile(r"  | [,.;?]|[{}|@()]|[.?!] [a-z]|\b[Aa] [aeiou]|\b[Aa]n [^aeiou]|^[a-z]|[,.:;]{2}|[^.?\"]$")
THREE = tuple(indirect_objects.THREE_GRAMMARS)


def training(ability, count: int) -> list[Case]:
    return [ability.draw(Random(i), "train", "") for i in range(count)]


def names_in(text: str) -> Counter[str]:
    """How often each name stands in a text."""
    return Counter(word for word in re.findall(r"\w+", text) if word in NAMES or word in INVENTED_NAMES)


# Frames


@pytest.mark.parametrize(("grammar", "least"), LEAST, ids=lambda value: getattr(value, "ability", None))
def test_there_are_many_different_skeletons(grammar: Grammar, least: int) -> None:
    texts = {skeleton.text for split in SPLITS for skeleton in grammar.skeletons[split]}
    assert len(texts) >= least
    openings = Counter(re.sub(r"\([^()]*\)", "", text)[:30] for text in texts)
    assert max(openings.values()) <= len(texts) / 3  # not one sentence with its brackets changed


@pytest.mark.parametrize("grammar", facts.GRAMMARS.values(), ids=lambda grammar: grammar.ability)
def test_a_frame_that_two_skeletons_make_is_not_held_out(grammar: Grammar) -> None:
    makers: dict[str, dict[str, str]] = defaultdict(dict)  # a frame, written small -> its skeletons and their splits
    for split in SPLITS:
        for skeleton in grammar.skeletons[split]:
            for choice in product(*skeleton.parts):
                frame = "".join(choice)
                held = split if split != "train" else grammar.split_of_frame(skeleton, frame)
                makers[frame.lower()][skeleton.text] = held
    assert not [frame for frame, splits in makers.items() if len(splits) > 1 and set(splits.values()) != {"train"}]


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.NAME)
def test_sentences_have_no_visible_flaw(ability) -> None:
    flawed = [case.text for case in training(ability, 4000) if FLAWS.search(case.text)]
    assert not flawed


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.NAME)
@pytest.mark.parametrize("split", ["dev", "test"])
def test_every_group_is_asked_in_every_kind(ability, split: str) -> None:
    groups = {case.group for case in training(ability, 500)}
    for kind in ability.KINDS:
        asked = {case.group for case in held_out(ability.NAME, split, kind, 150)}
        expected = {"coreference"} if (ability, kind) == (pronouns, "name") else groups
        assert asked == expected, kind


# Facts


def test_marks_tell_the_fact() -> None:
    held = chain(*(held_out("facts", "dev", kind, 200) for kind in facts.KINDS))
    for case in chain(training(facts, 2000), held):
        relation, subject, answer = (case.marks[key] for key in ("relation", "subject", "object"))
        assert case.group == relation
        assert facts.FACTS[relation][subject] == answer == case.answers[0].strip()
        assert subject.lower() in case.text.lower()
        assert case.kind == "" or subject.lower() in case.prompt.lower()


@pytest.mark.parametrize("relation", facts.RELATIONS)
def test_neighbours_divide_a_relation(relation: str) -> None:
    everything = {facts.Fact(relation, subject, found) for subject, found in facts.FACTS[relation].items()}
    for subject, answer in facts.FACTS[relation].items():
        near = facts.neighbours(subject, relation)
        assert {fact.object for fact in near.same_object} <= {answer}
        assert answer not in {fact.object for fact in near.other_objects}
        same_relation = [facts.Fact(relation, subject, answer), *near.same_object, *near.other_objects]
        assert len(same_relation) == len(everything)
        assert set(same_relation) == everything
        assert all(fact.subject == subject and fact.relation != relation for fact in near.same_subject)
        known = {other for other in facts.RELATIONS if other != relation and subject in facts.FACTS[other]}
        assert {fact.relation for fact in near.same_subject} == known


def test_neighbours_of_the_tower_and_of_france() -> None:
    tower = facts.neighbours("the Eiffel Tower", "city")
    assert facts.Fact("city", "the Louvre", "Paris") in tower.same_object
    assert facts.Fact("city", "the Colosseum", "Rome") in tower.other_objects
    assert not tower.same_subject
    assert set(facts.neighbours("France", "capital").same_subject) == {
        ("language", "France", "French"),
        ("continent", "France", "Europe"),
    }


def test_continents_are_of_known_countries() -> None:
    assert set(CONTINENTS) <= {country for country, *_ in COUNTRIES}
    assert set(CONTINENTS.values()) == {"Europe", "Asia", "Africa", "America", "Oceania"}
    assert CONTINENTS["France"] == "Europe" and CONTINENTS["Japan"] == "Asia" and CONTINENTS["Peru"] == "America"


# Indirect objects


def test_only_the_receiver_is_not_named_again() -> None:
    held = chain(*(held_out("indirect_objects", "test", kind, 200) for kind in indirect_objects.KINDS))
    for case in chain(training(indirect_objects, 4000), held):
        counts = names_in(case.prompt)
        receiver, others = case.answers[0].strip(), [rival.strip() for rival in case.rivals]
        assert counts.keys() == {receiver, *others}, case.prompt
        assert len(others) == (2 if case.group in THREE else 1)
        assert counts[receiver] == 1 and min(counts[other] for other in others) >= 2, case.prompt


def test_things_held_out_are_given_in_no_training_case() -> None:
    pools = {split: set(things) for split, things in indirect_objects.THING_POOLS.items()}
    assert not pools["train"] & (pools["dev"] | pools["test"]) and not pools["dev"] & pools["test"]
    held = {thing for split in ("dev", "test") for thing in pools[split]}
    trained = {word for case in training(indirect_objects, 4000) for word in re.findall(r"\w+", case.text)}
    assert pools["train"] <= trained and not held & trained
    for split in ("dev", "test"):
        for case in held_out("indirect_objects", split, "object", 200):
            words = set(re.findall(r"\w+", case.text))
            assert not words & (held - pools[split])
            assert words & pools[split] or "{thing" not in case.frame


def test_abba_means_that_the_second_gives() -> None:
    for case in training(indirect_objects, 2000):
        if case.group not in THREE:
            first = next(iter(names_in(case.prompt)))
            assert (case.group == "ABBA") == (first == case.answers[0].strip())


def test_a_fifth_names_three_people_in_all_orders() -> None:
    cases = training(indirect_objects, 6000)
    share = Counter(case.group for case in cases)
    assert sum(share[group] for group in THREE) / len(cases) == pytest.approx(1 / 5, abs=0.02)
    assert share["three names"] / share["bystander"] == pytest.approx(1, abs=0.2)
    for group in THREE:
        places: Counter[int] = Counter()
        for case in cases:
            if case.group == group:
                order = list(names_in(case.prompt))
                giver, other = (order.index(rival.strip()) for rival in case.rivals)
                places[3 * giver + other] += 1
        assert len(places) == 6
        assert max(places.values()) < 2 * min(places.values())


def test_no_two_of_three_names_are_a_pair_of_another_split() -> None:
    def pairs(split: str, kind: str) -> set[tuple[str, ...]]:
        cases = (indirect_objects.draw_three(Random(i), split, kind) for i in range(400))
        named = (names for case in cases if not (names := names_in(case.prompt)).keys() & set(INVENTED_NAMES))
        return {tuple(sorted(pair)) for names in named for pair in combinations(names, 2)}

    for split, kind in (("train", ""), ("dev", "pair"), ("test", "pair"), ("dev", "frame")):
        expected = split if kind in ("", "pair") else "train"
        assert {split_of("indirect_objects", "pair", *pair) for pair in pairs(split, kind)} == {expected}


def test_held_out_names_are_all_new() -> None:
    for case in held_out("indirect_objects", "dev", "name", 200):
        assert {split_of("indirect_objects", "name", name) for name in names_in(case.prompt)} == {"dev"}


# Words that nobody bears


def test_invented_words_are_many_and_new() -> None:
    assert (len(set(INVENTED_NAMES)), len(set(INVENTED_ANIMALS))) == (400, 100)
    assert all(re.fullmatch(r"[A-Z][a-z]{4,7}", name) for name in INVENTED_NAMES)
    assert all(re.fullmatch(r"[a-z]{5,9}", word) for word in INVENTED_ANIMALS)
    texts = (case.text for case in islice(documents(Random(7)), 20_000))
    met = Counter(word for text in texts for word in re.findall(r"\w+", text))
    invented = {*INVENTED_NAMES, *INVENTED_ANIMALS}
    other_case = {*map(str.lower, INVENTED_NAMES), *map(str.capitalize, INVENTED_ANIMALS)}
    assert not invented & other_case
    assert not other_case & met.keys()  # a real word would stand somewhere in its other case
    assert set(NEW_WORDS) == {*INVENTED_ANIMALS, *CONTINENTS.values()}


def test_half_of_the_training_sentences_are_about_invented_names_and_animals() -> None:
    named = [case.answers[0].strip() in INVENTED_NAMES for case in training(indirect_objects, 3000)]
    assert sum(named) / len(named) == pytest.approx(0.5, abs=0.03)
    cases = [case for case in training(pronouns, 3000) if case.group == "coreference"]
    animals = [{case.answers[0].strip(), case.rivals[0].strip()} & set(INVENTED_ANIMALS) for case in cases]
    assert sum(map(bool, animals)) / len(animals) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("ability", [indirect_objects, pronouns], ids=lambda ability: ability.NAME)
def test_invented_words_stay_in_training(ability) -> None:
    for split in ("dev", "test"):
        for case in chain(*(held_out(ability.NAME, split, kind, 150) for kind in ability.KINDS)):
            assert not set(re.findall(r"\w+", case.text)) & {*INVENTED_NAMES, *INVENTED_ANIMALS}


# Pronouns and agreement


def test_the_one_meant_and_the_other_are_both_named_before() -> None:
    for case in training(pronouns, 3000):
        if case.group == "coreference":
            animal, thing = case.answers[0].strip(), case.rivals[0].strip()
            words = re.findall(r"\w+", case.prompt)
            assert animal in words and thing in words
            alive = any(word in pronouns.ALIVE for word in words)
            assert alive == (animal in ANIMALS or animal in INVENTED_ANIMALS)


def test_the_pronoun_has_the_gender_of_the_name() -> None:
    for case in training(pronouns, 3000):
        if case.group == "gender":
            (name,) = names_in(case.prompt)
            man = case.answers[0].strip().lower() in {"he", "his", "him", "himself"}
            assert man == (name in pronouns.MEN)
            assert not set(case.answers) & set(case.rivals)


def test_the_noun_between_has_the_other_number() -> None:
    number = {form: i for pair in agreement.NOUNS for i, form in enumerate(pair)}
    for case in held_out("agreement", "dev", "skeleton", 200):
        verb = case.answers[0].strip()
        (plural,) = [i for *forms, _ in agreement.VERBS for i, form in enumerate(forms) if form == verb]
        assert {number[word] for word in re.findall(r"\w+", case.prompt) if word in number} == {0, 1}
        assert case.rivals[0].strip() in {forms[1 - plural] for *forms, _ in agreement.VERBS}
