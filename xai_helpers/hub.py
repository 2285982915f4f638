"""Whether the Hugging Face hub answers."""

from __future__ import annotations

import httpx
from huggingface_hub import constants


def reachable(timeout: float = 5.0) -> bool:
    """True if the hub answers within `timeout` seconds; False at once where HF_HUB_OFFLINE is set."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=timeout)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return False
    return True
