"""How does one move between a `TextModel` and the field's libraries?

Each library does its own work under its own names. What stands here says in its terms which model, text and target are
meant, and reads its answer as an `Attribution`, with our units and our account of what was shared out:

    inputs = tooling.to_captum(model, text, "positive")
    scores = captum.attr.FeatureAblation(inputs.forward).attribute(inputs.ids, inputs.baseline_ids)
    tooling.from_captum(inputs, scores, method="FeatureAblation")

captum (Kokhlikyan et al., 2020), shap (Lundberg & Lee, 2017) and lime (Ribeiro, Singh & Guestrin, 2016) explain an
output; TransformerLens (Nanda & Bloom, 2022) and nnsight (Fiotto-Kaufman et al., 2024) open the model; bertviz (Vig,
2019) draws attention. The model that is given is the same to the bit afterwards.
"""

from __future__ import annotations

import copy
import importlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from . import checks, circuits
from .attention import head_index, layer_index, require_attentions
from .attribution import Attribution, Output, Target, Unit, joined, word_groups
from .batches import BatchSize, logits_of, rows_at_once
from .errors import (
    EmptyTextError,
    InstallationError,
    OptionError,
    TextTooLongError,
    UnknownTargetError,
    UnsupportedArchitectureError,
)
from .generation import explain_generation
from .installation import INSTALL, versions
from .models import EncodedText, TextModel, require_evaluation, require_text_model
from .perturbation import TextGame, Units, text_game
from .replacements import NAMES, embedded, stand_in, stays, word_id
from .targets import ResolvedTarget

if TYPE_CHECKING:
    from lime.explanation import Explanation as LimeExplanation
    from nnsight.modeling.transformers import TransformersModel
    from shap import Explanation as ShapExplanation
    from shap.maskers import Text as ShapText
    from transformer_lens.model_bridge import TransformerBridge

SAME = 1e-4  # sums that differ by more, relative to their terms, are of other things: rounding is far below


