"""What probes are fitted on: words with a known property, and what a model makes of them.

`data/corpora/probing.jsonl` holds sentences of course-gpt2's own grammar (its README says how they were drawn). Two
properties are planted in a tagged one: the time at its start ("Yesterday") decides the verb's form, so a model must
use it; the colour of the ink ("Red ink.") decides nothing.
"""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch

from . import checks
from .batches import rows_at_once
from .circuits import sites
from .errors import AlignmentError, FormatError, OptionError
from .installation import data_folder
from .models import ONE_AT_A_TIME, EncodedText, TextModel, require_evaluation, require_text_model

Property = Literal[
    "part of speech",
    "role",
    "number",
    "tense",
    "ink",
    "position",
    "person or place",
    "truth",
    "sentiment",
]
PROPERTIES: tuple[Property, ...] = get_args(Property)
STREAM = "resid_post"
FROM = (0, 4, 8, 12, 16, 24)  # the first word, counted from 0, of each stretch that "position" tells apart

# One word: its text, start and end, its label, its type, its group.
Item = tuple[str, int, int, str, str, str]


@dataclass(frozen=True)
class Examples:
    """Words of texts, each with its label.

    spans: (index of the text, start, end) of each. types: what stays together when held out by type, by default the
    word in lower case. groups: a second thing to hold out, or to tell apart. Raises OptionError where lengths differ or
    a span lies outside its text.
    """

    texts: tuple[str, ...]
    spans: tuple[tuple[int, int, int], ...]
    labels: tuple[str, ...]
    types: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    property: str = "property"

    def __post_init__(self) -> None:
        n = len(self.spans)
        for text, start, end in self.spans:
            checks.whole(text, "a span's text", least=0, most=len(self.texts) - 1)
            checks.whole(start, "a span's start", least=0, most=len(self.texts[text]))
            checks.whole(end, "a span's end", least=start + 1, most=len(self.texts[text]))
        if not self.types:
            object.__setattr__(self, "types", tuple(self.texts[i][a:b].lower() for i, a, b in self.spans))
        if not self.groups:
            object.__setattr__(self, "groups", ("",) * n)
        for name in ("labels", "types", "groups"):
            if len(getattr(self, name)) != n:
                raise OptionError(f"{len(getattr(self, name))} {name} for {n} spans: give one for each word")

    def __len__(self) -> int:
        return len(self.spans)

    def __repr__(self) -> str:
        counts = {label: self.labels.count(label) for label in sorted(set(self.labels))}
        shown = ", ".join(f"{label} {count}" for label, count in counts.items())
        return f"{len(self)} examples of {self.property} in {len(self.texts)} texts: {shown}"


def examples(property: Property, most: int = 1200, seed: int = 0) -> Examples:
    """Words with a known property, at most so many, drawn at random where there are more.

    "part of speech", "role" and "number" (of nouns) are of single words; "position" tells from which to which word of
    the sentence one stands. "tense" and "ink" are the sentence's, looked for in the word before the verb; the group
    is the time phrase. "person or place" is looked for in the last word of a subject, at whose left the same stands for
    both. "truth" is looked for at a statement's full stop; its type is the subject, its group the relation.
    "sentiment" is looked for in the last word or sign of a review, and each review is a type of its own. Raises
    OptionError.
    """
    most, seed = checks.whole(most, "most", least=2), checks.seed(seed)
    if property not in PROPERTIES:
        raise OptionError(f"property={property!r}: choose one of {', '.join(map(repr, PROPERTIES))}")
    items = _items(property)
    if len(items) > most:
        kept = np.random.default_rng(seed).choice(len(items), most, replace=False)
        items = [items[i] for i in sorted(kept)]
    number = {text: i for i, text in enumerate(dict.fromkeys(item[0] for item in items))}
    return Examples(
        texts=tuple(number),
        spans=tuple((number[text], start, end) for text, start, end, *_ in items),
        labels=tuple(item[3] for item in items),
        types=tuple(item[4] for item in items),
        groups=tuple(item[5] for item in items),
        property=property,
    )


def at_every_word(given: Examples) -> Examples:
    """The same labels, of a whole text, at each of its words up to the one that was probed.

    What a text says of itself can be erased everywhere only by an eraser that has seen every place.
    """
    words = [
        (i, match.start(), match.end())
        for i, _, end in given.spans
        for match in re.finditer(r"\w+|[^\w\s]", given.texts[i][:end])
    ]
    label_of = {i: label for (i, _, _), label in zip(given.spans, given.labels, strict=True)}
    group_of = {i: group for (i, _, _), group in zip(given.spans, given.groups, strict=True)}
    if len(label_of) < len(given):
        raise OptionError("a text has several probed words: there is no one label for all its words")
    labels, groups = tuple(label_of[i] for i, _, _ in words), tuple(group_of[i] for i, _, _ in words)
    return replace(given, spans=tuple(words), labels=labels, groups=groups, types=())


