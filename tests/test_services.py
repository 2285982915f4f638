"""What is on the web is asked only with the reader's leave; a server on this machine stands in for it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from servers import Reply, Request, closed_port, serving

from xai_helpers import services
from xai_helpers.errors import OptionError, ServiceError

FEATURE = {
    "explanations": [{"description": "capital cities"}, {"description": "places"}],
    "pos_str": [" Paris", " Rome"],
    "activations": [{"tokens": ["in", " Rome"], "values": [0.0, 7.5]}, {"tokens": ["of", " Paris"], "values": [1, 3]}],
}


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that gives everybody this answer; its address, and the paths that it was asked for."""
    asked: list[str] = []

    def choose(request: Request) -> Reply:
        asked.append(request.path)
        return status, body

    with serving(choose) as url:
        yield url, asked


def test_without_leave_nothing_is_asked() -> None:
    with answering(200, b"") as (url, asked):
        reason = services.why_not(False, url)
        assert "ALLOWED" in reason and url in reason
        assert asked == []
        assert services.why_not(True, url) == ""
        assert asked == ["/"]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(404, b"") as (url, asked):
        for package in ("no_such_package", "no_such_package.part"):
            assert f"{package} is not installed" in services.why_not(True, url, package=package)
        monkeypatch.delenv("SOME_KEY", raising=False)
        assert "SOME_KEY" in services.why_not(True, url, key="SOME_KEY")
        assert asked == []
        monkeypatch.setenv("SOME_KEY", "secret")
        assert services.why_not(True, url, package="json", key="SOME_KEY") == ""  # any answer: it can be reached
    gone = services.why_not(True, closed_port())
    assert "can't be reached" in gone
    assert "can't be reached" in services.why_not(True, "http://")


@pytest.mark.parametrize(
    "options", [{"url": None}, {"url": 80}, {"timeout": "5"}, {"timeout": None}, {"timeout": 0}, {"timeout": True}]
)
@pytest.mark.parametrize("allowed", [True, False])
def test_options_are_named(allowed: bool, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=f"^{next(iter(options))}="):
        services.why_not(allowed, **({"url": "http://127.0.0.1:1"} | options))


def test_a_feature_is_read() -> None:
    with answering(200, json.dumps(FEATURE).encode()) as (url, asked):
        feature = services.neuronpedia_feature("gemma-2-2b", "20-gemmascope-res-16k", 10956, base_url=url)
    assert asked == ["/api/feature/gemma-2-2b/20-gemmascope-res-16k/10956"]
    assert feature.labels == ("capital cities", "places")
    assert feature.promoted == (" Paris", " Rome")
    assert feature.examples == (("in Rome", 7.5), ("of Paris", 3.0))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"{}"),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"null"),
        (200, b'{"explanations": []}'),
        (200, json.dumps(FEATURE | {"activations": [{"tokens": [], "values": []}]}).encode()),
        (200, json.dumps(FEATURE | {"explanations": [3]}).encode()),
    ],
)
def test_another_answer_is_an_error_that_names_the_address(status: int, body: bytes) -> None:
    with answering(status, body) as (url, _), pytest.raises(ServiceError, match=url):
        services.neuronpedia_feature("m", "s", 1, base_url=url)


def test_no_answer_is_an_error() -> None:
    with pytest.raises(ServiceError, match="can't be reached"):
        services.neuronpedia_feature("m", "s", 1, base_url=closed_port())


def test_the_reader_s_key_is_never_in_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    assert "secret" not in services.why_not(True, closed_port(), key="SOME_KEY")
