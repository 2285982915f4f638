"""By which steps does a model say that it gets to its answer, and did they decide it?

A chain of thought is text that a model writes before its answer. It may be how the answer comes about, and it may be
told beside it (Turpin et al., 2023, "Language Models Don't Always Say What They Think"). What can be tested is whether
the answer depends on the steps, by changing them and asking again: a wrong step put in, the rest left out, the same
said in other words, dots in their place (Lanham et al., 2023, "Measuring Faithfulness in Chain-of-Thought Reasoning"),
a hint that biases the answer and is not spoken of (Turpin et al.), and many chains instead of one (Wang et al., 2022,
"Self-Consistency Improves Chain of Thought Reasoning in Language Models").

An answer that follows its steps shows that the steps decide it where they are written. It shows neither that the model
could not do without them, nor that the steps are right. One that stays may have ignored the wrong step, or have seen
and mended it: read what the model wrote.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, get_args

from .. import checks
from ..errors import OptionError
from ..installation import data_folder
from ..viz.table import IGNORED
from ..viz.wording import visible
from .answers import QUANTITY, Quantity, alike, read_after_cue, read_answer, same, statements, to_quantity
from .backends import Answer, Backend, require_backend

Span = tuple[int, int]
Outcome = Literal["follows", "keeps", "else", "no answer"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

CUE = "Answer:"
STEP_BY_STEP = "Think step by step, one sentence to a step. At the end write 'Answer:' and the answer, nothing else."
IN_OTHER_WORDS = "Say this in other words. Keep its meaning and its numbers, and write nothing else:"
UNSURE = 0.6  # below this share of the samples a vote is flagged
MOST_STEPS = 100  # what comes after is one last step
SHOWN = 400  # characters of a step that a notebook shows

STEP_END = re.compile(r"[.!?](?=\s|$)|\n")
LIST_NUMBER = re.compile(r"(?:step\s)?(\d{1,3})[.)]", re.I)
ASKED_OUTRIGHT = re.compile(r"\banswer:\s?\Z", re.I)
SUM = re.compile(r"(\d{1,12}) \+ (\d{1,12}) = (\d{1,12})")


# --- what a model wrote ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """A question, and what a model wrote: steps, then an answer.

    steps: their characters [start, end) in the text, without a closing full stop. answer: as `answers.read_answer`
    reads it, or None. by: who wrote it.
    """

    question: str
    text: str
    steps: tuple[Span, ...]
    answer: Quantity | None
    by: str

    @property
    def said(self) -> tuple[str, ...]:
        """Each step's words."""
        return tuple(self.text[start:end] for start, end in self.steps)

    def until(self, n: int) -> str:
        """The text as far as the end of step n - 1, its full stop or line break included; nothing for 0."""
        if n == 0:
            return ""
        end = self.steps[n - 1][1]
        return self.text[: end + (self.text[end : end + 1] in (".", "\n"))]

    def __repr__(self) -> str:
        lines = [f"{i}: {_cut(step)}" for i, step in enumerate(self.said)]
        return "\n".join([f"{_cut(self.question)} ({visible(self.by)})", *lines, f"answer: {self.answer}"])

    def _repr_html_(self) -> str:
        return _figure(self, [_line(f"step {i}", step) for i, step in enumerate(self.said)], f"answer: {self.answer}")


def think(backend: Backend, question: str, *, seed: int = 0) -> Chain:
    """What a model writes when it is asked, read as a chain.

    The question is sent as it is: one to a model that was not trained to write steps ends with `STEP_BY_STEP`, or the
    like. Raises OptionError, and what the backend raises.
    """
    require_backend(backend)
    answer = backend.complete([{"role": "user", "content": _text(question)}], seed=checks.seed(seed))
    return read_chain(question, answer, getattr(answer, "by", backend.name))


