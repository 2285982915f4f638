"""What the board measures of one method on one text, and on which texts: all that chapter 07 knows to ask.

A unit of work is a `Task`: a model's name, a method, and a few texts by their numbers. It holds nothing else, so it can
be sent to another process or machine, which loads the model for itself.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from . import agreement, checks, faithfulness, registry, retrieval, sanity, sparsity, stability, truth
from .attribution import Attribution, Target, Unit, joined, word_groups
from .comparison import Call, Methods, calls, explained_by_all, options_of, ranked
from .costs import Cost
from .errors import OptionError, XaiError
from .installation import data_folder
from .models import TextModel, load
from .perturbation import text_game
from .plausibility import Marked, marked_units, read_marked

RANDOM, BEST = "random scores", "best found"  # the controls that stand where a method stands
CHUNK = 10  # texts of a task
EDITS = 20  # how often another word is tried
REVIEWS = ("course-distilbert", "course-masking", "course-shuffled")  # models that read the marked reviews
TWIN = "course-shuffled"  # trained on shuffled labels
# What stands in for a word, where a model has no mask: nothing at all for the copier, whose weights know no other hole.
REPLACEMENTS = {"copier": "zero", "course-induction": "mean"}
# Estimates instead of exact values, and fewer samples than a single explanation deserves: the board asks many times.
QUICK: dict[str, dict[str, Any]] = {
    "lime": {"samples": 300},
    "shapley": {"estimator": "permutation", "samples": 300},
}
AREAS = ("comprehensiveness", "sufficiency", "deletion", "insertion", "monotonicity")


class Metric(NamedTuple):
    """higher: whether more is better, None where neither is. costly: asked of the first texts only. what: in a line."""

    higher: bool | None
    what: str
    costly: bool = False


METRICS = {
    "precision": Metric(True, "share of the words that decide among as many of the greatest scores"),
    "average_precision": Metric(True, "mean precision down to each word that decides"),
    "first_rank": Metric(False, "rank of the first word that decides"),
    "sign_agreement": Metric(True, "share of the words of known sign whose score has it"),
    "comprehensiveness": Metric(True, "probability lost without the top 1 to 50 % (ERASER's AOPC)"),
    "sufficiency": Metric(False, "probability lost with only the top 1 to 50 % (ERASER's AOPC)"),
    "comprehensiveness_ratio": Metric(True, "the same as a share of the text's probability"),
    "sufficiency_ratio": Metric(True, "the share of the text's probability that the top 1 to 50 % have"),
    "deletion": Metric(False, "area under the probability while words go, most important first"),
    "insertion": Metric(True, "area under the probability while words come, most important first"),
    "monotonicity": Metric(
        None,
        "share of words that don't lower the probability, coming in from the least important; where words only"
        " add up, the same for all orders",
    ),
    "leave_one_out": Metric(
        None, "Kendall's tau-b with the probability lost without each word: circular for methods that replace words"
    ),
    "infidelity": Metric(
        False, "squared error of foretold drops of the logit, scores rescaled, as a share of the drops' square"
    ),
    "max_sensitivity": Metric(
        None,
        "greatest relative change of scores under slightly moved embeddings; 0 for what never looks at the model",
        costly=True,
    ),
    "runs": Metric(True, "Spearman's rho between runs with other seeds", costly=True),
    "edits": Metric(True, "Spearman's rho with the same text, one word replaced and the answer kept", costly=True),
    "paraphrases": Metric(True, "Spearman's rho with paraphrases, over the words that they share", costly=True),
    "randomised": Metric(None, "Spearman's rho with scores of the same model with random weights", costly=True),
    "relabelled": Metric(None, "Spearman's rho with scores of a model trained on shuffled labels", costly=True),
    "marked_average_precision": Metric(True, "plausibility: mean precision down to each marked word"),
    "token_f1": Metric(True, "plausibility: F1 of as many words as are marked"),
    "iou_f1": Metric(True, "plausibility: F1 of spans that overlap the marked ones by half"),
    "auprc": Metric(None, "plausibility as ERASER draws it; equal scores get more than random ones"),
    "gini": Metric(None, "0 where all words have the same size of score, near 1 where one has all"),
    "effective_words": Metric(None, "exp of the entropy of the sizes of scores"),
    "forwards": Metric(None, "forward passes"),
    "rows": Metric(None, "texts in them"),
    "backwards": Metric(None, "backward passes"),
    "seconds": Metric(None, "on one thread of the machine that made the board"),
}


@dataclass(frozen=True)
class Settings:
    """What a board's numbers depend on beside models and methods.

    texts: at most so many of each set. costly: how many of them the costly metrics are asked of. draws: of random
    scores. coalitions: of infidelity. nudges: of max-sensitivity. seeds: of the runs, and of the random models.
    """

    texts: int = 100
    costly: int = 30
    draws: int = 20
    coalitions: int = 64
    nudges: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("texts", "draws", "coalitions", "nudges"):
            checks.whole(getattr(self, name), name)
        checks.whole(self.costly, "costly", least=0)
        checks.seed(self.seed)
        if len(self.seeds) < 2 or len({checks.seed(seed) for seed in self.seeds}) < len(self.seeds):
            raise OptionError(f"seeds={self.seeds!r}: give at least two, all different")


@dataclass(frozen=True)
class Task:
    """The unit of work: some texts of one set, of one model, by one method. method: None for a control."""

    model: str
    label: str
    method: Call | None
    texts: str
    start: int
    stop: int

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What tells it apart from the other tasks of a board."""
        return self.model, self.label, self.texts, self.start, self.stop


