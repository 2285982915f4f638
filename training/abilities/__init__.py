"""The abilities of course-gpt2: one file each, with its grammar, its splits and its share of the corpus.

A file offers NAME, KINDS (what can be held out), WEIGHT (its share of the documents, before they are made to sum to 1)
and draw(rng, split, kind). Induction is different: its rows are random token ids, not documents.
"""

from training.abilities import (
    agreement,
    contexts,
    facts,
    general,
    greater_than,
    indirect_objects,
    openings,
    opinions,
    professions,
    pronouns,
    sentiment,
    sums,
    tagged,
    truth,
)

ABILITIES = {
    ability.NAME: ability
    for ability in (
        facts,
        indirect_objects,
        agreement,
        pronouns,
        sentiment,
        sums,
        greater_than,
        contexts,
        truth,
        opinions,
        professions,
        openings,
        tagged,
        general,
    )
}