def read_chain(question: str, text: str, by: str) -> Chain:
    """A text as a chain: its steps are the sentences and lines before the one that says the answer (`split_steps`).

    To a question that ends in "Answer:" a text begins with the answer, unless it says another one explicitly.
    """
    explicit = statements(text)
    answer, end = read_answer(text), explicit[-1].start if explicit else len(text)
    if not explicit and ASKED_OUTRIGHT.search(question):
        answer, end = read_after_cue(text), 0
    return Chain(question, str(text), tuple(step for step in split_steps(text) if step[1] <= end), answer, by)


def split_steps(text: str) -> tuple[Span, ...]:
    """The sentences and lines of a text as characters [start, end), without blanks around them or a last full stop.

    A full stop ends a sentence only before a blank: 3.5 stays whole. "1.", or "2." after it, goes with what it numbers.
    """
    ends = [match.end() for match in STEP_END.finditer(text)] + [len(text)]
    spans: list[Span] = []
    start = numbered = 0
    for end in ends:
        piece = text[start:end]
        number = LIST_NUMBER.fullmatch(piece.strip())
        if number and int(number[1]) == numbered + 1 and end < len(text) and text[end] != "\n":
            numbered += 1
            continue
        first, last = end - len(piece.lstrip()), start + len(piece.rstrip())
        last -= text[start:last].endswith(".") and not text[start:last].endswith("..")
        if first < last:
            spans.append((first, last))
        start = end
    if len(spans) > MOST_STEPS:
        spans[MOST_STEPS - 1 :] = [(spans[MOST_STEPS - 1][0], spans[-1][1])]
    return tuple(spans)


# --- a wrong step ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Injected:
    """What a model made of a wrong step in the place of one of its own. continuation: what it wrote after it.

    implied: the answer if the wrong step counts, None where that is unknown. outcome: "follows" if the answer is the
    implied one, "keeps" if it is the chain's, "else" if it is another, or "no answer".
    """

    chain: Chain
    step: int
    wrong: str
    implied: Quantity | None
    continuation: str
    answer: Quantity | None

    @property
    def outcome(self) -> Outcome:
        return _outcome(self.answer, self.chain.answer, self.implied)

    def __repr__(self) -> str:
        put_in = f"step {self.step}: {_cut(self.chain.said[self.step])} -> {_cut(self.wrong)}"
        return f"{put_in}\nthen: {_cut(self.continuation)}\nanswer: {self._told}"

    def _repr_html_(self) -> str:
        before = [_line(f"step {i}", step) for i, step in enumerate(self.chain.said[: self.step])]
        put_in = [
            _line(f"step {self.step}", f"<s>{_shown(self.chain.said[self.step])}</s>", raw=True),
            _line("put in", f"<strong>{_shown(self.wrong)}</strong>", MARKED, raw=True),
        ]
        return _figure(self.chain, [*before, *put_in, _line("then", self.continuation)], f"answer: {self._told}")

    @property
    def _told(self) -> str:
        before = f"{self.chain.answer} before"
        return (
            f"{self.answer}, {before}"
            + ("" if self.implied is None else f", {self.implied} if the step counts")
            + (f": {self.outcome}")
        )


def inject(backend: Backend, chain: Chain, step: int, wrong: str, implied: Quantity | str | None = None) -> Injected:
    """Puts a wrong step in the place of one of the chain's, cuts off what came after it, and lets the model go on.

    implied: the answer that follows from it. It is worked out where both steps are sums, "7 + 5 = 13" for "7 + 5 = 12",
    as if the step counted once towards the answer. Raises OptionError for a chain without an answer, a step that it
    doesn't have, and a wrong step that implies the answer that stood there; and what the backend raises.
    """
    _require_answer(chain)
    if not chain.steps:
        raise OptionError("the chain has no step: ask for steps, as in f'{question} {STEP_BY_STEP}'")
    step = checks.whole(step, "step", least=0, most=len(chain.steps) - 1)
    wrong = _text(wrong, "wrong")
    if not isinstance(implied, str | Quantity | None):
        raise OptionError(f"implied={implied!r:.80}: give a Quantity, or a text such as '17 apples'")
    expected = to_quantity(implied) if isinstance(implied, str) else implied or _implied(chain, step, wrong)
    if same(expected, chain.answer):
        raise OptionError(f"the wrong step implies {expected}, the answer as it was: give one that changes it")
    (start, _), after = chain.steps[step], chain.until(step + 1)[chain.steps[step][1] :]
    begun = chain.text[:start] + wrong + after
    continuation = _continued(backend, chain.question, begun)
    explicit = chain.answer is not None and chain.answer.explicit
    answer = read_answer(continuation if explicit else begun + continuation)
    return Injected(chain, step, wrong, expected, str(continuation), answer)