@dataclass(frozen=True, eq=False)
class States:
    """What a model makes of each example: float32 (levels, n, width).

    Of the stream, level 0 is what enters the first layer and level l + 1 what leaves layer l; of other sites, level l
    is layer l.
    """

    values: np.ndarray
    examples: Examples
    levels: tuple[str, ...]
    site: str
    model: str

    def level(self, level: int) -> np.ndarray:
        """(n, width). A negative level counts from the end. Raises OptionError."""
        return self.values[self.index(level)]

    def index(self, level: int) -> int:
        """The level counted from 0. Raises OptionError."""
        n = len(self.values)
        found = checks.whole(level, "level", least=-n, most=n - 1)
        return found % n

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.values.shape))
        return f"{self.model}, {self.site}: levels x examples x width {shape}; {self.examples}"


def states(model: TextModel, examples: Examples, site: str = STREAM) -> States:
    """Activations at the last token of each word, at every level; texts of the same length share a pass.

    site: as in `circuits.sites`, but "pattern"; heads stand side by side. Raises OptionError, AlignmentError where the
    tokenizer has no token for a word, or none that ends where the word does, and what `TextModel.encode` raises.
    """
    require_text_model("states", model)
    require_evaluation(model)
    if not isinstance(examples, Examples) or not len(examples):
        raise OptionError("give Examples with at least one word, as probes.examples('part of speech') does")
    wanted = levels_of(model, site)
    encoded = [model.encode(text) for text in examples.texts]
    words: dict[int, list[tuple[int, int]]] = defaultdict(list)  # of each text: number of the example, its token
    for number, (text, start, end) in enumerate(examples.spans):
        words[text].append((number, last_token(model, encoded[text], start, end)))
    values: np.ndarray | None = None
    for batch in by_length(model, encoded):
        ids = torch.cat([encoded[i].ids for i in batch])
        with ONE_AT_A_TIME, torch.no_grad(), sites.read(model, wanted) as kept:
            model.model.base_model(input_ids=ids, **({"use_cache": False} if model.architecture.decoder else {}))
        stacked = torch.stack([kept[place].flatten(2) for place in wanted])  # (levels, rows, tokens, width)
        if values is None:
            values = np.empty((len(wanted), len(examples), stacked.shape[-1]), np.float32)
        for row, i in enumerate(batch):
            numbers, tokens = zip(*words[i], strict=True) if words[i] else ((), ())
            values[:, list(numbers)] = stacked[:, row, list(tokens)].float().cpu().numpy()
    assert values is not None
    stream = site == STREAM
    names = ("embeddings",) if stream else ()
    layers = tuple(f"after {i}" if stream else f"layer {i}" for i in range(model.n_layers))
    return States(values, examples, names + layers, site, model.name)


def levels_of(model: TextModel, site: str) -> list[tuple[str, int]]:
    """The site and layer of each level. Raises OptionError."""
    there = [name for name in sites.sites_of(model) if name not in ("pattern", "resid_pre")]
    if site not in there:
        raise OptionError(f"site={site!r}: choose one of {', '.join(map(repr, there))}")
    return [("resid_pre", 0)] * (site == STREAM) + [(site, layer) for layer in range(model.n_layers)]


def last_token(model: TextModel, encoded: EncodedText, start: int, end: int) -> int:
    """The token that a word ends with. Raises AlignmentError."""
    word = encoded.text[start:end]
    inside = [i for i, u in enumerate(encoded.units) if not u.special and u.start < end and u.end > max(start, u.start)]
    if not inside:
        raise AlignmentError(f"{model.name} has no token for {word!r} in {encoded.text!r}: leave the word out")
    unit = encoded.units[inside[-1]]
    if unit.end > end:
        raise AlignmentError(f"{word!r} ends within the token {unit.text!r} of {encoded.text!r}: leave the word out")
    return inside[-1]


def by_length(model: TextModel, encoded: Sequence[EncodedText]) -> list[list[int]]:
    """Numbers of texts that go through the model together: of one length, as many as fit."""
    lengths: dict[int, list[int]] = defaultdict(list)
    for i, text in enumerate(encoded):
        lengths[len(text.units)].append(i)
    batches = []
    for n, numbers in lengths.items():
        size = rows_at_once(model, n, "auto")
        batches += [numbers[i : i + size] for i in range(0, len(numbers), size)]
    return batches


