"""Many texts in one pass give what each gives by itself."""

from __future__ import annotations

from typing import Any

import pytest
import tiny
import torch

from xai_helpers import batches, errors
from xai_helpers.batches import logits_of, rows_at_once


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_rows_are_what_the_model_gives_one_by_one(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    encoded = model.encode(tiny.text_for(model))
    place = model.readout(encoded)
    n, vocabulary = encoded.ids.shape[1], len(model.tokenizer)
    ids = torch.randint(4, vocabulary, (3, n), generator=torch.Generator().manual_seed(0))
    table = model.model.get_input_embeddings()
    with torch.no_grad():
        together = logits_of(model, ids, place)
        embedded = logits_of(model, encoded.ids.expand(3, -1), place, table(ids))  # the same texts, as vectors
        for row, got, same in zip(ids, together, embedded, strict=True):
            logits = model.model(input_ids=row[None], attention_mask=torch.ones_like(row[None])).logits[0]
            expected = logits if kind == "classifier" else logits[place]
            # the attention of some families is in single precision, whatever their dtype
            assert torch.allclose(got, expected, rtol=0, atol=1e-6)
            assert torch.allclose(got, same, rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_what_follows_the_readout_makes_no_difference(family: str) -> None:
    model = tiny.model_in(torch.float64, family, "causal-lm")
    encoded = model.encode(tiny.TEXT)
    with torch.no_grad():
        expected = model.forward(encoded).logits[0, 4]
        assert torch.allclose(logits_of(model, encoded.ids, 4)[0], expected, rtol=0, atol=1e-6)


def test_a_batch_is_a_number_or_what_fits() -> None:
    model = tiny.model("distilbert", "masked-lm")
    assert rows_at_once(model, 10, 7) == 7
    sizes = [rows_at_once(model, n, "auto") for n in (1, 10, 100, 190, 10**6)]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] == 1
    assert rows_at_once(model, 100, "auto", differentiated=True) < rows_at_once(model, 100, "auto")
    double = tiny.model_in(torch.float64, "distilbert", "masked-lm")
    assert rows_at_once(double, 100, "auto") == rows_at_once(model, 100, "auto") // 2
    for wrong in (0, -1, True, 2.5, "all", None):
        with pytest.raises(errors.OptionError, match="batch_size"):
            rows_at_once(model, 10, wrong)  # type: ignore[arg-type]


def test_the_bound_is_near_what_a_pass_takes() -> None:
    """The rough count is no smaller than the largest tensors that are alive at once, and within ten times of them."""
    model = tiny.model("gpt2", "causal-lm")
    n, width, heads = 100, model.config.n_embd, model.n_heads
    largest = 4 * n * (4 * width + width + 2 * heads * n)  # the MLP's neurons beside the stream; scores and weights
    rows = rows_at_once(model, n, "auto")
    assert largest * rows <= batches.BUDGET <= 10 * largest * rows


def test_damaged_logits_are_an_error() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    with torch.no_grad():
        model.model.transformer.wte.weight[5] = torch.nan
    ids = model.encode(tiny.TEXT).ids
    with pytest.raises(errors.NonFiniteError, match="changed version"):
        logits_of(model, ids, 3)
