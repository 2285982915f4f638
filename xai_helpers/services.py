"""What is on the web for those who look inside models: asked only where the reader says so.

Neuronpedia shows features of sparse autoencoders, with the texts on which they fire; NDIF runs nnsight's code on models
that no laptop holds. Nothing here is asked by default, and nothing is sent but what the call names.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

import httpx

from . import checks
from .errors import OptionError, ServiceError

NEURONPEDIA = "https://www.neuronpedia.org"
NDIF = "https://api.ndif.us"


def why_not(
    allowed: bool, url: str, *, package: str | None = None, key: str | None = None, timeout: float = 5.0
) -> str:
    """Why a service is not asked, and what to do about it; "" if it can be.

    package: what must be installed. key: the environment variable that must hold the service's key; it is looked for
    and never read. Only the environment is looked at: a key that a library keeps in a file of its own is not seen. A
    service that gives any answer within `timeout` seconds can be reached. Raises OptionError.
    """
    if not isinstance(url, str):
        raise OptionError(f"url={url!r}: give a service's address, as in {NDIF!r}")
    timeout = checks.number(timeout, "timeout", above=0)
    if not allowed:
        return f"Not asked: no network is used without your leave. To ask {url}, set ALLOWED = True."
    if package and not _installed(package):
        return f"Not asked: {package} is not installed here. It needs an environment of its own."
    if key and key not in os.environ:
        return f"Not asked: {url} wants a key, in the environment variable {key}."
    try:
        httpx.head(url, timeout=timeout)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"Not asked: {url} can't be reached ({type(error).__name__})."
    return ""


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # what it is a part of is missing
        return False


@dataclass(frozen=True)
class WebFeature:
    """A feature as Neuronpedia shows it.

    labels: what people and language models called it. promoted: tokens whose logits it raises most. examples: (text,
    greatest activation in it), in the site's order. All of it is somebody else's: read it, don't run it.
    """

    labels: tuple[str, ...]
    promoted: tuple[str, ...]
    examples: tuple[tuple[str, float], ...]


def neuronpedia_feature(
    model: str, source: str, index: int, *, base_url: str = NEURONPEDIA, timeout: float = 20.0
) -> WebFeature:
    """One feature, by its page's address: model/source/index, as in gemma-2-2b/20-gemmascope-res-16k/10956.

    Raises ServiceError where there is no answer, another status than 200, or an answer of another form.
    """
    url = f"{base_url}/api/feature/{model}/{source}/{index}"
    try:
        response = httpx.get(url, timeout=timeout, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceError(f"{url} can't be reached ({type(error).__name__}); is there a network?") from error
    if response.status_code != 200:
        raise ServiceError(f"{url} answers with status {response.status_code}; does this feature exist?")
    try:
        return _feature(response.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServiceError(f"{url} answers in a form that this version doesn't know ({error!r})") from error


def _feature(answer: dict[str, Any]) -> WebFeature:
    return WebFeature(
        labels=tuple(str(one["description"]) for one in answer["explanations"] or ()),  # none: null
        promoted=tuple(map(str, answer["pos_str"])),
        examples=tuple(("".join(map(str, one["tokens"])), float(max(one["values"]))) for one in answer["activations"]),
    )
