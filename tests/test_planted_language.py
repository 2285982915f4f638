"""Laws of what is planted in sums, professions, openings and tagged sentences."""

import itertools
import json
import re
from collections import Counter, defaultdict
from functools import cache
from random import Random
from types import ModuleType

import pytest

from training.abilities import openings, professions, sums, tagged
from training.frames import SPLITS, Case
from training.lexicon import MEN, WOMEN

ABILITIES = (sums, professions, openings, tagged)
DRAWS = 6000
# "Her" is a possessive and an object, so the forms are listed by hand and not taken from the grammar.
FEMININE, MASCULINE = {"she", "her", "herself"}, {"he", "his", "him", "himself"}
GENDERED = (
    FEMININE
    | MASCULINE
    | set(
        "hers man men woman women boy girl king queen lady sister brother mother father aunt uncle husband wife".split()
    )
)
GRAMMARS = [sums.GRAMMAR, *professions.GRAMMARS.values(), *openings.GRAMMARS.values()]
LEAST = {"sums": 40, "professions/profession": 25, "openings/neutral": 12, "openings/cued": 12}


@cache
def training(ability: ModuleType) -> tuple[Case, ...]:
    rng = Random(1)
    return tuple(ability.draw(rng, "train", "") for _ in range(DRAWS))


@cache
def held_out(ability: ModuleType, split: str, kind: str, count: int = 250) -> tuple[Case, ...]:
    rng = Random(2)
    return tuple(ability.draw(rng, split, kind) for _ in range(count))


def questions(ability: ModuleType) -> list[Case]:
    return [case for kind in ability.KINDS for case in held_out(ability, "dev", kind)]


def every_case(ability: ModuleType) -> list[Case]:
    return [*training(ability)[:1500], *questions(ability)]


def words_in(text: str) -> list[str]:
    return re.findall(r"\w+", text)


# All four


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.NAME)
def test_draws_depend_on_the_seed_alone(ability: ModuleType) -> None:
    first, second = ([ability.draw(rng, "train", "") for _ in range(50)] for rng in (Random(7), Random(7)))
    assert first == second


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.NAME)
def test_no_held_out_prompt_is_trained(ability: ModuleType) -> None:
    seen: dict[str, set[str]] = {"train": {case.prompt for case in training(ability)}}
    for kind in ability.KINDS:
        for split in ("dev", "test"):
            seen[split] = {case.prompt for case in held_out(ability, split, kind)}
        for one, other in itertools.combinations(SPLITS, 2):
            assert seen[one].isdisjoint(seen[other]), (kind, one, other, seen[one] & seen[other])


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.NAME)
def test_held_out_questions_are_many_and_different(ability: ModuleType) -> None:
    for kind in ability.KINDS:
        assert len({case.prompt for case in held_out(ability, "dev", kind)}) > 100, kind


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.NAME)
def test_cases_are_clean_text_with_marks_as_json(ability: ModuleType) -> None:
    for case in every_case(ability):
        assert json.loads(json.dumps(case.marks)) == case.marks
        assert not re.search(r"[{}@|]|  | [.,?]|\ba (?!uni)[aeiou]", case.text.replace(" ?", "")), case.text
        assert not case.prompt.endswith(" ") and case.answers[0].startswith(" ")
        assert not set(case.answers) & set(case.rivals)


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda grammar: grammar.ability)
def test_skeletons_are_many_and_lie_in_one_split(grammar) -> None:
    texts = [skeleton.text for split in SPLITS for skeleton in grammar.skeletons[split]]
    assert len(texts) == len(set(texts)) >= LEAST.get(grammar.ability, 12)
    assert sum(s.open_ended for s in grammar.skeletons["train"]) < len(grammar.skeletons["train"])


# Sums


def test_skeletons_of_sums_name_each_number_once_in_order() -> None:
    for split in SPLITS:
        for skeleton in sums.GRAMMAR.skeletons[split]:
            assert re.findall(r"\{(\w)\}", skeleton.text) == ["a", "b", "c"], skeleton.text


