"""What the search for counterfactuals reads, and how far it gets.

`data/lexicon.json`: the judging words of reviews (`review_words.py`), by slot and polarity, in the order in which they
stand there, common ones first. `data/counterfactuals.json`: what the search finds on the pairs that were written by
hand, which no model was trained on.
"""

import json
from pathlib import Path

import xai_helpers as xai
from training.review_words import FILLINGS
from xai_helpers.assistant import pairs

DATA = Path(__file__).parents[1] / "data"
LEXICON = DATA / "lexicon.json"
# Long adjectives are left out: they stand among the adjectives.
NAMES = {
    "": "adjective",
    "n": "noun phrase",
    "v": "past verb",
    "b": "base verb",
    "m": "comparative",
    "t": "superlative",
    "a": "adverb",
    "i": "idiom",
}


def lexicon() -> str:
    """The lexicon as its file holds it."""
    slots = {name: {label: FILLINGS[label][slot] for label in FILLINGS} for slot, name in NAMES.items()}
    return json.dumps({"command": "python -m training lexicon", "slots": slots}, indent=0) + "\n"


def write_lexicon(path: Path = LEXICON) -> None:
    path.write_text(lexicon(), encoding="utf-8")


def write_counterfactuals(path: Path = pairs.RESULTS) -> None:
    """Searches on both sides of all pairs, in a minute or two."""
    found = pairs.recall(xai.load("course-distilbert"), language_model=xai.load("course-gpt2"))
    path.write_text(found.to_json(), encoding="utf-8")
    print(found)