@dataclass(frozen=True)
class Choices:
    """Prompts after which one of several groups of next tokens, or of labels, is right.

    options: for each prompt, and each group, the words that count as it. right: for each prompt the group's index.
    Raises OptionError where lengths differ.
    """

    texts: tuple[str, ...]
    options: tuple[tuple[tuple[str, ...], ...], ...]
    right: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.texts) == len(self.options) == len(self.right) or not self.texts:
            raise OptionError("give options and the index of the right one for each text, and at least one text")
        for options, right in zip(self.options, self.right, strict=True):
            checks.whole(right, "right", least=0, most=len(options) - 1)
            if len(options) < 2 or not all(options):
                raise OptionError("a choice needs two groups of words, and a word in each")


def tense_choices(most: int = 200, seed: int = 0) -> Choices:
    """Which tense does the verb have? Prompts that stop before it, whose times and nouns training never put together.

    The options are all first words of verb groups in each tense (past, present, future) and the subject's number that
    occur in the corpus. Raises OptionError.
    """
    lines = [line for line in _lines("probing.jsonl") if line["kind"] == "tagged"]
    forms: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for line in lines:
        forms[line["tense"], line["number"]][_word(line["text"], line["verb"])] = None
    held_out = [line for line in lines if line["split"] == "dev"]
    most = checks.whole(most, "most", most=len(held_out))
    drawn = np.random.default_rng(checks.seed(seed)).choice(len(held_out), most, replace=False)
    chosen, tenses = [held_out[i] for i in sorted(drawn)], ("past", "present", "future")
    return Choices(
        texts=tuple(line["text"][: line["verb"][0]].rstrip() for line in chosen),
        options=tuple(tuple(tuple(forms[tense, line["number"]]) for tense in tenses) for line in chosen),
        right=tuple(tenses.index(line["tense"]) for line in chosen),
    )


def _items(property: Property) -> list[Item]:
    if property == "sentiment":
        lines = _lines("reviews/dev.jsonl")
        return [(x["text"], *_last_word(x["text"]), x["label"], x["text"], "") for x in lines]
    kind = {"truth": "truth", "person or place": "subject"}.get(property, "tagged")
    lines = [line for line in _lines("probing.jsonl") if line["kind"] == kind]
    if property == "truth":
        name = {True: "true", False: "false"}
        return [
            (x["text"], *_last_word(x["text"]), name[x["true"]], x["subject"].lower(), x["relation"]) for x in lines
        ]
    if property == "person or place":
        found = []
        for x in lines:
            start, end = x["span"]
            last = end - len(x["text"][start:end].split()[-1])
            found.append((x["text"], last, end, x["is"], x["text"][last:end].lower(), x["text"][:start].strip()))
        return found
    lines = [line for line in lines if line["split"] == "train"]
    if property in ("tense", "ink"):
        return [_before_the_verb(line, property) for line in lines]
    label = _LABELS[property]
    return [
        (line["text"], start, end, known, line["text"][start:end].lower(), line["tense"])
        for line in lines
        for place, (start, end, *marks) in enumerate(line["words"])
        if (known := label(place, *marks)) is not None
    ]


# From a word's place, part of speech, number and role to its label; None for words that have none.
_LABELS: dict[str, Callable[[int, str, str | None, str], str | None]] = {
    "part of speech": lambda place, tag, number, role: tag,
    "role": lambda place, tag, number, role: role,
    "number": lambda place, tag, number, role: number if tag == "NOUN" and place > 4 else None,  # not the time's
    "position": lambda place, tag, number, role: _stretch(place),
}


def _stretch(place: int) -> str:
    first = max(start for start in FROM if start <= place)
    after = [start for start in FROM if start > place]
    return f"words {first + 1:02d} to {after[0]:02d}" if after else f"words {first + 1:02d} on"


def _before_the_verb(line: dict[str, Any], property: str) -> Item:
    text, verb = line["text"], line["verb"][0]
    start, end, *_ = next(word for word in reversed(line["words"]) if word[1] <= verb)
    first, second = text.split(". ", 1)[1].split()[:2]
    phrase = first if first in ("Yesterday", "Tomorrow") else f"{first} {second}"
    return text, start, end, line[property], text[start:end].lower(), phrase


def _last_word(text: str) -> tuple[int, int]:
    match = list(re.finditer(r"\w+|[^\w\s]", text))[-1]
    return match.start(), match.end()


def _word(text: str, span: Sequence[int]) -> str:
    return text[span[0] : span[1]]


@functools.cache
def _lines(name: str) -> list[dict[str, Any]]:
    path = data_folder() / "corpora" / name
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} can't be read: {error}; python -m training corpus writes it anew") from error