@dataclass(frozen=True)
class Entry:
    """A text to be explained, and what is known of it: a case, marked spans, or other ways to say it."""

    text: str
    target: Target
    case: truth.Case | None = None
    marks: Marked | None = None
    others: tuple[str, ...] = ()


class Row(NamedTuple):
    """One number. control: "" for the method itself, "reversed" for its ranking turned round."""

    model: str
    method: str
    texts: str
    number: int
    metric: str
    control: str
    value: float


def sets(model: str) -> dict[str, tuple[Entry, ...]]:
    """The texts that a model is asked about, by the name of their set."""
    return dict(_sets(model))


@functools.cache
def _sets(name: str) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, tuple[Entry, ...]] = {}
    if name in truth.known(truth.read_cases()):
        found["rule"] = tuple(Entry(case.text, case.target, case=case) for case in truth.read_cases(name))
    if name in REVIEWS:
        reviews = data_folder() / "corpora" / "reviews"
        model = model_named(name)
        found["marked"] = tuple(
            Entry(marked.text, Target(marked.label), marks=marked)
            for marked in read_marked(reviews / "marked.jsonl")
            if model.predict(marked.text, 1)[0].token == marked.label
        )
        groups = [json.loads(line) for line in (reviews / "paraphrases.jsonl").read_text(encoding="utf-8").splitlines()]
        said = (Entry(group["texts"][0], Target(group["label"]), others=tuple(group["texts"][1:])) for group in groups)
        found["paraphrases"] = tuple(entry for entry in said if _comparable(model, entry))
    if not found:
        raise OptionError(f"{name!r} has no texts on the board; there are: {', '.join(models())}")
    return found


def _comparable(model: TextModel, entry: Entry) -> bool:
    """Whether two of the texts share enough words to compare their scores."""
    found = stability.consistency(model, (entry.text, *entry.others), random_scores, entry.target)
    return bool(np.isfinite(found.values).any())


def models() -> tuple[str, ...]:
    """The models that the board has texts for."""
    return tuple(dict.fromkeys((*truth.known(truth.read_cases()), *REVIEWS)))


def tasks(names: Sequence[str], methods: Methods | None, settings: Settings) -> list[Task]:
    """All units of work, the controls among them.

    methods: as in `compare`; those that are given by name alone, or not at all, have the options in `QUICK`.
    """
    chosen: dict[str, Call | None] = dict(calls(_quick(methods), "words"))
    if clash := {RANDOM, BEST} & set(chosen):
        raise OptionError(f"{min(clash)!r} is the board's own; give the method another label")
    found = []
    for name in names:
        for texts, entries in sets(name).items():
            n = min(len(entries), settings.costly if texts == "paraphrases" else settings.texts)
            for label, method in {**chosen, RANDOM: None, BEST: None}.items():
                if texts == "paraphrases" and label == BEST:
                    continue
                found += [Task(name, label, method, texts, i, min(i + CHUNK, n)) for i in range(0, n, CHUNK)]
    return found


def _quick(methods: Methods | None) -> Methods:
    """The methods with the board's options, where they come without."""
    if isinstance(methods, Mapping):
        return methods
    given = tuple(registry.METHODS) if methods is None else (methods,) if isinstance(methods, str) else methods
    if not all(isinstance(method, str) for method in given) or len(set(given)) < len(given):
        return given
    return {name: (name, QUICK.get(name, {})) for name in given if isinstance(name, str)}


