"""Does an explanation depend on what the model learned?

Adebayo et al. (2018, "Sanity Checks for Saliency Maps") destroy what a model has learned and ask a method again. Where
the explanation stays as it was, it was about the text, or about the architecture, and not about this model. Either the
weights are drawn anew, part by part from the output down, or the model is held against a twin that was trained on
labels dealt out by lot.

The test can fail a method, and cannot pass one: noise moves with everything. Nor must a good explanation lose all
likeness: some of its order, such as that of long words before short ones, may come from the text whatever the weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
import torch
from transformers import PreTrainedModel

from . import checks, comparison, corpus
from .agreement import bootstrap
from .architectures import blocks_of
from .attribution import Target
from .comparison import By, Call, Explained, Methods, Units
from .errors import OptionError
from .models import TextModel, require_text_model
from .stability import copied, correlation
from .viz.table import Table
from .viz.wording import visible

Mode = Literal["cascading", "independent"]
UNMOVED = 0.5  # a mean rank correlation above which explanations look alike


@dataclass(frozen=True, eq=False)
class SanityCheck:
    """How far explanations of a trained model are like those of models that have not learned what it did.

    check: the mode of `randomisation`, or "relabelled". parts: what is random, from the output down, or the twin's
    name. values: Spearman's rho of a method's scores with those for the trained model, float64 (n_texts, n_parts,
    n_methods), NaN where a method has no scores for one of both, or no order. left_out: the methods of which some value
    is NaN, and the first reason. seed: also of the bootstrap.
    """

    model: str
    check: Literal["cascading", "independent", "relabelled"]
    texts: tuple[str, ...]
    parts: tuple[str, ...]
    methods: tuple[str, ...]
    values: np.ndarray
    left_out: Mapping[str, str]
    by: By
    seed: int

    @property
    def unmoved(self) -> tuple[str, ...]:
        """The methods that say about the same of a model that has not learned it.

        Those whose 95 % interval lies above 0.5 (with one text, whose value does): of a cascade at its last part, where
        everything is random, and else at every part.
        """
        mean, low, _ = self._intervals()
        low = np.where(np.isfinite(self.values).sum(axis=0) == 1, mean, low)
        decisive = low[-1:] if self.check == "cascading" else low
        return tuple(method for k, method in enumerate(self.methods) if (decisive[:, k] > UNMOVED).all())

    def table(self) -> Table:
        """Parts by methods: the mean over texts, and the ends of its 95 % bootstrap interval."""
        intervals = np.stack(self._intervals(), axis=-1)
        rows = [
            (part, *(f"{mean:.2f} [{low:.2f}, {high:.2f}]" for mean, low, high in row))
            for part, row in zip(map(visible, self.parts), intervals, strict=True)
        ]
        by = {"size": "by the size of scores", "signed": "by signed scores"}[self.by]
        title = f"correlation with {self.model} · {self.check} · {len(self.texts)} texts · {by}"
        return Table(title, ("", *map(visible, self.methods)), tuple(rows))

    def _intervals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return bootstrap(self.values, seed=self.seed)

    def _notes(self) -> list[str]:
        unmoved = [f"unmoved: {', '.join(map(visible, self.unmoved))}"] if self.unmoved else []
        return unmoved + [f"not always compared: {visible(m)}: {visible(why)}" for m, why in self.left_out.items()]

    def __repr__(self) -> str:
        return "\n\n".join([str(self.table()), *self._notes()])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_() + "".join(f"<p>{escape(note)}</p>" for note in self._notes())


def randomised(model: TextModel, mode: Mode = "cascading", seed: int = 0) -> Iterator[tuple[str, TextModel]]:
    """Copies of a model with random weights: the part that is random, and the copy, from the output down.

    Parts are the "head" (all that follows the last block: its norm, pooler, classifier, unembedding), the blocks from
    the last to "block 0", and the "embeddings" (all that comes before). mode: "cascading", where everything is random
    from the head down to this part, or "independent", where only this part is.

    Each parameter's entries are drawn from a normal distribution with the mean and the standard deviation that they
    had, so scales stay; a parameter whose entries are all equal, such as a norm's that was not trained, stays. An
    unembedding that is the table of embeddings becomes one of its own. The draws of part i (0 for the head) are
    numpy's, by the seed (seed, i), parameter by parameter, so that a part is the same in both modes. The model itself
    stays as it is. Raises OptionError.
    """
    require_text_model("randomised", model)
    if mode not in get_args(Mode):
        raise OptionError(f"mode={mode!r}: choose {', '.join(map(repr, get_args(Mode)))}")
    return _copies(model, mode, checks.seed(seed))


def randomisation(
    model: TextModel,
    texts: Iterable[str],
    methods: Methods | None = None,
    targets: corpus.Targets | Iterable[corpus.Targets] = None,
    *,
    mode: Mode = "cascading",
    by: By = "size",
    units: Units = "words",
    seed: int = 0,
    progress: bool = True,
) -> SanityCheck:
    """How like themselves explanations stay when the model's weights are drawn anew, part by part.

    texts, targets: as in `compare_corpus`; what the trained model predicts for a text is the target for the random ones
    as well. methods, by, units: as in `compare`. mode, seed: as in `randomised`. One draw is one draw: repeat with
    other seeds. Raises OptionError, UnknownMethodError, and what a text or its target raises.
    """
    require_text_model("randomisation", model)
    seed = checks.seed(seed)
    chosen, given, asked = _asked(texts, methods, targets, by, units)
    copies = randomised(model, mode, seed)
    trained = _explanations(model, given, asked, chosen, units, progress, "trained")
    asked = [found.target for found in trained]
    found = {part: _explanations(other, given, asked, chosen, units, progress, part) for part, other in copies}
    return _compared(model, mode, given, trained, found, tuple(chosen), by, seed)


def relabelled(
    model: TextModel,
    twin: TextModel,
    texts: Iterable[str],
    methods: Methods | None = None,
    targets: corpus.Targets | Iterable[corpus.Targets] = None,
    *,
    by: By = "size",
    units: Units = "words",
    seed: int = 0,
    progress: bool = True,
) -> SanityCheck:
    """How like the explanations of a model are to those of its twin, which was trained on labels dealt out by lot.

    twin: a model of the same kind that cuts the texts into the same tokens. Its target is the label or token of the
    same name. seed: of the bootstrap. The rest as in `randomisation`. Raises OptionError, and as there.
    """
    for one in (model, twin):
        require_text_model("relabelled", one)
    seed = checks.seed(seed)
    chosen, given, asked = _asked(texts, methods, targets, by, units)
    alike = (model.encode(text).ids.tolist() == twin.encode(text).ids.tolist() for text in given)
    if model.kind != twin.kind or not all(alike):
        raise OptionError(f"{twin.name} is no twin of {model.name}: give two of one kind, with the same tokenizer")
    trained = _explanations(model, given, asked, chosen, units, progress, model.name)
    asked = [found.target for found in trained]
    found = {twin.name: _explanations(twin, given, asked, chosen, units, progress, twin.name)}
    return _compared(model, "relabelled", given, trained, found, tuple(chosen), by, seed)


def _asked(
    texts: Iterable[str],
    methods: Methods | None,
    targets: corpus.Targets | Iterable[corpus.Targets],
    by: By,
    units: Units,
) -> tuple[dict[str, Call], list[str], Sequence[Target | None]]:
    comparison.check(by, 1, units)
    given = corpus.listed(texts)
    return comparison.calls(methods, units), given, corpus.each_target(targets, len(given))


def _explanations(
    model: TextModel,
    texts: Sequence[str],
    targets: Sequence[Target | None],
    chosen: Mapping[str, Call],
    units: Units,
    progress: bool,
    what: str,
) -> list[Explained]:
    asked = tuple(zip(texts, targets, strict=True))
    return [
        comparison.explained(model, text, target, chosen, units, progress=False)
        for text, target in comparison.bar(asked, progress, what)
    ]


def _compared(
    model: TextModel,
    check: Literal["cascading", "independent", "relabelled"],
    texts: Sequence[str],
    trained: Sequence[Explained],
    found: Mapping[str, Sequence[Explained]],
    methods: tuple[str, ...],
    by: By,
    seed: int,
) -> SanityCheck:
    """Each method's scores for the trained model, beside those of each other."""
    columns = [("trained", trained), *found.items()]
    values = np.full((len(texts), len(columns), len(methods)), np.nan)
    left_out: dict[str, str] = {}
    for (i, text), (j, (part, others)) in itertools.product(enumerate(texts), enumerate(columns)):
        one, other = trained[i].scores, others[i].scores
        for label, reason in (others[i].left_out | comparison.constant(other, by)).items():
            left_out.setdefault(label, f"{part}, text {text!r}: {reason}")
        for k, label in enumerate(methods):
            if label in one and label in other:
                values[i, j, k] = correlation(one[label], other[label], by)
    return SanityCheck(model.name, check, tuple(texts), tuple(found), methods, values[:, 1:], left_out, by, seed)


