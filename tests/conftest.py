"""What all tests share: one thread, no network, reproducible draws."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

# Before huggingface_hub is imported: no network, and not the models that a learner may have fetched.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_CACHE"] = os.path.join(tempfile.gettempdir(), f"no-hub-{os.getpid()}")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TQDM_DISABLE"] = "1"  # progress bars would be outputs of the notebooks

import hypothesis
import pytest
import torch
import transformers
from local_hub import LocalHub

import xai_helpers as xai

torch.set_num_threads(1)
transformers.utils.logging.set_verbosity_error()
# Derandomised: a failure on one machine fails on all. No deadline: the first call imports libraries.
hypothesis.settings.register_profile("course", derandomize=True, deadline=None, max_examples=60)
hypothesis.settings.load_profile("course")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The time that each notebook took, its kernel's start included."""
    seconds: dict[str, float] = {}
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        name = getattr(report, "nodeid", "").split("::")[0]
        if name.endswith(".ipynb"):
            seconds[name] = seconds.get(name, 0.0) + report.duration
    if seconds:
        terminalreporter.section("minutes per notebook")
        for name, spent in sorted(seconds.items()):
            terminalreporter.write_line(f"{spent / 60:5.2f}  {name}")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every attempt to connect fails, and is listed."""
    attempts: list[Any] = []

    def refuse(*where: Any, **_: Any) -> None:
        attempts.append(where)
        raise OSError(f"the test has no network; something tried to reach {where}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return attempts


@pytest.fixture
def local_hub() -> Iterator[LocalHub]:
    hub = LocalHub()
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def gpt2() -> xai.TextModel:
    return xai.load("course-gpt2")


@pytest.fixture(scope="session")
def distilbert() -> xai.TextModel:
    return xai.load("course-distilbert")
