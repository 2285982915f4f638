"""A pass that is taken up in the middle ends as the whole pass does; test_patching.py holds it to a naive loop."""

from __future__ import annotations

import functools
import itertools

import pytest
import torch
from tiny import KINDS, model_in, text_for

from xai_helpers.architectures import Kind
from xai_helpers.circuits import resuming, sites

double = functools.cache(functools.partial(model_in, torch.float64))


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_recorded_run_is_the_model_s_own(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    encoded = subject.encode(text_for(subject))
    with torch.no_grad():
        own = subject.readout_logits(encoded, subject.forward(encoded)).double()
    run = resuming.record(subject, encoded, subject.readout(encoded), [("z", 1)])
    torch.testing.assert_close(run.logits, own, rtol=0, atol=1e-11)
    assert set(run.kept) == {("z", 1), ("resid_post", 2)} and len(run.streams) == 3


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_a_change_of_nothing_ends_as_the_run_did(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    encoded = subject.encode(text_for(subject))
    place = subject.readout(encoded)
    run = resuming.record(subject, encoded, place)
    starts = (0, 2, place) if run.memory is not None else (0,)
    for site, layer, start in itertools.product(sites.sites_of(subject), range(3), starts):
        logits = resuming.resume(run, site, layer, lambda values, first: values, 2, start)
        torch.testing.assert_close(logits, run.logits.expand_as(logits), rtol=0, atol=1e-11)
