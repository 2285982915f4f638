"""The small models beside course-gpt2: by hand, they are their rules; trained, they do what their cards say."""

import ast
import itertools
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

import xai_helpers as xai
from training import by_hand, course_induction, loans

MODELS = Path(__file__).parents[1] / "data" / "models"
CLASSIFIERS = {
    "keyword-detector": (by_hand.make_keyword_detector, by_hand.keyword_rule),
    "negation-detector": (by_hand.make_negation_detector, by_hand.negation_rule),
}
BY_HAND = {name: make for name, (make, _) in CLASSIFIERS.items()} | {"copier": by_hand.make_copier}
NAMES = (*BY_HAND, "course-induction", "loan-decider")


# The files


@pytest.mark.parametrize("name", NAMES)
def test_folders_load_and_are_small(name: str) -> None:
    folder = MODELS / name
    model = xai.load(folder)
    assert model.model.dtype == torch.float32
    assert (folder / "model.safetensors").stat().st_size <= 2e6
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 4e6
    assert (folder / "README.md").read_text().startswith("---\nlicense: mit\n")


@pytest.mark.parametrize("name", BY_HAND)
def test_folders_by_hand_are_made_again(name: str, tmp_path: Path) -> None:
    shipped, again = MODELS / name, tmp_path / name
    again.mkdir()
    BY_HAND[name](again)
    assert {path.name for path in again.iterdir()} == {path.name for path in shipped.iterdir()}
    for file in ("model.safetensors", "README.md", "tokenizer.json"):  # configs name the version of transformers
        assert (again / file).read_bytes() == (shipped / file).read_bytes()


# The classifiers by hand


def classifier(name: str):
    model = AutoModelForSequenceClassification.from_pretrained(MODELS / name, attn_implementation="eager").eval()
    return model, AutoTokenizer.from_pretrained(MODELS / name)


@torch.no_grad()
def margins(model, tokenizer, texts: list[tuple[str, ...]], rule) -> torch.Tensor:
    """By how much the logit of the rule's label exceeds the other's."""
    batch = tokenizer([" ".join(words) for words in texts], padding=True, return_tensors="pt")
    logits = model(**batch).logits
    signs = torch.tensor([1 if rule(words) == "positive" else -1 for words in texts])
    return signs * (logits[:, 1] - logits[:, 0])


def short_texts() -> list[list[tuple[str, ...]]]:
    """All texts of up to two words, and all of up to six words from four, by length."""
    every = (*by_hand.NEUTRAL, *by_hand.KEYWORDS, "zebra")
    few = ("good", "great", "not", "film")
    sets = [(every, 1), (every, 2), *((few, length) for length in range(3, 7))]
    return [list(itertools.product(words, repeat=length)) for words, length in sets]


def long_texts() -> list[tuple[str, ...]]:
    """Random texts up to the full context; keywords and negations come often, unknown words as well."""
    rng = Random(0)
    words = (*by_hand.NEUTRAL, *["not"] * 20, "zebra")
    pools = (words, (*words, "good"), (*words, *by_hand.KEYWORDS * 4))
    return [tuple(rng.choices(rng.choice(pools), k=rng.randint(1, by_hand.LENGTH - 2))) for _ in range(300)]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_are_their_rules(name: str) -> None:
    model, tokenizer = classifier(name)
    rule = CLASSIFIERS[name][1]
    for texts in [*short_texts(), long_texts()]:
        assert float(margins(model, tokenizer, texts, rule).min()) > 5.7
    labels = [rule(words) for words in long_texts()]
    assert 50 < labels.count("positive") < 250


def test_rules_say_what_the_cards_say() -> None:
    sentences = {
        "not good": "negative",
        "not very good": "positive",
        "not good but great": "positive",
        "not not good": "negative",
        "not a good film": "positive",
        "a film": "negative",
    }
    assert {text: by_hand.negation_rule(text.split()) for text in sentences} == sentences
    assert by_hand.keyword_rule(["not", "good"]) == "positive"


