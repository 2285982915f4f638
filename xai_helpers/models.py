"""The model being explained: a stock Hugging Face model with its tokenizer, ready to be asked why.

`load` takes an embedded model ("course-gpt2"), a folder, or a hub id ("gpt2"). `wrap` takes a model that is
already in memory. Both give a `TextModel`: evaluation mode, attention weights available, and every question about
texts, tokens and targets answered in one place.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from . import architectures, hub, targets
from .architectures import Architecture, Kind
from .attribution import Target, Unit, without_blanks
from .errors import (
    EmptyTextError,
    MissingTokenizerError,
    ModelNotFoundError,
    NoHeadError,
    NonFiniteError,
    NotAModelError,
    NotOneTextError,
    OptionError,
    TextTooLongError,
    UnsupportedArchitectureError,
)
from .installation import data_folder
from .targets import ResolvedTarget
from .viz.wording import visible

ONE_AT_A_TIME = threading.RLock()  # threads that share a model take turns: each may have changed it for its own pass

AUTO_CLASSES: dict[Kind, Any] = {
    "causal-lm": transformers.AutoModelForCausalLM,
    "classifier": transformers.AutoModelForSequenceClassification,
    "masked-lm": transformers.AutoModelForMaskedLM,
}


@dataclass(frozen=True)
class EncodedText:
    """One text as the model sees it. ids and mask: int64 (1, n_tokens); units: its n_tokens tokens."""

    text: str
    ids: torch.Tensor
    mask: torch.Tensor
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Prediction:
    """One label or next token that the model considers."""

    token: str
    id: int
    probability: float
    logit: float


@dataclass(frozen=True, eq=False)
class TextModel:
    """A stock model and its tokenizer. kind: "causal-lm", "classifier" or "masked-lm"."""

    model: transformers.PreTrainedModel = field(repr=False)
    tokenizer: transformers.PreTrainedTokenizerBase = field(repr=False)
    name: str
    kind: Kind
    architecture: Architecture = field(repr=False)

    @property
    def config(self) -> Any:
        """The model's own config; which fields it has depends on the family."""
        return self.model.config

    @property
    def n_layers(self) -> int:
        """The number of transformer blocks."""
        return self.config.num_hidden_layers

    @property
    def n_heads(self) -> int:
        """The number of attention heads in each block (query heads, where keys are shared)."""
        return self.config.num_attention_heads

    @property
    def max_tokens(self) -> int:
        """The longest text, in tokens, special tokens included."""
        return architectures.max_tokens(self.config)

    @property
    def labels(self) -> tuple[str, ...]:
        """A classifier's labels, in the order of its logits; empty for language models."""
        if self.kind != "classifier":
            return ()
        return tuple(self.config.id2label[i] for i in range(self.config.num_labels))

    def encode(self, text: str) -> EncodedText:
        """The text's tokens, with their places in the text.

        Raises NotOneTextError, EmptyTextError or TextTooLongError.
        """
        if not isinstance(text, str):
            raise NotOneTextError(f"expected one text as a string, got {_describe(text)}; call once for each text")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise NotOneTextError("the text holds half a character (a lone surrogate); read it as UTF-8 again")
        if not text.strip():
            raise EmptyTextError("the text is empty" if not text else "the text holds nothing but blanks")
        batch = self.tokenizer(
            text,
            return_tensors="pt",
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            verbose=False,  # too long a text is our error below, not a warning
        )
        ids = batch["input_ids"].to(self.model.device, torch.int64)
        if ids.max() >= self.model.get_input_embeddings().num_embeddings:
            raise MissingTokenizerError(
                f"the tokenizer gives id {int(ids.max())}, for which {self.name} has no embedding; "
                "they don't belong together"
            )
        if ids.shape[1] > self.max_tokens:
            raise TextTooLongError(
                f"the text has {ids.shape[1]} tokens and {self.name} reads at most {self.max_tokens}; shorten it"
            )
        units = self._units(text, ids[0].tolist(), batch["offset_mapping"][0], batch["special_tokens_mask"][0])
        if all(unit.special for unit in units):
            raise EmptyTextError(f"the tokenizer of {self.name} finds no token in {text!r}")
        return EncodedText(text, ids, torch.ones_like(ids), units)

    def forward(self, encoded: EncodedText, **kwargs: Any) -> Any:
        """The model's own output on one text; gradients flow if they are enabled. Raises NonFiniteError."""
        with ONE_AT_A_TIME:
            output = self.model(input_ids=encoded.ids, attention_mask=encoded.mask, return_dict=True, **kwargs)
        if not output.logits.detach().sum(dtype=torch.float64).isfinite():  # cheaper than asking each of them
            dtype = self.model.dtype
            narrow = f", or {dtype} is too narrow: load it with dtype=torch.float32" if dtype.itemsize < 4 else ""
            raise NonFiniteError(
                f"{self.name} gives NaN or infinite logits for this text: its weights are damaged{narrow}"
            )
        return output

    def readout(self, text: str | EncodedText, position: int = -1) -> int:
        """The index of the token whose final state the prediction is read from.

        Causal language models: the token at `position`, the last by default. Classifiers: the first token in
        BERT's relatives, the last that is no padding in GPT's. Masked language models: the mask, or the first
        token where the text has none (the text can be looked at, but nothing can be predicted).
        """
        return targets.readout(self, self._encoded(text), position)

    def readout_logits(self, encoded: EncodedText, output: Any, position: int = -1) -> torch.Tensor:
        """The logits among which the model chooses: (n_choices,), classes or vocabulary."""
        if self.kind == "classifier":
            return output.logits[0]
        return output.logits[0, targets.predicted_from(self, encoded, position)]

    def predict(self, text: str, k: int = 5) -> tuple[Prediction, ...]:
        """The k most probable labels or next tokens, best first."""
        if k < 1:
            raise OptionError(f"predict(k={k}): ask for at least one")
        encoded = self.encode(text)
        with torch.no_grad():
            logits = self.readout_logits(encoded, self.forward(encoded)).double()
        best = logits.topk(min(k, len(logits))).indices.tolist()
        probabilities = logits.softmax(-1)
        return tuple(Prediction(self.choice_name(i), i, float(probabilities[i]), float(logits[i])) for i in best)

    def value(self, text: str, target: Target | str | int | None = None) -> float:
        """The one number that a target names: a logit, a probability, a difference. Raises as `resolve` does."""
        encoded = self.encode(text)
        with torch.no_grad():
            return float(self.readout_value(encoded, self.forward(encoded), target)[1])

    def readout_value(
        self, encoded: EncodedText, output: Any, target: Target | str | int | None
    ) -> tuple[ResolvedTarget, torch.Tensor]:
        """The target, and its number in the model's output: float64 (), with its gradient. Raises as `resolve` does."""
        position = target.position if isinstance(target, Target) else -1
        logits = self.readout_logits(encoded, output, position).double()
        resolved = self.resolve(target, encoded, logits)
        return resolved, resolved.value(logits)

    def residual_stream(self, text: str | EncodedText) -> torch.Tensor:
        """What each token's vector is before the first block and after each: (layers + 1, tokens, width)."""
        levels: list[torch.Tensor] = []
        blocks = architectures.blocks_of(self.model)
        hooks = [blocks[0].register_forward_pre_hook(lambda _, args: levels.append(args[0][0]))]
        for block in blocks:
            hooks.append(
                block.register_forward_hook(
                    lambda _, args, output: levels.append((output[0] if isinstance(output, tuple) else output)[0])
                )
            )
        try:
            with torch.no_grad():
                self.forward(self._encoded(text))
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(levels)

    def unembed(self, stream: torch.Tensor) -> torch.Tensor:
        """What a causal model predicts from vectors of its residual stream: (..., width) to logits (..., vocabulary).

        The last norm, then the unembedding. After the last block these are the model's own logits. Raises NoHeadError
        for other kinds of model, whose heads read more than one vector.
        """
        if self.kind != "causal-lm":
            raise NoHeadError(f"{self.name} is a {self.kind}: only a causal language model predicts from each vector")
        norm = self.model.base_model.get_submodule(self.architecture.final_norm or "")
        with torch.no_grad():
            return self.model.get_output_embeddings()(norm(stream))

    def choice_name(self, id: int) -> str:
        """A label or a vocabulary entry as text; bytes that are no character are shown as the tokenizer writes them."""
        if self.kind == "classifier":
            return self.labels[id]
        text = str(self.tokenizer.decode([id], clean_up_tokenization_spaces=False))
        if text and "\ufffd" not in text:
            return text
        return str(self.tokenizer.convert_ids_to_tokens(id) or f"<{id}>")  # some models embed more than they name

    def resolve(
        self, target: Target | str | int | None, text: str | EncodedText, logits: torch.Tensor | None = None
    ) -> ResolvedTarget:
        """The target with its names turned into ids.

        logits: the readout's, if a forward pass has given them already; else one is run where they are needed,
        that is where the target is the model's own prediction. Raises UnknownTargetError, MultiTokenTargetError
        (it shows the pieces) or TargetRangeError.
        """
        target = target if isinstance(target, Target) else Target(target)
        return targets.resolve(self, target, self._encoded(text), logits)

    def _encoded(self, text: str | EncodedText) -> EncodedText:
        return text if isinstance(text, EncodedText) else self.encode(text)

    def _units(self, text: str, ids: list[int], offsets: Any, special: Any) -> tuple[Unit, ...]:
        pieces = [str(piece) for piece in self.tokenizer.convert_ids_to_tokens(ids)]
        spans = [without_blanks(text, int(start), int(end)) for start, end in offsets]
        # A word's leading blank as a piece of its own, which some tokenizers place on the word's first letter.
        spans = [
            (start, start) if not piece.strip("▁Ġ") and text[start:end].strip() else (start, end)
            for piece, (start, end) in zip(pieces, spans, strict=True)
        ]
        units: list[Unit] = []
        for span, group in itertools.groupby(range(len(ids)), key=lambda i: (spans[i], bool(special[i]))):
            members = list(group)
            (start, end), is_special = span
            for k, i in enumerate(members):
                characters = (
                    pieces[i] if is_special else text[start:end] or pieces[i].replace("▁", " ").replace("Ġ", " ")
                )
                shown = visible(characters)
                if len(members) > 1 and not is_special and end > start:  # one character, several tokens
                    shown = f"{shown}[{k + 1}/{len(members)}]"
                if ids[i] == self.tokenizer.unk_token_id and shown != pieces[i]:
                    shown = f"{shown} {pieces[i]}"  # the page shows it, the model did not see it
                units.append(Unit(shown, start, end, is_special))
        return tuple(units)


