"""Costs: what is counted equals what was done by hand, and counting changes nothing."""

from __future__ import annotations

import functools
import time
from typing import Any

import captum.attr
import numpy as np
import pytest
import tiny
import torch

import xai_helpers as xai
from xai_helpers import errors
from xai_helpers.costs import counted

# forward passes, rows, backward passes
KNOWN: list[tuple[str, dict[str, Any], tuple[int, int, int]]] = [
    ("raw_attention", {}, (1, 1, 0)),
    ("attention_rollout", {}, (1, 1, 0)),
    ("saliency", {}, (1, 1, 1)),
    ("input_x_gradient", {}, (1, 1, 1)),
    ("lrp", {}, (1, 1, 1)),
    ("chefer_relevance", {}, (1, 1, 1)),
]


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_known_methods(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    for name, options, expected in KNOWN:
        target = (1,) if xai.registry.record(name).target else ()
        run = functools.partial(xai.METHODS[name], model, tiny.text_for(model), *target, **options)
        with tiny.untouched(model):
            result, cost = counted(model, run)
        assert (cost.forwards, cost.rows, cost.backwards) == expected, name
        assert result == run(), "counted or not, the numbers are the same"


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_function_of_ones_own_is_counted(family: str, kind: Any) -> None:
    """Whatever it calls: the model, the stack below its head, ids or embeddings, one text or several, two gradients."""
    model = tiny.model(family, kind)
    encoded = model.encode(tiny.text_for(model))
    embedded = model.model.get_input_embeddings()(encoded.ids).detach()  # no pass: a look into a table

    def run() -> np.ndarray:
        model.model.get_input_embeddings()(encoded.ids)
        with torch.no_grad():
            model.forward(encoded)
            model.model.base_model(input_ids=encoded.ids.expand(3, -1))
        x = embedded.expand(5, -1, -1).clone().requires_grad_()
        hidden = model.model.base_model(inputs_embeds=x, return_dict=False)[0]
        (one,) = torch.autograd.grad(hidden[0].sum(), x, retain_graph=True)
        hidden[:, 0].pow(2).sum().backward()
        assert x.grad is not None
        return (one + x.grad).numpy()

    with tiny.untouched(model):
        result, cost = counted(model, run)
        for parameter in model.model.parameters():
            parameter.grad = None
    assert (cost.forwards, cost.rows, cost.backwards) == (3, 1 + 3 + 5, 2)
    assert np.array_equal(result, run())
    for parameter in model.model.parameters():
        parameter.grad = None


def test_captum_is_counted() -> None:
    """Integrated gradients at 7 steps, in batches of 4: 2 passes up, 2 down, and 2 of one row each for the gap."""
    model = tiny.model("gpt2", "causal-lm")
    encoded = model.encode(tiny.TEXT)
    embedded = model.model.get_input_embeddings()(encoded.ids).detach()
    method = captum.attr.IntegratedGradients(lambda x: model.model(inputs_embeds=x).logits[:, -1])
    arguments: dict[str, Any] = {"target": 3, "n_steps": 7, "internal_batch_size": 4, "return_convergence_delta": True}
    _, cost = counted(model, lambda: method.attribute(embedded, **arguments))
    assert (cost.forwards, cost.rows, cost.backwards) == (4, 7 + 2, 2)


def test_an_error_leaves_no_hook_behind() -> None:
    model = tiny.model("bert", "classifier")
    with tiny.untouched(model), pytest.raises(errors.UnknownTargetError):
        counted(model, lambda: xai.saliency(model, tiny.TEXT, "nothing"))


def test_seconds_are_seconds() -> None:
    cost = counted(tiny.model("bert", "classifier"), lambda: time.sleep(0.05))[1]
    assert 0.05 <= cost.seconds < 5 and (cost.forwards, cost.rows, cost.backwards) == (0, 0, 0)