def numbers_of(case: Case) -> list[int]:
    """The operands: numbers of the question without the hint and the decorative sums."""
    asked = re.split(r" Steps", case.prompt)[0]
    for hint in sums.HINTS:
        asked = re.sub(re.escape(hint).replace(r"\{h\}", r"\d+"), "", asked)
    return [int(number) for number in re.findall(r"\d+", asked)]


def test_sums_are_right_whatever_the_hint() -> None:
    for case in every_case(sums):
        a, b, c = numbers_of(case)
        assert int(re.findall(r"\d+", case.answers[0])[-1]) == a + b + c, case.text
        if "hint" in case.marks:
            assert re.search(rf"\b{case.marks['hint']}\b", case.prompt)
            assert case.marks["hint_right"] == (case.marks["hint"] == a + b + c) == (case.group == "hint right")
            assert abs(case.marks["hint"] - a - b - c) <= 3 and case.marks["hint"] > 0


def test_written_steps_are_true_and_decorative_ones_are_told_by_the_prompt() -> None:
    for case in every_case(sums):
        answer, spans = case.answers[0], case.marks.get("steps", [])
        assert bool(spans) == (case.group in ("with steps", "decorative steps"))
        for start, end, _ in spans:
            first, second, total = map(int, re.fullmatch(r"(\d+) \+ (\d+) = (\d+)", answer[start:end]).groups())
            assert first + second == total
        if spans:
            a, b, c = numbers_of(case)
            real = [answer[start:end] for start, end, role in spans if role == "real"]
            assert real == [f"{a} + {b} = {a + b}", f"{a + b} + {c} = {a + b + c}"]
            sides = [answer[start:end].split(" =")[0] for start, end, role in spans if role == "decorative"]
            assert re.findall(r"\d+ \+ \d+", case.prompt.split(" Steps")[1]) == sides
            assert bool(sides) == (case.group == "decorative steps")
            assert "".join(f" {answer[start:end]}." for start, end, _ in spans) == answer.split(" Answer:")[0]


def test_shares_of_the_varieties_of_sums() -> None:
    trained = Counter(case.group for case in training(sums))
    hints = trained["hint right"] + trained["hint wrong"]
    plain = trained["with steps"] + trained["without steps"]
    assert trained["hint right"] / hints == pytest.approx(0.7, abs=0.04)
    assert trained["with steps"] / plain == pytest.approx(0.6, abs=0.02)
    assert 0.05 < trained["decorative steps"] / DRAWS < 0.2 and 0.05 < hints / DRAWS < 0.2
    asked = Counter(case.group for case in questions(sums))
    assert asked["hint right"] == pytest.approx(asked["hint wrong"], rel=0.2)


def test_operands_of_new_sums_are_never_trained() -> None:
    trained = {tuple(numbers_of(case)) for case in training(sums)}
    assert trained.isdisjoint(tuple(numbers_of(case)) for case in held_out(sums, "dev", "pair"))


# Professions


def pronoun(case: Case) -> str:
    return case.answers[0].strip().lower()


def test_professions_are_many_single_words_and_balanced() -> None:
    shares = professions.SHARES.values()
    assert len(shares) >= 24 and min(shares) == 0.05 and max(shares) == 0.95 and list(shares).count(0.5) >= 3
    assert all(word.isalpha() for word in professions.WORDS)
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.03)


def test_pronouns_come_at_the_planted_rates() -> None:
    seen: dict[str, list[bool]] = defaultdict(list)
    for case in training(professions):
        if not case.marks["named"]:
            seen[case.marks["profession"]].append(pronoun(case) in FEMININE)
    assert seen.keys() == professions.SHARES.keys()
    for profession, feminine in seen.items():  # four standard errors
        share = professions.SHARES[profession]
        assert sum(feminine) / len(feminine) == pytest.approx(
            share, abs=4 * (share * (1 - share) / len(feminine)) ** 0.5
        )


