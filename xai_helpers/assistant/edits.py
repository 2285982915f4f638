"""Which small changes of a text are there? Its words, edits of them, and how far two texts lie apart.

An edit puts other characters in a span's place. It is a substitution, a deletion, a negation put in or taken out, or
anything else ("free"). What a search may try comes from a lexicon, whose words stand by slot and polarity, and from
neighbours that the caller names. Distances are Levenshtein's, in words; a punctuation mark counts as a word, and case
does not count.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import FormatError, OptionError
from ..installation import data_folder

Span = tuple[int, int]
Kind = Literal["substitution", "deletion", "negation", "free"]
SEARCHED: tuple[Kind, ...] = get_args(Kind)[:3]
Lexicon = Mapping[str, Mapping[str, Sequence[str]]]  # slot, polarity, words

WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
NEGATIONS = ("not", "never")
AUXILIARY = {word: f"{word}n't" for word in "is are was were do does did has have had could would should must".split()}
AUXILIARY |= {"can": "can't", "will": "won't"}
WITHOUT = {negated: word for word, negated in AUXILIARY.items()} | {"cannot": "can"}
VOWEL = re.compile(r"hon(?:est|our)|(?!use|uni[fqv]|one\b|once\b)[aeiou]")  # by sound: "an honest", "a useful"
CLOSING = tuple(".,;:!?)…")


@dataclass(frozen=True, order=True)
class Edit:
    """text[start:end], which is `before`, gives place to `after`."""

    start: int
    end: int
    before: str
    after: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.kind}: {self.before.strip() or '∅'} → {self.after.strip() or '∅'}"


def word_spans(text: str) -> list[Span]:
    """Where the words and punctuation marks of a text stand, in characters."""
    return [word.span() for word in WORD.finditer(text)]


def words_of(text: str) -> list[str]:
    """The words and punctuation marks of a text, without case."""
    return [word.casefold() for word in WORD.findall(text)]


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with its edits, which must not overlap.

    What is left of a text that began with a capital begins with one, and a deletion leaves no doubled blank and none
    before a full stop. Raises OptionError for edits that overlap or belong to another text.
    """
    changed, at = "", 0
    for edit in sorted(edits):
        if edit.start < at or text[edit.start : edit.end] != edit.before:
            raise OptionError(f"{edit} at {edit.start} to {edit.end} overlaps another edit, or is one of another text")
        changed, at = changed + text[at : edit.start] + edit.after, edit.end
        if not edit.after:
            changed, at = _closed(changed, text, at)
    return _with_capital(changed + text[at:], text)


def _closed(changed: str, text: str, at: int) -> tuple[str, int]:
    """What stands before a hole, and where the text goes on behind it, without the blank that is one too many."""
    if not changed or changed[-1].isspace():
        at += len(text[at:]) - len(text[at:].lstrip())
    rest = text[at:]
    return (changed.rstrip() if not rest or rest.startswith(CLOSING) else changed), at


def _with_capital(changed: str, text: str) -> str:
    if text.lstrip()[:1].isupper():
        blank = len(changed) - len(changed.lstrip())
        return changed[:blank] + changed[blank : blank + 1].upper() + changed[blank + 1 :]
    return changed


def disjoint(one: Edit, other: Edit) -> bool:
    """Whether both can be made: they share no character, and nothing is put in right where something else changes."""
    first, second = sorted((one, other))
    return first.end < second.start + (first.before != "" and second.before != "")


# --- how far apart --------------------------------------------------------------------------------------------------


def distance(text: str, changed: str) -> int:
    """How many words must be put in, taken out or replaced (Levenshtein, 1966)."""
    return sum(max(i2 - i1, j2 - j1) for i1, i2, j1, j2 in runs(words_of(text), words_of(changed)))


