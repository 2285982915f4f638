"""Whether the Hugging Face hub answers, and why it gave no model."""

from __future__ import annotations

import httpx
from huggingface_hub import constants, errors


def reachable(timeout: float = 5.0) -> bool:
    """True if the hub answers within `timeout` seconds; False at once where HF_HUB_OFFLINE is set."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=timeout)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return False
    return True


def failure(error: BaseException) -> str:
    """What went wrong when transformers read a model from the hub, found among the causes of its error."""
    causes = _causes(error)
    if any(isinstance(cause, errors.GatedRepoError) for cause in causes):
        return "its owner asks you to accept terms on the hub and to log in first"
    if any(isinstance(cause, errors.RepositoryNotFoundError) for cause in causes):
        return "the hub has no such public model; check the spelling"
    if any(isinstance(cause, errors.LocalEntryNotFoundError) for cause in causes):
        return "the hub can't be reached and the model is not in the local cache; connect to a network once"
    return f"the hub's files can't be read: {error}"


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain
