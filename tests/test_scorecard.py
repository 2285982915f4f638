"""The unit of work: its numbers against direct calls, every metric, a task that travels, and the texts of each set."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from test_board import FEW, by_truth

import xai_helpers as xai
from xai_helpers import faithfulness, scorecard, truth
from xai_helpers.scorecard import METRICS, score, sets, tasks


def test_numbers_are_those_of_direct_calls() -> None:
    name = "negation-detector"
    task = next(task for task in tasks([name], ["leave_one_out"], FEW) if task.method is not None)
    rows, left_out = score(task, FEW)
    assert not left_out
    found = {(row.number, row.metric, row.control): row.value for row in rows}
    model = xai.load(name)
    for index, case in enumerate(truth.read_cases(name)[:3]):
        a = xai.leave_one_out(model, case.text, case.target, units="words")
        for metric, value in truth.found(a, case).items():
            assert found[index, metric, ""] == pytest.approx(value, nan_ok=True), metric
        erased = faithfulness.erase(model, a, case.target, random_orders=0, best=False)
        for control, who in (("", "explanations"), ("reversed", "reversed")):
            for metric, measured in erased.metrics().items():
                assert found[index, metric, control] == pytest.approx(measured[who][0], abs=1e-9)
        assert found[index, "leave_one_out", ""] == pytest.approx(erased.leave_one_out[0])
        assert found[index, "forwards", ""] == 2
    assert (0, "max_sensitivity", "") in found
    assert (1, "max_sensitivity", "") not in found


def test_every_metric_is_measured() -> None:
    small = dataclasses.replace(FEW, texts=1)
    found = set()
    for task in tasks(["course-distilbert", "copier"], ["saliency"], small):
        rows, left_out = score(task, small)
        assert not left_out
        found |= {row.metric for row in rows}
        assert all(np.isfinite(row.value) or row.metric in ("paraphrases", "sign_agreement", "runs") for row in rows)
    assert found == set(METRICS)


def test_a_task_can_be_sent_elsewhere() -> None:
    for task in tasks(["copier"], {"mine": by_truth, "loo": ("leave_one_out", {"replacement": "mean"})}, FEW):
        sent = pickle.loads(pickle.dumps(task))
        assert sent == task
        one, other = ([row for row in score(t, FEW)[0] if row.metric != "seconds"] for t in (task, sent))
        assert repr(one) == repr(other)


def test_texts_of_each_set() -> None:
    for name in scorecard.models():
        found = sets(name)
        assert len(next(iter(found.values()))) >= 100
    assert set(sets("course-shuffled")) == {"marked", "paraphrases"}