def score(task: Task, settings: Settings) -> tuple[list[Row], dict[int, str]]:
    """What the board holds of a task, and why a text is left out, by its index."""
    model, entries = model_named(task.model), sets(task.model)[task.texts]
    rows, left_out = [], {}
    for index in range(task.start, task.stop):
        try:
            with _one_thread():
                values = _scored(model, entries[index], task, settings, costly=index < settings.costly)
        except XaiError as error:
            left_out[index] = f"{type(error).__name__}: {error}"
            continue
        rows += [
            Row(task.model, task.label, task.texts, index, metric, control, float(value))
            for (metric, control), value in values.items()
        ]
    return rows, left_out


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """So that seconds of different machines and numbers of processes mean the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def random_scores(
    model: TextModel, text: str, target: Target | str | int | None = None, *, seed: int = 0
) -> Attribution:
    """The control: normally distributed scores of the words, by text and seed, which know nothing of the model."""
    encoded = model.encode(text)
    groups = word_groups(text, encoded.units)
    units = tuple(joined(text, [encoded.units[i] for i in group]) for group in groups)
    resolved = model.resolve(target, encoded)
    scores = np.random.default_rng([seed, zlib.crc32(text.encode())]).normal(size=len(units))
    return Attribution("random_scores", text, units, scores, resolved.target, model.name, options={"seed": seed})


Values = dict[tuple[str, str], float]


def _scored(model: TextModel, entry: Entry, task: Task, settings: Settings, costly: bool) -> Values:
    replacement = REPLACEMENTS.get(model.name, "auto")
    method = None if task.method is None else _replacing(task.method, replacement)
    chance = Call(random_scores, {"seed": settings.seed}, True)
    if task.texts == "paraphrases":
        pair = _pair(method or chance)
        found = stability.consistency(model, (entry.text, *entry.others), pair, entry.target)
        return {("paraphrases", ""): found.mean}
    if method is None:
        draws = range(settings.draws) if task.label == RANDOM else range(1)
        asked = {f"{i}": Call(random_scores, {"seed": settings.seed + i}, True) for i in draws}
    else:
        asked = {task.label: method}
    explained = explained_by_all(model, entry.text, entry.target, asked, "words")
    erased = faithfulness.erase(
        model,
        explained.attributions,
        entry.target,
        replacement=replacement,
        random_orders=0,
        best=task.label == BEST,
        seed=settings.seed,
    )
    values = _erasure(erased, "best" if task.label == BEST else "explanations")
    if task.label == BEST:
        return values
    columns = list(explained.scores.values())
    values |= _infidelity(model, entry, columns, replacement, settings)
    if entry.case is not None:
        values |= _truth(entry.case, explained.units, columns)
    if entry.marks is not None:
        values |= _plausible(entry.marks, explained.units, columns, settings.seed)
    values["gini", ""] = float(np.mean([sparsity.gini(scores) for scores in columns]))
    values["effective_words", ""] = float(np.mean([sparsity.effective_number(scores) for scores in columns]))
    if method is not None:
        values |= _paid(explained.costs[task.label])
    if costly:
        values |= _costly(model, entry, method or chance, columns[0], settings)
    return values


def _replacing(method: Call, replacement: str) -> Call:
    """The method with what stands in for a word, if it takes words away, or begins at a baseline, and has no other."""
    named = [name for name in ("replacement", "baseline") if name in (options_of(method.function) or ())]
    return replace(method, options={**dict.fromkeys(named, replacement), **method.options})


def _erasure(erased: faithfulness.Erased, who: str) -> Values:
    values: Values = {}
    found = erased.metrics()
    for name in AREAS:
        if who == "best" and name == "monotonicity":
            continue  # subsets of different sizes need not follow from each other
        values[name, ""] = float(np.mean(found[name][who]))
        if who != "best":
            values[name, "reversed"] = float(np.mean(found[name]["reversed"]))
    if who != "best":
        values["leave_one_out", ""] = float(agreement.known_mean(erased.leave_one_out))
    if erased.whole > 0 and erased.target.versus is None:  # a share of a difference says nothing
        ratios = erased.metrics(convention="ratio")
        for name in ("comprehensiveness", "sufficiency"):
            values[f"{name}_ratio", ""] = float(np.mean(ratios[name][who]))
    return values


def _infidelity(
    model: TextModel, entry: Entry, columns: Sequence[np.ndarray], replacement: str, settings: Settings
) -> Values:
    game = text_game(model, entry.text, entry.target, replacement, units="words")
    if game.n != len(columns[0]):
        raise OptionError(f"{game.n} words can be taken away, and {len(columns[0])} are compared")
    kept = faithfulness.random_coalitions(game.n, settings.coalitions, settings.seed)
    drops = game.whole - game(kept)
    size = (drops**2).mean()
    if size == 0:  # nothing was lost, so nothing could be foretold
        return {}
    return {("infidelity", ""): float(faithfulness.infidelity(np.stack(columns), kept, drops).mean() / size)}


def _truth(case: truth.Case, units: Sequence[Unit], columns: Sequence[np.ndarray]) -> Values:
    decide, signs = truth.decisive(case, units)
    own = [truth.measured(scores, decide, signs) for scores in columns]
    turned = [truth.measured(-np.abs(scores), decide, signs, by="signed") for scores in columns]
    values = {(name, ""): float(np.mean([found[name] for found in own])) for name in truth.METRICS}
    for name in ("precision", "average_precision", "first_rank"):
        values[name, "reversed"] = float(np.mean([found[name] for found in turned]))
    return values


def _plausible(marks: Marked, units: Sequence[Unit], columns: Sequence[np.ndarray], seed: int) -> Values:
    marked = marked_units(units, marks.spans)
    sizes = [ranked(scores, "size") for scores in columns]
    chosen = [retrieval.chosen(size, int(marked.sum()), seed) for size in sizes]
    found = {
        ("marked_average_precision", ""): [retrieval.average_precision(size, marked) for size in sizes],
        ("marked_average_precision", "reversed"): [retrieval.average_precision(-size, marked) for size in sizes],
        ("auprc", ""): [retrieval.auprc(size, marked) for size in sizes],
        ("token_f1", ""): [retrieval.token_f1(words, marked) for words in chosen],
        ("iou_f1", ""): [retrieval.iou_f1(words, marked) for words in chosen],
    }
    return {key: float(np.mean(values)) for key, values in found.items()}


def _paid(cost: Cost) -> Values:
    return {(name, ""): getattr(cost, name) for name in ("forwards", "rows", "backwards", "seconds")}


def _pair(method: Call) -> tuple[Any, Mapping[str, Any]]:
    return method.function, method.options


def _costly(model: TextModel, entry: Entry, method: Call, scores: np.ndarray, settings: Settings) -> Values:
    pair, text, target = _pair(method), entry.text, entry.target
    values = {
        ("runs", ""): stability.over_runs(model, text, pair, target, settings.seeds).mean,
        ("max_sensitivity", ""): stability.max_sensitivity(
            model, text, pair, target, draws=settings.nudges, seed=settings.seed
        ),
    }
    others = {"randomised": [_random_model(model.name, seed) for seed in settings.seeds]}
    if entry.marks is not None and model.name != TWIN:
        others["relabelled"] = [model_named(TWIN)]
    for name, twins in others.items():
        theirs = [explained_by_all(twin, text, target, {"it": method}, "words").scores["it"] for twin in twins]
        values[name, ""] = float(np.mean([stability.correlation(scores, other) for other in theirs]))
    if entry.case is not None and (edited := _edited(model, entry.case, settings.seed)):
        values["edits", ""] = stability.consistency(model, (text, edited), pair, Target(target.token)).mean
    return values


def _edited(model: TextModel, case: truth.Case, seed: int) -> str | None:
    """The text with one word replaced that does not decide, and the same answer; None where none was found.

    A probe of the case, where one keeps the answer; otherwise a word that decides nowhere stands in for another.
    """
    same = [probe.text for probe in case.probes if probe.answer == case.target.token]
    if same:
        return same[0]
    rng = np.random.default_rng([seed, zlib.crc32(case.text.encode())])
    free, others = _free_words(case), _never_deciding(case.model)
    for _ in range(EDITS if free else 0):
        start, end = free[rng.integers(len(free))]
        text = f"{case.text[:start]}{others[rng.integers(len(others))]}{case.text[end:]}"
        if text != case.text and model.resolve(None, text).id == model.resolve(case.target.token, text).id:
            return text
    return None


def _free_words(case: truth.Case) -> list[tuple[int, int]]:
    """Where words stand that don't decide."""
    spans = [word.span() for word in re.finditer(r"\w+", case.text)]
    return [(a, b) for a, b in spans if not any(a < end and start < b for start, end in case.spans)]


@functools.cache
def _never_deciding(model: str) -> tuple[str, ...]:
    """Words that decide in no text; where each does in some, as of the copier, those that don't in one."""
    cases = truth.read_cases(model)
    decide = {case.text[start:end] for case in cases for start, end in case.spans}
    free = {case.text[a:b] for case in cases for a, b in _free_words(case)}
    return tuple(sorted(free - decide or free))


@functools.lru_cache(maxsize=4)
def model_named(name: str) -> TextModel:
    """The model, loaded once in each process."""
    return load(name)


@functools.lru_cache(maxsize=3)
def _random_model(name: str, seed: int) -> TextModel:
    *_, (_, last) = sanity.randomised(model_named(name), "cascading", seed)
    return last
