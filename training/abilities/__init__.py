"""The abilities of course-gpt2: one file each, with its grammar, its splits and its share of the corpus.

A file offers NAME, KINDS (what can be held out), WEIGHT (its share of the documents) and draw(rng, split, kind).
Induction is different: its rows are random token ids, not documents.
"""

from training.abilities import (
    agreement,
    facts,
    general,
    greater_than,
    indirect_objects,
    pronouns,
    sentiment,
    sums,
)

ABILITIES = {
    ability.NAME: ability
    for ability in (facts, indirect_objects, agreement, pronouns, sentiment, sums, greater_than, general)
}
