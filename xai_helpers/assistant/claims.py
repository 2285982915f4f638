"""What does a narrative claim? Prose about one prediction, read into claims that can be held against numbers.

The reader is a set of rules, not a language model: it looks for words of the explained text, for what is said of them
in the same clause, and for what is said of the prediction; the vocabulary is in cues.py. Rules miss what they were not
written for; how much they miss is measured in chapter 08a. `check_narrative` in checking.py compares the claims with
the facts.

`read` cuts a narrative into sentences and finds the words that each names; one function for each kind of claim then
says what a sentence claims. A narrative may be anybody's text: no pattern takes much longer than in proportion to it.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from . import cues

Kind = Literal["quote", "sign", "rank", "prediction", "confidence", "omission", "cause"]
KINDS: tuple[Kind, ...] = ("quote", "sign", "rank", "prediction", "confidence", "omission", "cause")
Span = tuple[int, int]
NEAR = 24  # characters on either side of a word that say whether it is named
REACH = 400  # characters before a label that say what it is

# --- what is compared -----------------------------------------------------------------------------------------------

Piece = TypeVar("Piece", "Mention", "Quotation")
WORD = re.compile(r"\d+(?:[.,]\d+)++(?!\w)|\w+(?:['’-]\w+)*")
LETTER = re.compile(r"[^\W\d_]")


def pieces(text: str) -> tuple[str, ...]:
    """The words of a text in small letters: what quotations and names are compared by."""
    return tuple(map(_small, WORD.findall(text)))


def _small(word: str) -> str:
    return word.lower().replace("’", "'")


def folded(text: str) -> str:
    """The same as one text, with single blanks between the words and at the ends."""
    return f" {' '.join(pieces(text))} "


def holds(text: str, answer: str) -> bool:
    """Whether an answer stands in a text, whatever its capitals."""
    return folded(answer) in folded(text) if pieces(answer) else answer in text


def any_of(names: Iterable[str]) -> str:
    """A pattern of any of these, as whole words; next words such as "the" and "," are not told from other prose."""
    told = [name for name in names if pieces(name) and name.lower() not in cues.LITTLE | cues.TALK]
    told.sort(key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, told))})(?!\w)" if told else r"(?!)"


# --- sentences, quotations, mentions --------------------------------------------------------------------------------

QUOTED = re.compile(
    r"“([^“”\n]+)”|‘([^‘’\n]+)’(?!\w)|«([^«»\n]+)»|\"([^\"\n]+)\"|(?<!\w)'([^'\n]+)'(?!\w)"
    r"|`([^`\n]+)`|\*\*([^*\n]+)\*\*|(?<!\*)\*([^*\n]+)\*(?!\*)"
)
MANY = 3  # words
EMPHASIS = 6  # the first of the last three: code, bold, italics
# A full stop ends a sentence where a blank and no small letter follow; lines are sentences of their own.
STOP = re.compile(r"(?<![.!?])(?<!\bp)[.!?]++[”’»\"'`*)]*+(?=\s++[^a-z]|\s*+\Z)")
LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True)
class Quotation:
    """What stands in quotation marks, bold or code: its characters, without the marks. emphasis: in bold or code."""

    start: int
    end: int
    text: str
    emphasis: bool

    @property
    def stressed(self) -> bool:
        """Whether what it claims is read as prose too: a few words in bold are quoted, more may be stressed."""
        return self.emphasis and len(self.text.split()) > MANY


@dataclass(frozen=True)
class Mention:
    """A word of the explained text, named.

    word: its index among the facts' words; of several that read the same, the first. start, end: its characters in the
    narrative, or in the sentence. marked: in quotation marks, bold or code. phrase: there with other words.
    """

    word: int
    start: int
    end: int
    marked: bool
    phrase: bool = False


@dataclass(frozen=True)
class Sentence:
    """One sentence, as the rules read it.

    span: its characters in the narrative. text: those characters, with what it names or quotes of the explained text
    blotted out: "learned" claims nothing where it is a word of the text. mentions, quotes: in order, their characters
    counted from the sentence's first.
    """

    span: Span
    text: str
    mentions: tuple[Mention, ...]
    quotes: tuple[Quotation, ...]


def read(narrative: str, words: Sequence[str], text: str, answers: Sequence[str] = ()) -> list[Sentence]:
    """The sentences of a narrative about these words of a text. answers: of the model, which may be quoted as well."""
    named, quoted = mentions(narrative, words), quotations(narrative)
    masked = _masked(narrative, named, quoted, text, answers)
    return [
        Sentence((start, end), masked[start:end], _among(named, start, end), _among(quoted, start, end))
        for start, end in sentences(narrative)
    ]


def _among(pieces: Sequence[Piece], start: int, end: int) -> tuple[Piece, ...]:
    """Those that begin from start to end, counted from there."""
    first, last = (bisect_left(pieces, edge, key=lambda piece: piece.start) for edge in (start, end))
    return tuple(replace(piece, start=piece.start - start, end=piece.end - start) for piece in pieces[first:last])


def sentences(narrative: str) -> list[Span]:
    """The characters of each sentence."""
    found = []
    for line in LINE.finditer(narrative):
        ends = [stop.end() for stop in STOP.finditer(narrative, *line.span())]
        cuts = dict.fromkeys([line.start(), *ends, line.end()])
        found += [(start, end) for start, end in itertools.pairwise(cuts) if narrative[start:end].strip()]
    return found


def quotations(narrative: str) -> list[Quotation]:
    """Everything in quotation marks, bold or code, in order."""
    groups = ((one, one.lastindex or 0) for one in QUOTED.finditer(narrative))
    return [Quotation(one.start(group), one.end(group), one[group], group >= EMPHASIS) for one, group in groups]


def quotes(sentence: Sentence) -> list[Quotation]:
    """Those quotations of a sentence that claim to stand in the text: no headings, and nothing without a word."""
    return [
        one
        for one in sentence.quotes
        if LETTER.search(one.text)
        and not one.text.rstrip().endswith(":")
        and not sentence.text[one.end : one.end + 4].lstrip('*_`"”’ ').startswith(":")
    ]


def within(quotation: str, known: str) -> bool:
    """Whether a text, folded, holds a quotation, or each part of one with dots in it."""
    return all(folded(part) in known for part in re.split(r"…|\.\.\.", quotation) if part.strip())


def mentions(narrative: str, words: Sequence[str], generous: bool = False) -> list[Mention]:
    """Where the narrative names which of these words, in order.

    generous: a common word that is not marked counts also where it may well be named, as in "father and for".
    """
    marks = [mark for mark in quotations(narrative) if not mark.stressed]
    marked = [(mark.start, mark.end) for mark in marks]
    causes = [one.span() for one in cues.CAUSE.finditer(narrative)]
    named = _maybe if generous else _named
    found = []
    for i, start, end in _occurrences(narrative, words):
        common = _is_common(narrative[start:end])
        if (k := _holding(marked, start, end)) is not None:
            many = len(marks[k].text.split())  # a long quotation is a phrase, and names none of its common words
            if (many <= MANY or not common) and not _is_probability(narrative, start, end):
                found.append(Mention(i, start, end, marked=True, phrase=many > 1))
        elif not _used(narrative, start, end, cause=_holding(causes, start, end) is not None) and (
            not common or named(narrative, start, end, words[i])
        ):
            found.append(Mention(i, start, end, marked=False))
    return found


def _holding(spans: Sequence[Span], start: int, end: int) -> int | None:
    """Which of these spans, in order and apart, holds all of the characters from start to end."""
    k = bisect_right(spans, start, key=lambda span: span[0]) - 1
    return k if k >= 0 and end <= spans[k][1] else None


def _occurrences(narrative: str, words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Each place where a word stands in the narrative: its index, and its characters from start to end."""
    place: dict[tuple[str, ...], int] = {}
    for i, word in enumerate(words):
        place.setdefault(pieces(word), i)
    lengths = sorted({len(key) for key in place} - {0}, reverse=True)
    told = [(_small(one[0]), *one.span()) for one in WORD.finditer(narrative)]
    k = 0
    while k < len(told):
        keys = (tuple(piece for piece, _, _ in told[k : k + n]) for n in lengths)
        key = next((key for key in keys if key in place), ())
        if key:
            yield place[key], told[k][1], told[k + len(key) - 1][2]
        k += max(1, len(key))