@pytest.mark.parametrize("layer", [0, 1])
def test_negation_detector_needs_both_heads(layer: int) -> None:
    model, tokenizer = classifier("negation-detector")
    torch.nn.init.zeros_(model.bert.encoder.layer[layer].attention.output.dense.weight)
    assert float(margins(model, tokenizer, short_texts()[2], by_hand.negation_rule).min()) < 0


# The copier


def copier():
    return AutoModelForCausalLM.from_pretrained(MODELS / "copier", attn_implementation="eager").eval()


def copier_texts() -> list[torch.Tensor]:
    """All texts of two tokens; all of six from four, end-of-text and the last word among them; long random ones."""
    pairs = torch.tensor(list(itertools.product(range(by_hand.KNOWN), repeat=2)))
    few = torch.tensor(list(itertools.product((0, 2, 7, by_hand.KNOWN - 1), repeat=6)))
    generator = torch.Generator().manual_seed(0)
    return [pairs, few, torch.randint(0, by_hand.KNOWN, (100, by_hand.LENGTH), generator=generator)]


@torch.no_grad()
def copier_margin(model, ids: torch.Tensor) -> float:
    """The least, over all positions, by which the logit of the rule's token exceeds all others."""
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    right = torch.tensor([[by_hand.copier_rule(row[: i + 1]) for i in range(len(row))] for row in ids.tolist()])
    best = logits.gather(-1, right[..., None])
    others = logits.scatter(-1, right[..., None], -torch.inf).max(-1, keepdim=True).values
    return float((best - others).min())


def ablate(model, layer: int, head: int) -> None:
    with torch.no_grad():
        model.transformer.h[layer].attn.c_proj.weight[head * by_hand.HEAD : (head + 1) * by_hand.HEAD] = 0


def test_copier_is_its_rule() -> None:
    model = copier()
    for ids in copier_texts():
        assert copier_margin(model, ids) > 15


