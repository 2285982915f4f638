"""Do similar inputs get similar explanations?

Three ways to be similar: other words for the same (paraphrases, and edits that leave the label alone), the same text
once more with another seed, and embeddings that have moved a little (Yeh et al., 2019, "On the (In)fidelity and
Sensitivity of Explanations"). The first two ask for the same order of the words, the third for the same scores.

Stability is not faithfulness. A method that ignores the model is perfectly stable, and where the model itself answers
two similar texts for different reasons, a faithful explanation must change.
"""

from __future__ import annotations

import copy
import itertools
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from . import agreement, checks, comparison, corpus
from .attribution import Target
from .comparison import By, Call, Explained, Method, Units, explained_by_all
from .errors import OptionError
from .models import ONE_AT_A_TIME, TextModel, require_text_model

OneMethod = str | Method | tuple[str | Method, Mapping[str, Any]]
FEWEST = 3  # units; of two, every method has either the same order or the opposite one


@dataclass(frozen=True, eq=False)
class Consistency:
    """How alike several explanations by one method are.

    values: Spearman's rho of each two explanations, float64 (n_pairs,), in the order of `itertools.combinations`; NaN
    where fewer than three units correspond, or where all of them have the same score. shared: how many units
    correspond, int64 (n_pairs,). seeded: of runs, whether they could differ by their seed; None where texts are
    compared.
    """

    method: str
    values: np.ndarray
    shared: np.ndarray
    seeded: bool | None = None

    @property
    def mean(self) -> float:
        """The mean of the values that are no NaN; NaN where all are."""
        return float(agreement.known_mean(self.values))