def _is_common(word: str) -> bool:
    """Whether prose about a prediction may use a word, whatever stands in the text; so it may any number."""
    return word.lower() in cues.COMMON or not LETTER.search(word)


SCORE = re.compile(r"\W*[+−-]?\d")


def _used(narrative: str, start: int, end: int, cause: bool) -> bool:
    """Whether a word is said and not spoken of, whatever stands in the text: "the model calls", "because the".

    cause: it is one of those that claim a cause.
    """
    if SCORE.match(narrative, end, end + NEAR):
        return False
    before, after = (narrative, max(0, start - 2 * NEAR), start), (narrative, end, end + NEAR)
    return bool(cues.ACTING.search(*before) or (cause and (cues.SUBJECT.search(*before) or cues.OBJECT.match(*after))))


def _is_probability(narrative: str, start: int, end: int) -> bool:
    """Whether a number is a probability, though the text holds the same number and it stands in bold here."""
    return not LETTER.search(narrative, start, end) and bool(
        cues.PER_CENT.match(narrative, end, end + NEAR) or cues.CHANCE.search(narrative, max(0, start - NEAR), start)
    )


def _named(narrative: str, start: int, end: int, word: str) -> bool:
    """Whether a common word is spoken of and not used: beside its score, where a line begins, or after "word"."""
    before, after = narrative[max(0, start - NEAR) : start], narrative[end : end + NEAR]
    number = re.match(r"\s*(\(|:|=|at|with)?\s*[+−-]?\d*\.\d", after)
    if number and not re.search(r"\d\s*$", before) and (number[1] or word.lower() not in cues.PLAIN):
        return True
    if any(
        context.search(before) and follows.match(after) and word.lower() not in never
        for context, follows, never in cues.NAMED
    ):
        return True
    begins = re.search(r"(?:^|\n)\W*$|[.!?]\s+$", before if start > NEAR else f"\n{before}")
    if not begins:
        return narrative[start].isupper() and word[0].isupper() and not before.rstrip().endswith(":")
    if word.lower() in cues.VAGUE:
        return False
    return narrative[start].islower() or bool(word[0].isupper() and cues.SPEAKS.match(after))