@torch.no_grad()
def test_decoys_attend_but_do_not_matter() -> None:
    model, (*_, ids) = copier(), copier_texts()
    whole = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True)
    real = {by_hand.PREVIOUS_HEAD, by_hand.INDUCTION_HEAD}
    for layer, head in set(itertools.product(range(2), range(4))) - real:
        assert float(whole.attentions[layer][:, head, -1].max(-1).values.mean()) > 0.5  # it looks busy
        ablate(model, layer, head)
    without = model(input_ids=ids, attention_mask=torch.ones_like(ids))
    torch.testing.assert_close(without.logits, whole.logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("where", [by_hand.PREVIOUS_HEAD, by_hand.INDUCTION_HEAD])
def test_copier_needs_its_two_heads(where: tuple[int, int]) -> None:
    model = copier()
    ablate(model, *where)
    assert copier_margin(model, copier_texts()[1][::16]) <= 0


# Induction


@pytest.fixture(scope="module")
def induction():
    return AutoModelForCausalLM.from_pretrained(MODELS / "course-induction", attn_implementation="eager").eval()


def test_induction_model_has_the_textbook_circuit(induction) -> None:
    words = np.arange(2, induction.config.vocab_size)
    previous, copying = course_induction.head_scores(induction, words)
    assert previous[0].max() >= 0.9
    assert copying[1].max() >= 0.9
    now = course_induction.look(induction, words, induction.config.eos_token_id, course_induction.STEPS)
    assert now.accuracy >= 0.98


def test_induction_model_has_no_mlp(induction) -> None:
    assert not any(p.any() for block in induction.transformer.h for p in block.mlp.parameters())


def test_checkpoints_show_the_phase_change(induction) -> None:
    folder = MODELS / "course-induction" / "checkpoints"
    scores = {entry["step"]: entry for entry in json.loads((folder / "scores.json").read_text())}
    paths = {int(path.stem.removeprefix("step-")): path for path in folder.glob("step-*.safetensors")}
    assert len(paths) >= 8 and paths.keys() <= scores.keys()
    words, model = np.arange(2, induction.config.vocab_size), course_induction.new_model(course_tokenizer())
    for step in (min(paths), max(paths)):
        course_induction.load_checkpoint(model, paths[step])
        now = course_induction.look(model, words, model.config.eos_token_id, step)
        assert now.accuracy == pytest.approx(scores[step]["accuracy"], abs=0.01)
        assert now.induction == pytest.approx(scores[step]["induction"], abs=0.01)
    between = [step for step in paths if 0.15 < scores[step]["accuracy"] < 0.85]
    assert len(between) >= 3
    assert load_file(paths[max(paths)]).keys() == course_induction.attention_weights(model).keys()


def course_tokenizer():
    return AutoTokenizer.from_pretrained(MODELS / "course-induction")


def test_words_are_tokens_with_and_without_a_space() -> None:
    tokenizer = course_tokenizer()
    assert tokenizer.tokenize("cat lamp  river") == ["Ġcat", "Ġlamp", "Ġriver"]
    assert tokenizer.decode(tokenizer.encode(" cat lamp")) == " cat lamp"


def test_distinct_rows_mark_perfect_induction() -> None:
    rows, (row, query), key = course_induction.distinct_rows(3, 50, np.arange(2, 130))
    np.testing.assert_array_equal(rows[row, key - 1], rows[row, query])
    np.testing.assert_array_equal(rows[row, key], rows[row, query + 1])
    assert (key < query).all()


# Loans


def application(**values: object) -> loans.Application:
    known = {"income": "middle", "debts": "low", "history": "poor", "amount": "large"}
    return loans.Application(**(known | {"age": 41, "district": "north", "group": "A"} | values))


def test_rule_of_loans() -> None:
    assert loans.decision(application()) == "approved"
    assert loans.decision(application(district="east")) == "refused"
    assert loans.decision(application(group="B", age=20)) == "approved"
    assert application().text.startswith("income: middle; debts: low;")


def test_combinations_of_loans_are_held_out() -> None:
    rng = Random(0)
    seen = {
        split: {tuple(getattr(a, name) for name in loans.POINTS) for a in (loans.draw(rng, split) for _ in range(500))}
        for split in ("train", "dev", "test")
    }
    assert seen["train"].isdisjoint(seen["dev"] | seen["test"])
    assert seen["dev"].isdisjoint(seen["test"])
    assert all(len(combinations) >= 20 for combinations in seen.values())


def test_district_is_a_proxy_of_the_group() -> None:
    rng = Random(1)
    drawn = [loans.draw(rng, "train") for _ in range(2000)]
    typical = np.mean([(a.group == "B") == (loans.POINTS["district"][a.district] < 0) for a in drawn])
    assert typical == pytest.approx(loans.TYPICAL, abs=0.03)
    rule = {group: [loans.decision(a) for a in loans.draw_members("train", group)] for group in "AB"}
    assert loans.approval(rule["A"]) > loans.approval(rule["B"]) + 0.15


def test_loan_decider_follows_the_rule() -> None:
    report = loans.measure(*loans.read(MODELS / "loan-decider"), "dev", 300)
    assert report.right >= 0.97 * report.applications
    assert report.flips > 50 and report.flips_found >= 0.95 * report.flips
    assert report.swap_flips <= 0.01 * report.swaps


def test_chapter_03_teaches_the_rule_that_the_loans_were_made_by() -> None:
    source = (Path(__file__).parents[1] / "notebooks" / "source" / "03_relevance_propagation.py").read_text("utf-8")
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "points"
    ]
    assert len(found) == 1 and ast.literal_eval(found[0].value) == loans.POINTS
    assert f"approved with at least {loans.THRESHOLD} points" in source