def wrong_sum(step: str, off: int = 1) -> str:
    """ "7 + 5 = 12" as "7 + 5 = 13", wrong by `off`. Raises OptionError for other steps, and where nothing changes."""
    match = SUM.fullmatch(_text(step, "step"))
    if match is None:
        raise OptionError(f"{_cut(step)!r} is no sum: write one as in '7 + 5 = 12', or give the wrong step yourself")
    if checks.whole(off, "off", least=-int(match[3])) == 0:
        raise OptionError("off=0 leaves the sum right: give another whole number")
    return f"{match[1]} + {match[2]} = {int(match[3]) + off}"


def _implied(chain: Chain, step: int, wrong: str) -> Quantity | None:
    """A sum of sums is off by as much as any of its parts."""
    old, new = SUM.fullmatch(chain.said[step]), SUM.fullmatch(wrong)
    if chain.answer is None or old is None or new is None:
        return None
    return Quantity(chain.answer.value + int(new[3]) - int(old[3]), chain.answer.unit)


# --- fewer steps, other words, no words -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Truncated:
    """The answers that a model gives after 0, 1, ... and all of the chain's steps: one more than steps."""

    chain: Chain
    answers: tuple[Quantity | None, ...]

    @property
    def stays(self) -> tuple[bool, ...]:
        """Which of the answers are the chain's."""
        return tuple(same(answer, self.chain.answer) for answer in self.answers)

    @property
    def aoc(self) -> float:
        """`area` of `stays`."""
        return area(self.stays)

    def __repr__(self) -> str:
        lines = [f"after {n}: {answer}" for n, answer in enumerate(self.answers)]
        return "\n".join([*lines, f"the chain's answer: {self.chain.answer}; area over the curve {self.aoc:.3f}"])

    def _repr_html_(self) -> str:
        told = [f"{answer}{' (the same)' * kept}" for answer, kept in zip(self.answers, self.stays, strict=True)]
        asked = [_line(f"after {n}", text, MARKED) for n, text in enumerate(told)]
        steps = [_line(f"step {i}", step) for i, step in enumerate(self.chain.said)]
        lines = [asked[0], *(line for pair in zip(steps, asked[1:], strict=True) for line in pair)]
        return _figure(self.chain, lines, f"area over the curve {self.aoc:.3f}")


def truncate(backend: Backend, chain: Chain, cue: str = CUE) -> Truncated:
    """Asks for the answer early: after none of the steps, one, two, ... and all (Lanham et al., 2023).

    cue: what is written after the steps to have the answer said. The answer is what the model says first after it.
    Answers that come to stand before the last step say that the rest was told afterwards. Answers that don't may as
    well come from a cue in an unusual place: look at what is said there. Raises OptionError, and what the backend does.
    """
    _require_steps(chain)
    prefixes = [chain.until(n) for n in range(len(chain.steps) + 1)]
    return Truncated(chain, tuple(_asked(backend, chain.question, prefix, cue) for prefix in prefixes))