def _maybe(narrative: str, start: int, end: int, word: str) -> bool:
    """Whether a common word may be spoken of: also between commas, in a list, or where something is said of it."""
    before, after = narrative[max(0, start - NEAR) : start], narrative[end : end + NEAR]
    beside = re.search(r"(?:,|\band|\bthen|\bby|\bis) $", before) and re.match(r"[,.;:)]| and\b| \(", after)
    said = cues.SPEAKS.match(after) or re.match(r" and | (?:first|second|third)\b|,? [+−-]\d", after)
    return bool(beside or said) or _named(narrative, start, end, word)


def _masked(
    narrative: str, named: Sequence[Mention], marks: Sequence[Quotation], text: str, answers: Sequence[str]
) -> str:
    """The narrative with what it names or quotes blotted out; an answer that it quotes stays, unless it is a cue."""
    blotted, known, said = list(narrative), folded(text), set(map(folded, answers))
    quoted = [
        (mark.start, mark.end)
        for mark in marks
        if (not mark.emphasis and LETTER.search(mark.text) and within(mark.text, known))
        or (folded(mark.text) in said and any(cue.search(mark.text) for cue in cues.CLAIMING))
    ]
    for start, end in [*quoted, *((m.start, m.end) for m in named)]:
        blotted[start:end] = "■" * (end - start)
    return "".join(blotted)


