"""Is a narrative true of the numbers that it retells?

`check_narrative` reads prose into claims (claims.py) and holds each against the facts (narrative.py). It finds seven
kinds of error: a quotation that is not in the text, a wrong sign, a wrong rank, another prediction, another confidence,
an important word left out, and a cause that no test has shown. It needs no model. What it does not find is measured:
`measured` runs it over narratives of which it is known what is wrong with them.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from ..errors import FormatError, OptionError
from ..installation import data_folder
from ..viz.table import Table
from ..viz.wording import visible, written
from . import claims, cues
from .chain_of_thought import Share
from .claims import KINDS, Kind, Sentence, Span
from .narrative import LONGEST, Facts, Narrative

TIE = 0.05  # of the greatest size: words that are closer than this are in no order
SAID = {
    "quote": "is not in the text",
    "sign": "the wrong way round",
    "rank": "the wrong order",
    "prediction": "not what the model predicts",
    "confidence": "not the model's probability",
    "omission": "left out",
    "cause": "a cause that no test has shown",
}


@dataclass(frozen=True)
class Finding:
    """Something wrong. span: the sentence's characters in the narrative, None for what is left out. why: in words."""

    kind: Kind
    span: Span | None
    why: str


@dataclass(frozen=True)
class Checked:
    """What came of a check.

    claims: how many claims were found and compared. wrong: how many of them are wrong. precision: the share of claims
    that hold, NaN where none was found. recall: the share of the important words that are named.
    """

    narrative: str
    findings: tuple[Finding, ...]
    claims: int
    recall: float

    @property
    def wrong(self) -> int:
        return sum(finding.kind != "omission" for finding in self.findings)

    @property
    def precision(self) -> float:
        return 1 - self.wrong / self.claims if self.claims else float("nan")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of error that were found, each once."""
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    def __bool__(self) -> bool:
        return not self.findings

    def _verdict(self) -> str:
        found = f"{len(self.findings)} found" if self.findings else "nothing found"
        return f"{found}; {self.claims} claims read, precision {self.precision:.2f}, recall {self.recall:.2f}"

    def __repr__(self) -> str:
        lines = [f"- {finding.kind}: {visible(finding.why)}" for finding in self.findings]
        return "\n".join([self._verdict(), *lines])

    def _repr_html_(self) -> str:
        marked = {finding.span for finding in self.findings if finding.span}
        parts, end = [], 0
        for start, stop in sorted(marked):
            parts += [
                escape(written(self.narrative[end:start])),
                f'<mark style="background:#ffd24d;color:#000">{escape(written(self.narrative[start:stop]))}</mark>',
            ]
            end = stop
        parts.append(escape(written(self.narrative[end:])))
        items = "".join(f"<li><b>{f.kind}</b>: {escape(visible(f.why))}</li>" for f in self.findings)
        return (
            f'<figure class="mathjax_ignore tex2jax_ignore" style="margin:0.5em 0"><p style="white-space:pre-wrap;'
            f'max-width:46em">{"".join(parts)}</p><ul>{items}</ul>'
            f'<figcaption style="font-size:0.85em">{escape(self._verdict())}</figcaption></figure>'
        )


def check_narrative(narrative: str | Narrative, facts: Facts | None = None) -> Checked:
    """Holds what a narrative says against the facts. facts: a Narrative's own, or those that a text is about.

    The rules read English. A claim that they don't recognise is not checked, so "nothing found" is no proof. Raises
    OptionError where there are no facts or no text, or more than 20,000 characters.
    """
    text, facts = (narrative.text, facts or narrative.facts) if isinstance(narrative, Narrative) else (narrative, facts)
    if not isinstance(text, str) or not isinstance(facts, Facts):
        raise OptionError("give a narrative's text and the Facts that it is about, as in check_narrative(text, facts)")
    if not text.strip() or len(text) > LONGEST:
        raise OptionError(f"the narrative has {len(text)} characters; give 1 to {LONGEST}")
    reader = _Reader(text, facts)
    for sentence in claims.read(text, reader.words, facts.text, reader.answers):
        reader.read(sentence)
    left_out = reader.left_out(text)
    recall = 1 - len(left_out) / len(facts.important) if facts.important else 1.0
    return Checked(text, tuple(dict.fromkeys([*reader.findings, *left_out])), reader.claims, recall)


class _Reader:
    """Goes through a narrative, sentence by sentence, and remembers what it was about."""

    def __init__(self, narrative: str, facts: Facts) -> None:
        self.facts = facts
        self.words = [word for word, _ in facts.words]
        self.scores = [score for _, score in facts.words]
        self.sizes = [abs(score) for score in self.scores]
        self.labels = [facts.prediction, *facts.others]
        self.answers = [*self.labels, *(test.prediction for test in facts.tested)] if facts.next_word else []
        self.text = claims.folded(facts.text)
        alike = {word: claims.pieces(word) for word in self.words}
        self.same = [[i for i, other in enumerate(self.words) if alike[other] == alike[word]] for word in self.words]
        self.known = {claims.folded(one) for one in (*self.labels, *self.answers, facts.method, facts.model)}
        self.shown: dict[str, set[str]] = {}
        for test in facts.tested:
            self.shown.setdefault(claims.folded(test.without), set()).add(test.prediction)
        self.predicted = claims.holds(narrative, facts.prediction)
        self.findings: list[Finding] = []
        self.claims = 0
        self.named: set[tuple[str, ...]] = set()
        self.direction = 0  # the last that was told
        self.last: int | None = None  # the last word that was named

    def hold(self, right: bool, kind: Kind, span: Span | None, why: str) -> None:
        self.claims += 1
        if not right:
            self.findings.append(Finding(kind, span, f"{why}: {SAID[kind]}"))

    def read(self, sentence: Sentence) -> None:
        self._quotes(sentence)
        self._signs(sentence)
        self._orders(sentence)
        self._prediction(sentence)
        self._causes(sentence)
        self.named.update(claims.pieces(self.words[m.word]) for m in sentence.mentions)
        if sentence.mentions:
            self.last = sentence.mentions[-1].word

    def left_out(self, narrative: str) -> list[Finding]:
        """What only the whole narrative shows: important words that it doesn't name, and a prediction."""
        if self.facts.next_word:
            self.hold(self.predicted, "prediction", None, f'"{self.facts.prediction}" is not named')
        labels = set(map(claims.pieces, self.labels))  # "the label is positive" names no word
        maybe = {claims.pieces(self.words[m.word]) for m in claims.mentions(narrative, self.words, generous=True)}
        told = self.named | (maybe - labels)
        missing = [word for word in self.facts.important if claims.pieces(word) not in told]
        return [Finding("omission", None, f'"{word}": {SAID["omission"]}') for word in missing]

    def _quotes(self, sentence: Sentence) -> None:
        for quote in claims.quotes(sentence):
            if claims.folded(quote.text) not in self.known:
                within = claims.within(quote.text, self.text)
                kind: Kind = "prediction" if self.facts.next_word and not self.predicted and not within else "quote"
                self.hold(within, kind, sentence.span, f'"{quote.text}"')

    def _signs(self, sentence: Sentence) -> None:
        if cues.REMOVAL.search(sentence.text):
            return
        for group, sign in claims.signs(sentence, self.labels, self.direction):
            self.direction = sign or self.direction
            for mention in group.mentions if sign else ():
                if not mention.phrase:
                    side = "for" if sign > 0 else "against"
                    right = any(self.scores[i] * sign >= 0 for i in self.same[mention.word])
                    self.hold(right, "sign", sentence.span, f'"{self.words[mention.word]}" told {side}')

    def _orders(self, sentence: Sentence) -> None:
        tie = TIE * max(self.sizes, default=0.0)
        for order, about in claims.orders(sentence):
            if order == "above":
                greater, smaller = about
                right = self._size(greater, max) >= self._size(smaller, min) - tie
                why = f'"{self.words[greater]}" above "{self.words[smaller]}"'
            else:
                nth, word = about if order == "nth" else (1, about[0])
                places = [self._places(i, tie, sides=order != "first") for i in self.same[word]]
                right = any(nth in place for place in itertools.chain(*places))
                why = f'"{self.words[word]}" at place {nth}'
            self.hold(right, "rank", sentence.span, why)

    def _size(self, word: int, which: Callable[[Iterable[float]], float]) -> float:
        """The greatest or the least size of the words that read like this one."""
        return which(self.sizes[i] for i in self.same[word])

    def _places(self, word: int, tie: float, sides: bool) -> list[range]:
        """The places by size that a word may be said to have, among all; sides: and among those with its sign."""
        size, score = self.sizes[word], self.scores[word]
        pools = [self.sizes]
        if sides:
            pools.append([abs(other) for other in self.scores if other * score > 0])
        return [range(1 + sum(x > size + tie for x in pool), 1 + sum(x >= size - tie for x in pool)) for pool in pools]

    def _prediction(self, sentence: Sentence) -> None:
        if self.facts.next_word:
            told = claims.stated(sentence, ())
        else:
            told = claims.verdicts(sentence, self.labels) or claims.stated(sentence, self.labels)
        for label in told:
            right = claims.pieces(label) == claims.pieces(self.facts.prediction)
            self.hold(right, "prediction", sentence.span, f'"{label}"')
        for low, high in claims.confidences(sentence, self.sizes, self.labels):
            right = low - 1e-9 <= self.facts.probability <= high + 1e-9
            self.hold(right, "confidence", sentence.span, f"{max(low, 0):.2f} to {min(high, 1):.2f}")

    def _causes(self, sentence: Sentence) -> None:
        for cue in claims.causes(sentence):
            self.hold(False, "cause", sentence.span, f'"{cue}"')
        for word, label in claims.removals(sentence, self.last, self.labels):
            name = "" if word is None else self.words[word]
            shown = self.shown.get(claims.folded(name), set())
            right = bool(shown) and (label is None or label in shown)
            why = f'without "{name}"' if name else "a change"
            self.hold(right, "cause", sentence.span, f"{why} {label}" if shown and label else why)