def _copies(model: TextModel, mode: Mode, seed: int) -> Iterator[tuple[str, TextModel]]:
    before = copied(model)
    for i, part in enumerate(_parts(before.model)):
        changed = copied(before)
        _draw(_parts(changed.model)[part], np.random.default_rng((seed, i)))
        yield part, changed
        if mode == "cascading":
            before = changed


def _parts(network: PreTrainedModel) -> dict[str, list[torch.nn.Parameter]]:
    """The parameters of each part, from the output down; modules are registered in the order of the computation."""
    blocks = blocks_of(network)
    owner = {parameter: f"block {i}" for i, block in enumerate(blocks) for parameter in block.parameters()}
    parts: dict[str, list[torch.nn.Parameter]] = {"head": []}
    parts |= {f"block {i}": [] for i in reversed(range(len(blocks)))} | {"embeddings": []}
    outside = "embeddings"
    for parameter in network.parameters():
        if parameter in owner:
            outside = "head"
        parts[owner.get(parameter, outside)].append(parameter)
    return parts


def _draw(parameters: Iterable[torch.nn.Parameter], rng: np.random.Generator) -> None:
    """New entries for each, with its own mean and standard deviation."""
    with torch.no_grad():
        for parameter in parameters:
            entries = parameter.double()
            noise = torch.from_numpy(rng.standard_normal(tuple(entries.shape))).to(entries.device)
            parameter.copy_(entries.mean() + entries.std(correction=0) * noise)