# --- what is said of a group of words -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Neighbouring mentions that are spoken of together, and what stands around them in the sentence.

    between: what stands between each two of them. before, after: what stands up to the groups beside this one. turned:
    whether a new clause begins in `before`.
    """

    mentions: tuple[Mention, ...]
    between: tuple[str, ...]
    before: str
    after: str
    turned: bool

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(m.word for m in self.mentions))


def groups(sentence: Sentence) -> list[Group]:
    """The mentions of a sentence, those joined by nothing but glue together; a list ends with its "and"."""
    parted: list[list[Mention]] = []
    glues: list[list[str]] = []
    for m in sentence.mentions:
        between = sentence.text[parted[-1][-1].end : m.start] if parted else ""
        ended = parted and "and" in between and any("and" in glue for glue in glues[-1])
        if parted and not ended and cues.GLUE.match(between):
            parted[-1].append(m)
            glues[-1].append(between)
        else:
            parted.append([m])
            glues.append([])
    edges = [0, *(edge for group in parted for edge in (group[0].start, group[-1].end)), len(sentence.text)]
    around = [sentence.text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [
        Group(tuple(group), tuple(glues[k]), around[k], around[k + 1], bool(k and cues.TURN.search(around[k])))
        for k, group in enumerate(parted)
    ]


def signs(sentence: Sentence, labels: Sequence[str], before: int = 0) -> list[tuple[Group, int]]:
    """Each group of a sentence with the direction that is claimed of it: 1 for the prediction, -1 against, 0 for none.

    labels: the prediction's, then others. before: the direction of the group before this sentence, for "so does".
    """
    found: list[tuple[Group, int]] = []
    last = 0  # of this sentence
    free = True  # whether what stands before this group was not said of the one before
    all_ = groups(sentence)
    for group in all_:
        mine, _ = _parted(group.after)
        own = _parted(group.before)[1] if found else cues.TURN.split(group.before)[-1]
        score, inverted = _score(group), 0
        sign = 0 if score is None else 1 if score[1] == "+" else -1
        if not sign and cues.ON_ITS_SIDE.search(mine):
            sign = last or before
        if not sign:
            inverted = direction(own, labels, last=True) if free or own != group.before else 0
            said = direction(re.split(r",? and\b", mine)[0] if inverted else mine, labels)
            sign = said or inverted
        if not sign and cues.SAME.search(mine):
            sign = last or before
        if not sign and last and not group.turned and cues.JOINS.search(group.before):
            sign = last
        if not sign and group is all_[-1] and re.match(r"\W*, with", group.after):
            sign = direction(group.after, labels)  # "with about half of its weight, is also in favour"
        if sign and cues.OF_ALL.search(mine):
            found = [(one, was or sign) for one, was in found]
        free = not sign or bool(inverted)
        last = sign or last
        found.append((group, sign))
    return found


def direction(text: str, labels: Sequence[str], last: bool = False) -> int:
    """1, -1, or 0: whether a stretch of prose says "for" or "against" the prediction, labels[0]; first or last said."""
    text = cues.NOT_AGAINST.sub("supports", text)
    said = sorted(
        [(one.start(), one.end(), 1) for one in cues.FOR.finditer(text)]
        + [(one.start(), one.end(), -1) for one in cues.AGAINST.finditer(text)],
        key=lambda cue: (cue[0], -cue[1]),
    )
    kept: list[tuple[int, int, int]] = []
    for start, end, sign in said:
        if kept:
            begun, until, was = kept[-1]
            if was < sign and not text[until:start].strip():
                sign = was  # "opposing contributions" is a minus
            if start < until or (sign < was and len(text[until:start].split()) <= 3):
                kept[-1] = (begun, max(until, end), min(was, sign))  # "pulls against" is one cue
                continue
        kept.append((start, end, sign))
    if not kept:
        return 0
    _, end, sign = kept[-1 if last else 0]
    label = _label_after(text, end, labels)
    return sign if label in (None, labels[0]) else -sign


def _label_after(text: str, start: int, labels: Sequence[str]) -> str | None:
    """The label that a direction is said to be of, where one follows at once."""
    filler = r"(?:towards?|to|for|an?|the|this|that|being|of|rating|predicted|class|side|label|word|token)"
    near = re.compile(rf"[\s\"'“‘«`*]*+(?:{filler}\b[\s\"'“‘«`*]*+){{0,4}}({any_of(labels)})", re.I).match(text, start)
    return label_of(near[1], labels) if near else None


def label_of(told: str, labels: Sequence[str]) -> str:
    """The label that is written so, whatever its capitals; what is written, where that is none (an "ſ" for an "s")."""
    return next((label for label in labels if label.lower() == told.lower()), told)


def _parted(text: str) -> tuple[str, str]:
    """What of the words between two groups is said of the first, and what of the second."""
    turn = cues.TURN.search(text) or cues.INVERTED.search(text)
    return (text[: turn.start()], text[turn.end() :]) if turn else (text, text)


def _score(group: Group) -> re.Match[str] | None:
    """The score that stands beside the group: its sign and its size."""
    return cues.AHEAD.search(group.before) or cues.NUMBER.match(group.after)


# --- what is said of their order ------------------------------------------------------------------------------------

NTH = {1: 2, 2: 3, 3: 4}
Order = tuple[Literal["first", "first of its side", "nth", "above"], tuple[int, ...]]


def orders(sentence: Sentence) -> list[Order]:
    """What a sentence claims about the order of words by size.

    ("first", (word,)): greatest of all; or of those with its sign. ("nth", (n, word)). ("above", (greater, smaller)).
    """
    said: list[Order] = []
    found = groups(sentence)
    in_order = bool(cues.ORDERED.search(sentence.text))
    own = re.split(r",? and\b", cues.TURN.split(found[0].before)[-1])[-1] if found else ""
    for earlier, group, following in zip([None, *found], found, [*found[1:], None], strict=False):
        mine, theirs = _divided(group.after) if following else (group.after, "")
        first = _place(own, group) or _place(mine, group, own)
        said += first
        said += _inside(group, in_order)
        said += _compared(group, mine, own, earlier.words if earlier else ())
        if following and not following.turned:
            said += _beside(group, following.words[0], theirs, bool(first))
        own = cues.TURN.split(theirs)[-1]
    return said + _by_numbers(sentence, found)


def _by_numbers(sentence: Sentence, found: Sequence[Group]) -> list[Order]:
    """The order of words whose scores are told."""
    if cues.REMOVAL.search(sentence.text):
        return []
    scored = [(group.words[0], _score(group)) for group in found if len(group.mentions) == 1]
    sizes = [(word, float(score[2])) for word, score in scored if score]
    return [
        ("above", (a, b) if size > other else (b, a))
        for (a, size), (b, other) in itertools.pairwise(sizes)
        if size != other
    ]


def _inside(group: Group, in_order: bool) -> list[Order]:
    """The order of words that are named together, as in "a, then b"."""
    pairs = zip(itertools.pairwise(group.mentions), group.between, strict=True)
    return [("above", (a.word, b.word)) for (a, b), glue in pairs if in_order or re.search(r"\bthen\b", glue)]


def _compared(group: Group, mine: str, own: str, earlier: tuple[int, ...]) -> list[Order]:
    """What is said of this group beside those before it, and of its words beside one another."""
    said: list[Order] = []
    words = group.words
    if len(both := [*earlier, *words]) > 1 and cues.AFTER_IT.search(mine):
        said.append(("above", (both[-2], both[-1])))
    if len(words) == 1 and cues.THAN_ALL.search(mine):
        said.append(("first", words))
    if len(words) == 2:
        if former := cues.FORMER.search(group.after):
            said.append(("above", words if former[1].lower() == "former" else words[::-1]))
        if re.search(r", and\b", group.between[0]):
            said += _place(own, replace(group, mentions=group.mentions[:1]))
    return said


def _beside(group: Group, following: int, theirs: str, ranked: bool) -> list[Order]:
    """What the words between two groups say of their order. ranked: whether the first has a place already."""
    if cues.UP.search(group.after):
        return [("above", (following, group.words[-1]))]
    if cues.DOWN.search(theirs) or (cues.DOWN.search(group.after) and not ranked):
        return [("above", (group.words[-1], following))]
    return []


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


def _place(text: str, group: Group, beside: str = "") -> list[Order]:
    """The rank that a stretch of prose gives to one word. beside: what else may say of which side."""
    if len(group.words) != 1 or group.mentions[0].phrase:
        return []
    if nth := cues.ORDINAL.search(text):
        return [("nth", (NTH[nth.lastindex or 1], group.words[0]))]
    if not cues.MOST.search(text) or cues.NOT_MOST.search(text):
        return []
    about = f"{text} {beside}"
    sided = any(cue.search(about) for cue in (cues.FOR, cues.AGAINST, cues.SIDED)) or not cues.OVERALL.search(text)
    return [("first of its side" if sided else "first", group.words)]


# --- what is said of the prediction ---------------------------------------------------------------------------------

HEAD = re.compile(r"\W*+(?:[\w ./-]++[:=])?+\W*+(?:p ?\()?+\W*+")
VALUE = re.compile(r"\b(?:magnitude|score|value|weight|contribution|number|sign|entry|size)s? (?:of \S+ )?$", re.I)
OF_A_VALUE = re.compile(r"\W*+(?:score|value|contribution|entr|number|sign|pattern)")
CLAUSE = re.compile(r"[;.]|\bwhile\b|\bwhereas\b|\balthough\b")


def verdicts(sentence: Sentence, labels: Sequence[str]) -> list[str]:
    """The labels that a sentence gives as the model's prediction, and not as the side of a word."""
    if cues.REMOVAL.search(sentence.text) or _unreal(sentence.text):
        return []
    return [
        label_of(one[0], labels)
        for one in re.finditer(any_of(labels), sentence.text, re.I)
        if not OF_A_VALUE.match(sentence.text, one.end())
        and (HEAD.fullmatch(sentence.text, 0, one.start()) or _answers(sentence, one.start()))
    ]


