"""Why did the model write each of these words? Any method, one generated token at a time.

A causal model writes a text by predicting a next token again and again. Each prediction reads the prompt and what was
written so far, so each has an explanation of its own, as in inseq (Sarti et al., 2023, "Inseq: An Interpretability
Toolkit for Sequence Generation Models").
"""

from __future__ import annotations

from typing import Any

import torch

from . import checks
from .attribution import Attribution, Output, Target
from .batches import logits_of
from .comparison import Method, call
from .errors import NoHeadError, OptionError
from .models import TextModel, require_text_model
from .targets import needs_blank


def explain_generation(
    model: TextModel,
    prompt: str,
    method: str | Method,
    *,
    max_new_tokens: int = 10,
    continuation: str | None = None,
    output: Output = "logit",
    **options: Any,
) -> tuple[Attribution, ...]:
    """A causal model's text explained token by token: attribution t is about generated token t, on all text before it.

    continuation: what the prompt is taken to go on with, all of it; a word gets its leading blank. None lets the model
    write, always the most probable token, up to max_new_tokens or until it ends the text. method: a name in `METHODS`
    or a function with the methods' signature; options are its own. output: what of a token is explained, its "logit",
    "probability" or "log_probability"; a method that takes no target says what each step reads.

    Each text before a token must be one that the tokenizer cuts into the very tokens that the model wrote: it may not
    be, within a character of several tokens, or where a model writes a word in an unusual cut. Then nothing is
    explained and an OptionError says where. `viz.plots.generation_matrix` shows the result. Raises NoHeadError for
    other kinds of model, OptionError, and what the method raises.
    """
    require_text_model("explain_generation", model)
    if model.kind != "causal-lm":
        raise NoHeadError(f"{model.name} is a {model.kind}: only a causal language model generates")
    if "target" in options:
        raise OptionError("each step explains the token that comes next: leave target out; output= says what of it")
    chosen = call(method, options)
    steps = _written(model, prompt, max_new_tokens) if continuation is None else _given(model, prompt, continuation)
    return tuple(chosen(model, text, Target(token, output=output)) for text, token in steps)


def _given(model: TextModel, prompt: str, continuation: str) -> list[tuple[str, int]]:
    """For each token of a continuation the text before it, and its id."""
    if not isinstance(continuation, str) or not continuation.strip():
        raise OptionError(f"continuation={continuation!r}: give the text that the prompt goes on with")
    before, whole = model.encode(prompt), model.encode(prompt + " " * needs_blank(prompt, continuation) + continuation)
    n, ids = len(before.units), whole.ids[0].tolist()
    if len(ids) <= n or ids[:n] != before.ids[0].tolist():
        raise OptionError(f"{model.name} reads the end of the prompt and {continuation!r} as one: part them by a word")
    texts = [prompt, *(whole.text[: unit.end] for unit in whole.units[n:-1])]
    return _checked(model, list(zip(texts, ids[n:], strict=True)), ids)


def _written(model: TextModel, prompt: str, max_new_tokens: int) -> list[tuple[str, int]]:
    """For each token that the model writes the text before it, and its id."""
    most = checks.whole(max_new_tokens, "max_new_tokens")
    ids: list[int] = model.encode(prompt).ids[0].tolist()
    text = prompt
    steps: list[tuple[str, int]] = []
    while len(steps) < most and len(ids) <= model.max_tokens:
        with torch.no_grad():
            rows = torch.tensor([ids], device=model.model.device)
            token = int(logits_of(model, rows, len(ids) - 1).argmax())
        if token in _ends(model):
            break
        steps.append((text, token))
        text += _decoded(model, [*ids, token]).removeprefix(_decoded(model, ids))
        ids.append(token)
    if not steps:
        raise OptionError(f"{model.name} ends the text at once; give a continuation")
    return _checked(model, steps, ids)


def _ends(model: TextModel) -> set[int]:
    """The ids that end a text."""
    known: Any = getattr(model.model.generation_config, "eos_token_id", None)
    return {model.tokenizer.eos_token_id, *(known if isinstance(known, list) else [known])} - {None}


def _decoded(model: TextModel, ids: list[int]) -> str:
    return str(model.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _checked(model: TextModel, steps: list[tuple[str, int]], ids: list[int]) -> list[tuple[str, int]]:
    """The steps, if each text before a token is read as the very ids before it."""
    n = len(ids) - len(steps)
    for i, (text, token) in enumerate(steps):
        if model.encode(text).ids[0].tolist() != ids[: n + i]:
            pieces = ", ".join(repr(model.choice_name(id)) for id in ids[max(0, n + i - 2) : n + i])
            raise OptionError(
                f"{model.name} reads the text before generated token {i + 1}, {model.choice_name(token)!r}, as other "
                f"tokens than those written ({pieces}): stop before it, or give a continuation that is cut otherwise"
            )
    return steps