def require_text_model(method: str, model: object) -> None:
    """Raises UnsupportedArchitectureError for what is no TextModel."""
    if not isinstance(model, TextModel):
        raise UnsupportedArchitectureError(
            f"{method} explains a TextModel, got {type(model).__name__}: xai.load a name, or xai.wrap a loaded model"
        )


def require_evaluation(model: TextModel) -> None:
    """Raises OptionError in training mode, whose dropout explains another model each time."""
    if model.model.training:
        raise OptionError(f"{model.name} is in training mode; switch it back with model.model.eval()")


def wrap(model: Any, tokenizer: Any, *, name: str | None = None) -> TextModel:
    """A TextModel around a model that is already loaded.

    The model is put into evaluation mode and its attention implementation is set to "eager", the only one that
    returns attention weights; its weights stay as they are. Raises NoHeadError, EncoderDecoderError,
    UnsupportedArchitectureError or MissingTokenizerError.
    """
    if not isinstance(model, transformers.PreTrainedModel):
        raise UnsupportedArchitectureError(f"wrap expects a transformers model, got {_describe(model)}")
    architecture = architectures.architecture_of(model.config)
    kind = architectures.kind_of(type(model).__name__)
    name = name or model.config.name_or_path or type(model).__name__
    _check_head(kind, architecture, model.config, name)
    if tokenizer is None:
        raise MissingTokenizerError(f"{name} has no tokenizer; give the one that it was trained with")
    if not getattr(tokenizer, "is_fast", False):
        raise MissingTokenizerError(f"{type(tokenizer).__name__} reports no character offsets; use a fast tokenizer")
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        # What transformers makes up where a folder has no tokenizer files.
        raise MissingTokenizerError(f"the tokenizer of {name} has no vocabulary; save the one it was trained with")
    model.eval()
    model.set_attn_implementation("eager")
    return TextModel(model, tokenizer, name, kind, architecture)