def stated(sentence: Sentence, answers: Sequence[str]) -> list[str]:
    """The quotations that a sentence gives as the model's answer, though they stand in the text: 'the label is "bad"'.

    answers: what it may answer, or nothing for anything.
    """
    if cues.REMOVAL.search(sentence.text):
        return []
    known = {pieces(answer) for answer in answers}
    return [
        one.text
        for one in sentence.quotes
        if (not known or pieces(one.text) in known)
        and cues.ANSWER_IS.search(sentence.text, max(0, one.start - REACH), one.start)
        and cues.AND_NO_MORE.match(sentence.text, one.end)
    ]


def _answers(sentence: Sentence, at: int) -> bool:
    """Whether a label that stands there is what the model says: a verb of saying before it, and no direction after."""
    before = CLAUSE.split(sentence.text[max(0, at - REACH) : at])[-1]
    words = [m for m in sentence.mentions if m.marked and at - len(before) <= m.start < at]
    since = sentence.text[words[-1].end : at] if words else before
    if words and (_sided(since) or cues.BEING.fullmatch(since)):
        return False
    says = [one.start() for one in cues.SAYS.finditer(since) if not VALUE.search(since, 0, one.start())]
    told = since[says[-1] :] if says else ""
    return bool(says) and (not _sided(told) or bool(cues.LEANS.search(told)))