# --- captum ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CaptumInputs:
    """One text and one target, as captum's methods take them.

    ids, mask: (1, n_tokens). layer: the module that embeds the tokens, for methods that begin with Layer. embeddings:
    (1, n_tokens, width), positions not added. baseline_ids and baseline_embeddings stand for "nothing", baseline is
    their name; baseline_ids is None where the baseline is a vector and no token.
    """

    model: TextModel
    encoded: EncodedText
    target: ResolvedTarget
    baseline: str
    baseline_ids: torch.Tensor | None
    embeddings: torch.Tensor
    baseline_embeddings: torch.Tensor

    @property
    def ids(self) -> torch.Tensor:
        return self.encoded.ids

    @property
    def mask(self) -> torch.Tensor:
        return self.encoded.mask

    @property
    def layer(self) -> torch.nn.Module:
        return self.model.model.get_input_embeddings()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The target's number for texts of as many tokens: ids (n, n_tokens) to float64 (n,), with its gradient."""
        return self._value(ids, mask)

    def forward_embeddings(self, embeddings: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The same from the tokens' embeddings: (n, n_tokens, width) to float64 (n,)."""
        return self._value(self.ids.expand(len(embeddings), -1), mask, embeddings)

    def _value(
        self, ids: torch.Tensor, mask: torch.Tensor | None, embeddings: torch.Tensor | None = None
    ) -> torch.Tensor:
        place, options = self.target.position, {}
        if mask is not None:
            read = mask[:, : place + 1] if self.model.architecture.decoder else mask
            options["attention_mask"] = read.expand(len(ids), -1)
        return self.target.value(logits_of(self.model, ids, place, embeddings, **options).double())


def to_captum(
    model: TextModel, text: str, target: Target | str | int | None = None, *, baseline: str = "auto"
) -> CaptumInputs:
    """A text and a target in captum's terms, for causal, masked and classifying models.

    The target is resolved once, on the text itself: where captum changes the text, the same number is asked. baseline:
    as in `replacements.stand_in`; special tokens, and the mask that a masked language model is asked about, stay.
    Raises OptionError, and whatever the target raises.
    """
    require_text_model("to_captum", model)
    require_evaluation(model)
    encoded = model.encode(text)
    name, vectors = stand_in(model, encoded, baseline, called="baseline")
    own = embedded(model, encoded.ids).detach()
    return CaptumInputs(
        model=model,
        encoded=encoded,
        target=model.resolve(target, encoded),
        baseline=name,
        baseline_ids=_baseline_ids(model, encoded, name),
        embeddings=own,
        baseline_embeddings=vectors[None],
    )


def from_captum(
    inputs: CaptumInputs, attributions: torch.Tensor, *, method: str, delta: torch.Tensor | float | None = None
) -> Attribution:
    """captum's attributions to tokens, (1, n_tokens), or to embeddings, (1, n_tokens, width), summed over the width.

    Each token must have a score of its own: a feature_mask gives several the same. method: the name that is recorded.
    delta: captum's convergence delta, or 0 for methods that are complete by construction (ShapleyValues); total is then
    the output, and its value at the inputs' baseline is absorbed. Without one nothing is claimed to add up, and total
    is None. Raises OptionError, also where scores and delta belong to another baseline, text or target.
    """
    if not isinstance(inputs, CaptumInputs):
        raise OptionError(f"from_captum reads scores of what to_captum gave, got {type(inputs).__name__}")
    scores = _token_scores(inputs, attributions)
    shares: dict[str, Any] = {}
    if delta is not None:
        missing = _numbers(delta, "delta")
        if missing.numel() != 1:
            raise OptionError(f"delta has shape {tuple(missing.shape)}; one text has one")
        whole, nothing = _ends(inputs)
        expected = whole - nothing + float(missing)
        if not abs(scores.sum() - expected) <= SAME * (np.abs(scores).sum() + abs(whole) + abs(nothing)):
            raise OptionError(
                f"the scores add up to {scores.sum():.4g}, and with delta={float(missing):.4g} they should to "
                f"{expected:.4g}: explain inputs.ids against inputs.baseline_ids, or the embeddings of both"
            )
        shares = {
            "total": whole,
            "absorbed": {"baseline": nothing},
            "details": {"delta": float(missing)},
        }
    return Attribution(
        method=method,
        text=inputs.encoded.text,
        units=inputs.encoded.units,
        scores=scores,
        target=inputs.target.target,
        model=inputs.model.name,
        position=inputs.target.position,
        options={"baseline": inputs.baseline},
        versions=_versions("captum"),
        **shares,
    )


def from_captum_llm(
    model: TextModel,
    prompt: str,
    result: Any,
    *,
    continuation: str | None = None,
    output: Output = "log_probability",
    method: str = "LLMAttribution",
) -> tuple[Attribution, ...]:
    """What captum's LLMAttribution or LLMGradientAttribution found, in the form of `explain_generation`.

    result: of `attribute` on a TextTokenInput of the prompt, with use_cached_outputs=False: captum 0.9 by default reads
    the text twice under transformers 5, from the second generated token on. continuation: the target that captum was
    given; None where it let the model write. Attribution t is about generated token t, on all text before it; captum
    scores the prompt only, so what was generated before has 0. A result without scores by token (Lime, KernelShap)
    gives one Attribution, of the whole continuation, on the prompt and without a target. output: what was explained,
    captum's attr_target: "log_probability" or "probability". method: the name that is recorded.

    Raises OptionError for a result of another prompt, or of other tokens, and as `explain_generation` does.
    """
    require_text_model("from_captum_llm", model)
    if not isinstance(result, _library("captum.attr").LLMAttributionResult):
        raise OptionError(f"from_captum_llm reads captum's LLMAttributionResult, got {type(result).__name__}")
    scored = _scored_tokens(model, model.encode(prompt), result.input_tokens)

    def unscored(model: TextModel, text: str, target: Target) -> Attribution:
        encoded = model.encode(text)
        resolved = model.resolve(target, encoded)
        return Attribution(
            method=method,
            text=text,
            units=encoded.units,
            scores=np.zeros(len(encoded.units)),
            target=resolved.target,
            model=model.name,
            position=resolved.position,
            versions=_versions("captum"),
        )

    n = len(result.output_tokens)
    steps = explain_generation(model, prompt, unscored, max_new_tokens=n, continuation=continuation, output=output)
    tokens = [step.target.token for step in steps if step.target is not None]
    written = [model.choice_name(token) if isinstance(token, int) else str(token) for token in tokens]
    if len(steps) != n or _letters(written) != _letters(result.output_tokens):
        raise OptionError(
            f"captum explained {result.output_tokens}, and the text goes on with {written}: "
            "name captum's target as continuation=, and let it end before the model's end of text"
        )
    if result.token_attr is not None:
        return tuple(_scored(step, scored, row) for step, row in zip(steps, result.token_attr, strict=True))
    details = {"continuation": "".join(written), "output": output}
    return (replace(_scored(steps[0], scored, result.seq_attr), target=None, details=details),)


def _scored(step: Attribution, tokens: list[int], row: torch.Tensor) -> Attribution:
    """The step with captum's scores (n,) at n of its tokens."""
    scores = np.zeros(len(step.units))
    scores[tokens] = row.detach().double().cpu().numpy()
    return replace(step, scores=scores)


def _baseline_ids(model: TextModel, encoded: EncodedText, name: str) -> torch.Tensor | None:
    """The ids of the stand-in of this name, (1, n_tokens), where it is no vector."""
    if name in ("zero", "mean"):
        return None
    id = getattr(model.tokenizer, f"{name}_token_id") if name in NAMES else word_id(model, name)
    ids = model.encode(name).ids if id is None else torch.full_like(encoded.ids, id)
    return torch.where(stays(model, encoded).to(ids.device), encoded.ids, ids)


def _token_scores(inputs: CaptumInputs, attributions: Any) -> np.ndarray:
    """One score for each token, float64 (n_tokens,); what follows the readout of a causal model may be left out."""
    n, read = inputs.ids.shape[1], inputs.target.position + 1
    fits = isinstance(attributions, torch.Tensor) and attributions.ndim in (2, 3) and len(attributions) == 1
    if not fits or attributions.shape[1] not in ({n, read} if inputs.model.architecture.decoder else {n}):
        shape = tuple(attributions.shape) if isinstance(attributions, torch.Tensor) else type(attributions).__name__
        raise OptionError(
            f"attributions: expected a tensor (1, {n}) or (1, {n}, width) of this text's tokens, got {shape}"
        )
    values = attributions.detach().double().cpu()
    values = values.sum(-1) if values.ndim == 3 else values
    return torch.nn.functional.pad(values[0], (0, n - values.shape[1])).numpy()


def _ends(inputs: CaptumInputs) -> list[float]:
    """The target's number for the text and for the baseline."""
    with torch.no_grad():
        return inputs.forward_embeddings(torch.cat([inputs.embeddings, inputs.baseline_embeddings])).tolist()


def _scored_tokens(model: TextModel, encoded: EncodedText, names: list[str]) -> list[int]:
    """Which of the prompt's tokens captum scored: all, or all that are not special."""
    pieces = model.tokenizer.convert_ids_to_tokens(encoded.ids[0].tolist())
    content = [i for i, unit in enumerate(encoded.units) if not unit.special]
    for chosen in (list(range(len(pieces))), content):
        if [pieces[i] for i in chosen] == list(names):
            return chosen
    raise OptionError(
        f"captum scored {len(names)} features that are not the {len(pieces)} tokens of this prompt: "
        "explain captum.attr.TextTokenInput(prompt, model.tokenizer), and give the same prompt"
    )


def _letters(tokens: Iterable[str]) -> str:
    """The tokens' characters without blanks and line breaks, which captum leaves out or writes out."""
    return re.sub(r"\s|\\n", "", "".join(tokens))


# --- shap -----------------------------------------------------------------------------------------------------------


def to_shap(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    replacement: str = "auto",
    units: Units = "words",
    draws: int = 10,
    seed: int = 0,
    batch_size: BatchSize = "auto",
) -> tuple[TextGame, ShapText]:
    """The game that our methods play on this text, and the masker with which shap plays it on the text itself.

    The game takes rows of n players, 1 for kept and 0 for taken away, so that nothing is written as a string and cut
    into tokens again. Shapley values: `shap.ExactExplainer(game, np.zeros((1, game.n)))(np.ones((1, game.n)))`, or by
    KernelExplainer or PermutationExplainer. With the masker, `shap.Explainer(game, masker)([text])`, they are Owen
    values of a tree that shap grows from punctuation and word parts, by PermutationExplainer too; `shap.plots.text`
    draws these. To see what shap makes of strings, give it the function of `to_lime` and a tokenizer. Options and
    errors as in `perturbation.text_game`.
    """
    maskers = _library("shap").maskers
    game = text_game(model, text, target, replacement, units, draws, seed, batch_size, method="to_shap")

    def players(given: str, return_offsets_mapping: bool = True) -> dict[str, list[Any]]:
        """A tokenizer as shap's masker wants one, whose tokens are the players, each with id 1; masked they get 0."""
        if given not in ("", text):  # it asks about "" to learn of special tokens: there are none among the players
            raise OptionError(f"this masker belongs to another text, {text!r}: call to_shap for each text")
        spans = _spans(game) if given else []
        return {"input_ids": [1] * len(spans), "offset_mapping": spans}

    return game, maskers.Text(players, mask_token=0, collapse_mask_token=False, output_type="token_ids")


def from_shap(game: TextGame, explanation: ShapExplanation, *, method: str = "shap") -> Attribution:
    """shap's explanation of a game of `to_shap`: values (1, n) or (n,) of its n players.

    total is the value of the text, and shap's base value is absorbed. method: the name that is recorded. Raises
    OptionError, also for an explanation of another text or of several outputs.
    """
    if not isinstance(game, TextGame) or not isinstance(explanation, _library("shap").Explanation):
        raise OptionError(
            f"from_shap takes the game of to_shap and a shap.Explanation, got {type(game).__name__} and "
            f"{type(explanation).__name__}"
        )
    values, base = np.asarray(explanation.values, dtype=np.float64), np.asarray(explanation.base_values)
    if values.shape not in ((game.n,), (1, game.n)) or base.size != 1:
        raise OptionError(
            f"the explanation has values of shape {values.shape}; this game has {game.n} players and one output"
        )
    pieces = np.ravel(np.stack(explanation.data) if values.ndim == 2 else explanation.data).tolist()
    words = [game.encoded.text[start:end] for start, end in _spans(game)]
    if isinstance(pieces[0], str) and not all(map(str.startswith, pieces, words)):
        raise OptionError(f"the explanation is of another text: {''.join(pieces)!r}")
    absorbed = {"base value": float(base.item())}
    found = game.attribution(method, values.reshape(-1), {}, total=game.whole, absorbed=absorbed)
    return replace(found, versions=_versions("shap"))


def _spans(game: TextGame) -> list[tuple[int, int]]:
    """The players' characters in the text."""
    return [(game.units[unit].start, game.units[unit].end) for unit, _ in game.players]


# --- lime -----------------------------------------------------------------------------------------------------------


def to_lime(
    model: TextModel, labels: Sequence[str | int] | str | int | None = None
) -> Callable[[Sequence[str]], np.ndarray]:
    """The function that LIME asks: from texts to probabilities, float64 (n_texts, n_columns), each row adding up to 1.

    labels: a classifier's classes, or next tokens of a causal model, as strings or ids; the columns are these and,
    last, all others together. None for all classes of a classifier. A next token is one within a sentence, with its
    leading blank. The texts are what the tokenizer makes of them: LIME takes words out and leaves the blanks. A text
    without any token, which some tokenizers make of "", is answered as the token that begins a text alone. Raises
    UnknownTargetError, MultiTokenTargetError, UnsupportedArchitectureError, and, when called, TextTooLongError,
    EmptyTextError, or OptionError for one string in place of a list.
    """
    require_text_model("to_lime", model)
    require_evaluation(model)
    if model.kind == "masked-lm":
        raise UnsupportedArchitectureError(f"{model.name} fills a mask, which LIME takes out of the text: use xai.lime")
    if labels is None:
        if model.kind == "causal-lm":
            raise UnknownTargetError(f"name the next tokens of {model.name} that are of interest, as in labels=['the']")
        columns = list(range(len(model.labels)))
    else:
        columns = [model.resolve(label, "a").id for label in ([labels] if isinstance(labels, str | int) else labels)]
        if not columns or len(set(columns)) < len(columns):
            raise UnknownTargetError(f"labels={labels!r}: name at least one, and each once")

    def probabilities(texts: Sequence[str]) -> np.ndarray:
        found = _probabilities(model, [str(text) for text in checks.several(texts)], columns)
        return found if labels is None else np.column_stack([found, 1 - found.sum(axis=1)])

    return probabilities


def from_lime(model: TextModel, explanation: LimeExplanation, label: str | int) -> Attribution:
    """lime's coefficients for one label, on the words of its text.

    label: a name, of the explainer's class_names or of a classifier's labels, or the column of `to_lime`'s answer. A
    word of ours that lime cuts, such as "don't", has the sum of the parts; special tokens, punctuation and words that
    lime left out have 0. total is the label's probability, lime's intercept is absorbed, and gap is how far the linear
    model is from the model at the text itself. details: the words left_out, and lime's r2 where it explained one label
    (of several it keeps the last one's).

    Raises UnknownTargetError for a label that was not explained, and OptionError where a word that the text holds twice
    has one coefficient: give LimeTextExplainer bow=False, and as mask_string one that the model knows.
    """
    require_text_model("from_lime", model)
    indexed = getattr(getattr(explanation, "domain_mapper", None), "indexed_string", None)
    if indexed is None:
        raise OptionError(f"from_lime reads what LimeTextExplainer.explain_instance gave, not {type(explanation)}")
    column, name = _column(model, explanation, label)
    encoded = model.encode(indexed.raw_string())
    target = Target(name, output="probability")
    total = model.value(encoded.text, target)
    if not abs(total - explanation.predict_proba[column]) <= SAME:
        raise OptionError(
            f"lime explains a probability of {explanation.predict_proba[column]:.4f}, and {model.name} gives {name!r} "
            f"{total:.4f}: name the label and the model that were explained"
        )
    groups = word_groups(encoded.text, encoded.units)
    units = tuple(joined(encoded.text, [encoded.units[i] for i in group]) for group in groups)
    scores = np.zeros(len(units))
    for word, coefficient in explanation.local_exp[column]:
        scores[_unit_of(units, indexed, word)] += coefficient
    resolved, named = model.resolve(target, encoded), {word for word, _ in explanation.local_exp[column]}
    details: dict[str, Any] = {"left_out": [str(indexed.word(i)) for i in range(indexed.num_words()) if i not in named]}
    if len(explanation.local_exp) == 1:
        details["r2"] = float(explanation.score)
    return Attribution(
        method="lime (package)",
        text=encoded.text,
        units=units,
        scores=scores,
        target=resolved.target,
        model=model.name,
        position=next(i for i, group in enumerate(groups) if resolved.position in group),
        total=total,
        absorbed={"intercept": float(explanation.intercept[column])},
        details=details,
        versions=_versions("lime"),
    )


def _probabilities(model: TextModel, texts: list[str], columns: list[int]) -> np.ndarray:
    """The probabilities of some choices after each text: float64 (n_texts, n_columns). Each text is asked once."""
    if not texts:
        return np.empty((0, len(columns)))
    distinct = list(dict.fromkeys(texts))
    alike: dict[int, list[tuple[str, list[int]]]] = defaultdict(list)
    for text, ids in zip(distinct, model.tokenizer(distinct, verbose=False)["input_ids"], strict=True):
        ids = ids or [_beginning(model)]
        alike[len(ids)].append((text, ids))
    if max(alike) > model.max_tokens:
        raise TextTooLongError(f"a text has {max(alike)} tokens, and {model.name} reads at most {model.max_tokens}")
    found: dict[str, np.ndarray] = {}
    for n_tokens, rows in alike.items():
        at_once = rows_at_once(model, n_tokens, "auto")
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            ids = torch.tensor([ids for _, ids in some], device=model.model.device)
            with torch.no_grad():
                chosen = logits_of(model, ids, n_tokens - 1).double().softmax(-1)[:, columns].cpu().numpy()
            found |= zip((text for text, _ in some), chosen, strict=True)
    return np.stack([found[text] for text in texts])


def _beginning(model: TextModel) -> int:
    """The token that a text begins after."""
    for id in (model.tokenizer.bos_token_id, model.tokenizer.eos_token_id):
        if id is not None:
            return int(id)
    raise EmptyTextError(f"a text has no token, and {model.name} has none that begins a text")


def _column(model: TextModel, explanation: Any, label: str | int) -> tuple[int, str]:
    """Which column of lime's answers is meant, and what it is called."""
    names = [str(name) for name in explanation.class_names or ()]
    if names == [str(i) for i in range(len(names))]:  # what lime makes up
        names = list(model.labels)
    if isinstance(label, str) and label not in names:
        raise UnknownTargetError(
            f"lime was not told of a label {label!r}; it knows: {', '.join(names) or 'none'}. "
            "Name to_lime's columns as class_names= of LimeTextExplainer"
        )
    column = names.index(label) if isinstance(label, str) else label
    if column not in explanation.local_exp:
        raise UnknownTargetError(
            f"lime explained columns {sorted(map(int, explanation.local_exp))}, and not {label!r}: "
            f"call explain_instance with labels=({column},)"
        )
    if column >= len(names):
        raise UnknownTargetError(f"column {column} has no name: give LimeTextExplainer class_names=")
    return column, names[column]


def _unit_of(units: tuple[Unit, ...], indexed: Any, word: int) -> int:
    """The unit that holds one of lime's words."""
    starts, text = np.atleast_1d(indexed.string_position(word)), str(indexed.word(word))
    if len(starts) != 1:
        raise OptionError(
            f"lime has one coefficient for the {len(starts)} places of {text!r}: give LimeTextExplainer bow=False, and "
            "as mask_string what stands for a word that is taken out"
        )
    start, end = int(starts[0]), int(starts[0]) + len(text)
    inside = [i for i, unit in enumerate(units) if not unit.special and unit.start <= start and end <= unit.end]
    if len(inside) != 1:
        raise OptionError(f"lime's word {text!r} spans several words of this package: leave split_expression out")
    return inside[0]


# --- models from inside ---------------------------------------------------------------------------------------------


def to_transformer_lens(model: TextModel) -> TransformerBridge:
    """A copy of the model in TransformerLens: the same weights, none folded into another.

    Give it ids, `model.encode(text).ids`: before a string it writes a first token of its own.
    `enable_compatibility_mode()` on what is returned folds and centres the weights as HookedTransformer does; the
    activations are then others. Raises UnsupportedArchitectureError for classifiers and for families that it does not
    know, as DistilBERT.
    """
    require_text_model("to_transformer_lens", model)
    name = type(model.model).__name__
    known = _library("transformer_lens.factories.architecture_adapter_factory").SUPPORTED_ARCHITECTURES
    if model.kind == "classifier" or name not in known:
        raise UnsupportedArchitectureError(
            f"TransformerLens does not know {name}, which {model.name} is: use to_nnsight, or circuits.run_with_cache"
        )
    import transformers

    network = copy.deepcopy(model.model)
    network.config.architectures = [name]
    bridge = _library("transformer_lens.model_bridge").TransformerBridge
    with tempfile.TemporaryDirectory() as folder:  # it opens the tokenizer again, from where it was read
        model.tokenizer.save_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        return bridge.boot_transformers("local", hf_model=network, tokenizer=tokenizer, device=model.model.device)


def to_nnsight(model: TextModel) -> TransformersModel:
    """A copy of the model in nnsight, whatever its kind: nnsight replaces the forward of each module for good.

    With its tokenizer, also a copy, since nnsight pads on the left. Modules have the names that transformers gives
    them; where BERT has a submodule `output`, nnsight calls it `E_output`, and warns.
    """
    require_text_model("to_nnsight", model)
    wrapper = _library("nnsight.modeling.transformers").TransformersModel
    return wrapper(copy.deepcopy(model.model), tokenizer=copy.deepcopy(model.tokenizer))


def from_attention(
    model: TextModel, text: str, pattern: Any, *, layer: int, head: int | None = None, library: str
) -> Attribution:
    """An attention pattern that another library read, as `raw_attention` gives ours.

    pattern: weights after the softmax of one layer's heads, (heads, query, key) with or without a batch of 1 before, of
    which one head is taken, or the mean; or of one head, (query, key). library: its name as it was installed, as
    "transformer-lens", whose version is recorded. Raises OptionError, LayerRangeError, HeadRangeError.
    """
    require_text_model("from_attention", model)
    encoded, layer = model.encode(text), layer_index(model, layer)
    head = None if head is None else head_index(model, head)
    weights = _numbers(pattern, "pattern").numpy()
    n, shape = len(encoded.units), weights.shape
    if shape not in ((n, n), (model.n_heads, n, n), (1, model.n_heads, n, n)):
        raise OptionError(
            f"the pattern has shape {shape}; this text has {n} tokens and each layer {model.n_heads} heads. "
            "A token more is one that the library wrote before a string: give it model.encode(text).ids"
        )
    if weights.ndim > 2:
        heads = weights.reshape(model.n_heads, n, n)
        weights = heads.mean(0) if head is None else heads[head]
    if (weights < 0).any() or not np.abs(weights.sum(-1) - 1).max() < SAME * 10:
        raise OptionError(
            "the pattern holds numbers below 0, or rows that don't add up to 1: give the weights after the softmax, "
            "unchanged"
        )
    position = model.readout(encoded)
    return Attribution(
        method="raw_attention",
        text=encoded.text,
        units=encoded.units,
        scores=weights[position],
        target=None,
        model=model.name,
        position=position,
        matrix=weights,
        total=1.0,
        options={"layer": layer, "head": head},
        versions=_versions(library),
    )


# --- bertviz --------------------------------------------------------------------------------------------------------


def to_bertviz(model: TextModel, text: str) -> dict[str, Any]:
    """What bertviz' head_view and model_view draw, as in `head_view(**to_bertviz(model, text), html_action="return")`.

    attention: of each layer (1, heads, query, key); tokens: as we show them.
    """
    require_text_model("to_bertviz", model)
    encoded = model.encode(text)
    with torch.no_grad():
        layers = require_attentions(model, model.forward(encoded, output_attentions=True))
    return {"attention": tuple(layer.cpu() for layer in layers), "tokens": [unit.text for unit in encoded.units]}


def to_bertviz_neurons(model: TextModel, text: str) -> dict[str, Any]:
    """What bertviz' neuron view draws, as in `neuron_view.show(**to_bertviz_neurons(model, text), layer=0, head=0)`.

    bertviz has model classes of its own for it, and none for DistilBERT. It asks them for three things only: here the
    queries, keys and weights are those of our model. Raises UnsupportedArchitectureError for
    families that turn queries and keys by their positions in between, as Llama: what the picture multiplies would not
    give the weights beside it.
    """
    require_text_model("to_bertviz_neurons", model)
    if model.architecture.positions is None:
        raise UnsupportedArchitectureError(
            f"{model.config.model_type} turns queries and keys by position, which the neuron view does not draw: "
            "use to_bertviz"
        )
    _, cache = circuits.run_with_cache(model, text, ["q", "k", "pattern"])
    heads = lambda site, layer: cache[site, layer].transpose(0, 1)[None].cpu()  # noqa: E731
    layers = [
        {"attn": cache["pattern", i][None].cpu(), "queries": heads("q", i), "keys": heads("k", i)}
        for i in range(model.n_layers)
    ]
    tokens, decoder = [unit.text for unit in model.encode(text).units], model.architecture.decoder
    tokenizer = SimpleNamespace(
        tokenize=lambda sentence: tokens if decoder else tokens[1:-1],  # bertviz puts BERT's first and last on
        convert_tokens_to_ids=lambda pieces: [0] * len(pieces),
        cls_token=None if decoder else tokens[0],
        sep_token=None if decoder else tokens[-1],
    )
    kind = "gpt2" if decoder else "bert"
    return {"model": _Recorded(layers), "model_type": kind, "tokenizer": tokenizer, "sentence_a": text}


@dataclass(frozen=True)
class _Recorded:
    """A model as bertviz' neuron view calls it, whose one answer is known."""

    layers: list[dict[str, torch.Tensor]]

    def eval(self) -> _Recorded:
        return self

    def __call__(self, ids: torch.Tensor) -> tuple[list[dict[str, torch.Tensor]]]:
        return (self.layers,)


def _numbers(values: Any, name: str) -> torch.Tensor:
    """The numbers as float64. Raises OptionError."""
    try:
        return torch.as_tensor(values).detach().double().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise OptionError(f"{name}: give a tensor or an array of numbers, got {type(values).__name__}") from error


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InstallationError(
            f"this needs {name.split('.')[0]}, which can't be imported: {error}; {INSTALL}"
        ) from error


def _versions(library: str) -> dict[str, str]:
    try:
        return versions() | {library: metadata.version(library)}
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise OptionError(f"library={library!r} is not installed under this name, as 'transformer-lens' is") from error
