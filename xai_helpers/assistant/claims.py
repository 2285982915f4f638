"""What does a narrative claim? Prose about one prediction, read into claims that can be held against numbers.

The reader is a set of rules, not a language model: it looks for words of the explained text, for what is said of them
in the same clause, and for what is said of the prediction. Rules miss what they were not written for; how much they
miss is measured in chapter 08a. `check_narrative` in narrative.py compares the claims with the facts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from . import cues

Kind = Literal["quote", "sign", "rank", "prediction", "confidence", "omission", "cause"]
KINDS: tuple[Kind, ...] = ("quote", "sign", "rank", "prediction", "confidence", "omission", "cause")
Span = tuple[int, int]


@dataclass(frozen=True)
class Claim:
    """One claim of a narrative.

    kind: what it is about. span: its sentence's characters in the narrative. words: which of the facts' words it is
    about, by index (none for a quotation that stands in no text). value: what is claimed: the quotation; 1 or -1 for
    or against the prediction; ("first", group) or ("order", group) for ranks; a label; a range of probabilities; or,
    of a removed word, the label that is said to follow, or the words that claim an untested cause.
    """

    kind: Kind
    span: Span
    words: tuple[int, ...]
    value: object


@dataclass(frozen=True)
class Mention:
    """A word of the explained text, named in the narrative. marked: in quotation marks, bold or code."""

    word: int
    start: int
    end: int
    marked: bool
    phrase: bool = False  # it stands with others in a quotation


# --- sentences, quotations, mentions --------------------------------------------------------------------------------

MARKS = (
    r"“([^“”\n]+)”",
    r"‘([^‘’\n]+)’(?!\w)",
    r"«([^«»\n]+)»",
    r"`([^`\n]+)`",
    r"\*\*([^*\n]+)\*\*",
    r"(?<!\*)\*([^*\n]+)\*(?!\*)",
    r'"([^"\n]+)"',
    r"(?<!\w)'([^'\n]+)'(?!\w)",
)
QUOTED = re.compile("|".join(MARKS))
# A full stop ends a sentence where a blank and no small letter follow; lines are sentences of their own.
SENTENCE = re.compile(r"[^\n]+?(?:(?<!p)[.!?]+[”’»\"'`*)]*(?=\s+[^a-z\s]|\s*$)|(?=\n|$))")
WORD = re.compile(r"\w+(?:['’-]\w+)*")


def sentences(narrative: str) -> list[Span]:
    """The characters of each sentence."""
    return [one.span() for one in SENTENCE.finditer(narrative) if one[0].strip()]


def quotations(narrative: str) -> list[tuple[int, int, str]]:
    """Start, end and content of everything in quotation marks, bold or code."""
    found = []
    for one in QUOTED.finditer(narrative):
        group = one.lastindex or 0
        found.append((one.start(group), one.end(group), one[group]))
    return found


def folded(text: str) -> str:
    """Words alone, in small letters, single blanks, blanks at the ends: what quotations are compared by."""
    return f" {' '.join(WORD.findall(text.lower().replace('’', chr(39))))} "


def mentions(narrative: str, words: Sequence[str], generous: bool = False) -> list[Mention]:
    """Where the narrative names which of these words, in order.

    generous: a common word that is not marked counts also where it may well be named, as in "father and for".
    """
    place: dict[str, int] = {}
    for i, word in enumerate(words):
        place.setdefault(folded(word).strip(), i)
    marks = quotations(narrative)
    found = []
    for one in WORD.finditer(narrative):
        i = place.get(one[0].lower().replace("’", "'"))
        if i is None:
            continue
        common = one[0].lower() in cues.COMMON
        quote = next((text for start, end, text in marks if start <= one.start() and one.end() <= end), None)
        # a long quotation is a phrase, and names none of its common words
        acting = quote is None and re.search(
            r"\b(?:model|classifier|system|network|it)(?: \w+ly)? $", narrative[: one.start()], re.I
        )
        if acting and not re.match(r"\W*[+−-]?\d", narrative[one.end() :]):
            continue  # "the model calls": what it does, whatever stands in the text
        marked = quote is not None and (len(quote.split()) <= 3 or not common)
        if marked or not common or (_maybe if generous else _named)(narrative, one.start(), one.end(), words[i]):
            found.append(
                Mention(i, one.start(), one.end(), marked, marked and quote is not None and len(quote.split()) > 1)
            )
    return found


def masked(narrative: str, named: Sequence[Mention], text: str) -> str:
    """The narrative with what it quotes or names blotted out: "learned" claims nothing where it is a word of the text."""
    blotted = list(narrative)
    quoted = [(start, end) for start, end, quote in quotations(narrative) if folded(quote) in folded(text)]
    for start, end in [*quoted, *((m.start, m.end) for m in named)]:
        blotted[start:end] = "■" * (end - start)
    return "".join(blotted)


def _named(narrative: str, start: int, end: int, word: str) -> bool:
    """Whether a common word is spoken of and not used: beside its score, where a line begins, or after "word"."""
    before, after = narrative[max(0, start - 24) : start], narrative[end : end + 24]
    number = re.match(r"\s*(\(|:|=|at|with)?\s*[+−-]?\d*\.\d", after)
    if number and not re.search(r"\d\s*$", before) and (number[1] or word.lower() not in cues.PLAIN):
        return True
    if any(
        context.search(before) and follows.match(after) and word.lower() not in never
        for context, follows, never in cues.NAMED
    ):
        return True
    begins = re.search(r"(?:^|\n)\W*$|[.!?]\s+$", before if start > 24 else f"\n{before}")
    if not begins:
        return narrative[start].isupper() and word[0].isupper() and not before.rstrip().endswith(":")
    if word.lower() in cues.VAGUE:
        return False
    return narrative[start].islower() or bool(word[0].isupper() and cues.SPEAKS.match(after))


def _maybe(narrative: str, start: int, end: int, word: str) -> bool:
    """Whether a common word may be spoken of: also between commas, in a list, or where something is said of it."""
    before, after = narrative[max(0, start - 24) : start], narrative[end : end + 24]
    beside = re.search(r"(?:,|\band|\bthen|\bby|\bis) $", before) and re.match(r"[,.;:)]| and\b| \(", after)
    said = cues.SPEAKS.match(after) or re.match(r" and | (?:first|second|third)\b|,? [+−-]\d", after)
    return bool(beside or said) or _named(narrative, start, end, word)


# --- what is said of a group of words -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Neighbouring mentions that are spoken of together, and what stands around them in the sentence.

    before, after: up to the groups beside this one. turned: whether a new clause begins in `before`.
    """

    mentions: tuple[Mention, ...]
    before: str
    after: str
    turned: bool

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(m.word for m in self.mentions))


