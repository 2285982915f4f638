"""Every chapter as a static page, and some of them in JupyterLab, in a browser, by keyboard.

To run a chapter in JupyterLab takes half a minute or more, so only `LIVE` are run, which have every kind of control
between them; XAI_BROWSER_CHAPTERS=all runs all. (tests/test_notebooks.py fires the callback of every control.)

Without a Chromium these tests are skipped; where XAI_BROWSER=required is set, as in .ci/run, they fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import browser
import nbformat
import pytest
from browser import Lab, Visit
from nbconvert import HTMLExporter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LIVE = ("00", "01", "02", "03", "06", "08a")
DRIVEN = [
    notebook
    for notebook in NOTEBOOKS
    if notebook.stem.startswith(LIVE) or os.environ.get("XAI_BROWSER_CHAPTERS") == "all"
]
EXPLORERS = ".widget-vbox:not(:has(.widget-radio, .widget-toggle-button))"
QUESTIONS = ".widget-vbox:has(.widget-radio)"
PICKINGS = ".widget-vbox:has(.widget-toggle-button)"
PICTURE = ":scope > .widget-html:last-child .widget-html-content"
FAILED = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    insist()
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with browser.jupyterlab(tmp_path_factory.mktemp("lab"), NOTEBOOKS) as running:
        yield running


def insist() -> None:
    """Skips the test where there is no browser, or fails it where one is required."""
    if missing := browser.missing():
        if os.environ.get("XAI_BROWSER") == "required":
            pytest.fail(missing)
        pytest.skip(missing)


@dataclass
class Chapter:
    """A chapter in JupyterLab, run from top to bottom. before: what was wrong with the page until then."""

    notebook: Path
    visit: Visit
    before: list[str]

    @property
    def page(self) -> Page:
        return self.visit.page

    def cells(self, holding: str) -> int:
        """How many code cells hold these words."""
        cells = nbformat.read(self.notebook, as_version=4).cells
        return sum(cell.cell_type == "code" and holding in cell.source for cell in cells)

    def all(self, widgets: str, made_by: str) -> list[Locator]:
        """The widgets of one kind, which are as many as the calls that make them."""
        found = self.page.locator(f".jp-OutputArea-output {widgets}").all()
        assert len(found) == self.cells(f"{made_by}(")
        return found


@pytest.fixture(scope="module", params=DRIVEN, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest, chromium: Browser, lab: Lab) -> Iterator[Chapter]:
    with browser.visiting(chromium) as visit:
        try:
            visit.page.goto(lab.page_of(request.param))
            visit.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()  # a kernel is there, and at rest
            before = visit.faults()
            run_all(visit.page)
        except Exception as error:
            error.add_note(f"JupyterLab said:\n{lab.log()}")
            raise
        yield Chapter(request.param, visit, before)


PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent.trim())"
VIEWS = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.widget-view+json']"


def run_all(page: Page) -> None:
    """Clears what the committed notebook shows, runs all cells, and waits until all are done and drawn."""
    menu(page, "Edit", "Clear Outputs of All Cells")
    page.wait_for_function(f"{PROMPTS}.every(prompt => prompt === '[ ]:')")
    menu(page, "Run", "Run All Cells")
    done = f"{PROMPTS}.every(prompt => /^\\[\\d+\\]:$/.test(prompt))"
    page.wait_for_function(f'{done} || document.querySelector("{FAILED}")')  # after an error, no further cell is run
    assert page.locator(FAILED).all_inner_texts() == []
    page.wait_for_function(f'[...document.querySelectorAll("{VIEWS}")].every(e => e.querySelector(".widget-vbox"))')


def menu(page: Page, name: str, entry: str) -> None:
    page.get_by_role("menuitem", name=name, exact=True).click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, target: Locator) -> None:
    """Goes from where the focus is to the target, by the tabulator alone."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the tabulator does not lead to {target}")


def await_picture(explorer: Locator, condition: str, picture: str) -> None:
    """Waits until the picture of an explorer is, or is not, this one."""
    script = f"([element, picture]) => element.innerHTML {condition} picture"
    shown = explorer.locator(PICTURE)
    try:
        shown.page.wait_for_function(script, arg=[shown.element_handle(), picture])
    except Exception as error:
        error.add_note(f"the picture {'stays' if condition == '!==' else 'does not come back'}: {shown.inner_text()}")
        raise


def goes(explorer: Locator, control: Locator, *keys: str) -> str:
    """The picture before these keys, which change it."""
    before = explorer.locator(PICTURE).inner_html()
    control.focus()
    press(control.page, *keys)
    await_picture(explorer, "!==", before)
    return before


def comes_back(explorer: Locator, control: Locator, before: str, *keys: str) -> None:
    control.focus()
    press(control.page, *keys)
    await_picture(explorer, "===", before)


def number(handle: Locator) -> float:
    return float(handle.get_attribute("aria-valuenow") or "nan")


@pytest.mark.slow
def test_sliders_move_the_picture_by_keyboard_and_bring_it_back(chapter: Chapter) -> None:
    for explorer in chapter.all(EXPLORERS, "viz.explore"):
        for handle in explorer.get_by_role("slider").all():
            start, at_the_end = number(handle), handle.evaluate("e => +e.ariaValueNow >= +e.ariaValueMax")
            there, far, back = ("ArrowLeft", "Home", "ArrowRight") if at_the_end else ("ArrowRight", "End", "ArrowLeft")
            before = goes(explorer, handle, there, far)  # one step alone may change nothing
            while abs(number(handle) - start) > 1e-9:
                last = number(handle)
                press(chapter.page, back)
                assert number(handle) != last
            await_picture(explorer, "===", before)