# --- how good is the check? -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A narrative of which it is known what is wrong with it. error: a kind, or None. wrong: what, in words."""

    narrative: str
    facts: Facts
    error: Kind | None
    wrong: str
    split: str


def examples(split: str | None = "test") -> tuple[Example, ...]:
    """The narratives on which the check is measured ("test"), those it was written with ("dev"), or all (None)."""
    folder = data_folder() / "narratives"
    lines = (folder / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    known = dict(enumerate(map(Facts.from_json, lines)))
    found = []
    for line in (folder / "narratives.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if split in (None, row["split"]):
            found.append(Example(row["narrative"], known[row["facts"]], row["error"], row["wrong"], row["split"]))
    if not found:
        raise FormatError(f"split={split!r}: there are dev and test")
    return tuple(found)


@dataclass(frozen=True)
class Measured:
    """How often the check finds what is wrong, and finds fault with what is right.

    found: for each kind, (narratives with that planted error in which an error of that kind was found, of so many).
    noticed: the same where an error of any kind was found. alarms: (right narratives with a finding, of so many).
    """

    found: dict[Kind, tuple[int, int]]
    noticed: dict[Kind, tuple[int, int]]
    alarms: tuple[int, int]
    alarms_by_kind: dict[Kind, int]

    def table(self) -> Table:
        """One row for each kind; shares with their 95 % intervals (Wilson)."""
        rows: list[tuple[str, ...]] = [
            (kind, _share(*self.found[kind]), _share(*self.noticed[kind]), str(self.alarms_by_kind.get(kind, 0)))
            for kind in self.found
        ]
        rows.append(("right narratives", "", "", _share(*self.alarms)))
        return Table("what the check finds", ("planted error", "found as such", "noticed", "false alarms"), tuple(rows))

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def measured(narratives: Sequence[Example]) -> Measured:
    """Runs the check over narratives and counts."""
    results = [(one.error, check_narrative(one.narrative, one.facts).kinds) for one in narratives]
    kinds = [kind for kind in KINDS if any(error == kind for error, _ in results)]
    right = [found for error, found in results if error is None]
    planted = {kind: [found for error, found in results if error == kind] for kind in kinds}
    return Measured(
        found={kind: (sum(kind in found for found in all_), len(all_)) for kind, all_ in planted.items()},
        noticed={kind: (sum(bool(found) for found in all_), len(all_)) for kind, all_ in planted.items()},
        alarms=(sum(bool(found) for found in right), len(right)),
        alarms_by_kind=dict(Counter(kind for found in right for kind in found)),
    )


def _share(part: int, whole: int) -> str:
    low, high = Share(part, whole).interval
    share = f" ({part / whole:.0%}; {low:.0%} to {high:.0%})" if whole else ""
    return f"{part} of {whole}{share}"
