"""Whether the hub answers is found out with a real connection."""

from __future__ import annotations

import http.server
import threading

import pytest
from huggingface_hub import constants

from xai_helpers import hub


def test_a_server_that_answers_is_reachable_and_a_closed_port_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert hub.reachable()  # even an error is an answer
        thread.join()
    assert not hub.reachable(timeout=2)


def test_offline_means_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "ENDPOINT", "not even an address")
    assert not hub.reachable()
