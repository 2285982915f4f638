"""`python -m training`: writes the corpora and the embedded models, and measures them."""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoTokenizer

from training import (
    by_hand,
    chains,
    counterfactuals,
    course_induction,
    distilbert,
    gpt2,
    lens,
    loans,
    reliance,
    vit,
)
from training.card import write_checksums, write_distilbert_card, write_gpt2_card
from training.corpus import write_samples
from training.evaluate import (
    DISTILBERT_BARS,
    GPT2_BARS,
    evaluate_distilbert,
    evaluate_gpt2,
    evaluate_points,
    format_bars,
    format_table,
    prompt_results,
    review_results,
    write_scores,
)
from training.probing import write_probing
from training.relatives import train_relatives
from training.relatives_card import measure_relatives, write_relative_cards
from training.rules import write_rules
from training.tokenizer import train_distilbert_tokenizer, train_gpt2_tokenizer

MODELS = Path(__file__).parents[1] / "data" / "models"
GPT2, DISTILBERT = MODELS / "course-gpt2", MODELS / "course-distilbert"
STEPS = (
    "corpus",
    "tokenizers",
    "gpt2",
    "lens",
    "distilbert",
    "relatives",
    "vit",
    "points",
    "abilities",
    "reliance",
    "rules",
    "lexicon",
    "counterfactuals",
    "chains",
    "cards",
)


def evaluate(split: str, keep: bool) -> None:
    """Prints what the models can do; kept, the scores of the two large ones stand in abilities.json for their cards."""
    for folder, measure, bars in ((GPT2, evaluate_gpt2, GPT2_BARS), (DISTILBERT, evaluate_distilbert, DISTILBERT_BARS)):
        scores = measure(folder, split)
        if keep:
            write_scores(scores, folder, split)
        print(format_bars(scores, bars), format_table(scores), sep="\n\n", flush=True)
    for name, table in measure_relatives(MODELS, split).items():
        print(f"{name}\n{table}", flush=True)
    for text, expected, given in prompt_results(GPT2) + review_results(DISTILBERT):
        print(f"{'right' if expected == given else 'WRONG'}  {text!r}: {given!r}")


def make_small() -> None:
    """The models that have a tokenizer and a card of their own."""
    course_induction.make(MODELS / "course-induction")
    loans.make(MODELS / "loan-decider")
    by_hand.make_keyword_detector(MODELS / "keyword-detector")
    by_hand.make_negation_detector(MODELS / "negation-detector")
    by_hand.make_copier(MODELS / "copier")


def check_reliance() -> None:
    records = reliance.check(DISTILBERT, "test")
    reliance.write_records(records)
    print(*reliance.summarise(records), sep="\n")


def run(step: str, split: str = "dev", keep: bool = True) -> None:
    match step:
        case "corpus":
            write_samples()
            write_probing()
        case "tokenizers":
            train_gpt2_tokenizer(GPT2)
            train_distilbert_tokenizer(DISTILBERT)
        case "gpt2":
            gpt2.train(AutoTokenizer.from_pretrained(GPT2), GPT2)
        case "lens":
            lens.train()
        case "distilbert":
            distilbert.train(AutoTokenizer.from_pretrained(DISTILBERT), DISTILBERT)
        case "relatives":
            train_relatives(AutoTokenizer.from_pretrained(DISTILBERT), MODELS)
            make_small()
        case "vit":
            vit.make(MODELS / "course-vit")
        case "points":
            points = evaluate_points(gpt2.SAVES, gpt2.TOKENS * gpt2.WORKERS)
            (GPT2 / "points.json").write_text(json.dumps(points, indent=1) + "\n")
        case "abilities":
            evaluate(split, keep)
        case "reliance":
            check_reliance()
        case "rules":
            write_rules(MODELS)
        case "lexicon":
            counterfactuals.write_lexicon()
        case "counterfactuals":
            counterfactuals.write_counterfactuals()
        case "chains":
            chains.write_chains()
        case "cards":
            write_gpt2_card(MODELS)
            write_distilbert_card(MODELS)
            write_relative_cards(MODELS)
            write_checksums(MODELS)
        case "all":
            for each in STEPS:
                run(each)
                if each == "abilities":
                    run(each, "test")


if __name__ == "__main__":
    torch.set_num_threads(1)  # results must not depend on how many cores there are
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("step", choices=(*STEPS, "all"), help="what to make; all makes everything from nothing")
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="what to measure: abilities only")
    parser.add_argument("--keep", action="store_true", help="write what was measured to abilities.json as well")
    arguments = parser.parse_args()
    run(arguments.step, arguments.split, arguments.keep)