def runs(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Where a shortest alignment of two sequences departs: one[i1:i2] became other[j1:j2], in maximal runs."""
    table = [list(range(len(other) + 1))]
    for i, left in enumerate(one, start=1):
        row, above = [i], table[-1]
        for j, right in enumerate(other, start=1):
            row.append(min(above[j - 1] + (left != right), above[j] + 1, row[-1] + 1))
        table.append(row)
    found: list[tuple[int, int, int, int]] = []
    i = i2 = len(one)
    j = j2 = len(other)
    while i or j:
        cost = table[i][j]
        if i and j and one[i - 1] == other[j - 1] and table[i - 1][j - 1] == cost:
            if (i, j) != (i2, j2):
                found.append((i, i2, j, j2))
            i, j = i2, j2 = i - 1, j - 1
        elif i and j and table[i - 1][j - 1] + 1 == cost:
            i, j = i - 1, j - 1
        elif i and table[i - 1][j] + 1 == cost:
            i -= 1
        else:
            j -= 1
    if (i, j) != (i2, j2):
        found.append((i, i2, j, j2))
    return found[::-1]


def edits_between(text: str, changed: str) -> tuple[Edit, ...]:
    """The edits by which a text became another, one for each run of words that differ; blanks and case don't count."""
    found = []
    for i1, i2, j1, j2 in runs(words_of(text), words_of(changed)):
        (start, end), (new_start, new_end) = _gap(text, i1, i2), _gap(changed, j1, j2)
        before, after = text[start:end], changed[new_start:new_end]
        head = len(before) - len(before.lstrip()) if before[:1].isspace() and after[:1].isspace() else 0
        before, after = before[head:], after.lstrip() if head else after
        if before[-1:].isspace() and after[-1:].isspace():
            before, after = before.rstrip(), after.rstrip()
        found.append(Edit(start + head, start + head + len(before), before, after, kind_of(before, after)))
    return tuple(found)


def _gap(text: str, first: int, last: int) -> Span:
    """Words first to last with the blanks around them."""
    spans = word_spans(text)
    return spans[first - 1][1] if first else 0, spans[last][0] if last < len(spans) else len(text)


def kind_of(before: str, after: str) -> Kind:
    """A negation if nothing else goes or comes, a deletion if nothing comes, a substitution of one word by one."""
    old, new = words_of(before), words_of(after)
    if old != new and _affirmed(old) == _affirmed(new):
        return "negation"
    if not new:
        return "deletion"
    return "substitution" if len(old) == len(new) == 1 else "free"


def _affirmed(words: Iterable[str]) -> list[str]:
    plain = [WITHOUT.get(word.replace("’", "'"), word) for word in words]
    return [word for word in plain if word not in NEGATIONS]


def places(edits: Iterable[Edit], text: str) -> set[int]:
    """Which words of a text edits touch, by number; what is put in counts for the word before which it stands."""
    spans, touched = word_spans(text), set()
    for edit in edits:
        inside = {i for i, (start, end) in enumerate(spans) if start < edit.end and edit.start < end}
        touched |= inside or {sum(end <= edit.start for _, end in spans)}
    return touched


# --- what can be tried ----------------------------------------------------------------------------------------------


@functools.cache
def course_lexicon() -> Lexicon:
    """The words of data/lexicon.json, which `python -m training lexicon` writes: by slot, then by polarity."""
    return json.loads((data_folder() / "lexicon.json").read_text(encoding="utf-8"))["slots"]


def checked_lexicon(lexicon: object) -> Lexicon:
    """The lexicon, the course's for None. Raises FormatError for what is none."""
    found = course_lexicon() if lexicon is None else lexicon
    if not isinstance(found, Mapping) or not all(isinstance(lists, Mapping) for lists in found.values()):
        raise FormatError(
            f'lexicon={found!r:.80}: give {{slot: {{polarity: [words]}}}}, as in {{"": {{"good": [...]}}}}'
        )
    for words in (words for lists in found.values() for words in lists.values()):
        if isinstance(words, str) or not all(isinstance(word, str) and words_of(word) for word in words):
            raise FormatError(f"lexicon: {words!r:.80} is no list of words")
    return found


def candidates(
    text: str,
    kinds: Collection[str],
    lexicon: Lexicon,
    neighbours: Callable[[int], Sequence[str]],
    most: int,
    frozen: Sequence[Span] = (),
) -> list[Edit]:
    """Every single edit of a text that a search may try, in the order of the text.

    A word or phrase of the lexicon gives place to the first `most` of its slot, of each polarity; any word to its
    `neighbours`, which are asked for by the word's number. Any word is deleted. "not" and "never" are put before the
    lexicon's words and after auxiliary verbs, which get "n't" as well, and are taken away where they stand. "a" and
    "an" go with the word that they come to stand before. frozen: spans that no edit touches.
    """
    found: list[Edit] = []
    spans = word_spans(text)
    known = _entries(lexicon)
    longest = max((len(phrase) for phrase in known), default=0)
    for i in range(len(spans)):
        if not text[spans[i][0]].isalnum():
            continue
        phrases = [
            (n, slots)
            for n in range(1, min(longest, len(spans) - i) + 1)
            if (slots := known.get(tuple(words_of(text[spans[i][0] : spans[i + n - 1][1]]))))
        ]
        if "substitution" in kinds:
            for n, slots in phrases:
                for words in (lexicon[slot][polarity] for slot in slots for polarity in lexicon[slot]):
                    old = words_of(text[spans[i][0] : spans[i + n - 1][1]])
                    new = [word for word in words if words_of(word) != old][:most]
                    found += [_put(text, spans, i, i + n, word, "substitution", frozen) for word in new]
            found += [_put(text, spans, i, i + 1, word, "substitution", frozen) for word in neighbours(i)]
        if "deletion" in kinds:
            found.append(_put(text, spans, i, i + 1, "", "deletion", frozen))
        if "negation" in kinds:
            found += _negations(text, spans, i, bool(phrases), frozen)
    free = [edit for edit in found if not any(start < edit.end and edit.start < end for start, end in frozen)]
    return list(dict.fromkeys(free))


def _negations(text: str, spans: list[Span], i: int, judging: bool, frozen: Sequence[Span]) -> Iterator[Edit]:
    start, end = spans[i]
    word = text[start:end].casefold().replace("’", "'")
    around = [words_of(text[spans[k][0] : spans[k][1]])[0] for k in (i - 1, i + 1) if 0 <= k < len(spans)]
    if word in NEGATIONS:
        yield _put(text, spans, i, i + 1, "", "negation", frozen)
        return
    if word in WITHOUT:
        yield _put(text, spans, i, i + 1, WITHOUT[word], "negation", frozen)
    if any(other in NEGATIONS for other in around):
        return
    if word in AUXILIARY:
        yield _put(text, spans, i, i + 1, AUXILIARY[word], "negation", frozen)
        yield from (Edit(end, end, "", f" {negation}", "negation") for negation in NEGATIONS)
    elif judging:
        yield from (Edit(start, start, "", f"{negation} ", "negation") for negation in NEGATIONS)


def _put(
    text: str, spans: list[Span], first: int, last: int, after: str, kind: Kind, frozen: Sequence[Span] = ()
) -> Edit:
    """Words first to last replaced, in their case, and with them the article before them if it must change."""
    start, end = spans[first][0], spans[last - 1][1]
    if after and text[start].isupper():
        after = after[0].upper() + after[1:]
    article = text[slice(*spans[first - 1])] if first else ""
    follower = after or (text[slice(*spans[last])] if last < len(spans) else "")
    if article.casefold() in ("a", "an") and follower[:1].isalnum():
        right = article[0] + ("n" if VOWEL.match(follower.casefold()) else "")
        kept = any(begin < spans[first - 1][1] and spans[first - 1][0] < stop for begin, stop in frozen)
        if right.casefold() != article.casefold() and not kept:
            start, after = spans[first - 1][0], f"{right} {after}".strip()
    return Edit(start, end, text[start:end], after, kind)


def _entries(lexicon: Lexicon) -> dict[tuple[str, ...], list[str]]:
    """For each word or phrase of the lexicon the slots that it stands in."""
    found: dict[tuple[str, ...], list[str]] = {}
    for slot, lists in lexicon.items():
        for phrase in (tuple(words_of(word)) for words in lists.values() for word in words):
            found[phrase] = list(dict.fromkeys([*found.get(phrase, []), slot]))
    return found


def frozen_spans(text: str, frozen: Iterable[str | Span]) -> list[Span]:
    """Where the words and spans stand that may not change. Raises OptionError where one is not in the text."""
    if isinstance(frozen, str) or not isinstance(frozen, Iterable):
        raise OptionError(f"frozen={frozen!r}: give a list of words or character spans, as in [{frozen!r}]")
    spans, words, found = word_spans(text), words_of(text), []
    for one in frozen:
        if isinstance(one, str):
            wanted = words_of(one)
            n = len(wanted)
            at = [i for i in range(len(words) - n + 1) if n and words[i : i + n] == wanted]
            if not at:
                raise OptionError(f"frozen={one!r} is no word of the text; its words: {', '.join(words)}")
            found += [(spans[i][0], spans[i + n - 1][1]) for i in at]
        else:
            found.append(_span(one, text))
    return found


def _span(span: object, text: str) -> Span:
    match span:
        case (int(start), int(end)) if 0 <= start < end <= len(text):
            return start, end
    raise OptionError(f"frozen={span!r}: give [start, end) within the text's {len(text)} characters, or a word")