def groups(narrative: str, span: Span, named: Sequence[Mention]) -> list[Group]:
    """The mentions of a sentence, those joined by nothing but glue together."""
    parted: list[list[Mention]] = []
    for m in (m for m in named if span[0] <= m.start and m.end <= span[1]):
        between = narrative[parted[-1][-1].end : m.start] if parted else ""
        listed = parted and re.search(r"\band\b", narrative[parted[-1][0].end : parted[-1][-1].start])
        if parted and cues.GLUE.match(between) and not re.search(r"\d", between) and not (listed and "and" in between):
            parted[-1].append(m)
        else:
            parted.append([m])
    edges = [span[0], *(edge for group in parted for edge in (group[0].start, group[-1].end)), span[1]]
    between = [narrative[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [
        Group(tuple(group), between[k], between[k + 1], bool(k and cues.TURN.search(between[k])))
        for k, group in enumerate(parted)
    ]


def direction(text: str, labels: Sequence[str], last: bool = False) -> int:
    """1, -1, or 0: whether a stretch of prose says "for" or "against" the prediction, labels[0]; first or last said."""
    said = sorted(
        [(one.start(), one.end(), 1) for one in cues.FOR.finditer(text)]
        + [(one.start(), one.end(), -1) for one in cues.AGAINST.finditer(text)],
        key=lambda cue: (cue[0], -cue[1]),
    )
    kept: list[tuple[int, int, int]] = []
    for cue in said:  # "pulls against" and "opposing contributions" are one cue, and a minus
        if kept and kept[-1][2] < cue[2] and not text[kept[-1][1] : cue[0]].strip():
            cue = (*cue[:2], kept[-1][2])
        if kept and (cue[0] < kept[-1][1] or (cue[2] < kept[-1][2] and len(text[kept[-1][1] : cue[0]].split()) <= 3)):
            kept[-1] = (kept[-1][0], max(kept[-1][1], cue[1]), min(kept[-1][2], cue[2]))
        else:
            kept.append(cue)
    if not kept:
        return 0
    _, end, sign = kept[-1 if last else 0]
    label = label_after(text[end:], labels)
    return sign if label in (None, labels[0]) else -sign


def label_after(text: str, labels: Sequence[str]) -> str | None:
    """The label that a direction is said to be of, where one follows at once."""
    filler = r"(?:towards?|to|for|an?|the|this|that|being|of|rating|predicted|class|side|label|word|token)"
    near = re.match(rf"[\s\"'“‘«`*]*(?:{filler}\b[\s\"'“‘«`*]*){{0,4}}({any_of(labels)})\b", text, re.I)
    return next(label for label in labels if label.lower() == near[1].lower()) if near else None


def any_of(labels: Sequence[str]) -> str:
    """A pattern of any of these, as they are."""
    return "|".join(map(re.escape, labels))


def signs(
    narrative: str, span: Span, named: Sequence[Mention], labels: Sequence[str], before: int = 0
) -> list[tuple[Group, int]]:
    """Each group of a sentence with the direction that is claimed of it, 0 for none.

    labels: the prediction's, then others. before: the direction of the group before this sentence, for "so does".
    """
    found: list[tuple[Group, int]] = []
    last = 0  # of this sentence
    free = True  # whether what stands before this group was not said of the one before
    all_ = groups(narrative, span, named)
    for k, group in enumerate(all_):
        mine, _ = parted_clauses(group.after)
        own = parted_clauses(group.before)[1] if found else cues.TURN.split(group.before)[-1]
        sign, inverted = _written(group), 0
        if not sign and (last or before) and re.search(r"\bon (?:its|that|the same) side\b", mine):
            sign = last or before
        if not sign:
            inverted = direction(own, labels, last=True) if free or own != group.before else 0
            said = direction(re.split(r",? and\b", mine)[0] if inverted else mine, labels)
            sign = said or inverted
        if not sign and cues.SAME.search(mine):
            sign = last or before
        if not sign and last and not group.turned and cues.JOINS.search(group.before):
            sign = last
        if not sign and k == len(all_) - 1 and re.match(r"\W*, with", group.after):
            sign = direction(group.after, labels)  # "with about half of its weight, is also in favour"
        if sign and re.search(r"\b(?:both|all|each)\b", mine):
            found = [(one, was or sign) for one, was in found]
        free = not (sign and not inverted)
        last = sign or last
        found.append((group, sign))
    return found


def parted_clauses(text: str) -> tuple[str, str]:
    """What of the words between two groups is said of the first, and what of the second."""
    turn = cues.TURN.search(text) or cues.INVERTED.search(text)
    return (text[: turn.start()], text[turn.end() :]) if turn else (text, text)


def _written(group: Group) -> int:
    """The sign of the score that stands beside the group."""
    number = cues.NUMBER.match(group.after) if not (ahead := cues.AHEAD.search(group.before)) else ahead
    return 0 if not number else (1 if number[1] == "+" else -1)


# --- what is said of their order ------------------------------------------------------------------------------------

NTH = {1: 2, 2: 3, 3: 4}
Order = tuple[Literal["first", "first of its side", "nth", "above"], tuple[int, ...]]


def orders(narrative: str, span: Span, named: Sequence[Mention]) -> list[Order]:
    """What a sentence claims about the order of words by size.

    ("first", (word,)): greatest of all; or of those with its sign. ("nth", (n, word)). ("above", (greater, smaller)).
    """
    said: list[Order] = []
    found = groups(narrative, span, named)
    own = re.split(r",? and\b", cues.TURN.split(found[0].before)[-1])[-1] if found else ""
    for k, group in enumerate(found):
        mine, theirs = _divided(group.after) if k + 1 < len(found) else (group.after, "")
        first, words = _place(own, group, "") or _place(mine, group, own), group.words
        said += first
        between = [narrative[a.end : b.start] for a, b in zip(group.mentions, group.mentions[1:], strict=False)]
        ordered = cues.ORDERED.search(narrative[span[0] : span[1]])
        said += [
            ("above", (a.word, b.word))
            for a, b, glue in zip(group.mentions, group.mentions[1:], between, strict=False)
            if ordered or re.search(r"\bthen\b", glue)
        ]
        earlier = [*(found[k - 1].words if k else ()), *words]
        if len(earlier) > 1 and cues.AFTER_IT.search(mine):
            said.append(("above", (earlier[-2], earlier[-1])))
        if len(words) == 2 and (former := cues.FORMER.search(group.after)):
            said.append(("above", words if former[1].lower() == "former" else words[::-1]))
        if len(words) == 1 and cues.THAN_ALL.search(mine):
            said.append(("first", words))
        if len(words) == 2 and between and re.search(r", and\b", between[0]):
            said += _place(own, replace(group, mentions=group.mentions[:1]), "")
        if k + 1 < len(found) and not found[k + 1].turned:
            below = found[k + 1].words
            if cues.UP.search(group.after):
                said.append(("above", (below[0], words[-1])))
            elif cues.DOWN.search(theirs) or (cues.DOWN.search(group.after) and not first):
                said.append(("above", (words[-1], below[0])))
        own = cues.TURN.split(theirs)[-1]
    return said


def _divided(text: str) -> tuple[str, str]:
    """What of the words between two groups is said of the first, and what of the second, by a first comma or "and"."""
    start = re.match(r"[\s\"'”’»`*()\d.+−-]*(?:, (?:(which|who|whose)|at|with|in|by|above all|the|a)\b)?", text)
    since = start.end() if start else 0
    if start and start[1]:  # a relative clause ends with a comma, and its main clause goes on
        since = text.find(",", since) + 1 or len(text)
    parts = cues.PARTS.search(text, since)
    step = cues.STEP.search(text)
    cut = min((one.start() for one in (parts, step) if one), default=len(text))
    if step and cues.MOST.search(text[: step.start()]):
        cut = step.start()
    return text[:cut], text[cut:]


def _place(text: str, group: Group, beside: str) -> list[Order]:
    """The rank that a stretch of prose gives to one word. beside: what else may say of which side."""
    if len(group.words) != 1 or group.mentions[0].phrase:
        return []
    if nth := cues.ORDINAL.search(text):
        return [("nth", (NTH[nth.lastindex or 1], group.words[0]))]
    if cues.MOST.search(text) and not cues.NOT_MOST.search(text):
        about = f"{text} {beside}"
        sided = (
            cues.FOR.search(about)
            or cues.AGAINST.search(about)
            or cues.SIDED.search(about)
            or not cues.OVERALL.search(text)
        )
        return [("first of its side" if sided else "first", group.words)]
    return []


# --- what is said of the prediction ---------------------------------------------------------------------------------


def verdicts(narrative: str, span: Span, named: Sequence[Mention], labels: Sequence[str]) -> list[str]:
    """The labels that a sentence gives as the model's prediction, and not as the side of a word."""
    said = []
    inside = narrative[span[0] : span[1]]
    for one in re.finditer(rf"\b(?:{any_of(labels)})\b", inside, re.I):
        label = next(label for label in labels if label.lower() == one[0].lower())
        before = re.split(r"[;.]|\bwhile\b|\bwhereas\b|\balthough\b", inside[: one.start()])[-1]
        start = span[0] + one.start() - len(before)
        words = [m for m in named if m.marked and start <= m.start < span[0] + one.start()]
        since = narrative[words[-1].end : span[0] + one.start()] if words else before
        heads = re.fullmatch(r"\W*(?:[\w ]+[:=])?\W*(?:p ?\()?\W*", inside[: one.start()])
        if cues.REMOVAL.search(inside) or re.match(
            r"\W*(?:score|value|contribution|entr|number|sign|pattern)", inside[one.end() :]
        ):
            continue
        if heads or (_verdict(since) and not (words and (_sided(since) or cues.BEING.fullmatch(since)))):
            said.append(label)
    return said


_VALUE = r"(?:magnitude|score|value|weight|contribution|number|sign|entry|size)s?"


def _verdict(text: str) -> bool:
    """Whether a label that follows is what the model says: a verb of saying, and no direction after it."""
    says = [
        one
        for one in cues.SAYS.finditer(text)
        if not re.search(rf"\b{_VALUE} (?:of \S+ )?$", text[: one.start()], re.I)
    ]
    if not says:
        return False
    return not _sided(text[says[-1].start() :], strict=True)


def _sided(text: str, strict: bool = False) -> bool:
    last = max([one.end() for pattern in (cues.FOR, cues.AGAINST) for one in pattern.finditer(text)], default=-1)
    return (
        last >= 0
        and len(WORD.findall(text[last:])) <= 3
        and not (strict and re.search(r"\b(?:lean|tend|c[oa]me|went|go|decid|vote)\w*\b", text))
    )


# --- what is said of its confidence ---------------------------------------------------------------------------------

_TENS = {w: n for n, w in enumerate("one two three four five six seven eight nine ten".split(), 1)}
Range = tuple[float, float]


def confidences(narrative: str, span: Span, sizes: Sequence[float], labels: Sequence[str]) -> list[Range]:
    """The probabilities that a sentence gives the prediction, each as a range. sizes: of the words' scores."""
    free = narrative[span[0] : span[1]]
    if cues.REMOVAL.search(free):
        return []
    ranges = [
        _around(one, float(one[1]) / 100, 10.0 ** -len(one[1].partition(".")[2]) / 200, free)
        for one in cues.PERCENT.finditer(free)
    ]
    told = cues.PROBABLE.search(free) or any(re.search(rf"\b{re.escape(label)}\b", free, re.I) for label in labels)
    for one in cues.DECIMAL.finditer(free) if told else ():
        digits = len(one[1].partition(".")[2])
        score = any(abs(round(size, digits) - float(one[1])) < 1e-9 for size in sizes)
        if not (score and (digits > 1 or "■" in free[: one.start()])):
            ranges.append(_around(one, float(one[1]), 10.0**-digits / 2, free))
    ranges += [
        _near(_count(one[1]) / _count(one[2])) for one in cues.OUT_OF.finditer(free) if _count(one[1]) <= _count(one[2])
    ]
    ranges += [_near(_count(one[1]) / (_count(one[1]) + 1)) for one in cues.ODDS.finditer(free)]
    ranges += [_near(2 / 3 if one[1][:2].lower() == "tw" else 3 / 4) for one in cues.PART.finditer(free)]
    calm = cues.NO.sub("", free)
    if cues.UNSURE.search(calm):
        ranges.append((0.0, 0.8))
    elif cues.FAIRLY.search(calm):
        ranges.append((0.65, 0.97))
    elif cues.CERTAIN.search(free):
        ranges.append((0.9, 1.0))
    elif re.search(r"\bconfident\b", calm):
        ranges.append((0.72, 1.0))
    return ranges


def _around(one: re.Match[str], value: float, rounding: float, text: str) -> Range:
    """A number with its rounding, or with what "over" or "about" say of it."""
    before = text[max(0, one.start() - 24) : one.start()]
    if re.search(r"\b(?:over|above|more than|at least|exceed\w*|upwards of)(?: \w+)?\s*$", before, re.I):
        return value - rounding, 1.0
    if (
        re.search(r"\b(?:under|below|less than|at most|no more than)(?: \w+)?\s*$", before, re.I)
        and "no more" not in before
    ):
        return 0.0, value + rounding
    loose = (
        0.03
        if re.search(
            r"(?:\b(?:about|around|roughly|some|nearly|almost|close to|approximately|or so)|≈|~)\s*(?:p\s*=\s*)?$",
            before,
            re.I,
        )
        else 0.006
    )
    return value - max(rounding, loose), value + max(rounding, loose)


def _near(value: float) -> Range:
    return value - 0.07, value + 0.07


def _count(word: str) -> int:
    return _TENS.get(word.lower()) or max(1, int(word))


# --- what is said of causes -----------------------------------------------------------------------------------------


MANY = r"\beach word\b|\bin turn\b|\bone (?:at a time|by one)\b"


def causes(narrative: str, span: Span) -> list[str]:
    """The words of a sentence that claim what only a test, or nothing, could show."""
    inside = narrative[span[0] : span[1]]
    return [one[0] for pattern in (cues.MIND, cues.BECAUSE) for one in pattern.finditer(inside)]


def removals(
    narrative: str, span: Span, named: Sequence[Mention], earlier: int | None, labels: Sequence[str]
) -> list[tuple[int | None, str | None]]:
    """Each word that a sentence says was, or would be, removed or replaced, and the label that it says would follow.

    earlier: the last word named before this sentence, for "that word". The label is None where none is told.
    """
    inside = narrative[span[0] : span[1]]
    unreal = cues.WOULD.search(inside) and re.search(r"\b(?:if|had|were)\b", inside, re.I)
    ends = [span[0] + cue.end() for cue in cues.REMOVAL.finditer(inside)] or ([span[0]] if unreal else [])
    here = [m for m in named if span[0] <= m.start < span[1]]
    if (
        re.search(MANY, inside)
        if here
        else re.search(rf"{MANY}|\b(?:both|either|each|all|tests|ablations)\b", inside, re.I)
    ):
        return []
    gone = dict.fromkeys(_nearest(here, end) if here else earlier for end in ends)
    told = {label for label in labels if re.search(rf"\b{re.escape(label)}\b", inside, re.I)}
    told |= {labels[1]} if cues.FLIPS.search(inside) else set()
    told |= {labels[0]} if cues.STAYS.search(inside) or cues.DID_NOT.search(inside) else set()
    return [(word, next(iter(told)) if len(gone) == len(told) == 1 else None) for word in gone]


def _nearest(here: Sequence[Mention], end: int) -> int:
    """The word that a removal is about: the nearest, and rather one that follows."""
    return min(here, key=lambda m: m.start - end if m.start >= end - 2 else 2 * (end - m.end)).word
