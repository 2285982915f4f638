"""What every chapter uses beside the methods: the bootstrap, questions, predictions, and checks of exercises.

    import xai_helpers.course as course

    course.start()                                   # nothing on a laptop; on Colab installs what is missing
    course.ask("rollout-or-raw")                     # a quiz, or a guess before the answer is shown
    course.pick("eiffel-tower", model)               # pick words first, then see a method's beside yours
    course.check("rollout-of-a-batch", my_function)  # an exercise: a law, a case by hand, a random case

Importing this package imports the standard library only: on Colab it comes before what it needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .bootstrap import start

if TYPE_CHECKING:
    from .checks import check
    from .picking import pick
    from .questions import ask

_MODULES = {"ask": "questions", "check": "checks", "pick": "picking"}

__all__ = ["ask", "check", "pick", "start"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