def load(
    name: str | os.PathLike[str],
    *,
    task: Kind | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> TextModel:
    """A model by name: an embedded one ("course-gpt2"), a folder, or an id on the Hugging Face hub ("gpt2").

    Embedded models and folders are read without a network. task: "causal-lm", "classifier" or "masked-lm"; None
    reads it from the model's config. device: None takes a CUDA device if there is one, else the CPU. dtype: None
    is float32, whatever the file holds, since explanations subtract numbers that are close to each other.

    Raises ModelNotFoundError, NotAModelError, MissingTokenizerError, NoHeadError, EncoderDecoderError or
    UnsupportedArchitectureError.
    """
    if not isinstance(name, str | os.PathLike) or not os.fspath(name):
        raise ModelNotFoundError(f"{name!r} names no model; {_embedded_hint()}")
    name = os.fspath(name)
    if task is not None and task not in AUTO_CLASSES:
        raise OptionError(f"task={task!r}: choose one of {', '.join(map(repr, AUTO_CLASSES))}")
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise OptionError(f"dtype={dtype!r}: name one of torch's, as in dtype=torch.float64")
    source = _source(name)
    # Asked once: where no network answers, huggingface_hub would try again for minutes, file by file.
    local = Path(source).is_dir() or not hub.reachable()
    with _reading(name, source):
        config = transformers.AutoConfig.from_pretrained(source, local_files_only=local)
    architecture = architectures.architecture_of(config)
    if task is None and not config.architectures:
        raise NoHeadError(f"the config of {name} names no class; say what it predicts, as in task='causal-lm'")
    kind = task or architectures.kind_of(config.architectures[0])
    _check_head(kind, architecture, config, name)
    tokenizer = _load_tokenizer(name, source, local)
    with _reading(name, source), quiet():
        model, info = AUTO_CLASSES[kind].from_pretrained(
            source,
            dtype=dtype or torch.float32,
            attn_implementation="eager",
            local_files_only=local,
            ignore_mismatched_sizes=True,  # reported below, by name
            output_loading_info=True,
        )
    # What is missing transformers makes up at random, and we would explain noise.
    missing, stack = sorted(info["missing_keys"]), f"{model.base_model_prefix}."
    if info["mismatched_keys"] or any(key.startswith(stack) for key in missing):
        wrong = missing or sorted(str(key[0]) for key in info["mismatched_keys"])
        raise NotAModelError(f"the weights of {name} don't fit its config: {wrong[:5]}; save or fetch the model again")
    if missing:
        raise NoHeadError(f"{name} has no weights for {missing}: it was not trained as a {kind}")
    try:
        model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    except (RuntimeError, AssertionError) as error:
        raise OptionError(f"device={device!r} can't be used: {error}") from error
    return wrap(model, tokenizer, name=name)


def embedded_models() -> tuple[str, ...]:
    """The names of the models of texts that come with the package."""
    return _embedded_with("tokenizer.json")


def _embedded_with(file: str) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in (data_folder() / "models").glob(f"*/{file}")))


