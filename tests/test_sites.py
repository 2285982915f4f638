"""Where activations are read and written: what is written is what is read, at every site of every family."""

from __future__ import annotations

import functools

import pytest
import torch
from tiny import KINDS, model_in, text_for

from xai_helpers.architectures import Kind
from xai_helpers.circuits import sites
from xai_helpers.errors import OptionError, UnsupportedArchitectureError

double = functools.cache(functools.partial(model_in, torch.float64))


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_what_is_read_may_be_written_back(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    encoded = subject.encode(text_for(subject))
    with torch.no_grad():
        own = subject.forward(encoded).logits
        for site in sites.sites_of(subject):
            with sites.written(subject, site, 1, torch.clone):
                torch.testing.assert_close(subject.forward(encoded).logits, own, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_what_is_written_after_a_block_the_next_one_reads(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    encoded, marks = subject.encode(text_for(subject)), []

    def mark(values: torch.Tensor) -> torch.Tensor:
        marks.append(values + 1)
        return marks[-1]

    with (
        torch.no_grad(),
        sites.written(subject, "resid_post", 0, mark),
        sites.read(subject, [("resid_pre", 1)]) as kept,
    ):
        subject.forward(encoded)
    torch.testing.assert_close(kept["resid_pre", 1], marks[0], rtol=0, atol=0)


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_what_is_written_changes_nothing_before_it(family: str, kind: Kind) -> None:
    """Rolled along its last axis, each site of layer 1 changes the logits, and nothing that is computed before it."""
    subject = double(family, kind)
    encoded, there = subject.encode(text_for(subject)), sites.sites_of(subject)
    with torch.no_grad(), sites.read(subject, [(site, 1) for site in there]) as own:
        logits = subject.forward(encoded).logits
    for site in there:
        before = there[: there.index("q" if site in ("k", "v") else site)]
        rolled = sites.written(subject, site, 1, lambda values: values.roll(1, dims=-1))
        with torch.no_grad(), rolled, sites.read(subject, [(name, 1) for name in before]) as kept:
            assert not torch.allclose(subject.forward(encoded).logits, logits, atol=1e-9), site
        for name in before:
            torch.testing.assert_close(kept[name, 1], own[name, 1], rtol=0, atol=0, msg=f"{site}: {name}")


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(OptionError, match="choose one of 'resid_pre'"):
        sites.port_of(double("gpt2", "causal-lm"), "zz")
    with pytest.raises(UnsupportedArchitectureError, match="no resid_mid"):
        sites.port_of(double("gpt_neox", "causal-lm"), "resid_mid")