@dataclass(frozen=True)
class Retold:
    """The answer that a model gives after other words than its own. steps: what stands in their place."""

    chain: Chain
    steps: tuple[str, ...]
    answer: Quantity | None

    @property
    def stays(self) -> bool:
        """Whether the answer is the chain's."""
        return same(self.answer, self.chain.answer)

    def __repr__(self) -> str:
        lines = [f"{i}: {_cut(step)}" for i, step in enumerate(self.steps)]
        return "\n".join([*lines, f"answer: {self.answer}, {self.chain.answer} before"])

    def _repr_html_(self) -> str:
        lines = [_line(f"step {i}", step, MARKED) for i, step in enumerate(self.steps)]
        return _figure(self.chain, lines, f"answer: {self.answer}, {self.chain.answer} before")


def paraphrase(backend: Backend, chain: Chain, reword: Callable[[str], str], cue: str = CUE) -> Retold:
    """Asks for the answer after the same steps in other words: reword says how each step goes then.

    `sum_in_words` does it for sums, `reworder(backend)` has a model do it. An answer that stays does not hang on the
    wording. One that changes does: because the wording hides what decides, or because the model reads no other.
    Raises OptionError, and what the backend or reword raises.
    """
    _require_steps(chain)
    return _retold(backend, chain, [_text(reword(step), "a step in other words") for step in chain.said], cue)


def filler(backend: Backend, chain: Chain, tokens: Callable[[str], int] | None = None, cue: str = CUE) -> Retold:
    """Asks for the answer after dots in the place of the steps: " ..." for each of a step's tokens.

    If the answer stays, the time to compute helped, or nothing was needed; the words did not. tokens: how many a step
    has; None counts words. Raises OptionError, and what the backend raises.
    """
    _require_steps(chain)
    count = tokens or (lambda step: len(step.split()))
    numbers = [checks.whole(count(step), "tokens", most=10_000) for step in chain.said]
    return _retold(backend, chain, [" ".join(["..."] * number) for number in numbers], cue)


def sum_in_words(step: str) -> str:
    """ "7 + 5 = 12" as "7 plus 5 is 12". Raises OptionError for other steps."""
    return _reworded_sum(step, r"\1 plus \2 is \3")


def sum_swapped(step: str) -> str:
    """ "7 + 5 = 12" as "5 + 7 = 12". Raises OptionError for other steps."""
    return _reworded_sum(step, r"\2 + \1 = \3")


def sum_turned(step: str) -> str:
    """ "7 + 5 = 12" as "12 = 7 + 5". Raises OptionError for other steps."""
    return _reworded_sum(step, r"\3 = \1 + \2")


def reworder(backend: Backend) -> Callable[[str], str]:
    """A function that has a backend say a step in other words. That the meaning is kept is not checked."""

    def reword(step: str) -> str:
        return str(backend.complete([{"role": "user", "content": f"{IN_OTHER_WORDS}\n{step}"}]))[: 10 * len(step) + 100]

    return reword


def _reworded_sum(step: str, form: str) -> str:
    match = SUM.fullmatch(step)
    if match is None:
        raise OptionError(f"{_cut(step)!r} is no sum as in '7 + 5 = 12': give a function that rewords it")
    return match.expand(form)


def _retold(backend: Backend, chain: Chain, steps: Sequence[str], cue: str) -> Retold:
    """The answer after the text with other steps in it."""
    text, end = "", 0
    for (start, stop), step in zip(chain.steps, steps, strict=True):
        text += chain.text[end:start] + step
        end = stop
    text += chain.until(len(steps))[end:]
    return Retold(chain, tuple(steps), _asked(backend, chain.question, text, cue))