def _source(name: str) -> str:
    """The folder of an embedded model, the folder itself, or the hub id."""
    if name in _embedded_with("config.json"):
        return str(data_folder() / "models" / name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise NotAModelError(f"the folder {name} holds no config.json; give one that save_pretrained wrote")
        return str(folder)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name or folder.exists():
        raise ModelNotFoundError(f"there is no model folder {name}; {_embedded_hint()}")
    return name


def _embedded_hint() -> str:
    return f"these come with the package and need no network: {', '.join(embedded_models())}"


@contextlib.contextmanager
def _reading(name: str, source: str) -> Iterator[None]:
    """Turns what transformers raises while reading a model into an error that says what to do."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if Path(source).is_dir():
            raise NotAModelError(f"the folder {source} can't be read as a model: {error}") from error
        close = difflib.get_close_matches(name.lower(), embedded_models(), 1, cutoff=0.8)
        hint = f"did you mean {close[0]!r}? Else: " if close else ""
        raise ModelNotFoundError(f"can't load {name!r}: {hint}{hub.failure(error)}. Or {_embedded_hint()}") from error


def _check_head(kind: Kind, architecture: Architecture, config: Any, name: str) -> None:
    if kind == "causal-lm" and not architecture.decoder:
        raise UnsupportedArchitectureError(f"{name}: {config.model_type} reads both ways and predicts no next token")
    if kind == "masked-lm" and architecture.decoder:
        raise UnsupportedArchitectureError(f"{name}: {config.model_type} reads one way and fills no mask")
    if kind == "classifier" and (config.num_labels < 2 or config.problem_type == "multi_label_classification"):
        raise UnsupportedArchitectureError(f"{name} has no classes of which exactly one is right")


def _load_tokenizer(name: str, source: str, local: bool) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(source, local_files_only=local)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise MissingTokenizerError(f"{name} comes without a tokenizer that can be read: {reason}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' progress bar and loading report out of notebooks; the user's settings come back."""
    logging = transformers.utils.logging
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def _describe(value: object) -> str:
    return f"{type(value).__name__} of length {len(value)}" if isinstance(value, list | tuple) else type(value).__name__
