"""What happens to the output when a part of the text is taken away?

Leave-one-out (Li, Monroe & Jurafsky, 2016, "Understanding Neural Networks through Representation Erasure") takes one
unit at a time, occlusion (Zeiler & Fergus, 2014, "Visualizing and Understanding Convolutional Networks") a window of
neighbours. Both are games: which units are kept decides what the target is worth. LIME and Shapley values, in
`surrogates`, play the same game with many units taken away at once.

Nothing can be taken away without something in its place, and the model's answer to a text with a hole is also an answer
to the hole. `replacement` says what fills it.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from transformers.cache_utils import DynamicCache

from . import checks
from .attribution import Attribution, Target, Unit, joined, word_groups
from .batches import BatchSize, logits_of, rows_at_once
from .editing import is_edited
from .errors import EmptyTextError, OptionError
from .installation import data_folder, versions
from .models import EncodedText, TextModel, load, require_evaluation, require_text_model
from .replacements import NAMES, embedded, stand_in, stays
from .targets import ResolvedTarget

Units = Literal["tokens", "words"]
UNITS: tuple[Units, ...] = ("tokens", "words")
SAMPLED = ("corpus", "mlm")
PARTS, WORTH = 8, 1024  # texts that share a prefix: at most so many parts, each of at least so many tokens in all
PAYS = 0.2  # the share of tokens that reused prefixes must save
_FREQUENCIES: WeakKeyDictionary[Any, dict[str, torch.Tensor]] = WeakKeyDictionary()  # counted once per tokenizer


def leave_one_out(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    replacement: str = "auto",
    units: Units = "tokens",
    draws: int = 10,
    seed: int = 0,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """What the target loses when one unit is taken away: value of the text minus value without the unit.

    replacement, units, draws, seed, batch_size: as in `text_game`. Scores keep their sign and have the output's unit:
    a minus says that the target gains. They share out nothing, so there is no total. Special tokens, and what follows
    the readout of a causal model, have 0. Raises as `text_game` does.
    """
    game = text_game(model, text, target, replacement, units, draws, seed, batch_size, method="leave_one_out")
    drops = game.whole - game(~np.eye(game.n, dtype=bool))
    return game.attribution("leave_one_out", drops, {})


def occlusion(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    window: int = 3,
    stride: int = 1,
    replacement: str = "auto",
    units: Units = "tokens",
    draws: int = 10,
    seed: int = 0,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """What the target loses when a window of neighbouring units is taken away, averaged over a unit's windows.

    window: how many units are taken at once; one wider than the text takes all of it. stride: how far the next window
    starts from the last, at most `window`; the last may be cut short by the end of the text. Window 1 is
    `leave_one_out`. The rest as there. Raises OptionError, and as `text_game` does.
    """
    window, stride = checks.whole(window, "window"), checks.whole(stride, "stride")
    if stride > window:
        raise OptionError(f"stride={stride}: above the window of {window} it would skip units")
    game = text_game(model, text, target, replacement, units, draws, seed, batch_size, method="occlusion")
    starts = np.arange(0, max(game.n - window, 0) + stride, stride)
    place = np.arange(game.n)
    taken = (place >= starts[:, None]) & (place < starts[:, None] + window)  # (windows, units)
    drops = game.whole - game(~taken)
    scores = drops @ taken / taken.sum(axis=0)
    return game.attribution("occlusion", scores, {"window": window, "stride": stride})


def perplexity(model: TextModel, text: str) -> float:
    """How surprised a causal model is by a text: exp of the mean negative log-probability of its tokens but the first.

    1 is no surprise; a uniform guess among V tokens gives V. Raises OptionError for other models and one token.
    """
    require_text_model("perplexity", model)
    require_evaluation(model)
    if model.kind != "causal-lm":
        raise OptionError(f"perplexity asks a causal language model; {model.name} is a {model.kind}")
    encoded = model.encode(text)
    if encoded.ids.shape[1] < 2:
        raise OptionError("perplexity needs a text of at least two tokens: the first is not predicted")
    with torch.no_grad():
        logits = model.forward(encoded).logits[0, :-1].double()
    return float(torch.nn.functional.cross_entropy(logits, encoded.ids[0, 1:]).exp())


@dataclass(frozen=True, eq=False)
class TextGame:
    """What a target is worth when some units of a text are kept and the others are taken away.

    Call it with kept, bool (n_coalitions, n): the target's values, float64 (n_coalitions,). players: the n units that
    can be taken away, each with its index among `units`, which are all that the text has, and its tokens. position: the
    unit that the prediction is read from. whole: the value of the text as it is. fill(absent), for absent bool
    (n_rows, n_tokens), gives the embeddings of `draws` changed texts for each row, over which values are averaged:
    (n_rows, draws, n_tokens, width). memory: the text's keys and values, if they can be used again.
    """

    model: TextModel
    encoded: EncodedText
    target: ResolvedTarget
    units: tuple[Unit, ...]
    players: tuple[tuple[int, tuple[int, ...]], ...]
    position: int
    whole: float
    fill: Callable[[torch.Tensor], torch.Tensor]
    draws: int
    deletes: bool
    options: dict[str, Any]
    batch_size: BatchSize
    memory: Any

    @property
    def n(self) -> int:
        """The number of players."""
        return len(self.players)

    @property
    def words(self) -> tuple[str, ...]:
        """The players as they are shown."""
        return tuple(self.units[unit].text for unit, _ in self.players)

    def __call__(self, kept: np.ndarray) -> np.ndarray:
        kept = np.asarray(kept, dtype=bool)
        if kept.ndim != 2 or kept.shape[1] != self.n:
            raise OptionError(f"kept has shape {kept.shape}; {self.n} players need (n_coalitions, {self.n})")
        distinct, where = np.unique(kept, axis=0, return_inverse=True)  # each text once
        values = np.full(len(distinct), self.whole)
        changed = ~distinct.all(axis=1)
        if changed.any():
            with torch.no_grad():
                values[changed] = self._values(torch.from_numpy(self._absent(distinct[changed])))
        return values[where.reshape(-1)]

    def attribution(
        self,
        method: str,
        scores: np.ndarray,
        options: dict[str, Any],
        details: dict[str, Any] | None = None,
        total: float | None = None,
        absorbed: dict[str, float] | None = None,
    ) -> Attribution:
        """The players' scores (n,) on all units of the text; what is never taken away has 0."""
        spread = np.zeros(len(self.units))
        spread[[unit for unit, _ in self.players]] = scores
        return Attribution(
            method=method,
            text=self.encoded.text,
            units=self.units,
            scores=spread,
            target=self.target.target,
            model=self.model.name,
            position=self.position,
            total=total,
            absorbed=absorbed or {},
            options=options | self.options,
            details=details or {},
            versions=versions(),
        )

    def _absent(self, kept: np.ndarray) -> np.ndarray:
        """Which tokens are taken away: (n_rows, n_tokens)."""
        member = np.zeros((self.n, len(self.encoded.units)), dtype=bool)
        for player, (_, tokens) in enumerate(self.players):
            member[player, list(tokens)] = True
        return ~kept @ member

    def _values(self, absent: torch.Tensor) -> np.ndarray:
        values = np.empty(len(absent))
        for rows, prefix in self._parts(absent):
            n_tokens = absent.shape[1] - prefix
            at_once = rows_at_once(self.model, n_tokens, self.batch_size, remembered=prefix)
            for some in torch.split(rows, max(1, at_once // self.draws)):
                values[some.numpy()] = self._run(absent[some], prefix, at_once)
        return values

    def _parts(self, absent: torch.Tensor) -> Iterator[tuple[torch.Tensor, int]]:
        """Rows that can go through the model together, and how many tokens at their beginning are the text's own."""
        place, rows = self.target.position, torch.arange(len(absent))
        if self.deletes:  # as many tokens, and the readout at the same place
            gone = torch.stack([absent[:, :place].sum(1), absent[:, place + 1 :].sum(1)], dim=1)
            alike = gone.unique(dim=0, return_inverse=True)[1]
            groups = [rows[alike == i] for i in range(int(alike.max()) + 1)]
        else:
            groups = [rows]
        first = absent.int().argmax(1)
        for group in groups:
            ordered = group[first[group].argsort(stable=True)]
            worth = min(PARTS, len(ordered), len(ordered) * (place + 1) // WORTH)
            parts = torch.tensor_split(ordered, max(1, worth))
            saved = sum(len(part) * int(first[part[0]]) for part in parts)
            if self.memory is not None and saved >= PAYS * len(group) * (place + 1):
                yield from ((part, int(first[part[0]])) for part in parts)
            else:
                yield ordered, 0

    def _run(self, absent: torch.Tensor, prefix: int, at_once: int) -> np.ndarray:
        """The values of a few changed texts, (n_rows,), in one pass, or more if the draws of one text need them."""
        place, vectors = self.target.position, self.fill(absent)  # (n_rows, draws, n_tokens, width)
        n_rows, n_draws = vectors.shape[:2]
        ids, vectors = self.encoded.ids.expand(n_rows * n_draws, -1), vectors.flatten(0, 1)
        if self.deletes:
            left = ~absent
            left[:, place] = True
            index = left.nonzero()[:, 1].view(n_rows, -1).to(ids.device)
            vectors = vectors.gather(1, index[..., None].expand(-1, -1, vectors.shape[-1]))
            ids, place = ids.gather(1, index), int((index[0] < place).sum())
        values = []
        for some, filled in zip(torch.split(ids, at_once), torch.split(vectors, at_once), strict=True):
            options: dict[str, Any] = {}
            if prefix:
                options = {"past_key_values": _prefix(self.memory, prefix, len(some)), "use_cache": True}
            logits = logits_of(self.model, some[:, prefix:], place - prefix, filled[:, prefix:], **options)
            values.append(self.target.value(logits.double()))
        return torch.cat(values).view(n_rows, n_draws).mean(1).cpu().numpy()


def text_game(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    replacement: str = "auto",
    units: Units = "tokens",
    draws: int = 10,
    seed: int = 0,
    batch_size: BatchSize = "auto",
    *,
    method: str = "text_game",
) -> TextGame:
    """The game that perturbation methods play on a text.

    replacement: what takes a unit's place, token by token: "auto", "mask", "pad", "unk", "zero", "mean" or a word, as
    in `replacements.stand_in`; "delete", where the text closes up (the token that the prediction is read from can't
    leave: it is replaced as "auto" would); "corpus", tokens drawn from the course's texts by their frequency; or "mlm",
    tokens drawn from what `course-mlm` finds likely there, for the models that share its tokenizer. The last two
    marginalise: values are means over `draws` texts, drawn by `seed`, the same for every coalition. Nothing is decoded
    and tokenised again, so the kept tokens stay as they were. units: "tokens" or "words"; a token
    of nothing but blanks is a unit, too.

    Special tokens stay, and in a masked language model the mask. batch_size: texts in one pass, or "auto"; values
    depend on it in rounding only. Raises OptionError, EmptyTextError where nothing can be taken away, and whatever the
    target raises.
    """
    require_text_model(method, model)
    require_evaluation(model)
    if units not in UNITS:
        raise OptionError(f"units={units!r}: choose {', '.join(map(repr, UNITS))}")
    encoded = model.encode(text)
    rows_at_once(model, 1, batch_size)  # complains before the model runs
    options: dict[str, Any] = {"replacement": replacement, "units": units}
    if replacement in SAMPLED:
        draws, seed = checks.whole(draws, "draws"), checks.seed(seed)
        options |= {"draws": draws, "seed": seed}
        fill = _sampler(model, encoded, replacement, draws, seed)
    else:
        name, vectors = _stand_in(model, encoded, "auto" if replacement == "delete" else replacement)
        options["replacement"] = "delete" if replacement == "delete" else name
        fill = functools.partial(_filled, model, encoded, vectors)
    reusable = _reusable(model, encoded)
    with torch.no_grad():
        output = model.forward(encoded, use_cache=True) if reusable else model.forward(encoded)
        resolved, value = model.readout_value(encoded, output, target)
    groups = word_groups(text, encoded.units) if units == "words" else [[i] for i in range(len(encoded.units))]
    return TextGame(
        model=model,
        encoded=encoded,
        target=resolved,
        units=tuple(joined(text, [encoded.units[i] for i in group]) for group in groups),
        players=_players(model, encoded, groups, resolved.position),
        position=next(unit for unit, group in enumerate(groups) if resolved.position in group),
        whole=float(value),
        fill=fill,
        draws=draws if replacement in SAMPLED else 1,
        deletes=replacement == "delete",
        options=options,
        batch_size=batch_size,
        memory=output.past_key_values if reusable else None,
    )


def _players(
    model: TextModel, encoded: EncodedText, groups: list[list[int]], place: int
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    fixed = stays(model, encoded).tolist()
    seen = place + 1 if model.architecture.decoder else len(fixed)
    free = [tuple(i for i in group if i < seen and not fixed[i]) for group in groups]
    players = tuple((unit, tokens) for unit, tokens in enumerate(free) if tokens)
    if not players:
        raise EmptyTextError("nothing in this text can be taken away: write more than special tokens and the mask")
    return players


def _stand_in(model: TextModel, encoded: EncodedText, replacement: str) -> tuple[str, torch.Tensor]:
    try:
        return stand_in(model, encoded, replacement)
    except OptionError as error:
        names = ", ".join(map(repr, (*NAMES, "delete", *SAMPLED)))
        raise OptionError(f"{error}. Perturbation methods take {names}, or a word") from error


def _filled(model: TextModel, encoded: EncodedText, vectors: torch.Tensor, absent: torch.Tensor) -> torch.Tensor:
    own = embedded(model, encoded.ids)
    return torch.where(absent[..., None].to(own.device), vectors, own)[:, None]


def _sampler(
    model: TextModel, encoded: EncodedText, replacement: str, draws: int, seed: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    points = torch.from_numpy(np.random.default_rng(seed).random((draws, len(encoded.units))))
    if replacement == "corpus":
        drawn = _drawn(_frequencies(model).expand(len(encoded.units), -1), points)
        draw = lambda absent: drawn  # noqa: E731
    else:
        draw = functools.partial(_likely, _masked_model(model), encoded, points)

    def fill(absent: torch.Tensor) -> torch.Tensor:
        there = absent[:, None].to(encoded.ids.device)
        return embedded(model, torch.where(there, draw(absent).to(encoded.ids.device), encoded.ids))

    return fill


def _drawn(probabilities: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Ids by inverting distributions: probabilities (..., n, vocabulary), points (draws, n) to (..., draws, n)."""
    reached = probabilities.double().cumsum(-1)
    at = points.T.expand(*probabilities.shape[:-1], -1) * reached[..., -1:]
    return torch.searchsorted(reached, at.contiguous(), right=True).transpose(-1, -2)


def _likely(filler: TextModel, encoded: EncodedText, points: torch.Tensor, absent: torch.Tensor) -> torch.Tensor:
    """What a masked language model would write into the holes, each hole by itself: (n_rows, draws, n_tokens)."""
    ids = torch.where(absent, filler.tokenizer.mask_token_id, encoded.ids.cpu())
    drawn = []
    for some in torch.split(ids, rows_at_once(filler, ids.shape[1], "auto")):
        logits = filler.model(input_ids=some.to(filler.model.device)).logits.double().cpu()
        logits[..., filler.tokenizer.all_special_ids] = -torch.inf
        drawn.append(_drawn(logits.softmax(-1), points))
    return torch.cat(drawn)


def _masked_model(model: TextModel) -> TextModel:
    filler = _course_mlm()
    if model.tokenizer.get_vocab() != filler.tokenizer.get_vocab():
        raise OptionError(
            f"replacement='mlm': course-mlm writes tokens of its own, and {model.name} has others; "
            "draw from texts instead, with replacement='corpus'"
        )
    return filler


@functools.cache
def _course_mlm() -> TextModel:
    return load("course-mlm", device="cpu")


def _frequencies(model: TextModel) -> torch.Tensor:
    """How often each token comes in the course's texts, sentences for language models and reviews for the others."""
    sentences = "course-gpt2-sample.jsonl" if model.kind == "causal-lm" else "reviews/train.jsonl"
    known = _FREQUENCIES.setdefault(model.tokenizer, {})
    if sentences in known:
        return known[sentences]
    ids = model.tokenizer(list(_texts(sentences)), add_special_tokens=False, verbose=False)["input_ids"]
    counted = Counter(itertools.chain.from_iterable(ids))
    table: Any = model.model.get_input_embeddings()
    frequencies = torch.zeros(table.num_embeddings, dtype=torch.float64)
    for id, count in counted.items():
        frequencies[id] = count
    frequencies[model.tokenizer.all_special_ids] = 0
    known[sentences] = frequencies
    return frequencies


@functools.cache
def _texts(name: str) -> tuple[str, ...]:
    lines = (data_folder() / "corpora" / name).read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)


def _reusable(model: TextModel, encoded: EncodedText) -> bool:
    """Whether keys and values of the text's beginning serve changed texts as well."""
    window = getattr(model.config, "sliding_window", None)
    near = window is None or len(encoded.units) < window  # a window of n tokens remembers n - 1
    return model.architecture.decoder and near and not is_edited(model)


def _prefix(memory: Any, length: int, rows: int) -> DynamicCache:
    """Keys and values of the first tokens, for each row."""
    shared = DynamicCache()
    for index, layer in enumerate(memory.layers):
        keys, values = (x[:, :, :length].expand(rows, -1, -1, -1) for x in (layer.keys, layer.values))
        shared.update(keys, values, index)
    return shared
