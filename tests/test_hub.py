"""Whether the hub answers is found out with a real connection, and a failure's cause from the client's own errors."""

from __future__ import annotations

import httpx
import pytest
from huggingface_hub import constants
from huggingface_hub import errors as hub_errors
from local_hub import LocalHub

from xai_helpers import hub


@pytest.mark.parametrize("path", ["", "/no-such/repository"])  # even an error is an answer
def test_a_server_that_answers_is_reachable_and_a_closed_port_is_not(
    path: str, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", local_hub.endpoint + path)
    assert hub.reachable()
    assert local_hub.requests == [path or "/"]
    local_hub.stop()
    assert not hub.reachable(timeout=2)


def test_offline_means_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "ENDPOINT", "not even an address")
    assert not hub.reachable()


RESPONSE = httpx.Response(403, request=httpx.Request("GET", "http://hub"))


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (hub_errors.GatedRepoError("gated", response=RESPONSE), "accept terms"),
        (hub_errors.RepositoryNotFoundError("unknown", response=RESPONSE), "no such public model"),
        (hub_errors.LocalEntryNotFoundError("not cached"), "can't be reached"),
        (ValueError("damaged"), "can't be read: transformers gave up"),
    ],
)
def test_a_failure_is_told_by_its_cause_however_deep(cause: Exception, reason: str) -> None:
    error = OSError("transformers gave up")
    error.__cause__ = RuntimeError("on the way")
    error.__cause__.__context__ = cause
    assert reason in hub.failure(error)


def test_errors_that_name_each_other_as_causes_come_to_an_end() -> None:
    one, other = OSError("one"), OSError("other")
    one.__context__, other.__context__ = other, one
    assert "can't be read: one" in hub.failure(one)