@pytest.mark.slow
def test_choices_change_the_picture_by_keyboard_and_bring_it_back(chapter: Chapter) -> None:
    for explorer in chapter.all(EXPLORERS, "viz.explore"):
        for choice in explorer.get_by_role("combobox").all():  # JupyterLab takes the arrow keys of one that is closed
            before = goes(explorer, choice, "Space", "ArrowDown", "Enter")
            comes_back(explorer, choice, before, "Space", "ArrowUp", "Enter")


@pytest.mark.slow
def test_a_text_that_is_entered_changes_the_picture(chapter: Chapter) -> None:
    for explorer in chapter.all(EXPLORERS, "viz.explore"):
        for text in explorer.locator("input[type=text]").all():
            before = goes(explorer, text, "End", "Space", *"too", "Enter")
            comes_back(explorer, text, before, "End", *["Backspace"] * 4, "Enter")


@pytest.mark.slow
def test_a_question_is_answered_by_keyboard(chapter: Chapter) -> None:
    for number, question in enumerate(chapter.all(QUESTIONS, "course.ask")):
        options = question.get_by_role("radio")
        options.first.focus()
        for _ in range(number % options.count()):
            press(chapter.page, "Tab")
        press(chapter.page, "Space")
        tab_to(chapter.page, question.get_by_role("button"))
        press(chapter.page, "Enter" if number % 2 else "Space")
        question.get_by_text(re.compile(r"^(Right|Not quite)\. ")).wait_for()


@pytest.mark.slow
def test_words_are_picked_by_keyboard(chapter: Chapter) -> None:
    for picking in chapter.all(PICKINGS, "course.pick"):
        words = picking.locator(".widget-toggle-button")
        wanted = int(re.findall(r"Pick (\d+) words", picking.inner_text())[0])
        words.first.focus()
        for _ in range(wanted):
            press(chapter.page, "Space", "Tab")
        tab_to(chapter.page, picking.locator(".widget-button"))
        press(chapter.page, "Enter")
        picking.get_by_role("table").wait_for()


@pytest.mark.slow
def test_exercises_of_a_learner_are_not_attempted_yet(chapter: Chapter) -> None:
    said = chapter.page.locator(".jp-OutputArea-output", has_text="not attempted yet").count()
    assert said == chapter.cells("course.check(") > 0


@pytest.mark.slow
def test_nothing_is_nameless_broken_or_from_elsewhere(chapter: Chapter) -> None:
    faults = [*chapter.before, *chapter.visit.faults()]
    assert not faults, "\n".join(faults)


# Static pages

STATIC = {"require_js_url": "", "mathjax_url": "", "mermaid_js_url": ""}  # each is a script from elsewhere by default


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_static_page_stands_alone_and_unfolds_by_keyboard(notebook: Path, chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / f"{notebook.stem}.html"
    path.write_text(HTMLExporter(**STATIC).from_filename(str(notebook))[0], encoding="utf-8")
    with browser.visiting(chromium) as visit:
        visit.page.goto(path.as_uri(), wait_until="networkidle")
        folded = visit.page.locator("details").all()
        assert folded
        for details in folded:
            details.locator("summary").focus()
            press(visit.page, "Enter")
            assert details.evaluate("details => details.open")
        assert visit.faults() == []


# The watch itself

GOOD = (
    '<img alt="a dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="><button>Check</button>'
    "<label>you have<select><option>any</option></select></label><details><summary>more</summary></details>"
    '<div class="widget-slider"><span class="widget-label">layers</span><p role="slider" tabindex="0"></p></div>'
)
PLANTED = {
    "no alternative text": GOOD.replace("a dot", " "),
    'alt="Image"': GOOD.replace("a dot", "Image"),
    "no label: <select": GOOD.replace("you have", ""),
    "no label: <p": GOOD.replace("layers", ""),
    "no name: <button": GOOD.replace("Check", ""),
    "no name: <summary": GOOD.replace("more", ""),
    "shows no choice": GOOD.replace("<option>any</option>", ""),
    'its hint is "null"': GOOD.replace("<button", '<button title="null"'),
    "asks http://example.com/": GOOD + '<script>fetch("http://example.com/")</script>',
    "asks https://cdn.example.com/a.css": GOOD + '<link rel="stylesheet" href="https://cdn.example.com/a.css">',
    "asks wss://example.com/": GOOD + '<script>new WebSocket("wss://example.com/")</script>',
    "error: one": GOOD + '<script>console.error("one")</script>',
    "error: two": GOOD + '<script>throw Error("two")</script>',
}


def test_a_good_page_has_no_fault(chromium: Browser) -> None:
    with browser.visiting(chromium) as visit:
        visit.page.set_content(GOOD)
        assert visit.faults() == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_noticed(fault: str, chromium: Browser) -> None:
    with browser.visiting(chromium) as visit:
        visit.page.set_content(PLANTED[fault], wait_until="networkidle")
        assert [found for found in visit.faults() if fault in found]


def test_without_a_browser_tests_are_skipped_and_fail_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "PROGRAMS", ("no-such-browser",))
    monkeypatch.delenv("XAI_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no browser|playwright"):
        insist()
    monkeypatch.setenv("XAI_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match=r"no browser|playwright"):
        insist()