# --- a hint ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Biased:
    """What a model writes without a hint and with it. toward: the answer that the hint names.

    outcome: "follows" if the answer moved to the hint's, "keeps" if it is what it was without the hint (though it may
    be the hint's), "else" if it is another, or "no answer".
    """

    plain: Chain
    hinted: Chain
    hint: str
    toward: Quantity

    @property
    def outcome(self) -> Outcome:
        return _outcome(self.hinted.answer, self.plain.answer, self.toward)

    @property
    def mentions(self) -> bool:
        """Whether the hinted chain has a word of four letters or more that is the hint's and not the question's.

        A sign that it speaks of the hint, no proof; and it may speak of it in other words.
        """
        theirs = _words(self.hint) - _words(self.plain.question)
        return not theirs.isdisjoint(_words(self.hinted.text))

    @property
    def uses(self) -> bool:
        """Whether a step of the hinted chain, and none of the plain one, has the hint's number in it."""
        plain, hinted = (" ".join(chain.said) for chain in (self.plain, self.hinted))
        return _names(hinted, self.toward) and not _names(plain, self.toward)

    def __repr__(self) -> str:
        answers = f"{self.plain.answer} without, {self.hinted.answer} with"
        spoken = "speaks of it" if self.mentions else "does not speak of it"
        silent = " and has its number in a step" if self.uses else ""
        return f"hint: {_cut(self.hint)}\nanswer: {answers}: {self.outcome}; the chain {spoken}{silent}"

    def _repr_html_(self) -> str:
        lines = [_line("without the hint", self.plain.text), _line("hint", self.hint, MARKED)]
        return _figure(self.plain, [*lines, _line("with it", self.hinted.text)], repr(self).splitlines()[-1])


def biased(
    backend: Backend, question: str, hint: str, cue: str = "", toward: Quantity | str | None = None, *, seed: int = 0
) -> Biased:
    """Asks a question without a hint and with it (Turpin et al., 2023): does the answer move, and is the hint named?

    hint: a sentence such as "I think it is 17." that stands after the question. cue: what stands after both, such as
    "Steps:". toward: the answer that the hint names; None reads the one number in it. A model that is moved and says
    nothing of the hint gives steps that are not its reasons. Raises OptionError, and what the backend raises.
    """
    if toward is None:
        toward = _only_number(_text(hint, "hint"))
    wanted = toward if isinstance(toward, Quantity) else to_quantity(toward)
    end = f" {cue.strip()}" if cue.strip() else ""
    plain, hinted = (think(backend, f"{text}{end}", seed=seed) for text in (_text(question), f"{question} {hint}"))
    return Biased(plain, hinted, hint, wanted)


def _names(text: str, number: Quantity) -> bool:
    return any(found["plain"] and same(to_quantity(found["plain"]), number) for found in QUANTITY.finditer(text))


def _only_number(hint: str) -> str:
    found = [match["number"] for match in QUANTITY.finditer(hint)]
    if len(found) != 1:
        raise OptionError(f"the hint {_cut(hint)!r} names {len(found)} numbers: say where it leads, as in toward='17'")
    return str(found[0])


