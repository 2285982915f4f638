"""Pick words first, then look: the reader's own guess beside a method's words and those that were planted.

A heatmap convinces; a guess made before it can be wrong, and then one learns something. "Planted" are the words that
decide by the rule of the corpus the model was trained on; whether the model uses them is another question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..registry import attribute
from ..viz.table import Table
from ..viz.widgets import mimebundle, toolkit
from .chapters import entry

if TYPE_CHECKING:
    from ..attribution import Attribution
    from ..models import TextModel


def pick(name: str, model: TextModel) -> Picking:
    """A chapter's choice of words, shown as the last value of a cell.

    What is planted stands in the chapter's module, not in the notebook, where it would be read first. Raises
    OptionError for a name that no chapter has, and whatever the method raises on this model.
    """
    return words_to_pick(model, **entry("PICKS", name))


def words_to_pick(
    model: TextModel,
    text: str,
    method: str | Callable[..., Attribution],
    *,
    planted: Sequence[str] = (),
    note: str = "",
    choose: int = 2,
    target: Any = None,
    **options: Any,
) -> Picking:
    """A choice of words of the text, shown beside the method's strongest ones once the reader has committed.

    method: a name in `METHODS`, or a function with the methods' signature. planted: the words that decide by the
    corpus's rule. note: what to say about them, with the answer. choose: how many words to pick. Raises OptionError
    where a planted word is not in the text, and whatever the method raises.
    """
    result = attribute(model, text, method, target, **options).to_words()
    return Picking(result, tuple(planted), choose, note)


class Picking:
    """Words to pick from; `commit` answers without a widget."""

    def __init__(self, result: Attribution, planted: tuple[str, ...], choose: int, note: str = "") -> None:
        self.result, self.planted, self.choose, self.note = result, planted, choose, note
        self.words = [unit.text for unit in result.units if not unit.special]
        if missing := [word for word in planted if word not in self.words]:
            raise OptionError(f"planted {missing}: not among the words of the text: {self.words}")
        if not 1 <= choose <= len(self.words):
            raise OptionError(f"choose={choose}: the text has {len(self.words)} words")
        self.widget = self._widget()

    def commit(self, *picked: str | int) -> Table:
        """The picked words (or their places, from 0) beside the method's strongest and the planted ones.

        Raises OptionError where a word is not in the text or another number of words is picked.
        """
        places = {self._place(word) for word in picked}
        if len(places) != self.choose:
            raise OptionError(f"pick {self.choose} of the words, not {len(places)}")
        best, planted = self._best(), self._planted()
        title = (
            f"{len(places & best)} of your {self.choose} words are among the {self.choose} strongest by "
            f"{self.result.method}; of the planted words you have {len(places & planted)}, "
            f"{self.result.method} {len(best & planted)}"
        )
        return self._table(title, {"you": places, self.result.method: best, "planted": planted})

    def __repr__(self) -> str:
        words = " ".join(f"{i}:{word}" for i, word in enumerate(self.words))
        return f"{self._asked()}\n{words}\nCommit with _.commit(...), words or places."

    def _table(self, title: str, columns: Mapping[str, set[int]]) -> Table:
        rows = [
            (word, *("x" if i in chosen else "" for chosen in columns.values()), f"{score:.2f}")
            for i, (word, score) in enumerate(zip(self.words, self._scores(), strict=True))
        ]
        return Table(f"{title}. {self.note}" if self.note else title, ("word", *columns, "score"), tuple(rows))

    def _scores(self) -> list[float]:
        return [float(x) for x, unit in zip(self.result.scores, self.result.units, strict=True) if not unit.special]

    def _best(self) -> set[int]:
        """The places of the method's strongest words; of equal ones the first."""
        scores = self._scores()
        return set(sorted(range(len(scores)), key=lambda i: -abs(scores[i]))[: self.choose])

    def _planted(self) -> set[int]:
        return {i for i, word in enumerate(self.words) if word in self.planted}

    def _place(self, word: str | int) -> int:
        if isinstance(word, int) and 0 <= word < len(self.words):
            return word
        if isinstance(word, str) and word in self.words:
            return self.words.index(word)
        raise OptionError(f"{word!r} is no word of the text; the words are {', '.join(self.words)}")

    def _widget(self) -> Any:
        kit = toolkit()
        if kit is None:
            return None
        narrow = kit.Layout(width="auto")
        toggles = [kit.ToggleButton(description=word, tooltip=f"Pick {word!r}", layout=narrow) for word in self.words]
        button = kit.Button(description="Commit and show", tooltip="Show the method's words beside yours")
        reply = kit.HTML()

        def clicked(_: Any) -> None:
            try:
                shown = self.commit(*(i for i, toggle in enumerate(toggles) if toggle.value))._repr_html_()
            except OptionError as error:
                shown = escape(str(error))
            reply.value = f'<div role="status">{shown}</div>'

        button.on_click(clicked)
        self.controls = {"toggles": toggles, "button": button, "reply": reply}
        row = kit.Layout(display="flex", flex_flow="row wrap")
        return kit.VBox([kit.HTML(self._asked()), kit.Box(toggles, layout=row), button, reply])

    def _asked(self) -> str:
        return escape(f"Pick {self.choose} words that you expect to matter, then commit.")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        answer = self._table("the answer", {self.result.method: self._best(), "planted": self._planted()})
        how = "Run this cell for buttons, or write them down and open the answer."
        page = (
            f"<div><p>{self._asked()} {how}</p><p>{escape(' · '.join(self.words))}</p>"
            f"<details><summary>the method's words and the planted ones</summary>{answer._repr_html_()}</details></div>"
        )
        return mimebundle(self.widget, page, repr(self))