def _sided(text: str) -> bool:
    """Whether "for" or "against" is said, at most three words before the end."""
    last = max([one.end() for pattern in (cues.FOR, cues.AGAINST) for one in pattern.finditer(text)], default=-1)
    return last >= 0 and len(WORD.findall(text[last:])) <= 3


# --- what is said of its confidence ---------------------------------------------------------------------------------

Range = tuple[float, float]
NUMBERS = {word: n for n, word in enumerate("one two three four five six seven eight nine ten".split(), 1)}
# In words: the first that is said counts.
FEELINGS: tuple[tuple[re.Pattern[str], Range], ...] = (
    (cues.UNSURE, (0.0, 0.8)),
    (cues.FAIRLY, (0.65, 0.97)),
    (cues.CERTAIN, (0.9, 1.0)),
    (cues.CONFIDENT, (0.72, 1.0)),
)


def confidences(sentence: Sentence, sizes: Sequence[float], labels: Sequence[str]) -> list[Range]:
    """The probabilities that a sentence gives the prediction, each as a range. sizes: of the words' scores."""
    if cues.REMOVAL.search(sentence.text):
        return []
    numbered = any_of(label for label in labels if re.search(r"\d", label))
    text = re.sub(numbered, lambda label: "□" * len(label[0]), sentence.text, flags=re.I)
    ranges = [_around(one, text, percent=True) for one in cues.PERCENT.finditer(text)]
    if cues.PROBABLE.search(text) or re.search(any_of(labels), sentence.text, re.I):
        ranges += [_around(one, text) for one in cues.DECIMAL.finditer(text) if not _a_score(one, text, sizes)]
    parts = [(_count(one[1]), _count(one[2])) for one in cues.OUT_OF.finditer(text)]
    parts += [(n, n + 1) for n in (_count(one[1]) for one in cues.ODDS.finditer(text))]
    parts += [(2, 3) if one[1][:2].lower() == "tw" else (3, 4) for one in cues.PART.finditer(text)]
    ranges += [(n / of - 0.07, n / of + 0.07) for n, of in parts if n <= of]
    calm = cues.CALM.sub("", text)
    said = (meant for cue, meant in FEELINGS if cue.search(text if cue is cues.CERTAIN else calm))
    return ranges + list(itertools.islice(said, 1))


