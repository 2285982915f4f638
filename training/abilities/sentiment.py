"""Sentiment: reviews with a planted label, judged in the next word (language model) or as a class (classifier).

Skeletons are written from the label's side: {s} is a word of the same polarity as the label, {o} of the opposite one,
so "not {o}" and "{o}, but {s}" flip as English does. A second letter names the kind of word (see SLOTS in
review_words.py): {sn} is a noun phrase, {ob} a verb. Lines that hold for one label only stand in their own list; they
all stay in training, since many have a mirror image in the other list ("I would gladly see it again", "I would never
see it again"), and a model that met one of the two alone would be taught the wrong rule for the other. For the same
reason the common skeletons are dealt to the splits once, for both labels.

A review knows the words that decide its label: the {s} fillings, or the {o} fillings where there is no {s}, and what
its skeleton holds in square brackets.
"""

import re
from dataclasses import replace
from random import Random
from typing import NamedTuple

from training.frames import Case, fill, make_grammar, parse_skeleton, split_of
from training.review_frames import BOTH, JUDGE, NEGATIVE, POSITIVE
from training.review_words import COUNTABLE_PARTS, FILLINGS, GENRES, NEUTRAL, OTHER, PARTS, WHOLES
from training.reviews import LABELS, reserved_runs, runs_of_five, written_by_hand

NAME = "sentiment"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.20
COMMON = make_grammar(NAME, BOTH.strip().splitlines())
OWN = {
    label: make_grammar(f"{NAME}/{label}", [f"!{line}" for line in lines.strip().splitlines()])
    for label, lines in (("positive", POSITIVE), ("negative", NEGATIVE))
}
OWN_SHARE = 0.2  # of the reviews
# A review says one bit in thirty tokens; these say it in five, so the words are learned several times as fast.
PHRASES = tuple(
    map(
        parse_skeleton,
        """
{s}
(so|very|really|quite|truly|rather|too|how) {s}
(not|never|hardly|not at all|far from|anything but|nothing|not so) {o}
{s} and {s2}
{s}, not {o}
{o} (but|yet) {s}
{s} despite the {o} {c}
neither {o} nor {o2}
a {s} {w}
no {o} {w}
(a|such a|what a) {sn}
it {si}
(I|we) {sv} it
{sa} (done|made)
{sm} than (ever|most)
""".strip().splitlines(),
    )
)
JUDGE_GRAMMAR = make_grammar(f"{NAME}/judge", JUDGE.strip().splitlines())
# By sound: "an honest", "a useful". A square bracket may stand before the word.
VOWEL = r"\[?(?:hon(?:est|our)|(?!use|unif|uni[qv]|one\b)[aeiou])"

Spans = tuple[tuple[int, int], ...]  # [start, end) in characters


class Review(NamedTuple):
    text: str
    label: str
    deciding: Spans


def simple_review(rng: Random, split: str, kind: str, label: str) -> Review:
    """One sentence from the grammars. A pair is an adjective and the thing it is said of."""
    grammar = OWN[label] if split == "train" and rng.random() < OWN_SHARE else COMMON
    frame, _ = grammar.draw(rng, split, kind)
    while kind == "pair" and not ("{s}" in frame and "{w}" in frame):
        frame, _ = grammar.draw(rng, split, kind)
    slots = choose_words(rng, label)
    while split_of(NAME, "pair", slots["s"], slots["w"]) != (split if kind == "pair" else "train"):
        slots = choose_words(rng, label)
    letter = "s" if "{s" in frame else "o"
    marked = {slot: f"[{word}]" if slot[0] == letter else word for slot, word in slots.items()}
    text, deciding = unmark(mend(frame.format_map(marked)))
    return Review(text if text[-1] in ".!?" else text + ".", label, deciding)


def choose_words(rng: Random, label: str) -> dict[str, str]:
    """A filling for every slot."""
    slots = {"w": rng.choice(WHOLES), "g": rng.choice(GENRES)}
    slots["p"], slots["p2"] = rng.sample(PARTS, 2)
    slots["c"], slots["c2"] = rng.sample(COUNTABLE_PARTS, 2)
    for letter, polarity in (("s", label), ("o", OTHER[label])):
        slots |= {letter + slot: rng.choice(words) for slot, words in FILLINGS[polarity].items()}
        slots[letter], slots[f"{letter}2"], slots[f"{letter}3"] = rng.sample(FILLINGS[polarity][""], 3)
    return slots


def mend(text: str) -> str:
    """Capitals after full stops, no doubled spaces, `a` or `an` as the next word asks."""
    text = re.sub(r" (?=[.,;!?])", "", " ".join(text.replace("_", " ").split()))
    text = re.sub(rf"\b([Aa])n?(\]?) (?=({VOWEL})?)", lambda a: f"{a[1]}{'n' if a[3] else ''}{a[2]} ", text)
    return re.sub(r"(?:^|[.!?] )\[?[a-z]", lambda start: start[0].upper(), text)


def unmark(text: str) -> tuple[str, Spans]:
    """The text without its square brackets, and where they stood."""
    plain, spans = "", []
    for i, piece in enumerate(re.split(r"[\[\]]", text)):
        if i % 2 and piece:
            spans.append((len(plain), len(plain) + len(piece)))
        plain += piece
    return plain, tuple(spans)


def join(first: Review, second: Review) -> Review:
    """Two reviews of the same label as one."""
    shift = len(first.text) + 1
    moved = tuple((start + shift, end + shift) for start, end in second.deciding)
    return Review(f"{first.text} {second.text}", second.label, first.deciding + moved)


def review(rng: Random, split: str, kind: str) -> Review:
    """One sentence, or in training at times two, or one after a neutral remark."""
    label = rng.choice(LABELS)
    made = simple_review(rng, split, kind, label)
    chance = rng.random()
    if split == "train" and chance < 0.2:
        made = join(made, simple_review(rng, split, kind, label))
    elif split == "train" and chance < 0.3:
        made = join(Review(rng.choice(NEUTRAL).format(day="Friday"), label, ()), made)
    allowed = split != "train" or reserved_runs().isdisjoint(runs_of_five(made.text))
    return made if allowed else review(rng, split, kind)


def draw(rng: Random, split: str, kind: str) -> Case:
    """A review and its judgement as the next word. A held-out frame here is one of the review, judged as in training."""
    by_hand = split == "train" and rng.random() < 0.25
    text, label = rng.choice(written_by_hand("train")) if by_hand else review(rng, split, kind)[:2]
    frame, _ = JUDGE_GRAMMAR.draw(rng, "train" if kind != "skeleton" else split, kind)
    return judged(text, label, frame, kind)


def judged(text: str, label: str, frame: str, kind: str) -> Case:
    prompt, answer, rest = fill(frame, {"r": text, "y": label})
    return Case(NAME, "judgement", kind, frame, prompt, (answer,), rest, rivals=(f" {OTHER[label]}",))


def drill(rng: Random) -> Case:
    """A few words of one polarity, judged without a sentence around them; or a review of which only that is learned."""
    if rng.random() < 0.5:
        return replace(draw(rng, "train", ""), silent=True)
    label = rng.choice(LABELS)
    text = mend(rng.choice(PHRASES).choose(rng).format_map(choose_words(rng, label)))
    return replace(judged(text[0].upper() + text[1:], label, "{r}: @{y}.", ""), silent=True)