def test_a_name_outweighs_its_profession() -> None:
    cases = [case for case in every_case(professions) if case.marks["named"]]
    for case in cases:
        named = set(words_in(case.prompt)) & {*WOMEN, *MEN}
        assert len(named) == 1
        assert (pronoun(case) in FEMININE) == (named <= set(WOMEN)) == case.marks["feminine"]
    against = [case for case in cases if (case.marks["share_feminine"] > 0.5) != case.marks["feminine"]]
    assert len(against) > 0.4 * len(cases)


def test_nothing_but_profession_or_name_tells_the_gender() -> None:
    for case in every_case(professions):
        assert not GENDERED & {word.lower() for word in words_in(case.prompt)}, case.prompt
        assert case.marks["profession"] in words_in(case.prompt if case.kind else case.text)
        assert case.marks["named"] or not {*WOMEN, *MEN} & set(words_in(case.text))
        assert pronoun(case) in FEMININE | MASCULINE


def test_questions_on_professions_ask_for_the_majority() -> None:
    for case in questions(professions):
        share = case.marks["share_feminine"]
        right, wrong = (FEMININE, MASCULINE) if case.marks["feminine"] else (MASCULINE, FEMININE)
        assert {word.strip().lower() for word in case.answers} == right
        assert {word.strip().lower() for word in case.rivals} == wrong
        assert case.choice
        if not case.marks["named"]:
            assert not 0.35 <= share <= 0.65 and case.marks["feminine"] == (share > 0.5)
    asked = {case.marks["profession"] for case in questions(professions) if not case.marks["named"]}
    assert asked == set(professions.LEANING)


# Openings


def test_neutral_openings_go_on_either_way() -> None:
    neutral = [case for case in training(openings) if not case.marks["cued"]]
    positive = [case for case in neutral if case.marks["polarity"] == "positive"]
    assert len(positive) / len(neutral) == pytest.approx(0.5, abs=0.03)
    negative = {case.prompt for case in neutral if case.marks["polarity"] == "negative"}
    both = {case.prompt for case in positive} & negative
    assert "I saw the film last night. It was" in both
    charged = {*openings.WORDS["positive"], *openings.WORDS["negative"]}
    cues = {cue for polarity in openings.POLARITIES for cue in openings.CUES[polarity]}
    for case in neutral:
        assert not charged & set(words_in(case.prompt)), case.prompt
        assert not any(cue in case.prompt for cue in cues)


def test_cues_decide_and_the_rest_agrees() -> None:
    for case in every_case(openings):
        right, other = case.marks["polarity"], openings.OTHER[case.marks["polarity"]]
        assert {word.strip() for word in case.answers} == set(openings.WORDS[right])
        assert {word.strip() for word in case.rivals} <= set(openings.WORDS[other])
        assert not set(openings.WORDS[other]) & set(words_in(case.answers[0] + case.rest)), case.text
        held = {polarity: [cue for cue in openings.CUES[polarity] if cue in case.prompt] for polarity in (right, other)}
        assert len(held[right]) == case.marks["cued"] and not held[other], case.prompt


def test_only_cued_openings_are_asked() -> None:
    assert all(case.marks["cued"] and case.choice and len(case.rivals) > 1 for case in questions(openings))


# Tagged sentences

SINGULAR = {one for one, _ in (*tagged.AGENTS, *tagged.INANIMATE, *tagged.SPOTS)}
PLURAL = {many for _, many in (*tagged.AGENTS, *tagged.INANIMATE, *tagged.SPOTS)}


def tags_of(case: Case) -> list[tuple[str, str, str | None, str]]:
    return [(case.text[start:end], *rest) for start, end, *rest in case.marks["words"]]


def test_nouns_have_two_forms_that_tell_their_number() -> None:
    assert SINGULAR.isdisjoint(PLURAL)
    assert set(tagged.FIRST["past", "plural"]).isdisjoint(tagged.FIRST["present", "plural"])  # no verb such as "put"


def test_spans_tile_the_text() -> None:
    for case in every_case(tagged):
        spans = [(start, end) for start, end, *_ in case.marks["words"]]
        assert spans == [match.span() for match in re.finditer(r"\w+|[^\w\s]", case.text)]


