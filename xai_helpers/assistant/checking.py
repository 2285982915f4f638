"""Is a narrative true of the numbers that it retells?

`check_narrative` reads prose into claims (claims.py) and holds each against the facts (narrative.py). It finds seven
kinds of error: a quotation that is not in the text, a wrong sign, a wrong rank, another prediction, another confidence,
an important word left out, and a cause that no test has shown. It needs no model. What it does not find is measured:
`measured` runs it over narratives of which it is known what is wrong with them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ..errors import FormatError, OptionError
from ..installation import data_folder
from ..viz.table import Table
from ..viz.wording import visible, written
from . import claims, cues
from .claims import KINDS, Kind, Mention, Span
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
    if isinstance(narrative, Narrative):
        narrative, facts = narrative.text, facts or narrative.facts
    if not isinstance(narrative, str) or not isinstance(facts, Facts):
        raise OptionError("give a narrative's text and the Facts that it is about, as in check_narrative(text, facts)")
    if not narrative.strip() or len(narrative) > LONGEST:
        raise OptionError(f"the narrative has {len(narrative)} characters; give 1 to {LONGEST}")
    words = [word for word, _ in facts.words]
    named = claims.mentions(narrative, words)
    reader = _Reader(narrative, facts, named)
    for span in claims.sentences(narrative):
        reader.read(span)
    reader.whole()
    left_out = sum(finding.kind == "omission" for finding in reader.findings)
    recall = 1 - left_out / len(facts.important) if facts.important else 1.0
    return Checked(narrative, tuple(dict.fromkeys(reader.findings)), reader.claims, recall)


class _Reader:
    """Goes through a narrative, sentence by sentence, and remembers what it was about."""

    def __init__(self, narrative: str, facts: Facts, named: Sequence[Mention]) -> None:
        self.narrative, self.facts, self.named = narrative, facts, named
        self.words = [word for word, _ in facts.words]
        self.scores = [score for _, score in facts.words]
        self.labels = [facts.prediction, *facts.others]
        self.predicted = claims.folded(facts.prediction) in claims.folded(narrative)
        self.findings: list[Finding] = []
        self.claims = 0
        self.masked = claims.masked(narrative, named, facts.text)
        self.direction = 0
        self.last: int | None = None

    def hold(self, right: bool, kind: Kind, span: Span | None, why: str) -> None:
        self.claims += kind != "omission"
        if not right:
            self.findings.append(Finding(kind, span, f"{why}: {SAID[kind]}"))

    def read(self, span: Span) -> None:
        self._quotes(span)
        if not cues.REMOVAL.search(self.masked[slice(*span)]):
            self._signs(span)
        for order, about in claims.orders(self.masked, span, self.named):
            self.hold(*self._ordered(order, about, span))
        if not self.facts.next_word:
            for label in claims.verdicts(self.masked, span, self.named, self.labels):
                self.hold(label == self.facts.prediction, "prediction", span, f'"{label}"')
        for low, high in claims.confidences(self.masked, span, [abs(score) for score in self.scores], self.labels):
            right = low - 1e-9 <= self.facts.probability <= high + 1e-9
            self.hold(right, "confidence", span, f"{max(low, 0):.2f} to {min(high, 1):.2f}")
        self._causes(span)
        here = [m.word for m in self.named if span[0] <= m.start < span[1]]
        self.last = here[-1] if here else self.last

    def _signs(self, span: Span) -> None:
        for group, sign in claims.signs(self.masked, span, self.named, self.labels, self.direction):
            self.direction = sign or self.direction
            for mention in group.mentions if sign else ():
                if not mention.phrase:
                    right = self.scores[mention.word] * sign >= 0
                    side = "for" if sign > 0 else "against"
                    self.hold(right, "sign", span, f'"{self.words[mention.word]}" told {side}')

    def whole(self) -> None:
        """What only the whole narrative shows: what is left out, and a prediction that is not named."""
        told = {self.words[m.word] for m in claims.mentions(self.narrative, self.words, generous=True)}
        for word in self.facts.important:
            self.hold(word in told, "omission", None, f'"{word}"')
        if self.facts.next_word:
            self.hold(self.predicted, "prediction", None, f'"{self.facts.prediction}" is not named')

    def _quotes(self, span: Span) -> None:
        text = claims.folded(self.facts.text)
        known = {claims.folded(one) for one in (*self.labels, self.facts.method, self.facts.model)}
        for start, end, quote in claims.quotations(self.narrative):
            piece = claims.folded(quote)
            heading = quote.rstrip().endswith(":") or self.narrative[end : end + 4].lstrip('*_`"”’ ').startswith(":")
            if not span[0] <= start < span[1] or piece in known or heading or not re.search(r"[^\W\d_]", quote):
                continue
            within = all(claims.folded(part) in text for part in re.split(r"…|\.\.\.", quote) if part.strip())
            if self.facts.next_word and not self.predicted and not within:
                self.hold(False, "prediction", span, f'"{quote}"')
            else:
                self.hold(within, "quote", span, f'"{quote}"')

    def _ordered(self, order: str, about: tuple[int, ...], span: Span) -> tuple[bool, Kind, Span, str]:
        sizes = [abs(score) for score in self.scores]
        tie = TIE * max(sizes, default=0.0)
        if order == "above":
            greater, smaller = about
            right = sizes[greater] >= sizes[smaller] - tie
            return right, "rank", span, f'"{self.words[greater]}" above "{self.words[smaller]}"'
        nth, word = about if order == "nth" else (1, about[0])
        pools = (
            [range(len(sizes))]
            if order == "first"
            else [range(len(sizes)), [i for i in range(len(sizes)) if self.scores[i] * self.scores[word] > 0]]
        )
        places = [
            (1 + sum(sizes[i] > sizes[word] + tie for i in pool), sum(sizes[i] >= sizes[word] - tie for i in pool))
            for pool in pools
        ]
        right = any(low <= nth <= high for low, high in places)
        return right, "rank", span, f'"{self.words[word]}" at place {nth}'

    def _causes(self, span: Span) -> None:
        for cue in claims.causes(self.masked, span):
            self.hold(False, "cause", span, f'"{cue}"')
        shown = {test.without.lower(): test.prediction for test in self.facts.tested}
        for word, label in claims.removals(self.masked, span, self.named, self.last, self.labels):
            name = None if word is None else self.words[word]
            known = name is not None and name.lower() in shown
            right = known and label in (None, shown[name.lower()])
            why = f'without "{name}" {label}' if known else f'without "{name}"' if name else "a change"
            self.hold(right, "cause", span, why)


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
        """One row for each kind, with 95 % intervals (Wilson)."""
        rows = [
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
    return f"{part} of {whole} ({part / whole:.0%})"