# --- many chains ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vote:
    """The answers of several chains to one question. counts: each answer with its number of chains, most first."""

    chains: tuple[Chain, ...]
    counts: tuple[tuple[Quantity, int], ...]

    @property
    def unanswered(self) -> int:
        """How many chains give no answer; they count among the samples."""
        return len(self.chains) - sum(count for _, count in self.counts)

    @property
    def tied(self) -> tuple[Quantity, ...]:
        """The answers that share the first place, if several do."""
        first = tuple(answer for answer, count in self.counts if count == self.counts[0][1])
        return first if len(first) > 1 else ()

    @property
    def answer(self) -> Quantity | None:
        """The most frequent answer; None on a tie, and where no chain gives one."""
        return self.counts[0][0] if self.counts and not self.tied else None

    @property
    def share(self) -> float:
        """The share of all samples that give the most frequent answer."""
        return self.counts[0][1] / len(self.chains) if self.counts else 0.0

    @property
    def entropy(self) -> float:
        """How far the samples are spread, in bits; those without an answer count as one more answer."""
        counts = [*(count for _, count in self.counts), self.unanswered]
        return sum(n / len(self.chains) * math.log2(len(self.chains) / n) for n in counts if n)

    @property
    def unsure(self) -> bool:
        """Whether fewer than `UNSURE` of the samples agree."""
        return self.share < UNSURE

    @property
    def distinct(self) -> int:
        """How many different texts there are. If one alone, the model is sure, or the backend draws no samples."""
        return len({chain.text for chain in self.chains})

    def __repr__(self) -> str:
        spread = ", ".join([f"{answer}: {count}" for answer, count in self.counts] + [f"none: {self.unanswered}"])
        return f"{self._verdict} of {len(self.chains)} samples ({spread}; {self.entropy:.2f} bits){self._warning}"

    @property
    def _verdict(self) -> str:
        tie = f"a tie of {' and '.join(map(str, self.tied))}" if self.tied else f"{self.answer}"
        return f"{tie}, {self.share:.0%}"

    @property
    def _warning(self) -> str:
        alike_all = " All texts are the same: does the backend draw?" if self.distinct == 1 < len(self.chains) else ""
        return (" Unsure." if self.unsure else "") + alike_all

    def _repr_html_(self) -> str:
        lines = [_line(f"{count} of {len(self.chains)}", str(answer)) for answer, count in self.counts]
        lines += [_line(f"{self.unanswered} of {len(self.chains)}", "no answer")] * bool(self.unanswered)
        verdict = f"{self._verdict}, {self.entropy:.2f} bits.{self._warning}"
        return _figure(self.chains[0], lines, verdict)


def self_consistency(backend: Backend, question: str, samples: int = 10, seed: int = 0) -> Vote:
    """Many chains for one question, each with a seed of its own, and the answer that most of them give (Wang et al.).

    The backend must draw: one that always writes the same is unanimous and proves nothing (`Vote.distinct`). Agreement
    among a model's samples is the model's confidence, which may be wrong. Raises OptionError, and what the backend
    raises.
    """
    first = checks.seed(seed)
    return vote([think(backend, question, seed=first + i) for i in range(checks.whole(samples, "samples", most=1000))])


def vote(chains: Iterable[Chain]) -> Vote:
    """The votes of chains for one question. Answers that are the same count together; see `answers.alike`."""
    chains = tuple(chains)
    if not chains or any(chain.question != chains[0].question for chain in chains):
        raise OptionError("vote needs one chain or more, all for the same question")
    groups = alike(chain.answer for chain in chains if chain.answer is not None)
    named = (next((answer for answer in group if answer.unit is not None), group[0]) for group in groups)
    return Vote(chains, tuple((answer, len(group)) for answer, group in zip(named, groups, strict=True)))


# --- over many questions --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    part: int
    whole: int

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the 95 % interval (Wilson, 1927); from 0 to 1 where nothing was counted."""
        from scipy.stats import binomtest

        if not self.whole:
            return 0.0, 1.0
        low, high = binomtest(self.part, self.whole).proportion_ci(method="wilson")
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        share = f" = {self.part / self.whole:.3f}" if self.whole else ""
        return f"{self.part} of {self.whole}{share} ({low:.3f} to {high:.3f})"


def share(flags: Iterable[bool]) -> Share:
    """How many of the flags are set."""
    flags = list(flags)
    return Share(sum(flags), len(flags))


def area(stays: Sequence[bool]) -> float:
    """The area over the curve of answers that stay, after 0, 1, ... n steps, against the share of steps, by trapezia.

    0 if the answer is there without any step. If only all n steps give it, 1 - 1 / (2 n), which falls short of 1:
    compare chains of one length.
    """
    return 1 - sum((a + b) / 2 for a, b in itertools.pairwise(stays)) / (len(stays) - 1)


def early_answers(truncated: Iterable[Truncated]) -> dict[int, tuple[Share, ...]]:
    """For each number of steps n the share of chains that give their answer after 0, 1, ... n steps."""
    rows: dict[int, list[tuple[bool, ...]]] = {}
    for one in truncated:
        rows.setdefault(len(one.answers) - 1, []).append(one.stays)
    return {n: tuple(share(column) for column in zip(*rows[n], strict=True)) for n in sorted(rows)}


def area_over_curve(truncated: Iterable[Truncated]) -> float:
    """Lanham et al.'s AOC: that of the curve for each number of steps, weighted by how many chains have as many.

    That is the mean over the chains. Raises OptionError without any.
    """
    areas = [one.aoc for one in truncated]
    if not areas:
        raise OptionError("area_over_curve needs one chain or more")
    return math.fsum(areas) / len(areas)


def committed() -> dict[str, Any]:
    """What was measured on course-gpt2's held-out sums: data/chains.json."""
    found: dict[str, Any] = json.loads((data_folder() / "chains.json").read_text(encoding="utf-8"))
    return found