def _a_score(number: re.Match[str], text: str, sizes: Sequence[float]) -> bool:
    """Whether a number is rather the score of a word."""
    digits = len(number[1].partition(".")[2])
    score = any(abs(round(size, digits) - float(number[1])) < 1e-9 for size in sizes)
    return score and (digits > 1 or text.find("■", 0, number.start()) >= 0)


def _around(number: re.Match[str], text: str, percent: bool = False) -> Range:
    """A number with its rounding, or with what "over" or "about" say of it."""
    unit = 0.01 if percent else 1.0
    value, rounding = float(number[1]) * unit, unit * 10.0 ** -len(number[1].partition(".")[2]) / 2
    before = text[max(0, number.start() - NEAR) : number.start()]
    if cues.AT_LEAST.search(before):
        return value - rounding, 1.0
    if cues.AT_MOST.search(before):
        return 0.0, value + rounding
    around = max(rounding, 0.03 if cues.ABOUT.search(before) else 0.006)
    return value - around, value + around


def _count(word: str) -> int:
    return NUMBERS.get(word.lower()) or max(1, int(word))


# --- what is said of causes -----------------------------------------------------------------------------------------


def causes(sentence: Sentence) -> list[str]:
    """The words of a sentence that claim what only a test, or nothing, could show."""
    return [one[0] for one in cues.CAUSE.finditer(sentence.text)]


def removals(sentence: Sentence, earlier: int | None, labels: Sequence[str]) -> list[tuple[int | None, str | None]]:
    """Each word that a sentence says was, or would be, removed or replaced, and the label that it says would follow.

    earlier: the last word named before this sentence, for "that word". The label is None where none is told.
    """
    text = sentence.text
    if (cues.MANY if sentence.mentions else cues.SEVERAL).search(text) or cues.NO_REMOVAL.search(text):
        return []
    ends = [cue.end() for cue in cues.REMOVAL.finditer(text)]
    if not ends and _unreal(text):
        ends = [0]
    gone = dict.fromkeys(_nearest(sentence.mentions, end) if sentence.mentions else earlier for end in ends)
    told = {label_of(one[0], labels) for one in re.finditer(any_of(labels), text, re.I)}
    told |= set(labels[1:2]) if cues.FLIPS.search(text) else set()
    told |= {labels[0]} if cues.STAYS.search(text) or cues.DID_NOT.search(text) else set()
    return [(word, next(iter(told)) if len(gone) == len(told) == 1 else None) for word in gone]


def _unreal(text: str) -> bool:
    """Whether a sentence says what would be, if."""
    return bool(cues.WOULD.search(text) and cues.IF.search(text))


def _nearest(here: Sequence[Mention], end: int) -> int:
    """The word that a removal is about: the nearest, and rather one that follows."""
    k = bisect_left(here, end - 2, key=lambda m: m.start)
    beside = here[max(0, k - 1) : k + 1]  # the last before, and the first after
    return min(beside, key=lambda m: m.start - end if m.start >= end - 2 else 2 * (end - m.end)).word