def aligned(one: Sequence[str], other: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Which units of two texts correspond: pairs (i, j), in order of i, each i and each j at most once.

    Two texts of as many units, at least half of which are the same place by place, are one text of which words were
    replaced: place i corresponds to place i, the replaced words to what replaced them. In other pairs, such as
    paraphrases, a unit corresponds to the same word of the other text, wherever that stands, the nth occurrence to the
    nth; a word that only one of them has corresponds to nothing. Case does not count. Punctuation marks are units, too.
    """
    words, others = ([word.casefold() for word in text] for text in (one, other))
    if len(words) == len(others) <= 2 * sum(map(operator.eq, words, others)):
        return tuple((i, i) for i in range(len(words)))
    place = {word: j for j, word in enumerate(_numbered(others))}
    return tuple((i, place[word]) for i, word in enumerate(_numbered(words)) if word in place)


def correlation(one: np.ndarray, other: np.ndarray, by: By = "size") -> float:
    """Spearman's rho of two explanations of the same units, (n_units,) each; NaN where one has no order, to rounding.

    by: what is ranked, the scores' "size" or "signed" scores.
    """
    if comparison.constant({"one": one, "other": other}, by):
        return float("nan")
    return float(agreement.spearman(comparison.ranked(np.stack([one, other], axis=1), by))[0, 1])


def consistency(
    model: TextModel,
    texts: Iterable[str],
    method: OneMethod,
    target: Target | str | int | None = None,
    *,
    by: By = "size",
    units: Units = "words",
) -> Consistency:
    """Spearman's rho of a method's scores for each two of several texts that say the same, over `aligned` units.

    method: a name in `METHODS`, a function, or a pair (method, options). target: the same for all texts; None takes
    what the model predicts for the first. by, units: as in `compare`, which also says what is left out. With the few
    words that paraphrases share, one value says little: average over many texts. Raises OptionError for fewer than two
    texts, and where the method can't explain one; UnknownMethodError; and what the target raises.
    """
    require_text_model("consistency", model)
    comparison.check(by, 1, units)
    given = corpus.listed(texts)
    if len(given) < 2:
        raise OptionError(f"texts={given!r}: give at least two, to be compared with each other")
    label, chosen = _chosen(method, units)
    found: list[Explained] = []
    for text in given:
        found.append(explained_by_all(model, text, target, {label: chosen}, units))
        if target is None or (isinstance(target, Target) and target.token is None):
            target = found[0].target
    values, shared = [], []
    for one, other in itertools.combinations(found, 2):
        pairs = np.array(aligned(*([unit.text for unit in text.units] for text in (one, other))), dtype=int)
        i, j = pairs.reshape(-1, 2).T
        enough = len(pairs) >= FEWEST
        values.append(correlation(one.scores[label][i], other.scores[label][j], by) if enough else np.nan)
        shared.append(len(pairs))
    return Consistency(label, np.array(values), np.array(shared))


def over_runs(
    model: TextModel,
    text: str,
    method: OneMethod,
    target: Target | str | int | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    by: By = "size",
    units: Units = "words",
) -> Consistency:
    """Spearman's rho of a method's scores in each two runs with different seeds.

    A method without a `seed` among its options draws nothing: it runs once, its values are 1 by definition, and
    `seeded` is False. One that has the option may still draw nothing, as exact Shapley values do; it runs, and is 1.
    The same measure for every method: `surrogates.over_seeds` asks about one method that draws, and how far each score
    strays. The rest as in `consistency`. Raises OptionError for fewer than two seeds, or for one that is there twice.
    """
    require_text_model("over_runs", model)
    comparison.check(by, 1, units)
    given = [checks.seed(seed) for seed in seeds]
    if len(given) < 2 or len(set(given)) < len(given):
        raise OptionError(f"seeds={given}: give at least two different ones")
    label, chosen = _chosen(method, units)
    seeded = "seed" in (comparison.options_of(chosen.function) or ())
    runs = [replace(chosen, options={**chosen.options, "seed": seed}) for seed in given] if seeded else [chosen]
    found = explained_by_all(model, text, target, {f"{label}, run {i}": run for i, run in enumerate(runs)}, units)
    n_pairs = len(given) * (len(given) - 1) // 2
    values = [correlation(*pair, by) for pair in itertools.combinations(found.scores.values(), 2)]
    return Consistency(
        label, np.array(values) if seeded else np.ones(n_pairs), np.full(n_pairs, len(found.units)), seeded
    )


def max_sensitivity(
    model: TextModel,
    text: str,
    method: OneMethod,
    target: Target | str | int | None = None,
    *,
    radius: float = 0.02,
    draws: int = 10,
    seed: int = 0,
    units: Units = "words",
) -> float:
    """The greatest relative change of the scores, ||phi(x') - phi(x)|| / ||phi(x)||, when embeddings move a little.

    Yeh et al. (2019, definition 3), estimated by the greatest of several draws. Each coordinate of each token's
    embedding is moved by noise that is uniform between -r and r, with r = radius times the standard deviation of all
    entries of the embedding table, so that a radius means the same for models of different scale. Special tokens
    move, too. What moves is the token's row of the table, in a copy of the model: a token that stands at two places
    moves alike at both, and so does a replacement or baseline that is a token of this text. Unembedding and positions
    stay. The target is the same for all draws, and a method that draws keeps its seed.

    method, units: as in `consistency`; phi are the scores of the units that `compare` compares, NaN where all are 0.
    radius, draws: of the noise, drawn by seed; a longer series begins with the draws of a shorter one. Raises
    OptionError, UnknownMethodError, and what the target raises.
    """
    require_text_model("max_sensitivity", model)
    comparison.check("size", 1, units)
    radius, draws = checks.number(radius, "radius", above=0), checks.whole(draws, "draws")
    seed = checks.seed(seed)
    label, chosen = _chosen(method, units)
    still = explained_by_all(model, text, target, {label: chosen}, units)
    phi = still.scores[label]
    changes = [
        np.linalg.norm(explained_by_all(moved, text, still.target, {label: chosen}, units).scores[label] - phi)
        for moved in _moved(model, text, radius, draws, seed)
    ]
    size = np.linalg.norm(phi)
    return float(max(changes) / size) if size else float("nan")


def copied(model: TextModel) -> TextModel:
    """The same model once more, of which nothing is shared with the first but the tokenizer.

    Where the unembedding is the table of embeddings, the copy has two, with the same values: one can be changed
    without the other.
    """
    with ONE_AT_A_TIME, torch.inference_mode(False):
        network = copy.deepcopy(model.model)
        table: Any = network.get_input_embeddings()
        table.weight = torch.nn.Parameter(table.weight.detach().clone(), table.weight.requires_grad)
    network.config.tie_word_embeddings = False
    return replace(model, model=network)


def _moved(model: TextModel, text: str, radius: float, draws: int, seed: int) -> Iterator[TextModel]:
    """A copy of the model, the same one for each draw, in which the rows of the text's tokens have moved."""
    moved, rng = copied(model), np.random.default_rng(seed)
    table: Any = moved.model.get_input_embeddings()
    rows = model.encode(text).ids.unique()  # in ascending order
    own = table.weight.detach()[rows].double()
    reach = radius * float(table.weight.detach().double().std(correction=0))
    for _ in range(draws):
        noise = torch.from_numpy(rng.uniform(-reach, reach, tuple(own.shape))).to(own.device)
        with torch.no_grad():
            table.weight[rows] = (own + noise).to(table.weight.dtype)
        yield moved


def _chosen(method: OneMethod, units: Units) -> tuple[str, Call]:
    """The method's name, and the method as it is called."""
    function = method[0] if isinstance(method, tuple) and method else method
    label = function if isinstance(function, str) else getattr(function, "__name__", repr(function))
    return label, comparison.calls({label: method}, units)[label]


def _numbered(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each word with the number of times that it stood before."""
    seen: Counter[str] = Counter()
    for word in words:
        yield word, seen[word]
        seen[word] += 1
