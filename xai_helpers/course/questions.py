"""Questions with a few options, each of which says why it is right, or what misconception lies behind it.

Used before a result is shown, to make the reader commit to a guess, and in the quiz at the end of a chapter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

from ..errors import OptionError
from ..viz.widgets import mimebundle, toolkit
from .chapters import entry

LETTERS = "abcdefgh"


def ask(name: str) -> Question:
    """A question of a chapter, shown as the last value of a cell.

    Its text stands in the chapter's module, not in the notebook, where the answers would be read first. Raises
    OptionError for a name that no chapter has.
    """
    return Question(*entry("QUESTIONS", name))


@dataclass(repr=False)
class Question:
    """A question that explains each of its options; `choose` answers it without a widget.

    options: each option's words, and what to say to those who choose it. answer: the letter of the right one, "a" for
    the first. Raises OptionError where the answer is no option, or where there are not two to eight options.
    """

    question: str
    options: dict[str, str]
    answer: str
    widget: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= len(LETTERS):
            raise OptionError(f"a question has two to {len(LETTERS)} options, got {len(self.options)}")
        if self.answer not in self._lettered():
            raise OptionError(f"answer={self.answer!r}: the options are {', '.join(self._lettered())}")
        self.widget = self._widget()

    def choose(self, letter: str) -> str:
        """What to say to the option with this letter, "a" for the first."""
        lettered = self._lettered()
        if letter not in lettered:
            raise OptionError(f"choose({letter!r}): the options are {', '.join(lettered)}")
        return f"{'Right.' if letter == self.answer else 'Not quite.'} {self.options[lettered[letter]]}"

    def __repr__(self) -> str:
        listed = "\n".join(f"  {letter}) {option}" for letter, option in self._lettered().items())
        return f'{self.question}\n{listed}\nAnswer with _.choose("a"), where _ is this cell\'s value.'

    def _lettered(self) -> dict[str, str]:
        return dict(zip(LETTERS, self.options, strict=False))

    def _widget(self) -> Any:
        kit = toolkit()
        if kit is None:
            return None
        choices = [(f"{letter}) {option}", letter) for letter, option in self._lettered().items()]
        radio = kit.RadioButtons(options=choices, value=None, layout=kit.Layout(width="auto", max_width="100%"))
        radio.description = radio.tooltip = "Your answer"  # without a tooltip, the hint is "null"
        radio.style.description_width = "initial"
        button = kit.Button(description="Check", tooltip="Check the answer that is selected")
        reply = kit.HTML()

        def clicked(_: Any) -> None:
            said = "Select an answer first." if radio.value is None else self.choose(radio.value)
            verdict, _, why = said.partition(". ")
            shown = f"<strong>{escape(verdict)}.</strong> {escape(why)}" if why else escape(said)
            reply.value = f'<div role="status">{shown}</div>'

        def selected(_: Any) -> None:
            reply.value = ""  # it was about another answer

        radio.observe(selected, names="value")
        button.on_click(clicked)
        self.controls = {"radio": radio, "button": button, "reply": reply}
        return kit.VBox([kit.HTML(f"<strong>{escape(self.question)}</strong>"), radio, button, reply])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        lettered = self._lettered().items()
        folded = "".join(
            f"<details><summary>{letter}) {escape(option)}</summary><p>{escape(self.choose(letter))}</p></details>"
            for letter, option in lettered
        )
        how = "Run this cell for buttons, or open the answer that you choose."
        page = f"<div><p><strong>{escape(self.question)}</strong> {how}</p>{folded}</div>"
        return mimebundle(self.widget, page, repr(self))