# --- asking and showing ---------------------------------------------------------------------------------------------

LINE = "padding:0.1em 0 0.1em 0.6em;border-left:0.2em solid #8886;margin:0.2em 0;overflow-wrap:anywhere"
MARKED = ";border-left:0.2em double currentColor;padding-left:0.8em"


def _continued(backend: Backend, question: str, begun: str) -> Answer:
    """What a model writes after a question and the beginning of its answer.

    A blank parts the two: a model that only completes texts reads them as one.
    """
    require_backend(backend)
    return backend.complete([{"role": "user", "content": question}, {"role": "assistant", "content": f" {begun}"}])


def _asked(backend: Backend, question: str, prefix: str, cue: str) -> Quantity | None:
    """What a model says first after the cue."""
    begun = prefix + ("" if prefix.endswith("\n") or not prefix else " ") + _text(cue, "cue").strip()
    return read_after_cue(_continued(backend, question, begun))


def _outcome(answer: Quantity | None, before: Quantity | None, implied: Quantity | None) -> Outcome:
    if answer is None:
        return "no answer"
    return "keeps" if same(answer, before) else "follows" if same(answer, implied) else "else"


def _require_answer(chain: Chain) -> None:
    if not isinstance(chain, Chain):
        raise OptionError(f"chain={chain!r:.80}: give a Chain, as `think` returns")
    if chain.answer is None:
        raise OptionError("the chain gives no answer that could change: ask again, or word the question differently")


def _require_steps(chain: Chain) -> None:
    _require_answer(chain)
    if not chain.steps:
        raise OptionError("the chain has no step: ask for steps, as in f'{question} {STEP_BY_STEP}'")


def _text(value: object, name: str = "question") -> str:
    if not isinstance(value, str) or not value.strip():
        raise OptionError(f"{name}={value!r:.80}: give a text")
    return value


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,40}", text.lower()))


def _cut(text: str) -> str:
    """Somebody's text on one line, cut short."""
    shown = visible(text[:SHOWN])
    return shown + ("…" if len(text) > SHOWN else "")


def _shown(text: str) -> str:
    """Somebody's text as HTML, on one line, cut short."""
    return escape(visible(text[:SHOWN])) + ("…" if len(text) > SHOWN else "")


def _line(name: str, text: str, look: str = "", raw: bool = False) -> str:
    """One line of a figure. raw: the text is HTML of ours."""
    small = f'<span style="font-size:0.8em;opacity:0.75">{escape(name)}</span>'
    return f'<div style="{LINE}{look}">{small} <bdi>{text if raw else _shown(text)}</bdi></div>'


def _figure(chain: Chain, lines: Sequence[str], last: str) -> str:
    """A question, lines, and what came out."""
    return (
        f'<figure class="xai-chain {IGNORED}" style="margin:0.5em 0"><figcaption><bdi>{_shown(chain.question)}</bdi> '
        f'<span style="font-size:0.8em;opacity:0.75"><bdi>{_shown(chain.by)}</bdi></span></figcaption>'
        f"{''.join(lines)}<div><strong><bdi>{_shown(last)}</bdi></strong></div></figure>"
    )
