"""`python -m training corpus|tokenizers|gpt2|distilbert|evaluate [--split dev|test]|cards|all`."""

import argparse
from pathlib import Path

import torch
from transformers import AutoTokenizer

from training import distilbert, gpt2
from training.card import write_cards
from training.corpus import write_sample
from training.evaluate import evaluate_distilbert, evaluate_gpt2, format_table, seed_results, write_scores
from training.tokenizer import train_distilbert_tokenizer, train_gpt2_tokenizer

MODELS = Path(__file__).parents[1] / "data" / "models"
GPT2, DISTILBERT = MODELS / "course-gpt2", MODELS / "course-distilbert"


def make_tokenizers() -> None:
    train_gpt2_tokenizer(GPT2)
    train_distilbert_tokenizer(DISTILBERT)


def evaluate(split: str) -> None:
    """Measures both models, prints the tables and keeps them in each model's abilities.json."""
    for folder, measure in ((GPT2, evaluate_gpt2), (DISTILBERT, evaluate_distilbert)):
        scores = measure(folder, split)
        write_scores(scores, folder, split)
        print(format_table(scores), flush=True)
    for text, expected, given in seed_results(MODELS):
        print(f"{'right' if expected == given else 'WRONG'}  {text!r}: {given!r}")


def run(step: str, split: str) -> None:
    match step:
        case "corpus":
            write_sample()
        case "tokenizers":
            make_tokenizers()
        case "gpt2":
            gpt2.train(AutoTokenizer.from_pretrained(GPT2), GPT2)
        case "distilbert":
            distilbert.train(AutoTokenizer.from_pretrained(DISTILBERT), DISTILBERT)
        case "evaluate":
            evaluate(split)
        case "cards":
            write_cards(MODELS)
        case "all":
            for each in ("corpus", "tokenizers", "gpt2", "distilbert"):
                run(each, split)
            evaluate("dev")
            evaluate("test")
            write_cards(MODELS)


if __name__ == "__main__":
    torch.set_num_threads(2)
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("step", choices=("corpus", "tokenizers", "gpt2", "distilbert", "evaluate", "cards", "all"))
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="what to measure: evaluate only")
    arguments = parser.parse_args()
    run(arguments.step, arguments.split)