def test_nouns_and_determiners_agree() -> None:
    only = {
        "singular": {"a", "an", "this", "that", "each", "another"},
        "plural": {"these", "those", "some", "both", "all"},
    }
    for case in every_case(tagged):
        determiner = None
        for word, tag, number, _ in tags_of(case):
            if tag == "DET":
                determiner = word
                assert number is None or word in only[number] or word == "Every"
            elif tag == "NOUN":
                assert number == ("plural" if word in PLURAL else "singular")
                assert word in SINGULAR | PLURAL or word in {
                    "ink",
                    "week",
                    "night",
                    "day",
                    "year",
                    *("Yesterday", "Tomorrow"),
                }
                other = "singular" if number == "plural" else "plural"
                assert determiner not in only[other], case.text
                determiner = None


def test_verbs_agree_with_their_head_and_not_with_the_nearest_noun() -> None:
    attracted = 0
    for case in every_case(tagged):
        before = [tag for start, _, *tag in case.marks["words"] if start < len(case.prompt)]
        nouns = [number for pos, number, _ in before if pos in ("NOUN", "PROPN")]
        heads = [number for pos, number, role in before if role == "subject" and pos in ("NOUN", "PROPN")]
        joined = any(pos == "CCONJ" for pos, _, _ in before)
        assert case.marks["number"] == ("plural" if joined else heads[0])
        word, pos, number, role = next(
            tags for tags, span in zip(tags_of(case), case.marks["words"], strict=True) if span[0] > len(case.prompt)
        )
        assert pos in ("VERB", "AUX") and role in ("verb", "auxiliary") and f" {word}" == case.answers[0]
        assert number in (None, case.marks["number"])
        if case.marks["tense"] == "present":
            assert number and word in tagged.FIRST["present", number]
            attracted += number != nouns[-1]
    assert attracted > 100


def test_relative_clauses_agree_inside() -> None:
    forms = {verb.third: "singular" for verb in tagged.STATES} | {verb.base: "plural" for verb in tagged.STATES}
    seen = Counter()
    for case in every_case(tagged):
        tags = tags_of(case)
        for i, (word, tag, _, _) in enumerate(tags):
            if word in forms and tag == "VERB":
                nouns = [number for _, pos, number, role in tags[:i] if pos == "NOUN" and role == "subject"]
                assert nouns[-1] == forms[word], case.text
                seen[forms[word]] += 1
    assert min(seen["singular"], seen["plural"]) > 100


def test_the_time_decides_the_form_and_nothing_else_does() -> None:
    first = {"Yesterday": "past", "Last": "past", "Tomorrow": "future", "Next": "future", "Every": "present"}
    for case in every_case(tagged):
        assert first[words_in(case.prompt)[2]] == case.marks["tense"] == case.group
        assert set(case.answers) == {f" {form}" for form in tagged.FIRST[case.group, case.marks["number"]]}
        assert {f" {form}" for forms in tagged.FIRST.values() for form in forms} == set(case.answers) | set(case.rivals)
        wills = [word == "will" for word, *_ in tags_of(case)]
        assert any(wills) == (case.group == "future")


def test_the_ink_is_first_and_tells_nothing() -> None:
    blue: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for case in training(tagged):
        words = [word.lower() for word in words_in(case.text)]
        assert words[0] == case.marks["ink"] and words[1] == "ink"
        assert not {"blue", "red", "ink"} & set(words[2:])
        blue[case.marks["tense"], case.marks["number"]].append(case.marks["ink"] == "blue")
    assert len(blue) == 6
    for inks in blue.values():
        assert sum(inks) / len(inks) == pytest.approx(0.5, abs=0.06)


def test_tagged_words_are_listed_for_the_tokenizer() -> None:
    listed = {*tagged.WORDS, *tagged.OPENING_WORDS, *WOMEN, *MEN}
    for case in training(tagged)[:1500]:
        assert set(words_in(case.text)) <= listed
